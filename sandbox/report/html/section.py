"""One tournament as a section of the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sandbox.report.html import figures, robust, tables
from sandbox.report.html.claims import claims
from sandbox.report.html.distributions import distributions
from sandbox.report.html.facts import Facts
from sandbox.report.html.markup import Content, Markup, element, join
from sandbox.report.html.power import POWER, Sight, sights
from sandbox.report.html.reading import Use
from sandbox.report.html.scales import percent
from sandbox.report.html.wording import budget_words, counted, headline, undecided_words, verdicts


def tournament(
    facts: Facts, uses: Mapping[str, Sequence[Use]], seen: Mapping[str, float] | None = None
) -> Markup:
    """Headline, leaderboard, verdicts, figures.

    Args:
        facts: the tournament.
        uses: what each run used for each purpose.
        seen: the score that each run saw of what it handed in.
    """
    summary, n = facts.summary, facts.number
    body: list[Content] = [
        element("h2", summary.scenario, id=f"t{n}"),
        element("p", *_design(facts), class_="design"),
        element("p", headline(summary), class_="headline"),
    ]
    if summary.standings:
        body.append(_axis_switch(facts))
        body += [tables.leaderboard(facts), _note(facts)]
    body.append(_failures(facts))
    seen_pairs = sights(facts)
    body += [verdicts(summary), undecided_words(summary, seen_pairs)]
    body.append(_caveats(facts))
    if summary.standings:
        grid: list[Content] = [
            figures.curves(facts),
            figures.cost(facts),
            *distributions(facts),
        ]
        if summary.comparisons:
            grid += [_wins(facts), robust.rank_figure(facts)]
        grid.append(figures.panels(facts))
        if len(summary.problems) > 1 or len(summary.standings) > 1:
            grid.append(_map(facts))
        if summary.comparisons:
            grid.append(_pairs(facts, seen_pairs))
        grid += [robust.aggregates(facts), claims(facts, seen or {})]
        if not facts.published:
            grid.append(figures.breakdown(facts, uses))
        body.append(element("div", join(*grid), class_="grid"))
    return element("section", *body, class_="tournament", data_tournament=str(n), aria_labelledby=f"t{n}")


def _design(facts: Facts) -> list[Content]:
    summary = facts.summary
    if facts.published:
        methods, problems = counted(len(facts.everybody), "method"), counted(len(summary.problems), "problem")
        return [f"published results · {methods} \N{MULTIPLICATION SIGN} {problems}, one score each"]
    runs = sum(len(runs) for runs in facts.everybody.values())
    parts: list[Content] = [
        element("b", budget_words(summary.budget)),
        " a run · ",
        counted(len(facts.everybody), "agent"),
        " \N{MULTIPLICATION SIGN} ",
        figures.sample_words(facts),
        f" · {counted(runs, 'run')}",
    ]
    if summary.rivals:
        parts.append(" · all agents of a seed share one service")
    return parts


def _axis_switch(facts: Facts) -> Content:
    """Radio buttons for the resource that curves are drawn against; the script shows them."""
    if len(facts.resources) < 2:
        return None
    name = f"axis-{facts.number}"
    choices = [
        element(
            "label",
            element(
                "input", type="radio", name=name, value=resource.name, checked=i == 0, autocomplete="off"
            ),
            resource.label,
        )
        for i, resource in enumerate(facts.resources)
    ]
    return element(
        "fieldset",
        element("legend", "Figures against"),
        join(*choices),
        class_="switch axis-switch",
        hidden=True,
    )


def _note(facts: Facts) -> Markup:
    if facts.published:
        return element(
            "p",
            "Scores as published, one a method and problem. Interval of the mean: 95 %, bootstrap over "
            "problems; "
            "it and all verdicts speak of other problems of the kind, since nothing is known of other seeds.",
            class_="caption",
        )
    return element(
        "p",
        "Score: the noiseless score of what an agent finally recommended, which no agent ever sees; mean "
        "over "
        "problems of means over seeds. Interval: 95 %, bootstrap over seeds within problems. Gap: 0 % is the "
        "optimum, 100 % a blind guess. Costs: medians (Kaplan\N{EN DASH}Meier), > where fewer than half "
        "of the runs came "
        "there, and the share of runs that did where it is not all.",
        None
        if len(facts.seeds) > 1
        else " With one seed there is no spread to judge by: no interval is known, and nothing is decided.",
        class_="caption",
    )


def _failures(facts: Facts) -> Content:
    failures = facts.summary.failures
    items: list[Content] = []
    for agent, (failed, whole, why) in list(failures.items())[:20]:
        items.append(
            element(
                "li", element("b", agent),
                f" is not ranked: {failed} of {counted(whole, 'run')} failed. First: ",
                element("code", why[:300]),
            )
        )  # fmt: skip
    if len(failures) > 20:
        items.append(element("li", f"… and {len(failures) - 20} more agents with failed runs."))
    missing = [agent for agent in facts.everybody if agent not in failures and agent not in facts.by_agent]
    for agent in missing[:20]:
        items.append(element("li", element("b", agent), " is not ranked: it did not play every problem."))
    return element("ul", join(*items), class_="failures") if items else None


def _caveats(facts: Facts) -> Content:
    caveats = facts.summary.caveats
    if not caveats:
        return None
    items = [element("li", caveat) for caveat in caveats[:30]]
    if len(caveats) > 30:
        items.append(element("li", f"… and {len(caveats) - 30} more."))
    return element("ul", join(*items), class_="caveats")


def _map(facts: Facts) -> Markup:
    return figures.figure(
        f"t{facts.number}-map",
        "Score by problem",
        tables.by_problem(facts),
        "Scores as published; bold: the best of a row. The darker, the higher (ten steps from 0 to 1)."
        if facts.published
        else f"Mean true score over {counted(len(facts.seeds), 'seed')}; bold: the best of a row. The "
        "darker, the nearer to the problem's optimum (ten steps from a blind guess).",
        tables.cut_note(facts, "Shown are"),
        wide=True,
    )


def _wins(facts: Facts) -> Markup:
    return figures.figure(
        f"t{facts.number}-wins",
        "Probability of winning",
        tables.wins(facts),
        "Per cent of problems on which the method of the row is ahead of the method of the column; ties "
        "count "
        "half. Framed: decided after Holm's correction."
        if facts.published
        else "Per cent of pairs of runs, on the same problem with the same luck, in which the agent of the "
        "row ends ahead of the agent of the column; ties count half. Framed: decided after Holm's "
        "correction.",
        tables.cut_note(facts, "Shown are"),
    )


def _pairs(facts: Facts, seen: Mapping[frozenset[str], Sight]) -> Markup:
    count = len(facts.summary.comparisons)
    return element(
        "div",
        element(
            "details",
            element("summary", f"All {counted(count, 'pair')} with differences, intervals and p-values"),
            tables.pairs(facts, seen),
            element(
                "p",
                f"Detectable: the smallest true difference that this design decides with a probability of "
                f"{percent(POWER)}, at 0.05 / {counted(count, 'pair')}, the strictest step of Holm's "
                "correction, with "
                "the spread that was observed.",
                class_="caption",
            ),
            element("p", f"The 300 largest differences of {count:,}.", class_="caption")
            if count > 300
            else None,
            open=count <= 10,
        ),
        class_="wide more",
    )
