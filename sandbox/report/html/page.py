"""The whole page: one file that opens from a disk, with its style, its script and its data inside."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

from sandbox.report.html.drawing import key
from sandbox.report.html.facts import Facts
from sandbox.report.html.markup import Content, Markup, element, join, json_block, plain, policy, raw
from sandbox.report.html.sample import Sample
from sandbox.report.html.wording import counted, headline

_LISTED = 40
"""Agents up to which the filter has a button for each."""


def page(
    title: str, facts: Sequence[Facts], sections: Sequence[Markup], sample: Sample | None, methods: Markup
) -> str:
    """The report as the text of an HTML file."""
    style = _part("report.css")
    script = _part("report.js")
    head = element(
        "head",
        element("meta", charset="utf-8"),
        raw(f'<meta http-equiv="Content-Security-Policy" content="{policy(style, script)}">'),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", title),
        element("style", raw(style)),
    )
    body = element(
        "body",
        element("a", "Skip to the results", href="#results", class_="skip"),
        _top(title, facts),
        element("main", _contents(facts), join(*sections), _browser(sample), methods, id="results"),
        element("div", id="tip", role="status", hidden=True),
        json_block("facts", _data(facts)),
        json_block("runs", {} if sample is None else sample.data),
        element("script", raw(script)),
    )
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def _part(name: str) -> str:
    return resources.files("sandbox.report.html").joinpath(name).read_text(encoding="utf-8")


def _data(facts: Sequence[Facts]) -> dict[str, object]:
    names: list[str] = []
    if facts:
        names = [plain(agent) for agent, _ in sorted(facts[0].numbers.items(), key=lambda item: item[1])]
    return {
        "agents": names,
        "tournaments": [
            {"title": plain(f.summary.title), "problems": [plain(p) for p in f.summary.problems]}
            for f in facts
        ],
    }


def _top(title: str, facts: Sequence[Facts]) -> Markup:
    """The bar at the top: the title, and the filters, which need the script."""
    tools: list[Content] = []
    if len(facts) > 1:
        options = [element("option", "All tournaments", value="")]
        options += [element("option", f.summary.title, value=str(f.number)) for f in facts]
        tools.append(
            element("label", "Show ", element("select", join(*options), id="which", autocomplete="off"))
        )
    numbers = facts[0].numbers if facts else {}
    if 1 < len(numbers) <= _LISTED:
        chips = [
            element(
                "label", element("input", type="checkbox", checked=True, value=str(n), autocomplete="off"),
                key(n), element("span", agent), class_="chip", data_agent_chip=str(n),
            )
            for agent, n in numbers.items()
        ]  # fmt: skip
        chips.append(element("button", "All", type="button", id="everybody"))
        tools.append(
            element(
                "details",
                element("summary", "Agents", element("span", id="shown-count")),
                element("fieldset", element("legend", "Agents shown", class_="unseen"), join(*chips)),
                class_="agents",
            )
        )
    elif numbers:
        field = element(
            "input", type="search", id="find-agent", placeholder="part of a name", autocomplete="off"
        )
        tools.append(element("label", "Agents ", field))
    tools.append(
        element(
            "button", "Dark", type="button", id="theme", aria_pressed="false",
            data_tip="Light or dark; follows the system until you choose",
        )
    )  # fmt: skip
    return element(
        "header",
        element("p", element("a", title, href="#results"), class_="name"),
        element("div", join(*tools), class_="tools", hidden=True),
        class_="top",
    )


def _contents(facts: Sequence[Facts]) -> Content:
    """What is in the report, where there are several tournaments: each with its result."""
    if len(facts) < 2:
        return None
    items = [
        element(
            "li", element("a", f.summary.title, href=f"#t{f.number}"), " ",
            element("span", headline(f.summary)),
        )
        for f in facts
    ]  # fmt: skip
    return element(
        "nav", element("h2", counted(len(facts), "tournament")), element("ul", join(*items)),
        class_="contents", aria_label="Tournaments",
    )  # fmt: skip


def _browser(sample: Sample | None) -> Content:
    """The place where the script opens runs."""
    if sample is None or not sample.chosen:
        return None
    if sample.chosen == sample.whole:
        what = f"All {counted(sample.whole, 'run')}, request by request."
    else:
        what = (
            f"{sample.chosen:,} of {counted(sample.whole, 'run')}, as many as fit into this file: first the "
            "median of each agent on each problem by its true score, then a failed one, the best, the worst, "
            "then others. Long texts and very long runs are cut, and say so; "
            "the store has everything (sandbox show FILE.db RUN)."
        )
    return element(
        "section",
        element("h2", "Run browser", id="browser"),
        element("p", what, class_="design"),
        element(
            "noscript", element("p", "Opening single runs needs JavaScript; all else on this page does not.")
        ),
        element("div", id="run-browser", hidden=True),
        class_="browser",
        aria_labelledby="browser",
    )
