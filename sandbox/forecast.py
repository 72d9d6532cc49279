"""`sandbox run --dry-run`: what a tournament is expected to cost, before anything is asked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import click
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from sandbox.budget import CURRENCIES, UNITS, Budget, Cost
from sandbox.protocol import Forecaster, Task
from sandbox.registry import make_agent
from sandbox.scenario import Scenario, Source
from sandbox.tournament import entrants, load

_SHOWN = ("evaluations", "rows", "completions", "prompt_tokens", "completion_tokens", "usd", "seconds")


@dataclass(frozen=True, slots=True)
class Outlook:
    """What one agent expects of a scenario."""

    agent: str
    problems: int
    runs: int
    """Problems times seeds."""
    mean: tuple[float, ...] | None
    """Of a run, in the ledger's integers, by `CURRENCIES`; None if the agent does not tell."""
    used: float
    """The largest share of a limit that a mean run uses, 0 to 1."""
    least: dict[str, int]
    """The least useful budget, in what the budget limits, of the problem that needs most."""
    short: int
    """Problems on which the budget is below the least useful one."""

    def as_data(self) -> dict[str, Any]:
        """For JSON; amounts in the units that people write."""
        told = self.mean
        return {
            "agent": self.agent,
            "problems": self.problems,
            "runs": self.runs,
            "per_run": None
            if told is None
            else {n: a / UNITS[n] for n, a in zip(CURRENCIES, told, strict=True)},
            "least_useful_budget": {name: amount / UNITS[name] for name, amount in self.least.items()},
            "too_small_on": self.short,
        }


Told: TypeAlias = Sequence[tuple[str, Budget, Sequence[Outlook]]]
"""By scenario: its name, the budget, and what each agent expects."""


def of_sources(
    sources: Sequence[Source], agents: str | None, seeds: int | None, budget: Budget | None
) -> Told:
    """What each agent expects of each scenario; None stands for what the scenario says."""
    found = []
    for source in sources:
        scenario = load(source)
        limits = budget or scenario.budget
        told = outlooks(scenario, entrants(scenario, agents), seeds or scenario.seeds, limits)
        found.append((scenario.name, limits, told))
    return found


def tell(console: Console, told: Told, as_json: bool) -> None:
    """Print it, or JSON of it."""
    if as_json:
        data = [
            {"scenario": name, "budget": str(budget), "agents": [one.as_data() for one in found]}
            for name, budget, found in told
        ]
        click.echo(json.dumps(data, indent=2))
        return
    for name, budget, found in told:
        console.print(render(name, budget, found))


def outlooks(scenario: Scenario, specs: Sequence[str], seeds: int, budget: Budget) -> list[Outlook]:
    """What each agent expects, over all problems of a scenario."""
    tasks = [scenario.build(name).task(budget) for name in scenario.problems]
    return [_outlook(make_agent(spec), tasks, seeds, budget) for spec in specs]


def _outlook(agent: Any, tasks: Sequence[Task], seeds: int, budget: Budget) -> Outlook:
    runs = len(tasks) * seeds
    name = agent.name
    if not isinstance(agent, Forecaster):
        return Outlook(name, len(tasks), runs, None, 0.0, {}, 0)
    costs = [agent.estimate(task, budget) for task in tasks]
    mean = tuple([sum(amounts) / len(costs) for amounts in zip(*costs, strict=True)])
    limits = budget.limits()
    used = max([mean[CURRENCIES.index(name)] / limit for name, limit in limits.items()], default=0.0)
    needed = [_billed(task, agent.least_useful_budget(task)) for task in tasks]
    short = sum(any(getattr(need, name) > limit for name, limit in limits.items()) for need in needed)
    least = {what: max(getattr(need, what) for need in needed) for what in limits}
    return Outlook(name, len(tasks), runs, mean, used, least, short)


def _billed(task: Task, cost: Cost) -> Cost:
    return cost if task.lends.bill is None else task.lends.bill([cost])


def render(name: str, budget: Budget, found: Sequence[Outlook]) -> RenderableType:
    """The outlooks of one scenario as a table, and a sentence on each budget that is too small."""
    table = Table(
        title=f"{name}, {budget}: expected of a run", title_justify="left", box=None, pad_edge=False
    )
    for column in ("agent", *[_title(currency) for currency in _SHOWN], "budget used"):
        table.add_column(column, justify="left" if column == "agent" else "right")
    for outlook in found:
        told = outlook.mean
        cells = ["not told"] + [""] * (len(_SHOWN) - 1) if told is None else [_cell(c, told) for c in _SHOWN]
        table.add_row(escape(outlook.agent), *cells, "" if told is None else f"{outlook.used:.0%}")
    parts: list[RenderableType] = [table, "", Text(_in_all(found), style="bold")]
    for outlook in found:
        if outlook.short:
            least = ", ".join(f"{n}={_amount(n, a)}" for n, a in outlook.least.items() if a)
            parts.append(
                Text(
                    f"{outlook.agent}: the budget is too small on {outlook.short} of {outlook.problems} "
                    f"problems; below {least} it hands in what it was given.",
                    style="yellow",
                )
            )
    return Group(*parts)


def _title(currency: str) -> str:
    return {"usd": "USD", "seconds": "time"}.get(currency, currency.replace("_", " "))


def _cell(currency: str, amounts: Sequence[float]) -> str:
    return _amount(currency, amounts[CURRENCIES.index(currency)])


def _amount(currency: str, amount: float) -> str:
    """An amount as people read it: whole counts, cents and their fractions, minutes."""
    value = amount / UNITS[currency]
    if currency == "usd":
        return f"${value:,.2f}" if value >= 1 else f"${value:.2g}"
    if currency == "seconds":
        return f"{value / 60:,.0f} min" if value >= 600 else f"{value:,.0f} s"
    return f"{value:,.0f}"


def _in_all(found: Sequence[Outlook]) -> str:
    """The whole tournament in a sentence."""
    runs = sum(outlook.runs for outlook in found)
    sums = dict.fromkeys(_SHOWN, 0.0)
    for outlook in found:
        for name in _SHOWN:
            told = outlook.mean
            sums[name] += 0.0 if told is None else outlook.runs * told[CURRENCIES.index(name)]
    counts = [f"{_amount(n, sums[n])} {_title(n)}" for n in ("evaluations", "rows", "completions") if sums[n]]
    money = [_amount("usd", sums["usd"])] if sums["usd"] else []
    hours = [f"{sums['seconds'] / UNITS['seconds'] / 3600:,.1f} simulated hours"] if sums["seconds"] else []
    return f"In all {runs:,} runs: {', '.join([*counts, *money, *hours]) or 'nothing is asked'}."
