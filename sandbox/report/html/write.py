"""From a store to the text of its report."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from sandbox.errors import UsageError, nearest
from sandbox.report.html import reading
from sandbox.report.html.facts import arrange, arrange_table
from sandbox.report.html.methods import methods
from sandbox.report.html.page import page
from sandbox.report.html.sample import sample
from sandbox.report.html.section import tournament
from sandbox.report.summary import Summary, summarise
from sandbox.store import Store
from sandbox.tournament import Run


def of_store(path: Path, title: str | None = None, agents: Collection[str] | None = None) -> str:
    """The report of the store at `path` as HTML; equal stores give equal texts.

    Args:
        path: of the store.
        title: what stands at the top; None for the scenarios' names.
        agents: only these; None for all.

    Raises:
        UsageError: if it holds no runs, or none of an agent that is named.
        StoreError: if it cannot be read.
    """
    with Store(path, create=False) as store:
        runs = store.runs(current=True)
        if not runs:
            raise UsageError(f"{path}: holds no runs yet; `sandbox run SCENARIO --out {path}` plays some")
        whole = len(runs)
        names = dict.fromkeys(run.agent for run in runs)
        for agent in agents or ():
            if agent not in names:
                raise UsageError(f"--agents: {path} holds no runs of {agent!r}; {nearest(agent, names)}")
        if agents is not None:
            runs = [run for run in runs if run.agent in set(agents)]
        runs = [_judged(run) for run in runs]
        older = store.count() - whole
        keys = {run.key for run in runs}
        uses, seen = reading.uses(store), reading.seen(store)
        origins, versions = reading.origins(store, keys)
        summaries = summarise(runs)
        facts = arrange(summaries, runs)
        opened = sample(facts, store.records)
    scenarios = list(dict.fromkeys(summary.scenario for summary in summaries))
    heading = title or f"Tournament report: {', '.join(scenarios[:3])}{' …' if len(scenarios) > 3 else ''}"
    sections = [tournament(fact, uses, seen) for fact in facts]
    missing = [agent for agent in names if agents is not None and agent not in set(agents)]
    end = methods(facts, origins, versions, reading.fingerprint(runs), path.name, older, missing)
    return page(heading, facts, sections, opened, end)


def _judged(run: Run) -> Run:
    """A run whose score is no number has failed, whatever it says itself."""
    if run.error is not None or (run.truth is not None and math.isfinite(run.truth)):
        return run
    return replace(run, error="its score is no number", truth=None)


def of_table(summary: Summary, path: Path, title: str | None = None) -> str:
    """The report of a published table as HTML.

    Args:
        summary: of the table, its unit "problems".
        path: where the table is.
        title: what stands at the top; None for the table's name.
    """
    facts = [arrange_table(summary)]
    end = methods(facts, [], [], summary.settings, path.name, 0)
    heading = title or f"Published results: {summary.scenario}"
    return page(heading, facts, [tournament(fact, {}) for fact in facts], None, end)
