"""What a tournament showed, in sentences that a paper could print."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from sandbox.budget import Budget, in_units
from sandbox.report.html.markup import Content, Markup, element, join
from sandbox.report.html.power import Sight
from sandbox.report.html.scales import fixed, p_value, percent, signed
from sandbox.report.pairing import MOST_COMPARED
from sandbox.report.summary import Summary
from sandbox.statistics import Comparison, Estimate

_FEW = 7
"""Agents up to which sentences carry their numbers; of more, the table of pairs has them."""


def listed(names: Sequence[str], most: int = 8) -> str:
    """Names as a sentence has them.

    >>> listed(["a"]), listed(["a", "b", "c"]), listed(list("abcd"), 2)
    ('a', 'a, b and c', 'a, b and 2 others')
    """
    if len(names) > most + 1:
        return f"{', '.join(names[:most])} and {len(names) - most} others"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def counted(number: int, noun: str) -> str:
    """A number and its noun.

    >>> counted(1, "run"), counted(1200, "run")
    ('1 run', '1,200 runs')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def budget_words(budget: Budget) -> str:
    """A budget in words, as in "200 evaluations and $0.50"."""
    words = {"usd": "${}", "seconds": "{} seconds", "whitebox_seconds": "{} white-box seconds"}
    parts = []
    for name, limit in budget.limits().items():
        amount = in_units(name, limit)
        amount = f"{float(amount):,.0f}" if float(amount) >= 1_000 and "." not in amount else amount
        parts.append(words.get(name, "{} " + name.replace("_", " ")).format(amount))
    return listed(parts)


def beaten(summary: Summary) -> dict[str, list[str]]:
    """Of each judged agent, whom it beats, the best first."""
    place = {standing.agent: i for i, standing in enumerate(summary.standings)}
    found: dict[str, list[str]] = {agent: [] for agent in place}
    for pair in summary.comparisons:
        if pair.winner is not None:
            found[pair.winner].append(pair.b if pair.winner == pair.a else pair.a)
    return {agent: sorted(others, key=place.__getitem__) for agent, others in found.items()}


def rank_ranges(summary: Summary) -> dict[str, tuple[int, int]]:
    """Between which ranks each agent may be: below all that beat it, above all that it beats."""
    wins = beaten(summary)
    count = len(wins)
    losses = {agent: sum(agent in others for others in wins.values()) for agent in wins}
    return {agent: (1 + losses[agent], count - len(wins[agent])) for agent in wins}


def headline(summary: Summary) -> str:
    """The result in one or two sentences."""
    ranked = [standing.agent for standing in summary.standings]
    if not ranked:
        return "No agent finished all of its runs, so nothing can be compared."
    if len(ranked) == 1:
        return f"Only {ranked[0]} can be judged, so there is nothing to compare it with."
    if not summary.comparisons:
        if len(ranked) > MOST_COMPARED:
            many = f"{len(ranked):,} agents are too many to be compared pair by pair"
            return f"{many}; {ranked[0]} has the best mean."
        return f"{listed(ranked)} share too few runs to be compared."
    wins = beaten(summary)
    lost = {loser for others in wins.values() for loser in others}
    unbeaten = [agent for agent in ranked if agent not in lost]
    if not lost:
        return f"Nothing is decided between {listed(ranked)}: {_why_open(summary)}."
    if len(unbeaten) == 1:
        best = unbeaten[0]
        if len(wins[best]) == len(ranked) - 1:
            rest = [agent for agent in ranked if agent != best]
            return f"{best} beats {'every other agent' if len(rest) > 1 else rest[0]}."
        return f"Only {best} is beaten by nobody; it beats {listed(wins[best])}."
    beaten_ones = [agent for agent in ranked if agent in lost]
    end = "is beaten" if len(beaten_ones) == 1 else "are each beaten by at least one agent"
    return f"Nobody beats {_or(unbeaten)}, which are not told apart; {listed(beaten_ones)} {end}."


def _why_open(summary: Summary) -> str:
    """Why no pair has a verdict, which needs a small p and an interval that is known."""
    if all(pair.p_adjusted >= 0.05 for pair in summary.comparisons):
        return "no pair of them survives Holm's correction"
    if any(math.isnan(pair.difference.low) for pair in summary.comparisons):
        return (
            "some adjusted p are below 0.05, but with one seed on a problem no interval over seeds is known"
        )
    return "no pair has both an adjusted p below 0.05 and an interval on one side of zero"


