"""The `sandbox check` command: a subject, the catalogue, and what to print."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path

import click

from sandbox.errors import MissingExtra, StoreError, UsageError
from sandbox.testing.report import BAD, Report, Result

_MARKS = {"pass": "green", "fail": "red", "xpass": "red", "kit-error": "red", "xfail": "yellow"}


def check_command(
    agents: tuple[str, ...], only: str | None, exclude: str, profile: str, expected: str | None, scenes: str,
    replay: tuple[str, ...], listing: bool, as_json: bool, junit: str | None,
) -> int:  # fmt: skip
    """See `sandbox.cli.check`; the exit code."""
    try:
        import hypothesis  # noqa: F401  # the search; everything else does without
    except ImportError as exc:
        raise MissingExtra("sandbox check", "check") from exc
    if listing:
        return _list(as_json)
    if replay:  # a shell's pattern leaves all files but the first where agents stand
        files = (*replay, *[name for name in agents if name.endswith(".json")])
        others = [name for name in agents if not name.endswith(".json")]
        return _replay(files, others[0] if others else None)
    if len(agents) != 1:
        told = "which agent? as in: sandbox check my_module:MyAgent; or --list, or --replay FILE"
        raise UsageError(told if not agents else f"one agent at a time, and there are {', '.join(agents)}")
    (agent,) = agents
    return _check(agent, _names(only), _names(exclude) or [], profile, expected, Path(scenes), as_json, junit)


def _names(text: str | None) -> list[str] | None:
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


def _check(
    agent: str, only: list[str] | None, exclude: list[str], profile: str, expected: str | None, scenes: Path,
    as_json: bool, junit: str | None,
) -> int:  # fmt: skip
    from sandbox.testing.checks import CHECKS
    from sandbox.testing.expected import read_expected
    from sandbox.testing.kit import check_agent
    from sandbox.testing.subjects import subject_of

    file = Path(expected or "conformance.toml")
    known = read_expected(file, agent, CHECKS) if expected or file.is_file() else {}
    with contextlib.redirect_stdout(sys.stderr):  # what an agent prints is no part of the result
        subject_of(agent)
    with _progress() as told:
        report = check_agent(
            agent, only=only, exclude=exclude, profile=profile, expected=known, apart=True, told=told
        )
    if junit is not None:
        try:
            Path(junit).write_text(report.as_junit(), encoding="utf-8")
        except OSError as exc:
            raise StoreError(f"--junit {junit}: {exc.strerror}") from exc
    files = _kept(report, agent, scenes)
    click.echo(report.as_json() if as_json else _told(report, files))
    return 0 if report.ok else 2 if _only_kit_errors(report) else 1


def _only_kit_errors(report: Report) -> bool:
    return {result.status for result in report.results if result.status in BAD} == {"kit-error"}


@contextlib.contextmanager
def _progress():  # type: ignore[no-untyped-def]
    """A line that says how far it is, where somebody looks."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console

    with Console(stderr=True).status("checking") as status:

        def told(result: Result, number: int, total: int) -> None:
            status.update(f"{number}/{total} {result.check}: {result.status}")

        yield told


def _kept(report: Report, agent: str, folder: Path) -> dict[str, str]:
    """Each failure in a file of its own: check -> path. A folder that cannot be written costs a warning."""
    from sandbox.testing.files import write_failure

    files: dict[str, str] = {}
    for result in report.results:
        if result.status != "fail" or result.scene is None:
            continue
        try:
            files[result.check] = str(write_failure(result, agent, folder))
        except OSError as exc:
            click.echo(f"sandbox: {folder}: scenes cannot be kept there: {exc.strerror}", err=True)
            break
    return files


def _told(report: Report, files: dict[str, str]) -> str:
    """A line for each check, then each failure in full."""
    from sandbox.testing.report import text

    lines = []
    for result in report.results:
        mark = click.style(f"{result.status:12}", fg=_MARKS.get(result.status))
        name = result.check.removeprefix("check_")
        first = result.message.partition("\n")[0]
        lines.append(f"{mark} {name:24} {first[:100]}".rstrip())
    bad = [result for result in report.results if result.status in BAD]
    for result in bad:
        lines += ["", text(result, report.agent, files.get(result.check, ""))]
    counts = ", ".join([f"{number} {status}" for status, number in report.counts().items()])
    lines += ["", f"{report.agent}: {counts}; promises: {', '.join(report.claims) or 'none'}"]
    return "\n".join(lines)


def _list(as_json: bool) -> int:
    from sandbox.testing.checks import CHECKS

    if as_json:
        facts = [
            {
                "name": check.name, "number": check.number, "statement": check.statement,
                "claims": list(check.claims), "statistical": check.statistical,
            }
            for check in CHECKS.values()
        ]  # fmt: skip
        click.echo(json.dumps(facts, indent=1))
        return 0
    for check in CHECKS.values():
        needs = ", ".join(check.claims) or "every agent"
        kind = ", on average" if check.statistical else ""
        click.echo(
            f"{check.number:4} {check.name.removeprefix('check_'):24} {check.statement} [{needs}{kind}]"
        )
    return 0


def _replay(files: tuple[str, ...], agent: str | None) -> int:
    from sandbox.testing.kit import replay

    worst = 0
    for file in files:
        word, seen = replay(Path(file), agent)
        click.echo(f"{word:9} {file}: {seen}")
        worst = max(worst, {"FIXED": 0, "FAILED": 1, "DIFFERENT": 1, "ERROR": 2}[word])
    return worst
