"""`sandbox run --dry-run`: what a tournament is expected to cost, before anything is asked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import click
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from sandbox.budget import CURRENCIES, FREE, UNITS, Budget, Cost
from sandbox.errors import UsageError
from sandbox.manners import message
from sandbox.pricelist import Price
from sandbox.protocol import Forecaster, Task
from sandbox.registry import make_agent
from sandbox.scenario import Scenario, Source
from sandbox.tournament import entrants, load

_SHOWN = (
    "evaluations", "rows", "completions", "prompt_tokens", "completion_tokens", "whitebox_tokens", "usd",
    "seconds",
)  # fmt: skip
_ALWAYS = ("evaluations", "rows", "completions")
"""Shown also where nobody spends any."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What one agent expects of a scenario."""

    agent: str
    problems: int
    runs: int
    """Problems times seeds."""
    mean: tuple[float, ...] | None
    """Of a run, in the ledger's integers, by `CURRENCIES`; None if the agent does not tell."""
    binding: str
    """The limited currency of which a mean run uses the largest share; "" where nothing is told."""
    used: float
    """That share, 0 to 1."""
    least: Mapping[str, int]
    """The least useful budget, in what the budget limits, of the problem that needs most."""
    short: Mapping[str, int]
    """Where the budget is below it: on how many problems, by currency."""
    too_small: int
    """Problems on which it is, in any currency."""

    @property
    def in_all(self) -> tuple[float, ...]:
        """Of all runs together, as `mean`; nothing where the agent does not tell."""
        return tuple([self.runs * amount for amount in self.mean or FREE])

    def as_data(self) -> dict[str, Any]:
        """For JSON; amounts in the units that people write."""
        return {
            "agent": self.agent,
            "problems": self.problems,
            "runs": self.runs,
            "per_run": None if self.mean is None else _named(self.mean),
            "in_all": None if self.mean is None else _named(self.in_all),
            "budget_used": None if self.mean is None else {self.binding: self.used},
            "least_useful_budget": {name: amount / UNITS[name] for name, amount in self.least.items()},
            "too_small_on": self.too_small,
        }


Told: TypeAlias = Sequence[tuple[str, Budget, Sequence[Outlook]]]
"""By scenario: its name, the budget, and what each agent expects."""


def check_alone(given: Mapping[str, object]) -> None:
    """Refuse options that speak of a tournament that is played.

    Raises:
        UsageError: naming the first one that is given.
    """
    for option, value in given.items():
        if value:
            raise UsageError(f"--dry-run and {option}: nothing is played, so leave one of them out")


def of_sources(
    sources: Sequence[Source],
    agents: str | None,
    seeds: int | None,
    budget: Budget | None,
    price: Price | None = None,
) -> Told:
    """What each agent expects of each scenario; None stands for what the scenario says.

    With a `price`, money goes by it, and nobody knows how long a real endpoint takes.
    """
    found = []
    for source in sources:
        scenario = load(source)
        limits = budget or scenario.budget
        told = outlooks(scenario, entrants(scenario, agents), seeds or scenario.seeds, limits, price)
        found.append((scenario.name, limits, told))
    return found


def tell(console: Console, told: Told, as_json: bool, live: bool = False) -> None:
    """Print it, or JSON of it; `live`: how long it takes is not known."""
    if as_json:
        data = [
            {"scenario": name, "budget": str(budget), "agents": [one.as_data() for one in found]}
            for name, budget, found in told
        ]
        click.echo(json.dumps(data, indent=2))
        return
    for name, budget, found in told:
        console.print(render(name, budget, found, live))


def outlooks(
    scenario: Scenario, specs: Sequence[str], seeds: int, budget: Budget, price: Price | None = None
) -> list[Outlook]:
    """What each agent expects, over all problems of a scenario."""
    tasks = [scenario.build(name).task(budget) for name in scenario.problems]
    if price is not None:
        bill = partial(_live_bill, price)
        tasks = [replace(task, lends=task.lends._replace(bill=bill)) for task in tasks]
    return [_outlook(make_agent(spec), tasks, seeds, budget) for spec in specs]


def _live_bill(price: Price, steps: Sequence[Cost]) -> Cost:
    """The money that steps are expected to cost at a real endpoint, with no hit in its cache."""
    told = sum(steps, FREE)
    return told._replace(usd=price.usd(told.prompt_tokens, told.completion_tokens))


