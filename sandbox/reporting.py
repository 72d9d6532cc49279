"""The command that writes a store as one HTML file to look at."""

from __future__ import annotations

from pathlib import Path

import click

from sandbox.ending import reported

# As in `sandbox.cli`: everything heavy is imported inside the command.


@click.command()
@click.argument("store", type=click.Path())
@click.option("-o", "--output", type=click.Path(), help="The file; STORE.html if not given.")
@click.option("--title", help="What stands at the top; the scenarios' names if not given.")
@click.option("--agents", help="Only these agents, separated by commas; all if not given.")
@reported
def report(store: str, output: str | None, title: str | None, agents: str | None) -> None:
    """Write a report of a store, or of a published table (.csv), to look at.

    One HTML file that needs no server, no network, and not even JavaScript.
    Leaderboard and verdicts, curves, costs, profiles, ranks, scores by problem, where the budget went,
    single runs request by request, methods and provenance. The same store gives the same bytes.

    \b
    Examples:
      sandbox report quickstart.db
      sandbox report quickstart.db -o report.html --title 'Five agents, 200 evaluations'
      sandbox report published.csv
    """
    from sandbox.errors import UsageError
    from sandbox.export import whole
    from sandbox.published import is_table, read, summary_of
    from sandbox.report.html.write import of_store, of_table

    source = Path(store)
    target = Path(output) if output is not None else source.with_suffix(".html")
    if target.is_dir():
        raise UsageError(f"-o {target}: a folder; name a file, as in {target / 'report.html'}")
    if target.exists() and source.exists() and target.samefile(source):
        raise UsageError(f"-o {target}: that is the store itself; name another file")
    names = None if agents is None else [name.strip() for name in agents.split(",") if name.strip()]
    if is_table(source):
        if names is not None:
            raise UsageError("--agents: chooses among the runs of a store, and this is a table")
        text = of_table(summary_of(read(source)), source, title)
    else:
        text = of_store(source, title, names)
    try:
        with whole(target) as part:
            part.write_text(text, encoding="utf-8", newline="\n")
    except OSError as exc:
        raise UsageError(f"-o {target}: cannot be written: {exc.strerror or exc}") from exc
    click.echo(f"{target}: {len(text.encode()) / 1e6:.2f} MB; open it in a browser")
