"""Laws of the jobs that optimizers ask of the mock model: what is done, how well, and always the same."""

from __future__ import annotations

import json
import math
import re
import time
from dataclasses import replace
from statistics import fmean, median

import pytest
from hypothesis import given
from hypothesis import strategies as st
from job_prompts import ORDINARY, ORDINARY_CHATS, REQUESTS, one, request

from mocks.llm.jobs import recognise
from mocks.llm.jobs.induction import explain
from mocks.llm.jobs.sense import meant
from mocks.llm.model import MockModel
from mocks.llm.persona import Persona, load
from mocks.llm.understanding import understand
from mocks.llm.writing.luck import Luck
from mocks.llm.writing.phrases import phrase
from sandbox.chat import ChatCall, Messages
from sandbox.dataset import shown
from scenarios.tasks import TASKS, classification, make

READER = load("mock-gpt-3.5-turbo")
STRONG, WEAK = load("mock-large"), load("mock-small")


def outcomes(text: str, persona: Persona = STRONG) -> list[tuple[str, float]]:
    job = recognise(one(text))
    assert job is not None
    return job.outcomes(persona)


def strength(text: str, skill: str) -> float:
    """How strongly `text` tells the reader to do `skill`."""
    found = understand(text, (), READER, {})
    return dict(found.skills).get(skill, 0.0) * found.clarity


def expected(text: str, skill: str, persona: Persona) -> float:
    """The mean strength of an answer to a request, at temperature 1."""
    found = [
        (told.split("<prompt>")[-1].split("</prompt>")[0], logit) for told, logit in outcomes(text, persona)
    ]
    weights = [math.exp(logit) for _, logit in found]
    return sum(w * strength(told, skill) for w, (told, _) in zip(weights, found, strict=True)) / sum(weights)


def tops(text: str) -> str:
    found = meant(text)
    return found[0][0] if found else ""


@pytest.mark.parametrize(("kind", "name", "text"), REQUESTS, ids=[f"{k}-{n}" for k, n, _ in REQUESTS])
def test_a_request_is_recognised_as_the_job_that_it_is(kind: str, name: str, text: str) -> None:
    job = recognise(one(text))
    assert job is not None
    assert job.kind == kind


@pytest.mark.parametrize("text", ORDINARY)
def test_an_ordinary_prompt_is_no_job(text: str) -> None:
    assert recognise(one(text)) is None


@pytest.mark.parametrize("messages", ORDINARY_CHATS)
def test_an_ordinary_chat_is_no_job(messages: Messages) -> None:
    assert recognise(messages) is None


def test_prompts_that_put_rows_of_any_task_to_the_model_are_no_jobs() -> None:
    for skill in TASKS:
        data = make(skill, seed=2)
        told = phrase(skill, 0.9, Luck(skill))
        query = data.dev[0].input
        assert recognise(one(f"Instruction: {told}\n\nInput: {query}\nOutput:")) is None
        assert recognise(one(f"{told}\n\n{shown(data.train[:4])}\n\nInput: {query}\nOutput:")) is None
        assert recognise((("system", told), ("user", query))) is None
        assert recognise(one(f"{told}\n{query}")) is None


def test_prompts_of_generated_classification_tasks_are_no_jobs() -> None:
    for seed in range(12):
        found = classification.problem(seed)
        for style in ("sentences", "bullets", "guideline", "table"):
            told = found.rules.describe(style)
            query = found.dataset.dev[0].input
            assert recognise(one(f"Instruction: {told}\n\nInput: {query}\nOutput:")) is None
            assert recognise(one(f"{told}\n\nInput: {query}")) is None


@pytest.mark.parametrize(("kind", "name", "text"), REQUESTS, ids=[f"{k}-{n}" for k, n, _ in REQUESTS])
def test_the_answers_are_a_finite_distribution_that_never_changes(kind: str, name: str, text: str) -> None:
    first, again = outcomes(text), outcomes(text)
    assert first == again
    assert 1 <= len(first) <= 64
    assert len({told for told, _ in first}) == len(first)
    assert all(told.strip() and math.isfinite(logit) for told, logit in first)
    assert [logit for _, logit in first] == sorted([logit for _, logit in first], reverse=True)


