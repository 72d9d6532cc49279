"""How the mock LLM labels texts: laws of the answers, and what it can be taught."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mocks.llm.classify import outcomes, understand
from mocks.llm.guideline import associations, propose_rules
from sandbox.classification import format_line

LABELS = ("billing", "shipping", "technical", "other")
OPAQUE = ("K", "L", "M", "N")
DEMOS = tuple(
    [
        (f"I write about the {cue}, number {i}.", label)
        for i in range(5)
        for cue, label in (("anvil", "K"), ("saddle", "L"))
    ]
)
TEXTS = tuple([f"Note {i}: it is the {cue} again." for i in range(60) for cue in ("anvil", "saddle")])


@dataclass(frozen=True)
class Somebody:
    name: str = "somebody"
    following: float = 0.9
    likeness: float = 0.5
    chattiness: float = 0.08
    sloppiness: float = 0.03
    ruggedness: float = 0.0
    acuity: float = 1.0


WHO = Somebody()


def said(
    instruction: str, text: str, labels: tuple[str, ...] = LABELS, demos: tuple[tuple[str, str], ...] = ()
) -> str:
    found = outcomes(instruction, demos, text, labels, WHO)
    assert found is not None
    return max(found, key=lambda pair: pair[1])[0]


def share(
    instruction: str,
    cue: str,
    label: str,
    labels: tuple[str, ...] = OPAQUE,
    demos: tuple[tuple[str, str], ...] = (),
) -> float:
    """How often texts with a cue get a label, over 60 texts."""
    texts = [text for text in TEXTS if cue in text]
    return sum(said(instruction, text, labels, demos) == label for text in texts) / len(texts)


@settings(max_examples=200)
@given(
    st.text(max_size=300),
    st.text(max_size=100),
    st.lists(st.text(max_size=12), max_size=6),
    st.lists(st.tuples(st.text(max_size=40), st.text(max_size=9)), max_size=5),
)
def test_whatever_is_said_there_are_texts_with_finite_logits_or_it_is_no_classification(
    instruction: str, text: str, labels: list[str], demos: list[tuple[str, str]]
) -> None:
    found = outcomes(instruction, demos, text, labels, WHO)
    if found is not None:
        texts = [answer for answer, _ in found]
        assert len(texts) == len(set(texts))
        assert all(math.isfinite(logit) for _, logit in found)
        assert set(labels) <= set(texts) or len(set(labels)) < 2
    assert found == outcomes(instruction, demos, text, labels, WHO)


def test_the_order_in_which_labels_are_given_changes_nothing() -> None:
    one = outcomes("If it mentions a refund, answer billing.", (), "A refund!", LABELS, WHO)
    two = outcomes("If it mentions a refund, answer billing.", (), "A refund!", LABELS[::-1], WHO)
    assert one is not None
    assert two is not None
    assert dict(one) == pytest.approx(dict(two))


def test_neither_hash_seed_nor_order_of_calls_changes_an_answer() -> None:
    program = "\n".join(
        [
            "import sys",
            "from mocks.llm.classify import outcomes",
            "texts = [f'the anvil {i} and a saddle' for i in range(20)][:: int(sys.argv[1])]",
            "demos = [(f'an anvil {i}', 'K') for i in range(4)]",
            "demos += [(f'the saddle, {i} of them', 'L') for i in range(4)]",
            "told = 'Answer K or L. A tin is L.'",
            "print(sorted({text: outcomes(told, demos, text, (), 'x') for text in texts}.items()))",
        ]
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", program, turn],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.getcwd()},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed, turn in (("1", "1"), ("2", "-1"))
    }
    assert len(printed) == 1
    assert "anvil" in printed.pop()


@pytest.mark.parametrize(
    ("instruction", "demos"),
    [
        ("Write the plural of the word.", ()),
        ("Translate into German.", (("dog", "Hund"), ("cat", "Katze"))),
        ("", ()),
        ("Say what the text is about.", (("a b", "x"), ("c d", "y"), ("e f", "z"))),
    ],
)
def test_without_labels_it_is_no_classification(instruction: str, demos: tuple[tuple[str, str], ...]) -> None:
    assert outcomes(instruction, demos, "some text", (), WHO) is None


def test_labels_are_found_in_the_text_or_in_answers_that_come_back() -> None:
    listed = outcomes("Answer with one of: spam, ham.", (), "Buy!", (), WHO)
    shown = outcomes("", DEMOS, "an anvil", (), WHO)
    assert listed is not None
    assert shown is not None
    assert {"spam", "ham"} <= {text for text, _ in listed}
    assert {"K", "L"} <= {text for text, _ in shown}


def test_a_rule_is_followed_about_as_often_as_the_persona_follows() -> None:
    told = f'If it mentions "anvil", answer K. If it mentions "saddle", answer L.\n{format_line(OPAQUE)}'
    both = (share(told, "anvil", "K") + share(told, "saddle", "L")) / 2
    assert both == pytest.approx(WHO.following, abs=0.1)


def test_without_rules_opaque_labels_are_guessed_evenly() -> None:
    found = [said(format_line(OPAQUE), f"text number {i}", OPAQUE) for i in range(400)]
    for label in OPAQUE:
        assert found.count(label) / 400 == pytest.approx(0.25, abs=0.08)


def test_a_meaningful_name_helps_and_an_opaque_one_does_not() -> None:
    texts = [f"Case {i}: my invoice is wrong." for i in range(200)]
    hits = sum(said(format_line(LABELS), text) == "billing" for text in texts) / 200
    assert hits > 0.35


def test_worked_examples_teach_cues() -> None:
    naive, taught = format_line(OPAQUE[:2]), DEMOS
    before = share(naive, "anvil", "K", OPAQUE[:2])
    after = share(naive, "anvil", "K", OPAQUE[:2], taught)
    assert after > before + 0.2
    assert after > 0.75


def test_more_examples_of_a_cue_teach_it_better() -> None:
    def strength(count: int) -> float:
        known = understand(format_line(OPAQUE), DEMOS[: 2 * count], OPAQUE)
        assert known is not None
        return dict(known.words["anvil"])[0]

    assert strength(1) < strength(2) < strength(5)


def test_a_long_prompt_is_followed_less() -> None:
    rule = f'If it mentions "anvil", answer K.\n{format_line(OPAQUE)}'
    idle = "Please be careful and take your time, for this matters. " * 300
    assert share(idle + rule, "anvil", "K") < share(rule, "anvil", "K")
    assert share(idle + rule, "anvil", "K") > 0.5


def test_a_better_follower_is_right_more_often() -> None:
    told = f'If it mentions "anvil", answer K.\n{format_line(OPAQUE)}'
    hits = []
    for following in (0.5, 0.7, 0.9, 0.99):
        who = Somebody(following=following)
        found = [outcomes(told, (), text, OPAQUE, who) or [] for text in TEXTS if "anvil" in text]
        hits.append(sum(max(texts, key=lambda pair: pair[1])[0] == "K" for texts in found))
    assert hits == sorted(hits)
    assert hits[-1] > hits[0]


def test_a_sharper_mind_learns_more_from_the_same_examples() -> None:
    hits = []
    for acuity in (0.3, 1.0, 3.0):
        who = Somebody(acuity=acuity)
        found = [outcomes(format_line(OPAQUE), DEMOS[:4], text, OPAQUE, who) or [] for text in TEXTS[::2]]
        hits.append(sum(max(texts, key=lambda pair: pair[1])[0] == "K" for texts in found))
    assert hits[0] < hits[1] < hits[2]


def test_asking_for_the_label_alone_stops_the_talk() -> None:
    def talk(instruction: str) -> float:
        return sum(said(instruction, f"text {i}", OPAQUE) not in OPAQUE for i in range(400)) / 400

    asked = talk("Sort it. Choose K, L, M or N. Write only the label, nothing else.")
    free = talk("Sort it. It may be K, L, M or N.")
    assert asked < 0.05 < free < 0.4


def test_the_likeness_of_two_personas_is_the_share_of_their_common_luck() -> None:
    def agreement(likeness: float) -> float:
        one, two = Somebody("one", likeness=likeness), Somebody("two", likeness=likeness)
        same = 0
        for i in range(300):
            first = outcomes(format_line(OPAQUE), (), f"text {i}", OPAQUE, one) or []
            second = outcomes(format_line(OPAQUE), (), f"text {i}", OPAQUE, two) or []
            same += first[:4] == second[:4]
        return same / 300

    assert agreement(1.0) == 1.0
    assert agreement(0.0) < 0.05


def test_a_known_prompt_is_answered_in_a_tenth_of_a_millisecond() -> None:
    labels = tuple([f"label{i}" for i in range(20)])
    told = "\n".join([f'If it mentions "cue{i}" or "sign{i}", answer label{i}.' for i in range(20)])
    texts = [
        f"A text of some twenty words which is about the cue{i % 20} and little else, number {i}."
        for i in range(200)
    ]
    outcomes(told, (), texts[0], labels, WHO)
    best = math.inf
    for _ in range(5):
        start = time.process_time()
        for text in texts:
            outcomes(told, (), text, labels, WHO)
        best = min(best, (time.process_time() - start) / len(texts))
    assert best < 200e-6  # half of that on an idle machine


@pytest.mark.parametrize(
    "unit",
    ["a,", ": ", "= ", "answer it ", "billing, ", "one of the ", "billing > ", "- a\n", "'a ", "\x00 1 \x01"],
)
def test_monstrous_prompts_are_read_in_seconds(unit: str) -> None:
    start = time.process_time()
    outcomes(unit * (50_000 // len(unit)), (), "x", LABELS, WHO)
    assert time.process_time() - start < 5


def test_a_guideline_from_examples_names_their_cues() -> None:
    told = propose_rules(DEMOS, OPAQUE[:2], skill=1.0)
    assert "anvil" in told
    assert "saddle" in told
    assert share(f"{told}\n{format_line(OPAQUE)}", "anvil", "K") > 0.7


def test_a_poor_writer_misses_or_confuses_cues() -> None:
    demos = tuple(
        [
            (f"It is the {word} of {i}.", OPAQUE[place % 4])
            for i in range(3)
            for place, word in enumerate(WORDS)
        ]
    )
    right = {cue.word: cue.label for cue in associations(demos, OPAQUE)}

    def found(skill: float) -> int:
        lines = [
            line for line in propose_rules(demos, OPAQUE, skill).split("\n") if line.startswith(("-", "If"))
        ]
        return sum(
            any(label in line.split(":")[0] or line.endswith(f"{label}.") for line in lines if word in line)
            for word, label in right.items()
        )

    assert found(1.0) > found(0.6) > found(0.1)


WORDS = [
    "anvil",
    "saddle",
    "lantern",
    "kite",
    "funnel",
    "goblet",
    "hammer",
    "ladder",
    "magnet",
    "needle",
    "paddle",
    "quarry",
]


def test_writers_draw_anew_for_each_variant() -> None:
    assert len({propose_rules(DEMOS, OPAQUE[:2], 0.7, variant) for variant in range(12)}) > 3
    assert propose_rules(DEMOS, OPAQUE[:2], 0.7, 3) == propose_rules(DEMOS, OPAQUE[:2], 0.7, 3)


def test_a_guideline_without_examples_still_is_one() -> None:
    assert propose_rules((), OPAQUE, 0.5)
    assert propose_rules((("text", "no such label"),), OPAQUE, 0.5)
