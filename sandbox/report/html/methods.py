"""How the report came to be, and what its numbers mean: methods, multiplicity, provenance."""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.report.html.facts import Facts
from sandbox.report.html.markup import Content, Markup, element, join
from sandbox.report.html.reading import Origin
from sandbox.report.html.wording import counted, listed


def methods(
    facts: Sequence[Facts],
    origins: Sequence[Origin],
    versions: Sequence[tuple[dict[str, str], int]],
    results: str,
    store: str,
    older: int,
    missing: Sequence[str] = (),
) -> Markup:
    """The section at the end.

    Args:
        facts: all tournaments.
        origins: how their runs came to be.
        versions: each set of package versions, with the number of runs made by it.
        results: a hash of all results.
        store: the name of the file.
        older: how many runs of earlier code were left out.
        missing: agents that were left out by whoever asked for the report.
    """
    return element(
        "section",
        element("h2", "Methods and provenance", id="methods"),
        element("h3", "What the numbers are"),
        *(element("p", text) for text in _statistics(facts)),
        element("h3", "How these results came to be"),
        *_commands(origins, store),
        _origins(origins),
        _versions(versions),
        element("p", "Fingerprint of all results (SHA-256): ", element("code", results), "."),
        element(
            "p",
            f"The store has {counted(older, 'run')} more, made by earlier code, which are left out.",
        )
        if older
        else None,
        element(
            "p",
            f"Left out on request: {listed(missing)}. Corrections for multiplicity count the agents that are "
            "shown; whoever chooses them after looking at results tests more than that.",
        )
        if missing
        else None,
        class_="methods",
        aria_labelledby="methods",
    )


def _statistics(facts: Sequence[Facts]) -> list[str]:
    tests = sum(len(f.summary.comparisons) for f in facts)
    if any(f.published for f in facts):
        return [
            "A published table has one number a method and problem. How much it would change with "
            "another seed is "
            "not known, so the problems are the sample: methods are paired by problem, and intervals and "
            "verdicts "
            "speak of other problems of the kind.",
            "A beats B where the sign-flip test of their differences over problems (exact up to 14 "
            "problems on which "
            "they differ, otherwise at least 10,000 random flips) stays below 0.05 after Holm's "
            "correction over all "
            f"pairs ({counted(tests, 'test')} here), and the bootstrap interval of the mean difference "
            "(10,000 "
            "replicates over problems, widened as Hesterberg (2015) advises) lies on the same side of "
            "zero. The "
            "probability of any false verdict is then at most 5 %.",
        ]
    return [
        "Scores are true scores: the noiseless quality of what an agent recommended, computed by the "
        "referee and "
        "never shown to an agent. Agents meet the same problems with the same seeds, and whoever asks "
        "the same "
        "thing sees the same luck, so all comparisons are paired by problem and seed.",
        "Intervals are 95 % percentile bootstrap intervals over seeds within problems (stratified; 10,000 "
        "replicates), widened for small numbers of seeds as Hesterberg (2015) advises. They speak of "
        "these problems "
        "played again with other seeds, not of other problems.",
        "A beats B where the sign-flip test of their paired differences (exact up to 14 differing pairs, "
        "otherwise "
        "at least 10,000 random flips) stays below 0.05 after Holm's correction over all pairs of the "
        "tournament, "
        "and the interval of the difference lies on the same side of zero. The probability of any false "
        "verdict in a "
        "tournament is then at most 5 %. "
        f"{counted(tests, 'test')} in {counted(len(facts), 'tournament')}; each tournament is corrected "
        "by itself.",
        "What could have been seen: the smallest true difference that is decided with a probability of "
        "80 % at "
        "0.05 / pairs, the strictest step of Holm's correction, by Student's law with the spread that "
        "was observed; "
        "likewise the seeds that a difference of the observed size needs. With few seeds these are rough.",
        "An agent with a failed run is listed and not ranked: leaving failures out would reward failing "
        "where it is "
        "hard. A run that missed a target is censored at what it spent.",
    ]


def _commands(origins: Sequence[Origin], store: str) -> list[Content]:
    if not origins:
        return []
    lines = [f"{origin.command} --out {store}" for origin in origins[:40]]
    lines.append(f"sandbox report {store}")
    parts: list[Content] = [
        element("p", "These commands make the report again:"),
        element("pre", element("code", "\n".join(lines)), tabindex="0"),
    ]
    folders = {origin.data for origin in origins if origin.data}
    if folders:
        parts.append(element("p", f"DIR is where the measured scores are: {', '.join(sorted(folders))}."))
    return parts


def _origins(origins: Sequence[Origin]) -> Content:
    if not origins:
        return None
    rows = [
        element(
            "tr",
            element("th", origin.scenario, scope="row"),
            element("td", origin.budget),
            element("td", f"{origin.runs:,}", class_="num"),
            element("td", f"0 to {origin.seeds - 1}" if origin.seeds > 1 else "0"),
            element("td", element("code", origin.digest[:12])),
            element("td", element("code", ", ".join(code[:8] for code in origin.codes[:12]))),
            element(
                "td", origin.first if origin.first == origin.last else f"{origin.first} to {origin.last}"
            ),
            element("td", f"{origin.cpu_seconds:,.1f}", class_="num"),
        )
        for origin in origins[:200]
    ]
    names = ("Scenario", "Budget", "Runs", "Seeds", "Settings and data", "Agents' code", "Played", "CPU-s")
    head = element("thead", element("tr", *(element("th", name, scope="col") for name in names)))
    return element(
        "div", element("table", head, element("tbody", join(*rows))), class_="scroll", tabindex="0",
        role="region", aria_label="Provenance",
    )  # fmt: skip


def _versions(versions: Sequence[tuple[dict[str, str], int]]) -> Content:
    items = [
        element(
            "li",
            f"{counted(count, 'run')}: " if len(versions) > 1 else "",
            ", ".join(f"{package} {version}" for package, version in made.items()),
        )
        for made, count in versions[:20]
    ]
    return join(element("p", "Made with:"), element("ul", join(*items), class_="plain")) if items else None
