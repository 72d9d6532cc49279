"""The commands that look at what was played; they are part of `sandbox.cli`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sandbox.ending import reported

# As in `sandbox.cli`: everything heavy is imported inside the commands.


@click.command()
@click.argument("store", type=click.Path())
@click.option("-o", "--output", type=click.Path(), required=True, help="The new store.")
@click.option("--model", help="The model whose price is to be paid, as the list of `run --live` has it.")
@click.option("--prices", type=click.Path(), help="TOML file of prices that the bundled list lacks.")
@click.option("--workers", type=click.IntRange(1), help="Requests served at once.")
@click.option("--latency", metavar="NAME=SECONDS,...", help="Another law, as in median=2,sigma=0.5.")
@click.option("--rpm", type=click.IntRange(1), help="Requests a minute.")
@click.option("--tpm", type=click.IntRange(1), help="Tokens a minute.")
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE",
    help="As `run --set`, for service.latency and service.limits, of the scenario or of a problem.",
)  # fmt: skip
@click.option("--data", type=click.Path(), help="Where the scenario's data are now, if they have moved.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@reported
def reprice(store: str, output: str, data: str | None, as_json: bool, **changes: Any) -> int:
    """Put the runs of a store under another price, latency or number of workers; nothing is played again.

    The result is what playing again would give. It is refused where that could be another trajectory:
    where the budget limits money (or seconds), where answers depend on the time, or where an agent's plan
    asks what things cost.

    \b
    Examples:
      sandbox reprice quickstart.db --model gpt-4.1 -o dear.db
      sandbox reprice quickstart.db --workers 32 --latency median=2,sigma=0.5 -o busy.db
    """
    from sandbox.reckoning import change_of
    from sandbox.reckoning import reprice as work

    return work(Path(store), Path(output), change_of(**changes), data, as_json)


@click.command()
@click.argument("store", type=click.Path())
@click.argument("name", required=False, metavar="[RUN]")
@click.option("--runs", is_flag=True, help="List every run.")
@click.option(
    "--axis", metavar="NAME",
    help="The resource for curves, ranks and costs to targets: evaluations, tokens, usd, seconds, ...",
)  # fmt: skip
@click.option("--plot", type=click.Path(), help="Draw the anytime curves into this .png, .svg or .pdf.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@reported
def show(store: str, name: str | None, runs: bool, axis: str | None, plot: str | None, as_json: bool) -> None:
    """Show the leaderboard of a store, or one run of it from its first request to its last.

    A table of published scores (.csv: a row a problem, a column a method) is shown as a leaderboard, too.

    \b
    Examples:
      sandbox show quickstart.db
      sandbox show quickstart.db --axis usd
      sandbox show quickstart.db additive/ucb/3
      sandbox show published.csv
    """
    from sandbox.browse import show_run, show_store

    if name is None:
        show_store(Path(store), runs, None if plot is None else Path(plot), as_json, axis)
    else:
        show_run(Path(store), name, as_json)


@click.command()
@click.argument("first", type=click.Path(), metavar="A.db")
@click.argument("second", type=click.Path(), metavar="B.db")
@click.option("--alpha", default=0.05, show_default=True, help="Bound on the chance of any false verdict.")
@click.option(
    "--fail-on-regression", "fail", is_flag=True,
    help="Exit with 1 if an agent got worse, or fails where it did not.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@reported
def compare(first: str, second: str, alpha: float, fail: bool, as_json: bool) -> int:
    """Say what changed from one store to another: who got better or worse, paired by problem and seed.

    \b
    Examples:
      sandbox compare before.db after.db
      sandbox compare main.db branch.db --fail-on-regression
    """
    from sandbox.comparing import compare as work

    return work(Path(first), Path(second), alpha, as_json, fail)


@click.command()
@click.argument("store", type=click.Path())
@click.option("--once", is_flag=True, help="Show how it stands now, and end.")
@click.option("--wait", is_flag=True, help="Wait for the store, if there is none yet.")
@click.option("--expect", type=click.IntRange(1), help="Runs that it will hold, where nobody here plays it.")
@click.option(
    "--every",
    type=click.FloatRange(0.05, 3600),
    default=1.0,
    show_default=True,
    help="Seconds between looks.",
)
@reported
def watch(store: str, once: bool, wait: bool, expect: int | None, every: float) -> int:
    """Follow a store that somebody plays into, here or elsewhere: who leads, how fast, how long still.

    The store is only read. It ends when all is played, or with Ctrl-C; a copy of a store that is brought
    here from time to time can be followed, too.

    \b
    Examples:
      sandbox watch quickstart.db
      sandbox watch copied.db --expect 300 --every 10
    """
    from sandbox.watching import watch as work

    return work(Path(store), once=once, wait=wait, expect=expect, every=every)


@click.command()
@click.argument("scenario")
@click.argument("levels", metavar="KEY=LEVEL,LEVEL,...")
@click.option("--agents", help="Who plays: names, or `all` that can; the scenario's own if not given.")
@click.option("--seeds", type=click.IntRange(1, 100_000), help="How often each agent plays each problem.")
@click.option("--budget", metavar="CURRENCY=AMOUNT,...", help="Budget of one run; the scenario's own else.")
@click.option("--data", type=click.Path(), help="Folder or file with the scenario's data.")
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change the scenario.")
@click.option("--out", type=click.Path(), help="The store; SCENARIO-sweep.db if not given.")
@click.option("--jobs", type=click.IntRange(1), help="Processes; all cores if not given.")
@click.option("--engine", type=click.Choice(["processes", "inline"]), default="processes", show_default=True)
@click.option(
    "--plot", type=click.Path(), help="Draw gap and rank against the level into this .png, .svg, .pdf."
)
@click.option("--run-limit", default=1800.0, show_default=True, help="Wall seconds for one run.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@reported
def sweep(scenario: str, levels: str, **options: Any) -> int:
    """Play a scenario at several levels of noise, of faults, or of any other setting: who stands it?

    The first level is the control: runs at the others are paired with it by problem and seed.

    \b
    Examples:
      sandbox sweep quickstart noise.sd=0,0.05,0.1,0.2 --set 'noise=[{kind="gaussian"}]'
      sandbox sweep flaky service.faults.server_error=0,0.1,0.3 --plot robustness.svg
    """
    from sandbox.sweeping import sweep as work

    return work(scenario, levels, **options)


COMMANDS: tuple[click.Command, ...] = (compare, reprice, show, sweep, watch)