def _or(names: Sequence[str]) -> str:
    return " or ".join(listed(names).rsplit(" and ", 1))


def towards(pair: Comparison, first: str) -> tuple[str, Estimate, float]:
    """The pair from the side of one of the two: the other's name, the difference, the share of wins."""
    if pair.a == first:
        return pair.b, pair.difference, pair.win_rate
    d = pair.difference
    return pair.a, Estimate(0.0 - d.value, -d.high, -d.low, d.level), 1.0 - pair.win_rate


def interval(estimate: Estimate, decimals: int = 3) -> str:
    """An interval as "0.123 to 0.456", or a dash where none is known."""
    if not math.isfinite(estimate.low):
        return "\N{EN DASH}"
    return f"{fixed(estimate.low, decimals)} to {fixed(estimate.high, decimals)}"


def difference(pair: Comparison, first: str) -> str:
    """A decided pair's numbers, as they stand behind its verdict."""
    _, d, _ = towards(pair, first)
    spread = "" if not math.isfinite(d.low) else f", {percent(d.level)} interval {interval(d)}"
    return f"by {fixed(d.value)}{spread}, adjusted p {_p(pair.p_adjusted)}"


def _p(p: float) -> str:
    text = p_value(p)
    return text if text.startswith("<") else f"= {text}"


def verdicts(summary: Summary, most: int = 60) -> Markup:
    """Who beats whom, a sentence for each agent that beats somebody; by how much, where they are few."""
    pairs = {frozenset((pair.a, pair.b)): pair for pair in summary.comparisons}
    items: list[Content] = []
    for agent, others in beaten(summary).items():
        if others:
            parts: list[Content] = [element("b", agent), " beats "]
            shown = others[:12]
            for i, other in enumerate(shown):
                joint = "" if i == 0 else " and " if i == len(shown) - 1 == len(others) - 1 else ", "
                parts += [joint, other]
                if len(summary.standings) <= _FEW:
                    numbers = difference(pairs[frozenset((agent, other))], agent)
                    parts.append(element("span", f" ({numbers})", class_="numbers"))
            if len(others) > len(shown):
                parts.append(f" and {len(others) - len(shown)} others, which the table of pairs has")
            items.append(element("li", *parts, "."))
    return element("ul", join(*items[:most]), class_="verdicts") if items else Markup("")


def undecided(summary: Summary) -> list[Comparison]:
    """The pairs without a verdict, in the order of the table."""
    place = {standing.agent: i for i, standing in enumerate(summary.standings)}
    pairs = [pair for pair in summary.comparisons if pair.winner is None]
    return sorted(pairs, key=lambda pair: sorted((place[pair.a], place[pair.b])))


def undecided_words(summary: Summary, seen: Mapping[frozenset[str], Sight]) -> Content:
    """The open pairs in one paragraph, each with its interval and what could have been seen.

    Args:
        summary: of the tournament.
        seen: of pairs of names what their comparison could have seen.
    """
    pairs = undecided(summary)
    if not pairs:
        return None
    place = {standing.agent: i for i, standing in enumerate(summary.standings)}
    items: list[Content] = []
    for pair in pairs[:20]:
        first = min((pair.a, pair.b), key=place.__getitem__)
        other, d, _ = towards(pair, first)
        spread = f", {percent(d.level)} interval {interval(d)}" if math.isfinite(d.low) else ""
        few = len(summary.standings) <= _FEW
        tested = f"{spread}, adjusted p {_p(pair.p_adjusted)}" if few else ""
        numbers = f" (difference {signed(d.value)}{tested}"
        sight = seen.get(frozenset((pair.a, pair.b)))
        if sight is not None and math.isfinite(sight.smallest):
            numbers += f"; smallest effect that could have been seen {fixed(sight.smallest)}"
            if few and sight.seeds is not None:
                numbers += f"; a difference of this size needs {counted(sight.seeds, 'seed')} a problem"
        items.append(
            element("li", f"{first} and {other}", element("span", f"{numbers})", class_="numbers"), ".")
        )
    if len(pairs) > 20:
        items.append(element("li", f"… and {len(pairs) - 20} more pairs, which the table of pairs has."))
    return element(
        "div", element("p", element("b", "Undecided:")), element("ul", join(*items)), class_="undecided"
    )