def _outlook(agent: Any, tasks: Sequence[Task], seeds: int, budget: Budget) -> Outlook:
    runs, limits, name = len(tasks) * seeds, budget.limits(), agent.name
    if not isinstance(agent, Forecaster):
        return Outlook(name, len(tasks), runs, None, "", 0.0, {}, {}, 0)
    try:
        costs = [agent.estimate(task, budget) for task in tasks]
        needed = [_billed(task, agent.least_useful_budget(task)) for task in tasks]
        mean = tuple([sum(amounts) / len(costs) for amounts in zip(*costs, strict=True)])
    except Exception as error:
        what = f"{type(error).__name__}: {message(error)}"
        raise UsageError(f"{name} cannot say what it expects to spend: {what}") from error
    shares = {what: mean[CURRENCIES.index(what)] / limit for what, limit in limits.items()}
    binding = max(shares, key=shares.__getitem__)
    least = {what: max(getattr(need, what) for need in needed) for what in limits}
    over = [{what for what, limit in limits.items() if getattr(need, what) > limit} for need in needed]
    short = {what: many for what in limits if (many := sum(what in lacking for lacking in over))}
    too_small = sum(map(bool, over))
    return Outlook(name, len(tasks), runs, mean, binding, shares[binding], least, short, too_small)


def _billed(task: Task, cost: Cost) -> Cost:
    return cost if task.lends.bill is None else task.lends.bill([cost])


def _named(amounts: Sequence[float]) -> dict[str, float]:
    return {name: amount / UNITS[name] for name, amount in zip(CURRENCIES, amounts, strict=True)}


def render(name: str, budget: Budget, found: Sequence[Outlook], live: bool = False) -> RenderableType:
    """The outlooks of one scenario: of a run, in all, and a sentence on each budget that is too small."""
    spent = [sum(amounts) for amounts in zip(FREE, *[outlook.in_all for outlook in found], strict=True)]
    shown = [c for c in _SHOWN if c in _ALWAYS or spent[CURRENCIES.index(c)]]
    single = _table(f"{name}, {budget}: expected of a run, the mean over problems", shown, "of the budget")
    whole = _table("Expected in all", ["runs", *shown])
    for outlook in found:
        who = escape(outlook.agent)
        if outlook.mean is None:
            single.add_row(who, "not told")
            whole.add_row(who, f"{outlook.runs:,}", "not told")
            continue
        share = f"{outlook.used:.0%} of {_title(outlook.binding)}"
        single.add_row(who, *[_cell(currency, outlook.mean) for currency in shown], share)
        whole.add_row(who, f"{outlook.runs:,}", *[_cell(currency, outlook.in_all) for currency in shown])
    parts: list[RenderableType] = [single, "", whole, "", Text(_in_all(found, spent), style="bold")]
    if live:
        parts.append(Text("Money by the endpoint's price; how long it takes is not known.", style="dim"))
    parts += [Text(_warning(outlook), style="yellow") for outlook in found if outlook.too_small]
    return Group(*parts)


def _table(title: str, columns: Sequence[str], last: str | None = None) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("agent", overflow="fold")
    for column in columns:
        table.add_column(_title(column), justify="right")
    if last is not None:
        table.add_column(last, justify="right")
    return table


def _warning(outlook: Outlook) -> str:
    """Where the budget is below the least useful one."""
    least = ", ".join([f"{name}={_amount(name, outlook.least[name])}" for name in outlook.short])
    return (
        f"{outlook.agent}: the budget is too small on {outlook.too_small} of {outlook.problems} problems; "
        f"below {least} it hands in what it was given."
    )


def _title(currency: str) -> str:
    return {"usd": "USD", "seconds": "time"}.get(currency, currency.replace("_", " "))


def _cell(currency: str, amounts: Sequence[float]) -> str:
    return _amount(currency, amounts[CURRENCIES.index(currency)])


def _amount(currency: str, amount: float) -> str:
    """An amount as people read it: whole counts, cents and their fractions, minutes, hours."""
    value = amount / UNITS[currency]
    if currency == "usd":
        return f"${value:,.2f}" if value >= 1 or not value else f"${value:.2g}"
    if currency in ("seconds", "whitebox_seconds"):
        hours = value >= 36_000
        return (
            f"{value / 3600:,.1f} h"
            if hours
            else f"{value / 60:,.0f} min"
            if value >= 600
            else f"{value:,.0f} s"
        )
    return f"{value:,.0f}"


def _in_all(found: Sequence[Outlook], spent: Sequence[float]) -> str:
    """The whole tournament in a sentence."""
    runs = sum(outlook.runs for outlook in found)
    amounts = dict(zip(CURRENCIES, spent, strict=True))
    parts = [f"{_amount(name, amounts[name])} {_title(name)}" for name in _ALWAYS if amounts[name]]
    parts += [_amount("usd", amounts["usd"])] if amounts["usd"] else []
    hours = amounts["seconds"] / UNITS["seconds"] / 3600
    parts += [f"{hours:,.1f} simulated hours"] if hours else []
    return f"In all {runs:,} runs: {', '.join(parts) or 'nothing is asked'}."
