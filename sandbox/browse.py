"""`sandbox list`, `show`, `replay` and `doctor`: looking at what there is and what was played."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from sandbox.chat import ChatAnswer
from sandbox.codec import one_line
from sandbox.errors import AnswerFailed, SandboxError, UsageError, nearest
from sandbox.protocol import Evaluate, Needs, Observation, RowCall
from sandbox.published import is_table
from sandbox.registry import agent_class, agent_table, catalogues, make_agent, scenario_names
from sandbox.spaces import Candidate
from sandbox.store import Store
from sandbox.trace import Fate, Record
from sandbox.whitebox.loading import check_folder

_EXTRAS = {
    "bo": ("torch", "botorch"),
    "whitebox": ("torch", "transformers", "peft"),
    "bridge": ("optuna", "cmaes"),
    "live": ("openai",),
    "serve": ("httptools",),
    "report": ("matplotlib",),
    "parquet": ("pyarrow",),
    "check": ("hypothesis", "pytest"),
    "external": ("gepa", "dspy", "promptolution"),
}


def print_list(what: str, as_json: bool) -> None:
    """Print the names of a section, or of all, each with one line about it."""
    found: dict[str, dict[str, str]] = {}
    if what in ("all", "agents"):
        found["agents"] = _agents()
    if what in ("all", "scenarios"):
        found["scenarios"] = dict(scenario_names())
    if not found or what == "all":
        for catalogue in catalogues():
            for name, table in catalogue.parts().items():
                found[name] = {key: _first_line(value) for key, value in table.items()}
    if what != "all" and what not in found:
        sections = ["all", "agents", "scenarios", *found]
        raise UsageError(f"nothing to list by the name {what!r}: {nearest(what, sections)}")
    if as_json:
        click.echo(json.dumps(found if what == "all" else found[what], indent=2))
        return
    if what != "all":
        found = {what: found[what]}
    width = max((len(key) for lines in found.values() for key in lines), default=0)
    for name, lines in found.items():
        if what == "all":
            click.echo(f"{name}:")
        for key, line in lines.items():
            click.echo(f"  {key:{width}}  {line}")


def _agents() -> dict[str, str]:
    lines = {}
    for name in agent_table():
        try:
            kind = agent_class(name)
        except UsageError as exc:
            lines[name] = str(exc)
            continue
        needs = getattr(kind, "needs", None)
        plays = f" [{_needs(needs)}]" if isinstance(needs, Needs) else ""
        lines[name] = _first_line(kind) + plays
    return lines


def _needs(needs: Needs) -> str:
    words = {Needs.POOL: "pool", Needs.TEXT: "text", Needs.BOX: "box"}
    spaces = "|".join(word for need, word in words.items() if need in needs)
    others = [
        word
        for need, word in ((Needs.WHITE_BOX, "white box"), (Needs.COMPLETIONS, "completions"))
        if need in needs
    ]
    return " + ".join([spaces, *others])


def _first_line(thing: Any) -> str:
    return thing if isinstance(thing, str) else (thing.__doc__ or "").strip().split("\n")[0]


def show_store(
    path: Path, list_runs: bool, plot: Path | None, as_json: bool, axis: str | None = None
) -> None:
    """Print the leaderboards of a store, on an axis if one is named, or every run of it."""
    from sandbox.play import check_plot, draw
    from sandbox.report import terminal
    from sandbox.report.levels import levels_of
    from sandbox.report.summary import as_data, summarise

    if is_table(path):
        _show_table(path, {"--runs": list_runs, "--plot": plot, "--axis": axis}, as_json)
        return
    if plot is not None:
        check_plot(plot)
    with Store(path, create=False) as store:
        runs = store.runs(current=not list_runs)
        older = store.count() - len(runs)
    if not runs:
        raise UsageError(f"{path}: holds no runs yet")
    summaries = summarise(runs, axis=axis)
    levels = [levels_of(summary, runs) for summary in summaries] if axis is not None else []
    if older:
        click.echo(f"{older} runs of earlier code left out; --runs and export show all", err=True)
    if plot is not None:
        draw(summaries, runs, plot)
    if as_json:
        told = [as_data(summary) for summary in summaries]
        for one, level in zip(told, levels, strict=False):
            one["at_equal_spending"] = level.as_data()
        click.echo(json.dumps(told, indent=2))
        return
    console = terminal.page()
    if not list_runs:
        terminal.show(console, summaries, levels)
        return
    for run in runs:
        name = f"{run.scenario}/{run.problem}/{run.agent}/{run.seed}"
        if run.truth is None:
            what = run.error or ""
        else:
            what = f"{run.truth:.3f} {run.gap:>4.0%} {shown(run.recommended, 60)}"
        click.echo(f"{run.key[:10]} {name} {what}")


def _show_table(path: Path, given: dict[str, object], as_json: bool) -> None:
    """Print what a published table of scores shows."""
    from sandbox.published import read, summary_of
    from sandbox.report import terminal
    from sandbox.report.summary import as_data

    for option, value in given.items():
        if value:
            raise UsageError(f"{option}: {path} is a table of scores; it has no runs and no costs")
    summary = summary_of(read(path))
    if as_json:
        click.echo(json.dumps([as_data(summary)], indent=2))
    else:
        terminal.show(terminal.page(), [summary])


def show_run(path: Path, name: str, as_json: bool) -> None:
    """Print one run from its first request to its last."""
    from sandbox.export import record_rows, run_row  # the same columns as an export

    with Store(path, create=False) as store:
        run = store.find(name)
        origin = store.provenance(run.key)
    if as_json:
        click.echo(
            json.dumps({"run": run_row(run), "records": list(record_rows(run, run.records))}, indent=2)
        )
        return
    from sandbox.report.terminal import page

    console = page()
    console.print(
        Text(
            f"{run.agent} on {run.scenario}/{run.problem}, seed {run.seed}, budget {run.budget}", style="bold"
        )
    )
    made = ", ".join(f"{package} {version}" for package, version in origin.versions.items())
    console.print(
        Text(f"played {origin.played_at} in {origin.cpu_seconds:.2f} CPU-s with {made}", style="dim")
    )
    table = Table(box=None, header_style="bold", pad_edge=False, expand=True)
    for column in ("#", "sent", "answered", "seen", "truth", "USD"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("asked", no_wrap=True, ratio=1)  # cut here, and not from the figures
    for record in run.records:
        table.add_row(*_timeline(record))
    console.print(table)
    if run.error is not None:
        console.print(Text(f"failed: {run.error}", style="red"))
    else:
        console.print(
            Text(f"recommended (true score {run.truth:.3f}, optimum {run.optimum:.3f}):", style="bold")
        )
        console.print(Text(shown(run.recommended, 10_000)))
    for remark in filter(None, (run.note, run.caveat)):
        console.print(Text(remark, style="yellow"))


def _timeline(record: Record) -> list[str | Text]:
    ticket, answer = record.ticket, record.answer
    seen = f"{answer.score:.3f}" if isinstance(answer, Observation) else record.fate.value
    if isinstance(answer, AnswerFailed):
        seen = f"{answer.args[0]} ({record.fate.value})"
    request = ticket.request
    match request:
        case Evaluate(candidate):
            known = sum(row.cached for row in answer.rows) if isinstance(answer, Observation) else 0
            asked = shown(candidate, 90) + (f" ({known} rows from the cache)" if known else "")
        case RowCall(_, row):
            said = answer.choices[0].text if isinstance(answer, ChatAnswer) else ""
            asked = one_line(f"   row {row}: {said}", 90)
        case _ if record.fate is Fate.COMPUTED:
            asked = f"the white box: {record.charge.whitebox_tokens:,} tokens"
        case _:
            asked = one_line(repr(request), 90)
    return [
        str(ticket.number) + (f".{ticket.attempt}" if ticket.attempt else ""),
        f"{ticket.sent_at / 1e9:.2f}",
        f"{record.answered_at / 1e9:.2f}",
        seen,
        "" if record.truth is None else f"{record.truth:.3f}",
        f"{record.charge.usd / 1e12:.6f}",
        Text(asked),
    ]


def shown(candidate: Candidate | None, most: int) -> str:
    """A candidate as one line; control characters of untrusted text never reach the terminal."""
    if isinstance(candidate, str):
        return one_line(candidate, most)
    return one_line(f"({', '.join(f'{x:.4g}' for x in candidate or ())})", most)


def replay_run(path: Path, name: str, data: str | None = None, white_box: str | None = None) -> int:
    """Rerun an agent on its recorded answers; 0 if it does the same, 1 if not."""
    from sandbox.drivers import rerun
    from sandbox.engines.results import STOPPED
    from sandbox.play import aside, white_box_changes
    from sandbox.tournament import error_of, load, seat

    with Store(path, create=False) as store:
        run = store.find(name)
        origin = store.provenance(run.key)
    if run.error is not None and run.error.startswith(STOPPED):
        raise UsageError(f"{name}: {run.error}; it left no records to replay")
    source = origin.source
    if data is not None:
        source = replace(source, data=str(Path(data).absolute()))
    if white_box is not None:
        source = replace(source, changes=source.changes + white_box_changes(white_box, None))
    try:
        with aside():
            make_agent(origin.spec)
            scenario = load(source)
    except UsageError as exc:
        moved = "; if the data have moved, say where with --data" if source.data is not None else ""
        raise UsageError(f"{name} cannot be replayed: {exc}{moved}") from exc
    if run.problem not in scenario.problems:
        raise UsageError(f"{name}: {run.scenario} has no problem {run.problem!r} any more")
    if scenario.digest != run.digest:
        click.echo(f"note: the settings or data of {run.scenario} have changed since", err=True)
    problem = scenario.build(run.problem)
    with aside():
        session = seat(origin.spec, run.agent, problem, run.scenario, run.seed, run.budget)
        difference = rerun.play(session, run.records)
    error = error_of(session)
    if difference is None and error != run.error:
        difference = f"the end: {run.error or 'it succeeded'}, now {error or 'it succeeds'}"
    if difference is None and error is None and session.recommendation != run.recommended:
        now = shown(session.recommendation, 80)
        difference = f"the end: {shown(run.recommended, 80)!r} was recommended, now {now!r}"
    if difference is not None:
        click.echo(f"differs at {difference}")
        return 1
    same = "the same recommendation" if error is None else "the same failure"
    click.echo(f"the same: {len(run.records)} records, and {same}")
    return 0


def _white_box() -> list[str]:
    """What a white box would run on here, and whether one came along."""
    lines = []
    if importlib.util.find_spec("torch") is not None:
        import torch

        gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no CUDA device"
        lines.append(f"torch {torch.__version__}, {gpu}")
    for catalogue in catalogues():
        folder = catalogue.white_box()
        if folder is None:
            continue
        try:
            check_folder(folder)
            lines.append(f"the bundled model is in {folder}")
        except UsageError as exc:
            lines.append(f"the bundled model is missing ({exc}); lend another one with --white-box DIR")
    return lines


def examine() -> int:
    """Print what is installed and what gets in the way; 1 if something does."""
    problems = 0
    for extra, packages in _EXTRAS.items():
        absent = [package for package in packages if importlib.util.find_spec(package) is None]
        state = (
            "ok" if not absent else f"missing {', '.join(absent)}: pip install 'instruct-sandbox[{extra}]'"
        )
        click.echo(f"  extra {extra:10} {state}")
    for line in _white_box():
        click.echo(f"  white box: {line}")
    owners = packages_distributions()
    for package in ("sandbox", "mocks", "agents", "scenarios"):
        others = sorted(set(owners.get(package, [])) - {"instruct-sandbox"})
        if others:
            problems += 1
            click.echo(f"  {package!r} also belongs to {', '.join(others)}: use an environment of its own")
    for name in agent_table():
        try:
            make_agent(name)
        except SandboxError as exc:
            problems += 1
            click.echo(f"  agent {name}: {exc}")
    click.echo("no problems" if not problems else f"{problems} problems")
    return 1 if problems else 0
