"""The `sandbox` command."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import click

from sandbox.ending import reported
from sandbox.looking import COMMANDS
from sandbox.reporting import report

# Everything heavy is imported inside the commands: `sandbox --help` must be instant.

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class _Group(click.Group):
    """Names the nearest command when one is misspelt."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            from sandbox.errors import nearest

            ctx.fail(f"no command {args[0]!r}: {nearest(args[0], self.list_commands(ctx))}")


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="instruct-sandbox", prog_name="sandbox")
def main() -> None:
    """A wind tunnel for prompt optimizers: tournaments under a hard budget.

    \b
    Start here:
      sandbox run quickstart
    """
    # Numeric libraries read these when they load. Sums over threads depend on how many there are, and
    # results must not; workers have a core each.
    for variable in _THREADS:
        os.environ.setdefault(variable, "1")
    _prepare_streams()


def _prepare_streams() -> None:
    """Neither a closed stream nor a terminal that lacks a character is a reason to fail."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass  # else the next file, the store perhaps, would be where everybody prints to
    os.close(number)
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(number, "w", closefd=False))  # noqa: SIM115
        elif isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@main.command()
@click.argument("scenarios", nargs=-1, required=True, metavar="SCENARIO...")
@click.option(
    "--agents",
    help="Who plays: names, or MODULE:CLASS, with options as in 'ucb(exploration=0.5)'; or all that can.",
)
@click.option("--seeds", type=int, help="How often each agent plays each problem.")
@click.option("--budget", help="Limits, as in evaluations=200,usd=0.5,seconds=600.")
@click.option(
    "--data", type=click.Path(), help="Folder or file of measured scores, for scenarios that need it."
)
@click.option(
    "--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change the scenario: problem.model=t0pp"
)
@click.option(
    "--out", type=click.Path(), help="The store; SCENARIO.db if not given. Stored runs are not played again."
)
@click.option("--jobs", type=click.IntRange(1), help="Processes; all cores if not given.")
@click.option("--engine", type=click.Choice(["processes", "inline"]), default="processes", show_default=True)
@click.option("--plot", type=click.Path(), help="Draw the anytime curves into this .png, .svg or .pdf.")
@click.option("--record", type=click.Path(), help="Append every answer of the world to this file.")
@click.option("--replay", type=click.Path(), help="Take every answer from such a file; ask nobody.")
@click.option(
    "--white-box", type=click.Path(), metavar="DIR",
    help="Lend the agents this Hugging Face causal LM instead of the scenario's.",
)  # fmt: skip
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), help="Where the white box works.")
@click.option(
    "--live", is_flag=True, help="Ask a real endpoint instead of the scenario's mock LLM, in real time."
)
@click.option("--base-url", envvar="OPENAI_BASE_URL", help="Live: where it is. [env: OPENAI_BASE_URL]")
@click.option("--model", help="Live: which model; the scenario's own if not given.")
@click.option(
    "--key-env",
    default="OPENAI_API_KEY",
    show_default=True,
    help="Live: the environment variable of the key.",
)
@click.option("--prices", type=click.Path(), help="Live: TOML file of prices that the bundled list lacks.")
@click.option(
    "--concurrency", type=click.IntRange(1, 10_000), default=8, show_default=True,
    help="Live: requests on their way at once.",
)  # fmt: skip
@click.option("--rpm", type=click.IntRange(1), help="Live: requests a minute, at most.")
@click.option("--tpm", type=click.IntRange(1), help="Live: tokens a minute, at most.")
@click.option("--timeout", default=60.0, show_default=True, help="Live: seconds for one attempt.")
@click.option(
    "--attempts", type=click.IntRange(1, 20), default=4, show_default=True, help="Live: attempts at one call."
)
@click.option(
    "--prompt-margin", type=click.IntRange(0, 10**6), default=128, show_default=True,
    help="Live: prompt tokens that the server may add to a chat.",
)  # fmt: skip
@click.option(
    "--referee", type=click.Choice(["auto", "problem", "endpoint"]), default="auto", show_default=True,
    help="Live: who knows how good a recommendation is: the scenario, or the endpoint on the test rows.",
)  # fmt: skip
@click.option("--judge", type=click.Choice(["all", "final"]), default="all", show_default=True,
    help="Live: judge every recommendation, or the last one only.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True,
    help="Play nothing, open no store: print what agents expect to spend, and who has too little.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option("--fresh", is_flag=True, help="Play again what is stored.")
@click.option("--retry-failed", is_flag=True, help="Play again what failed.")
@click.option(
    "--run-limit", default=1800.0, show_default=True, help="Wall seconds after which a run is given up."
)
@reported
def run(scenarios: tuple[str, ...], **options: Any) -> int:
    """Play a tournament, or go on with one.

    \b
    Examples:
      sandbox run quickstart
      sandbox run recorded --data DIR --agents random,gp-bo --budget evaluations=100
      sandbox run my-scenario.toml --agents my_module:MyAgent,random --seeds 50
      sandbox run whitebox-quick --white-box DIR --device cuda
      sandbox run induction30 --agents ape,gepa --budget rows=500 --dry-run
      sandbox run induction30-quick --live --model gpt-4o-mini --budget usd=0.05 --seeds 1
    """
    from sandbox.play import LIVE_OPTIONS, LiveOptions, run_tournament

    live = LiveOptions(**{name: options.pop(name) for name in LIVE_OPTIONS})
    return run_tournament(scenarios, live=live if options.pop("live") else None, **options)


@main.command()
@click.argument("scenario")
@click.option("--agents", help="Who plays: names, or `all` that can; the scenario's own if not given.")
@click.option("--goal", type=click.Choice(["ranking", "best"]), default="ranking", show_default=True,
    help="Decide every pair, or only who is best: then whoever is beaten plays no more.",
)  # fmt: skip
@click.option("--alpha", default=0.05, show_default=True, help="Bound on the chance of any false verdict.")
@click.option("--seeds", type=click.IntRange(1, 100_000), default=100, show_default=True,
    help="The most seeds that anybody plays.",
)  # fmt: skip
@click.option("--total", metavar="CURRENCY=AMOUNT,...", help="Budget of all runs together.")
@click.option("--effect", type=float, help="Give a pair up once so small a difference would have been seen.")
@click.option("--budget", metavar="CURRENCY=AMOUNT,...", help="Budget of one run; the scenario's own else.")
@click.option("--data", type=click.Path(), help="Folder with the scenario's data.")
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change the scenario.")
@click.option("--out", type=click.Path(), help="The store; SCENARIO-decided.db if not given.")
@click.option("--jobs", type=click.IntRange(1), help="Processes; all cores if not given.")
@click.option("--engine", type=click.Choice(["processes", "inline"]), default="processes", show_default=True)
@click.option("--run-limit", default=1800.0, show_default=True, help="Wall seconds for one run.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@reported
def decide(
    scenario: str,
    goal: str,
    alpha: float,
    seeds: int,
    total: str | None,
    effect: float | None,
    **options: Any,
) -> int:
    """Play more seeds only where the ranking is open, and stop when it is decided.

    It may be looked at after every seed: the level holds at any time of stopping, for all pairs together.

    \b
    Examples:
      sandbox decide quickstart
      sandbox decide recorded --data DIR --goal best --seeds 200 --total evaluations=100000
    """
    from sandbox.budget import Budget
    from sandbox.deciding import Terms
    from sandbox.deciding import decide as work

    limit = Budget.parse(total) if total is not None else None
    terms = Terms("best" if goal == "best" else "ranking", alpha, seeds, limit, effect)
    return work(scenario, terms=terms, **options)


@main.command(name="list")
@click.argument("what", default="all", metavar="[agents|scenarios|oracles|noises|models]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@reported
def list_(what: str, as_json: bool) -> None:
    """List what there is.

    \b
    Example:
      sandbox list agents
    """
    from sandbox.browse import print_list

    print_list(what, as_json)


@main.command()
@click.argument("store", type=click.Path())
@click.argument("name", metavar="RUN")
@click.option("--data", type=click.Path(), help="Where the scenario's data are now, if they have moved.")
@click.option("--white-box", type=click.Path(), metavar="DIR", help="Where the white box is now, likewise.")
@reported
def replay(store: str, name: str, data: str | None, white_box: str | None) -> int:
    """Give an agent the recorded answers again, and say whether it still asks the same.

    \b
    Example:
      sandbox replay quickstart.db additive/ucb/3
    """
    from sandbox.browse import replay_run

    return replay_run(Path(store), name, data, white_box)


@main.command()
@click.argument("store", type=click.Path())
@click.option(
    "--format", "form", type=click.Choice(["csv", "jsonl", "parquet"]), default="csv", show_default=True
)
@click.option("--what", type=click.Choice(["runs", "records", "steps"]), default="runs", show_default=True)
@click.option("-o", "--output", type=click.Path(), help="The file; standard output if not given.")
@reported
def export(store: str, form: str, what: str, output: str | None) -> None:
    """Write runs, their records (every request), or their steps (every recommendation) as a table.

    The same results give the same bytes, whenever and wherever they were played.

    \b
    Example:
      sandbox export quickstart.db --what records --format parquet -o records.parquet
    """
    from sandbox.export import write

    write(Path(store), what, form, None if output is None else Path(output))


@main.command()
@click.argument("scenario")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0: a free one.")
@click.option(
    "--keys", type=click.Path(), help="File of keys, see `sandbox keys`; else one key is made and shown."
)
@click.option("--no-keys", is_flag=True, help="Let everybody in; loopback only.")
@click.option("--budget", help="Hard limits of the key that is made, as in usd=0.5,completions=1000.")
@click.option("--seed", type=int, default=0, show_default=True, help="Luck of calls that bring no seed.")
@click.option(
    "--time", default="real", show_default=True,
    help="real; virtual (answers at once, time is accounted); or a factor by which all is faster.",
)  # fmt: skip
@click.option("--allow-faults", is_flag=True, help="Requests may ask for a fault by x-sandbox-fault.")
@click.option(
    "--fault", "faults", multiple=True, metavar="NAME=SHARE", help="Break this share of all answers."
)
@click.option("--data", type=click.Path(), help="Folder of published task files, instead of generated rows.")
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change the scenario.")
@reported
def serve(scenario: str, data: str | None, changes: tuple[str, ...], **options: Any) -> int:
    """Serve the mock LLMs of a scenario as an OpenAI-compatible endpoint.

    \b
    Example:
      sandbox serve induction30-quick --port 8000 --time virtual
    """
    from sandbox.play import source_of
    from sandbox.registry import catalogue_of

    return catalogue_of(scenario).serve(source_of(scenario, data, changes), **options)


@main.command()
@click.argument("file", type=click.Path())
@click.argument("action", type=click.Choice(["add", "list", "limit", "revoke"]))
@click.argument("name", required=False)
@click.argument("budget", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@reported
def keys(file: str, action: str, name: str | None, budget: str | None, as_json: bool) -> None:
    """Make, list, limit and revoke the keys of an endpoint. A key is shown once, when it is made.

    \b
    Examples:
      sandbox keys keys.json add alice usd=0.50,completions=10000
      sandbox keys keys.json list
    """
    from sandbox.registry import catalogues

    catalogues()[0].keys(Path(file), action, name, budget, as_json)


@main.command()
@click.argument("agents", nargs=-1, metavar="[AGENT]")
@click.option("--only", help="These checks, separated by commas, with or without check_.")
@click.option("--exclude", default="", help="All checks but these.")
@click.option(
    "--profile", default="ci", show_default=True, help="quick, ci or nightly: 10, 60 or 1,000 scenes a check."
)
@click.option(
    "--expected", type=click.Path(), help="What is known to fail; conformance.toml if there is one."
)
@click.option(
    "--scenes", type=click.Path(), default=".conformance", show_default=True,
    help="Folder for the scenes in which checks fail.",
)  # fmt: skip
@click.option("--replay", multiple=True, type=click.Path(), help="Show the failure of such a file again.")
@click.option("--list", "listing", is_flag=True, help="List the checks, and which promise each needs.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option("--junit", type=click.Path(), help="Write the result as JUnit's XML, too.")
@reported
def check(agents: tuple[str, ...], **options: Any) -> int:
    """Hold an optimizer to the laws of the test kit; 0 if it keeps them.

    AGENT is a name, MODULE:CLASS or MODULE:FACTORY, with options as in 'ucb(exploration=0.5)'.

    \b
    Examples:
      sandbox check my_module:MyAgent --profile quick
      sandbox check random --only seed_determinism,in_space
      sandbox check --replay .conformance/check_runs-0123456789.json
    """
    from sandbox.checking import check_command

    return check_command(agents, **options)


@main.command()
@reported
def doctor() -> int:
    """Say what is installed here, what is missing, and what gets in the way.

    \b
    Example:
      sandbox doctor
    """
    from sandbox.browse import examine

    return examine()


for command in (*COMMANDS, report):
    main.add_command(command)


if __name__ == "__main__":
    main()
