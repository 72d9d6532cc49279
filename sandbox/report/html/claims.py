"""What runs saw of the candidates that they handed in, beside what those are worth: the winner's curse."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sandbox.report.html.drawing import key
from sandbox.report.html.facts import Facts
from sandbox.report.html.figures import figure
from sandbox.report.html.intervals import Forest
from sandbox.report.html.markup import Content, element, join
from sandbox.report.html.scales import fixed, signed
from sandbox.report.html.tables import cell, cut_note, head, scrolling
from sandbox.report.html.wording import interval
from sandbox.statistics import Honesty, winners_curse
from sandbox.streams import stream


def claims(facts: Facts, seen: Mapping[str, float]) -> Content:
    """Claimed and true scores of each agent, and the gap between them.

    Args:
        facts: the tournament.
        seen: of runs, by their keys, the mean score that they observed of what they handed in.
    """
    found: list[tuple[str, Honesty]] = []
    for agent in facts.drawn:
        claimed = facts.table(agent, lambda run: seen.get(run.key, np.nan))
        if np.isnan(claimed).all(axis=1).any():
            continue  # it hands in what it never looked at
        true = facts.scores()[agent]
        try:
            found.append(
                (agent, winners_curse(claimed, stream(0, "report", "claims"), true, replicates=2_000))
            )
        except ValueError:
            continue  # a problem without a run that has both
    gaps = [(agent, honesty, honesty.curse) for agent, honesty in found if honesty.curse is not None]
    if not gaps:
        return None
    forest = Forest([curse for _, _, curse in gaps], levels=(0.0,))
    rows = []
    for agent, honesty, curse in gaps:
        number = facts.numbers[agent]
        true_mean = honesty.claimed.value - curse.value
        rows.append(
            element(
                "tr",
                element("th", key(number), agent, scope="row", class_="agent"),
                cell(fixed(honesty.claimed.value), "num", honesty.claimed.value),
                cell(fixed(true_mean), "num", true_mean),
                cell(signed(curse.value), "num strong", curse.value),
                cell(interval(curse), "num", curse.low),
                cell(forest.row(curse, number), "forest"),
                cell(f"{honesty.runs:,}", "num", honesty.runs),
                data_agent=str(number),
            )
        )
    table = element(
        "table",
        head(
            "Agent",
            ("Seen", "Mean score that runs observed of what they handed in.", "num"),
            ("True", "Its noiseless score, in the same runs.", "num"),
            ("Seen \N{MINUS SIGN} true", "The winner's curse; 0 for an honest claim.", "num"),
            ("95\N{NO-BREAK SPACE}% interval", "Bootstrap over paired seeds, within problems.", "num"),
            element("span", forest.head(), class_="axis-head"),
            ("Runs", "Runs that looked at what they handed in.", "num"),
        ),
        element("tbody", join(*rows)),
        class_="board sortable",
    )
    return figure(
        f"t{facts.number}-claims",
        "Claim and truth",
        scrolling("Claim and truth", table),
        "The mean score that a run had seen of what it handed in, beside the truth. Whoever picks the "
        "best of many "
        "noisy scores sees too much of it: the winner's curse. Papers that print the seen score print "
        "the curse.",
        cut_note(facts, "Shown are"),
        wide=True,
    )
