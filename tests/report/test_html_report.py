"""A report says what its store says, in the same bytes each time, and nothing that is in the store runs."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from report_kit import HOSTILE, Page, board, report_of, run, store_of

from sandbox.budget import Budget
from sandbox.errors import UsageError
from sandbox.report.html import reading
from sandbox.report.html.facts import arrange
from sandbox.report.html.sample import pick, sample
from sandbox.report.html.write import of_store
from sandbox.report.summary import sentences, summarise
from sandbox.scenario import Source
from sandbox.store import Store
from sandbox.tournament import Run

RNG = np.random.default_rng(3)
CLEAR = {
    "good": (0.9 + RNG.normal(0, 0.01, 12)).tolist(),
    "fair": (0.7 + RNG.normal(0, 0.02, 12)).tolist(),
    "same": (0.7 + RNG.normal(0, 0.02, 12)).tolist(),
}


def two_problems() -> list[Run]:
    return [*board(CLEAR), *board({k: v[::-1] for k, v in CLEAR.items()}, problem="q")]


def test_it_says_what_the_summary_says(tmp_path: Path) -> None:
    runs = two_problems()
    page = Page(report_of(tmp_path / "s.db", runs))
    (summary,) = summarise(runs)
    for standing in summary.standings:
        score = standing.score
        assert f"{standing.agent} {score.value:.3f} {score.low:.3f} to {score.high:.3f}" in page.text
        for estimate in standing.by_problem:
            assert f"{estimate.value:.3f}" in page.text
    assert "good beats every other agent." in page.text
    for pair in summary.comparisons:
        assert f"{abs(pair.difference.value):.3f}" in page.text
    assert sentences(summary)[0].startswith("good beats ")
    assert re.search(
        r"good beats (fair|same) \(by 0\.\d{3}, 95 % interval 0\.\d{3} to 0\.\d{3}, adjusted p", page.text
    )
    assert "Undecided:" in page.text
    assert re.search(r"smallest effect that could have been seen 0\.0\d\d", page.text)


def test_all_its_parts_are_there(tmp_path: Path) -> None:
    source = report_of(tmp_path / "s.db", two_problems())
    page = Page(source)
    for title in (
        "Quality at every moment", "Score against cost", "Targets reached", "Score profile",
        "Performance profile", "Probability of winning", "Mean ranks", "Score by problem",
        "Robust aggregates",
        "Claim and truth", "Where the budget went", "Run browser", "Methods and provenance",
    ):  # fmt: skip
        assert title in page.text, title
    assert len(page.ids) == len(set(page.ids))
    assert set(page.references) <= set(page.ids)
    assert "sandbox run s --agents good,fair,same --seeds 12 --budget evaluations=100" in page.text


def test_every_picture_is_well_formed_and_on_its_sheet(tmp_path: Path) -> None:
    source = report_of(tmp_path / "s.db", two_problems())
    pictures = re.findall(r"<svg .*?</svg>", source, re.DOTALL)
    assert len(pictures) > 20
    for picture in pictures:
        root = ET.fromstring(picture)
        _, _, width, height = map(float, root.attrib["viewBox"].split())
        for node in root.iter():
            for name in ("x", "x1", "x2", "cx"):
                if name in node.attrib:
                    assert -1 <= float(node.attrib[name]) <= width + 1
            for name in ("y", "y1", "y2", "cy"):
                if name in node.attrib:
                    assert -1 <= float(node.attrib[name]) <= height + 1
            assert "nan" not in node.attrib.get("d", "").lower()


def test_the_same_store_gives_the_same_bytes(tmp_path: Path) -> None:
    path = store_of(tmp_path / "s.db", two_problems())
    assert of_store(path) == of_store(path)


def test_the_order_of_playing_changes_nothing_but_the_dates(tmp_path: Path) -> None:
    runs = two_problems()
    pages = [report_of(tmp_path / "1" / "s.db", runs), report_of(tmp_path / "2" / "s.db", runs[::-1])]
    bare = [re.sub(r"20\d\d-[\d:T+-]+|--agents \S+", "", page) for page in pages]
    assert bare[0] == bare[1]


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path) -> None:
    for name in ("1", "2"):
        (tmp_path / name).mkdir()


def hostile_runs() -> list[Run]:
    return [
        run(
            name, seed, 0.5 + 0.1 * (i % 4), problem=HOSTILE[(i + 1) % len(HOSTILE)] if seed < 0 else "p",
            scenario="<b>s</b>&amp;", texts=[HOSTILE[i], *HOSTILE], error=None if i % 5 else HOSTILE[i],
            caveat=HOSTILE[i] if i == 3 else "", note=HOSTILE[i], calls=12,
        )
        for i, name in enumerate(HOSTILE)
        for seed in range(3)
    ]  # fmt: skip


def sound(runs: list[Run]) -> list[Run]:
    """Names as a store can hold them: a lone surrogate cannot be stored."""
    return [
        replace(
            one,
            agent=one.agent.replace("\ud800", ""),
            error=one.error and one.error.replace("\ud800", ""),
            note=one.note.replace("\ud800", ""),
            key=f"{i}",
        )
        for i, one in enumerate(runs)
    ]


def test_hostile_texts_stay_texts(tmp_path: Path) -> None:
    source = report_of(tmp_path / "s.db", sound(hostile_runs()))
    page = Page(source)  # which refuses elements, handlers and addresses that should not be there
    assert len(page.blocks["script"]) == 1
    assert "hacked" not in page.blocks["script"][0]
    assert "<script>window.hacked=1</script>" in page.text
    for block in page.blocks["json"]:
        assert not set("<>&\u2028\u2029") & set(block)
        json.loads(block)
    texts = json.loads(page.blocks["json"][1])["texts"]
    assert "</script><script>window.hacked=1</script>" in texts
    assert not any("\u202e" in text or "\x00" in text for text in [*texts, page.text])


def test_the_policy_admits_this_style_and_this_script_alone(tmp_path: Path) -> None:
    page = Page(report_of(tmp_path / "s.db", two_problems()))
    for kind in ("script", "style"):
        digest = base64.b64encode(hashlib.sha256("".join(page.blocks[kind]).encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}';" in page.policy
    assert page.policy.startswith("default-src 'none';")
    assert "unsafe" not in page.policy
    assert "http" not in page.policy


def test_nothing_is_loaded_from_anywhere(tmp_path: Path) -> None:
    source = report_of(tmp_path / "s.db", two_problems())
    addresses = set(re.findall(r"https?://[^\s\"'<]+", source))
    assert addresses <= {"http://www.w3.org/2000/svg"}
    assert "@import" not in source
    assert "url(" not in source


# Bad input.


def test_an_empty_store_is_said_in_one_line(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db"):
        pass
    with pytest.raises(UsageError, match="holds no runs yet"):
        of_store(tmp_path / "s.db")


CASES = {
    "one run": board({"a": [0.5]}),
    "one agent": board({"a": [0.5, 0.6, 0.7]}),
    "all ties": board({"a": [0.5] * 5, "b": [0.5] * 5, "c": [0.5] * 5}),
    "one seed": board({"a": [0.5], "b": [0.6]}) + board({"a": [0.4], "b": [0.7]}, problem="q"),
    "one seed, clear": [
        run(a, 0, s + i / 100, problem=f"p{i:02d}") for i in range(20) for a, s in (("a", 0.4), ("b", 0.6))
    ],
    "missing cells": board(CLEAR)[:-3],
    "a missing problem": board(CLEAR) + board({"good": CLEAR["good"]}, problem="q"),
    "all runs failed": board({"a": [None] * 3, "b": [None] * 3}),
    "one failed": board({"a": [0.5, None, 0.6], "b": [0.5, 0.6, 0.7], "c": [0.4, 0.6, 0.7]}),
    "unequal seeds": board({"a": [0.5, 0.6, 0.7, 0.8], "b": [0.5, 0.6], "c": [0.1, 0.2, 0.3]}),
    "no seed in common": board({"a": [0.5, 0.6]}) + [run("b", seed, 0.7) for seed in (7, 8, 9)],
    "no score and no error": [run("a", s, None) for s in range(3)] + board({"b": [0.5, 0.6, 0.7]}),
    "optimum is the baseline": [run("ab"[s % 2], s // 2, 0.9, optimum=0.9, baseline=0.9) for s in range(8)],
    "worse than the baseline": board({"a": [0.0, 0.1, 0.0], "b": [-3.0, 0.1, -5.0]}),
    "above the optimum": board({"a": [1.2, 1.3, 1.1], "b": [0.9, 0.8, 1.0]}),
    "no steps": [run("ab"[s % 2], s // 2, 0.6, steps=()) for s in range(6)],
    "no records": [run("ab"[s % 2], s // 2, 0.6, records=()) for s in range(6)],
    "points": [run("ab"[s % 2], s // 2, 0.6, recommended=(0.1, 0.2, 0.3)) for s in range(6)],
    "two scenarios": board(CLEAR) + board(CLEAR, scenario="t", budget=Budget(usd=10**12)),
    "huge amounts": [run("ab"[s % 2], s // 2, 0.6 + s / 50, optimum=1e12, baseline=-1e12) for s in range(6)],
    "tiny scores": [run("ab"[s % 2], s // 2, 1e-9 * s, optimum=1e-8, baseline=0.0) for s in range(8)],
}


@pytest.mark.parametrize("case", CASES)
def test_whatever_is_in_a_store_makes_a_sound_page(tmp_path: Path, case: str) -> None:
    source = report_of(tmp_path / "s.db", CASES[case])
    page = Page(source)
    for agent in {one.agent for one in CASES[case]}:
        assert agent in page.text
    assert not re.search(r"\b(nan|inf|None)\b", page.text.lower().replace("none of", "")), case
    for picture in re.findall(r"<svg .*?</svg>", source, re.DOTALL):
        ET.fromstring(picture)


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("one agent", "Only a can be judged, so there is nothing to compare it with."),
        ("all ties", "Nothing is decided between a, b and c: no pair of them survives Holm's correction."),
        ("all runs failed", "No agent finished all of its runs, so nothing can be compared."),
        ("one failed", "a is not ranked: 1 of 3 runs failed. First: AgentCrashed: ZeroDivisionError"),
        ("a missing problem", "is not ranked: it did not play every problem."),
        ("no seed in common", "nothing is compared: a and b have no seed of p in common"),
        ("no score and no error", "First: its score is no number"),
        ("one seed, clear", "but with one seed on a problem no interval over seeds is known"),
        ("one seed", "With one seed there is no spread to judge by"),
    ],
)
def test_what_cannot_be_said_is_said(tmp_path: Path, case: str, words: str) -> None:
    assert words in Page(report_of(tmp_path / "s.db", CASES[case])).text


def test_a_thousand_agents_make_a_page_of_bearable_size(tmp_path: Path) -> None:
    runs = [
        run(f"agent-{i:04d}", seed, 0.3 + i / 2000 + seed / 100) for i in range(1000) for seed in range(2)
    ]
    source = report_of(tmp_path / "s.db", runs)
    page = Page(source)
    assert len(source) < 3_000_000
    assert "1,000 agents are too many to be compared pair by pair; agent-0999 has the best mean." in page.text
    assert "the 12 best of 1,000 agents" in page.text
    assert "agent-0000" in page.text


def test_chosen_agents_are_said_to_be_chosen(tmp_path: Path) -> None:
    path = store_of(tmp_path / "s.db", board(CLEAR))
    page = Page(of_store(path, agents=["good", "fair"]))
    assert "Left out on request: same." in page.text
    with pytest.raises(UsageError, match="no runs of 'god'; did you mean good"):
        of_store(path, agents=["god"])


# What a report reads from a store besides the runs.


def test_what_runs_used_is_what_their_records_were_charged(tmp_path: Path) -> None:
    runs = two_problems()
    with Store(store_of(tmp_path / "s.db", runs)) as store:
        uses = reading.uses(store)
    for one in runs:
        charged = [record.charge for record in one.records]
        mine = uses[one.key]
        assert sum(use.usd for use in mine) == pytest.approx(sum(c.usd for c in charged) / 1e12)
        assert sum(use.tokens for use in mine) == sum(c.prompt_tokens + c.completion_tokens for c in charged)
        assert [use.calls for use in mine] == [2, 1, 1]


def test_what_a_run_saw_of_what_it_handed_in_is_the_mean_of_its_looks(tmp_path: Path) -> None:
    texts = ['a "quoted" one', "a plain one", 'it says \\ and "]}']
    runs = [run("a", seed, 0.6, texts=texts[: seed + 1], calls=9, noise=0.01 * seed) for seed in range(3)]
    with Store(store_of(tmp_path / "s.db", runs)) as store:
        seen = reading.seen(store)
    for one in runs:
        looks = [
            record.answer.score
            for record in one.records
            if getattr(record.ticket.request, "candidate", None) == one.recommended
            and hasattr(record.answer, "score")
        ]
        assert seen[one.key] == pytest.approx(math.fsum(looks) / len(looks))


def test_the_command_names_what_differs_and_no_folder(tmp_path: Path) -> None:
    source = Source("/home/somebody/my.toml", "/home/somebody/data", (("problem.model", "t0 pp"),))
    with Store(tmp_path / "s.db") as store:
        store.add(board({"a": [0.5]}), ["ucb(exploration=0.5)"], source, 1.0)
        ((origin,), versions) = reading.origins(store, store.keys())
    assert origin.command == (
        "sandbox run my.toml --data DIR --set 'problem.model=t0 pp' --agents 'ucb(exploration=0.5)' "
        "--seeds 1 --budget evaluations=100"
    )
    assert versions[0][1] == 1
    assert "somebody" not in of_store(tmp_path / "s.db")


def test_the_runs_that_can_be_opened_are_chosen_fairly(tmp_path: Path) -> None:
    runs = two_problems()
    path = store_of(tmp_path / "s.db", runs)
    facts = arrange(summarise(runs), runs)
    order = pick(facts)
    assert len({one.key for _, _, one in order}) == len(order) == len(runs)
    assert [why for why, _, _ in order[:7]] == ["median"] * 6 + ["best"]
    first = {(one.agent, one.problem) for _, _, one in order[:6]}
    assert len(first) == 6
    with Store(path) as store:
        whole = sample(facts, store.records)
        some = sample(facts, store.records, room=4_000)
    assert (whole.chosen, whole.whole) == (len(runs), len(runs))
    assert 0 < some.chosen < len(runs)
    assert len(json.dumps(some.data["runs"], separators=(",", ":"))) < 4_500


def test_a_run_in_the_browser_is_the_run_in_the_store(tmp_path: Path) -> None:
    (one,) = board({"a": [0.5]})
    page = Page(report_of(tmp_path / "s.db", [one]))
    facts, runs = map(json.loads, page.blocks["json"])
    (entry,) = runs["runs"]
    assert facts["agents"][entry["a"]] == "a"
    assert entry["y"] == 0.5
    assert [row[0] for row in entry["c"]] == [0, 1, 0, 0]
    assert [runs["fates"][row[3]] for row in entry["c"]] == ["answered", "answered", "failed", "answered"]
    assert [runs["texts"][row[0]] for row in entry["r"]] == [step.candidate for step in one.steps]
    assert runs["texts"][entry["h"]] == one.recommended
    assert sum(row[7] for row in entry["c"]) == 4_000  # micro-dollars


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20),
        st.lists(st.one_of(st.none(), st.floats(0, 1)), min_size=1, max_size=4),
        min_size=1,
        max_size=4,
    )
)
def test_any_names_and_scores_make_a_sound_page(
    tmp_path_factory: pytest.TempPathFactory, scores: dict[str, list[float | None]]
) -> None:
    Page(report_of(tmp_path_factory.mktemp("any") / "s.db", board(scores)))
