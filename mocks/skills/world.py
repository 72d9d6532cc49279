"""Skills that need knowledge of things: sizes, kinds, what things have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cache

from mocks import knowledge
from mocks.skills.base import Skill
from mocks.skills.parse import entry, items
from mocks.skills.slips import choose, same_set

_LIMIT = 1000


def _sized(text: str) -> list[tuple[float, str]]:
    found = [(knowledge.masses().get(entry(item)), item) for item in items(text[:_LIMIT])]
    known = [(mass, item) for mass, item in found if mass is not None]
    return known if len(known) == len(found) > 1 else []


def _larger(text: str) -> str | None:
    found = _sized(text)
    return max(found, key=lambda pair: pair[0])[1] if found else None


def _smaller(text: str) -> str | None:
    found = _sized(text)
    return min(found, key=lambda pair: pair[0])[1] if found else None


def _one_of_slip(text: str, right: str, u: float) -> str:
    found = items(text[:_LIMIT])
    return choose([*[item for item in found if item != right], text.strip(), f"{right} or another"], right, u)


@cache
def _animals() -> frozenset[str]:
    return frozenset({*knowledge.masses(), *knowledge.categories()["animals"]})


def _taxonomy(text: str) -> str | None:
    found = [item for item in items(text[:_LIMIT]) if entry(item) in _animals()]
    return ", ".join(found) or None


def _taxonomy_slip(text: str, right: str, u: float) -> str:
    chosen = right.split(", ")
    others = [item for item in items(text[:_LIMIT]) if item not in chosen]
    options = [", ".join([*chosen, other]) for other in others[:2]]
    options += [", ".join(chosen[:-1]), ", ".join(chosen[1:]), ", ".join(others)]
    return choose(options, right, u, like=same_set)


@cache
def _kinds() -> Mapping[str, frozenset[str]]:
    return {item: frozenset(names) for item, names in knowledge.memberships().items()}


def _odd_one_out(text: str) -> str | None:
    found = items(text[:_LIMIT])
    kinds = [_kinds().get(entry(item), frozenset()) for item in found]
    counts = Counter(name for names in kinds for name in sorted(names))
    if len(found) < 3 or not counts:
        return None
    name, count = counts.most_common(1)[0]
    odd = [item for item, names in zip(found, kinds, strict=True) if name not in names]
    return odd[0] if count == len(found) - 1 else None


def _auto_categorization(text: str) -> str | None:
    found = items(text[:_LIMIT])
    counts = Counter(name for item in found for name in sorted(_kinds().get(entry(item), ())))
    if not counts:
        return None
    name, count = counts.most_common(1)[0]
    return name if 2 * count > len(found) else None


def _categorization_slip(text: str, right: str, u: float) -> str:
    names = list(knowledge.categories())
    at = names.index(right) if right in names else 0
    near = [names[(at + step) % len(names)] for step in (1, -1)]
    last = right.rpartition(" ")[2]
    return choose(
        [*near, f"types of {right}", "things", f"{last[:-1]}" if last else "", text.strip()], right, u
    )


@cache
def _concepts_of() -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for concept, things in knowledge.concepts().items():
        for thing in things:
            found.setdefault(thing.lower(), set()).add(concept)
    return {thing: frozenset(concepts) for thing, concepts in found.items()}


def shared_concepts(text: str) -> tuple[str, ...]:
    """The known concepts that all things of a list have in common, sorted."""
    found = [_concepts_of().get(entry(item), frozenset()) for item in items(text[:_LIMIT])]
    return tuple(sorted(frozenset.intersection(*found))) if found else ()


def _common_concept(text: str) -> str | None:
    found = shared_concepts(text)
    return found[0] if found else None


def _concept_slip(text: str, right: str, u: float) -> str:
    things = items(text[:_LIMIT])
    known = [concept for thing in things for concept in sorted(_concepts_of().get(entry(thing), ()))]
    options = [concept for concept in known if concept not in shared_concepts(text)]
    options += ["They are all nouns.", f"Things like {things[0]}" if things else "", "unrelated objects"]
    return choose(options, right, u)


WORLD = (
    Skill("larger_animal", _larger, _one_of_slip, ("smaller_animal", "echo", "taxonomy_animal")),
    Skill("smaller_animal", _smaller, _one_of_slip, ("larger_animal", "echo")),
    Skill("taxonomy_animal", _taxonomy, _taxonomy_slip, ("odd_one_out", "echo", "auto_categorization")),
    Skill(
        "odd_one_out", _odd_one_out, _one_of_slip, ("auto_categorization", "taxonomy_animal", "first_word")
    ),
    Skill(
        "auto_categorization",
        _auto_categorization,
        _categorization_slip,
        ("common_concept", "odd_one_out", "echo"),
    ),
    Skill(
        "common_concept", _common_concept, _concept_slip, ("auto_categorization", "odd_one_out", "explain")
    ),
)