def test_another_prompt_or_another_persona_has_other_luck() -> None:
    text = request("induce", "house")
    assert outcomes(text) != outcomes(text + " ")
    assert outcomes(text) != outcomes(text, replace(STRONG, name="somebody else"))


def test_answers_come_in_the_form_that_was_asked_for() -> None:
    def every(kind: str, name: str) -> list[str]:
        return [told for told, _ in outcomes(request(kind, name))]

    for kind, name in (("cross", "two steps"), ("paraphrase", "tags"), ("propose", "prompt tags")):
        assert all(re.fullmatch(r"<prompt>[^<>]+</prompt>", told, re.DOTALL) for told in every(kind, name))
    assert all(re.fullmatch(r"<INS>[^<>]+</INS>", told) for told in every("propose", "rising scores"))
    assert all(re.fullmatch(r"<Start>[^<>]+</Start>", told) for told in every("propose", "answer side"))
    assert all(re.fullmatch(r"\[[^\[\]]+\]", told) for told in every("propose", "brackets"))
    assert all(re.fullmatch(r"```\n[^`]+\n```", told) for told in every("rewrite", "reflection"))
    assert all(1 <= len(re.findall(r"<START>.+?<END>", told)) <= 3 for told in every("criticise", "reasons"))
    assert all(
        1 <= len(re.findall(r"<START>.+?<END>", told, re.DOTALL)) <= 2
        for told in every("rewrite", "by a critique")
    )
    assert all(json.loads(told)["instruction"] for told in every("induce", "json"))
    assert all(isinstance(json.loads(told), list) for told in every("brainstorm", "json list"))
    lists = every("paraphrase", "several")
    assert all(re.match(r"1\. .+\n2\. ", told) for told in lists)
    forty = every("induce", "forty at once")
    assert all(
        line.partition(". ")[2].startswith("The instruction was to ")
        for told in forty
        for line in told.split("\n")
    )
    assert fmean(len(told.split("\n")) for told in forty) > 25
    assert all(told[0].islower() for told in every("induce", "completed at the end"))


@pytest.mark.slow
def test_a_strong_persona_induces_nine_in_ten_tasks_from_five_examples() -> None:
    found = []
    for skill in TASKS:
        pairs = make(skill, seed=3).train[:5]
        text = f"{shown(pairs)}\n\nThe instruction was to"
        found.append(tops(outcomes(text)[0][0]) == skill)
    assert fmean(found) >= 0.9


def test_examples_with_a_mistake_among_them_are_still_explained() -> None:
    right = 0
    for skill in TASKS:
        rows = [(row.input, row.answers[0]) for row in make(skill, seed=4).train[:6]]
        rows[2] = (rows[2][0], "something else")
        right += explain(rows).skills[0][0] == skill
    assert right >= 0.9 * len(TASKS)


def test_published_examples_are_explained(shared_data) -> None:  # type: ignore[no-untyped-def]
    found = []
    for path in sorted((shared_data / "instruction-induction" / "raw" / "induce").glob("*.json")):
        examples = list(json.loads(path.read_text(encoding="utf-8"))["examples"].values())
        if "cause" in examples[0]:
            continue
        for start in (0, 40, 80):
            pairs = [
                (e["input"], e["output"] if isinstance(e["output"], str) else e["output"][0])
                for e in examples[start : start + 5]
            ]
            found.append(explain(pairs).skills[0][0] == path.stem)
    assert len(found) >= 20
    assert fmean(found) >= 0.85


def test_memory_explains_what_no_skill_works_out() -> None:
    pairs = [("blorp", "zint"), ("quag", "frum"), ("snee", "wobb")]
    memory = {"translation_en-es": {x: (y,) for x, y in pairs}}
    assert explain(pairs).skills[0][0] != "translation_en-es" or explain(pairs).fit < 0.3
    assert explain(pairs, memory).skills[0][0] == "translation_en-es"
    assert explain(pairs, memory).fit > 0.8


