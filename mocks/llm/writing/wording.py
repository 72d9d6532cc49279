"""What a skill is called in a writer's head: the parts that its instructions are made of.

They are data: a table a skill in the TOML files of `wordings/`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Wording:
    """Templates (see `luck.expand`) for one skill.

    Verb phrases are in the base form, start in lower case and have no full stop, so that
    they fit "Please ...", "Your task is to ..." and the bare imperative alike.
    """

    given: str
    """What the input is, as a noun phrase: "a word"."""
    precise: tuple[str, ...]
    """Verb phrases that say exactly what is wanted."""
    loose: tuple[str, ...]
    """Verb phrases that mean the right thing and say less of it."""
    vague: tuple[str, ...]
    """Verb phrases that could mean several skills."""
    wrong: tuple[str, ...]
    """Verb phrases that are beside the point in one respect."""
    answer: tuple[str, ...]
    """Sentences about the form of the answer."""
    hints: tuple[str, ...] = ()
    """Sentences that make the task clearer."""


@cache
def wordings() -> Mapping[str, Wording]:
    """The wording of every skill that has one."""
    found: dict[str, Wording] = {}
    for entry in sorted((files("mocks.llm.writing") / "wordings").iterdir(), key=lambda entry: entry.name):
        if not entry.name.endswith(".toml"):
            continue
        for skill, told in tomllib.loads(entry.read_text(encoding="utf-8")).items():
            parts = {key: tuple(value) for key, value in told.items() if key != "given"}
            found[skill] = Wording(given=told["given"], **parts)
    return found
