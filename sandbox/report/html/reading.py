"""What a report reads from a store besides the runs: where the budget went, and how the runs came to be."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sandbox.budget import USD
from sandbox.scenario import Source
from sandbox.store import Store
from sandbox.tournament import Run

PURPOSES = ("scoring candidates", "writing candidates", "attempts that failed")
"""What model calls are for."""


@dataclass(frozen=True, slots=True)
class Use:
    """What one run used for one purpose."""

    calls: float = 0.0
    tokens: float = 0.0
    usd: float = 0.0

    def __add__(self, other: Use) -> Use:
        return Use(self.calls + other.calls, self.tokens + other.tokens, self.usd + other.usd)


def uses(store: Store) -> dict[str, tuple[Use, ...]]:
    """Of each run, by its key, what it used for each of `PURPOSES`.

    An evaluation that is put together from rows is not counted, its rows are; neither is
    what never reached a server. Only writing is charged completions.
    """
    keys = dict(store.select("SELECT id, key FROM runs"))
    found = {key: [Use()] * len(PURPOSES) for key in keys.values()}
    kinds = (
        "fate = 'answered' AND NOT completions",
        "fate = 'answered' AND completions",
        "fate IN ('retried', 'failed', 'late')",
    )
    for place, kind in enumerate(kinds):
        query = (
            "SELECT run, count(*), total(prompt_tokens + completion_tokens), total(usd) "
            f"FROM records WHERE {kind} GROUP BY run"
        )
        for number, calls, tokens, usd in store.select(query):
            found[keys[number]][place] = Use(calls, tokens, usd / USD)
    return {key: tuple(parts) for key, parts in found.items()}


def seen(store: Store) -> dict[str, float]:
    """Of each run, by its key, the mean score that it observed of what it handed in.

    Only of runs that looked at it: a pool or a text may be handed in unseen.
    """
    keys = dict(store.select("SELECT id, key FROM runs"))
    asked = """'{"kind": "evaluate", "candidate": ' || runs.recommended"""
    query = f"""
        SELECT runs.id, avg(json_extract(records.answer, '$.score'))
        FROM runs JOIN records ON records.run = runs.id
        WHERE runs.recommended IS NOT NULL AND runs.error IS NULL AND records.evaluations > 0
            AND substr(records.request, 1, length({asked})) = {asked}
            AND json_extract(records.answer, '$.score') IS NOT NULL
        GROUP BY runs.id
    """
    return {keys[number]: score for number, score in store.select(query) if score is not None}


@dataclass(frozen=True, slots=True)
class Origin:
    """How the runs of one scenario under one budget came to be."""

    scenario: str
    digest: str
    budget: str
    source: Source
    specs: tuple[str, ...]
    codes: tuple[str, ...]
    """One for each version of an agent's options and code."""
    seeds: int
    runs: int
    first: str
    last: str
    cpu_seconds: float

    @property
    def command(self) -> str:
        """What plays these runs again."""
        parts = ["sandbox run", quoted(_shown(self.source.name))]
        if self.source.data is not None:
            parts.append("--data DIR")
        parts += [f"--set {quoted(f'{key}={value}')}" for key, value in self.source.changes]
        agents = quoted(",".join(self.specs))
        parts += [f"--agents {agents}", f"--seeds {self.seeds}", f"--budget {self.budget}"]
        return " ".join(parts)

    @property
    def data(self) -> str:
        """The name of the folder or file of measured scores; not where it was, which is nobody's business."""
        return "" if self.source.data is None else _shown(self.source.data)


def _shown(path: str) -> str:
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2]


def quoted(text: str) -> str:
    """As a shell takes it."""
    import shlex

    return shlex.quote(text)


def origins(store: Store, keys: Collection[str]) -> tuple[list[Origin], list[tuple[dict[str, str], int]]]:
    """How these runs came to be; and each set of package versions with the number of runs made by it."""
    groups: dict[tuple[str, ...], list[tuple[str, str, int, str, str, float]]] = {}
    made: dict[str, int] = {}
    query = (
        "SELECT key, scenario, digest, budget, source, spec, code, seed, versions, played_at, cpu_seconds "
        "FROM runs ORDER BY scenario, digest, budget, source, id"
    )
    for key, scenario, digest, budget, source, spec, code, seed, versions, played, seconds in store.select(
        query
    ):
        if key not in keys:
            continue
        facts = (spec, code, seed, played, played, seconds)
        groups.setdefault((scenario, digest, budget, source), []).append(facts)
        made[versions] = made.get(versions, 0) + 1
    found = []
    for (scenario, digest, budget, source), members in groups.items():
        name, data, changes = json.loads(source)
        found.append(
            Origin(
                scenario=scenario,
                digest=digest,
                budget=_budget(budget),
                source=Source(name, data, tuple((k, v) for k, v in changes)),
                specs=tuple(dict.fromkeys(fact[0] for fact in members)),
                codes=tuple(dict.fromkeys(fact[1] for fact in members)),
                seeds=1 + max(fact[2] for fact in members),
                runs=len(members),
                first=min(fact[3] for fact in members),
                last=max(fact[4] for fact in members),
                cpu_seconds=sum(fact[5] for fact in members),
            )
        )
    return found, [(json.loads(versions), count) for versions, count in made.items()]


def _budget(limits: str) -> str:
    from sandbox.budget import Budget

    return str(Budget(**json.loads(limits)))


def fingerprint(runs: Sequence[Run]) -> str:
    """A hash of all results; equal for equal results, whenever and wherever they were played."""
    digest = hashlib.sha256()
    for run in sorted(runs, key=lambda run: run.key):
        digest.update(repr((run.key, run.truth, run.error, tuple(run.spent))).encode("utf-8", "replace"))
    return digest.hexdigest()