def test_the_better_writer_induces_better_instructions() -> None:
    def mean(persona: Persona) -> float:
        return fmean(
            expected(
                f"{shown(make(skill, seed=5).train[:5])}\n\nWrite an instruction for it.", skill, persona
            )
            for skill in ("antonyms", "sum", "letters_list", "sentiment", "negation", "word_sorting")
        )

    weak, middle, strong = mean(WEAK), mean(READER), mean(STRONG)
    assert weak + 0.1 < middle < strong + 0.05
    assert strong > 0.7


def history(texts: list[str], skill: str) -> str:
    told = [(round(100 * strength(text, skill)), text) for text in texts]
    lines = "\n\n".join(f"text:\n{text}\nscore:\n{score}" for score, text in sorted(told))
    ask = "Write a new text, different from these and with a higher score, between <prompt> and </prompt>."
    return f"Old texts with scores:\n\n{lines}\n\n{ask}"


def test_better_histories_give_better_proposals() -> None:
    low, high = [], []
    for skill in TASKS[::3]:
        poor = [phrase(skill, quality, Luck(skill, quality)) for quality in (0.1, 0.25, 0.3)]
        rich = [*poor[:2], *[phrase(skill, quality, Luck(skill, quality)) for quality in (0.6, 0.9)]]
        low.append(expected(history(poor, skill), skill, READER))
        high.append(expected(history(rich, skill), skill, READER))
    assert fmean(high) > fmean(low) + 0.3


def test_a_history_is_followed_upwards_and_not_downwards() -> None:
    good, bad = phrase("antonyms", 0.9, Luck(1)), phrase("synonyms", 0.9, Luck(2))
    ask = "Write a new instruction that scores higher. Put it between <prompt> and </prompt>.\n\n"
    up = f"{ask}Text: {bad}\nScore: 10\n\nText: {good}\nScore: 90"
    down = f"{ask}Text: {good}\nScore: 10\n\nText: {bad}\nScore: 90"
    assert expected(up, "antonyms", STRONG) > expected(down, "antonyms", STRONG) + 0.3


def test_examples_of_failures_lead_to_the_skill_that_was_wanted() -> None:
    poor = "Do something with the word."
    for skill in ("antonyms", "first_word_letter", "singular_to_plural"):
        fails = "\n\n".join(
            f"Input: {row.input}\nExpected: {row.answers[0]}\nGot: {row.input}"
            for row in make(skill, seed=6).train[:4]
        )
        ask = "Write the improved instruction between <prompt> and </prompt>."
        text = f"This instruction made mistakes.\n\nInstruction: {poor}\n\n{fails}\n\n{ask}"
        assert expected(text, skill, STRONG) > strength(poor, skill) + 0.4


def test_a_critique_names_what_was_wanted() -> None:
    reasons = [told for told, _ in outcomes(request("criticise", "reasons"))]
    assert fmean(bool(re.search(r"antonym|opposite", told)) for told in reasons) > 0.6


def test_paraphrases_of_a_strong_persona_keep_the_meaning() -> None:
    kept = []
    for skill in TASKS[::2]:
        text = phrase(skill, 0.9, Luck(skill))
        if tops(text) == skill:
            found = outcomes(f"Rephrase this instruction, keep its meaning.\n\n{text}")
            kept += [tops(told) == skill for told, _ in found[:6]]
            assert all(told != text for told, _ in found[:6])
    assert fmean(kept) >= 0.9


def test_cues_of_labels_become_rules() -> None:
    lines = [line for told, _ in outcomes(request("induce", "meta")) for line in told.split("\n")]
    rules = [line for line in lines if '"' in line]
    labels = ("billing", "shipping", "account")
    for cue, label in (("courier", "shipping"), ("password", "account"), ("refund", "billing")):
        said = [rule for rule in rules if f'"{cue}"' in rule]
        assert len(said) > 20
        assert fmean(label in rule for rule in said) > 0.85
        assert all(any(name in rule for name in labels) for rule in said)


def test_guidelines_from_examples_beat_the_bare_list_of_labels() -> None:
    model = MockModel("mock-gpt-3.5-turbo")
    gains = []
    for seed in range(6):
        data = classification.make(seed, labels=4, length=40, opaque=1.0)
        labels = ", ".join(data.labels)
        examples = "\n\n".join(f"Text: {row.input}\nLabel: {row.answers[0]}" for row in data.train[:30])
        told = outcomes(
            f"Classification examples:\n\n{examples}\n\nLabels: {labels}\n\n"
            "Write an annotation guideline for this task."
        )
        bare = f"Classify the text as one of: {labels}."
        rows = data.dev[:40]
        gains.append(model.expected(told[0][0], rows, data.score) - model.expected(bare, rows, data.score))
    assert fmean(gains) > 0.1


def test_the_model_does_jobs_by_any_door() -> None:
    model = MockModel("mock-large")
    call = ChatCall(one(request("induce", "house")), n=8, temperature=1.0, max_tokens=50, seed=1)
    texts = {choice.text for choice in model.answer(call).choices}
    assert len(texts) > 4
    assert texts <= {text for text, _ in model.outcomes(call)}


@given(
    st.lists(st.tuples(st.sampled_from(["system", "user", "assistant"]), st.text(max_size=200)), max_size=4)
)
def test_no_chat_stops_the_recognition(messages: list[tuple[str, str]]) -> None:
    job = recognise(tuple(messages))
    if job is not None:
        job.outcomes(STRONG)


@given(st.sampled_from(REQUESTS), st.integers(0, 400), st.integers(0, 400), st.text(max_size=40))
def test_no_mangled_request_stops_a_job(
    entry: tuple[str, str, str], start: int, end: int, noise: str
) -> None:
    text = entry[2]
    job = recognise(one(text[: min(start, end)] + noise + text[max(start, end) :]))
    if job is not None:
        assert all(isinstance(told, str) for told, _ in job.outcomes(WEAK))


@pytest.mark.parametrize(
    "body", ["", " ", "\n", "\u202e ☃ \U0001f600 日本語", "\ud800", "<prompt>", "```", "{}", "«»"]
)
def test_empty_and_odd_parts_are_no_trouble(body: str) -> None:
    for text in (
        f"Rephrase this instruction.\n\n{body}",
        f"Cross over the prompts.\nPrompt 1: {body}\nPrompt 2: {body}",
        f"Input: {body}\nOutput: {body}\n\nThe instruction was to",
        f"text:\n{body}\nscore:\n5\n\nWrite a new text with a higher score.",
    ):
        job = recognise(one(text))
        if job is not None:
            assert job.outcomes(STRONG)


def test_a_huge_request_is_read_in_time() -> None:
    text = shown(make("antonyms", seed=1, train=100).train) * 40 + "\n\nThe instruction was to"
    start = time.process_time()
    outcomes(text)
    assert time.process_time() - start < 1.0


@pytest.mark.parametrize(
    "part",
    ["a", "prompt ", "score ", "write a new ", "\n", "x -> y\n", '"', "<a></a>", "```\n", "[{",
     "foo\nscore: 5\n", "Prompt 1: a\n", "reasons why ", "merge ", "the correct answer is "],
)  # fmt: skip
def test_no_long_text_makes_the_recognition_slow(part: str) -> None:
    ask = "\n\nIt was wrong. Write a new instruction with a higher score; merge prompts. Labels: a, b"
    for text in (part * (60_000 // len(part)), part * (60_000 // len(part)) + ask):
        start = time.process_time()
        recognise(one(text))
        assert time.process_time() - start < 3.0


def test_a_job_takes_a_few_milliseconds() -> None:
    def milliseconds(text: str) -> float:
        start = time.process_time()
        outcomes(text + " ")
        return 1000 * (time.process_time() - start)

    times = []
    for _, _, text in REQUESTS:
        outcomes(text)
        times.append(milliseconds(text))
    # 3 to 5 ms where it was measured; the bound leaves room for slow and busy machines.
    assert median(times) < 15
