"""What the bundled language model learns from: pools, steering, examples, tokenizer."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mocks.llm.model import MockModel
from scenarios import tasks
from scenarios.tiny_lm import examples, steering
from scenarios.tiny_lm.card import explained, likeness
from scenarios.tiny_lm.instructions import MODEL, Pool, pool
from scenarios.tiny_lm.readable import Reading

WIDTH = 32


@lru_cache(maxsize=1)
def small_pools() -> tuple[Pool, ...]:
    model = MockModel(MODEL, {})
    made = []
    for name in ("antonyms", "sum"):
        data = tasks.make(name, seed=0, train=20, dev=5, test=20)
        made.append(pool(name, data, model, 60))
    return tuple(made)


@lru_cache(maxsize=1)
def small_texts() -> examples.Texts:
    pairs = []
    for made in small_pools():
        data = tasks.make(made.task, seed=1, train=40, dev=1, test=1)
        pairs.append(tuple((row.input, row.answers[0]) for row in data.train))
    labelled = examples.gather_labelled(3)
    return examples.Texts(small_pools(), tuple(pairs), labelled)


@lru_cache(maxsize=1)
def words() -> Any:
    pytest.importorskip("transformers")
    from scenarios.tiny_lm.train import tokenizer

    return tokenizer(small_texts())


def encode(many: list[str]) -> list[list[int]]:
    return words()(many, add_special_tokens=False)["input_ids"]


def test_a_pool_has_good_bad_and_middling_instructions() -> None:
    for made in small_pools():
        shares = made.scores / made.ceiling
        assert (shares > 0.85).sum() >= 5
        assert (shares < 0.1).sum() >= 5
        assert len(set(made.texts)) == len(made.texts)


def test_codes_of_random_soft_prompts_are_standard_normal() -> None:
    soft = np.random.default_rng(0).standard_normal((20_000, 5, WIDTH), dtype=np.float32)
    found = steering.codes(soft, steering.readout(WIDTH))
    assert np.allclose(found.mean(axis=0), 0.0, atol=0.05)
    assert np.allclose(np.cov(found.T), np.eye(steering.CODE), atol=0.05)


@given(scale=st.floats(0.01, 100.0), seed=st.integers(0, 100))
def test_the_scale_of_a_soft_prompt_has_no_say(scale: float, seed: int) -> None:
    soft = np.random.default_rng(seed).standard_normal((3, 5, WIDTH), dtype=np.float32)
    reader = steering.readout(WIDTH)
    assert np.allclose(
        steering.codes(soft, reader), steering.codes(np.float32(scale) * soft, reader), atol=1e-5
    )


def test_a_wanted_quality_is_a_share_and_most_codes_want_less_than_the_best() -> None:
    code = np.random.default_rng(0).normal(size=(5000, steering.CODE))
    level = steering.wanted(code)
    assert level.min() >= 0.0
    assert level.max() <= 1.0
    assert 0.002 < np.mean(level > 0.9) < 0.05
    assert np.median(level) < 0.3


def test_what_is_chosen_is_as_good_as_wanted() -> None:
    code = np.random.default_rng(1).normal(size=(400, steering.CODE))
    for made in small_pools():
        chosen = steering.choose(made, code, np.random.default_rng(2))
        level = steering.wanted(code)
        assert np.corrcoef(made.scores[chosen], level)[0, 1] > 0.9


@settings(max_examples=20, deadline=None)
@given(number=st.integers(0, 10_000))
def test_a_batch_depends_on_its_number_alone(number: int) -> None:
    maker = examples.Maker(small_texts(), encode, WIDTH, seed=0)
    again = examples.Maker(small_texts(), encode, WIDTH, seed=0)
    again.batch(number + 1, 3)
    for one, other in zip(maker.batch(number, 4), again.batch(number, 4), strict=True):
        assert one.context == other.context
        assert one.target == other.target
        assert np.array_equal(one.soft, other.soft) if one.soft is not None else other.soft is None


def test_an_example_reads_as_an_agent_would_ask() -> None:
    from agents.soft_prompts import question, statement

    maker = examples.Maker(small_texts(), encode, WIDTH, seed=0)
    known = {text for made in small_pools() for text in made.texts}
    seen = 0
    for example in maker.batch(0, 80):
        told = words().decode(example.context)
        target = words().decode(example.target)
        assert target.endswith(examples.END)
        demos = [tuple(part.split("\nOutput: ")) for part in told.split("Input: ")[1:]]
        pairs = [(x, y.split("\n\n")[0]) for x, y in demos]
        if target.removesuffix(examples.END).strip() in known and pairs:
            seen += 1
            assert told in (statement(pairs), f"{examples.USER}{question(pairs)}{examples.ASSISTANT}")
    assert seen > 40


@given(text=st.text(max_size=60))
def test_any_text_survives_the_tokenizer(text: str) -> None:
    plain = text.encode("utf-8", "replace").decode()
    for special in (examples.PAD, examples.END, examples.USER, examples.ASSISTANT):
        plain = plain.replace(special, "")
    assert words().decode(encode([plain])[0]) == plain


def test_a_reader_knows_instructions_and_no_babble() -> None:
    reading = Reading()
    for made in small_pools():
        assert all(reading.readable(text) for text in made.texts)
    for babble in ("", "word", "write the the the the word.", "write qwzx of the word.", "write the word"):
        assert not reading.readable(babble), babble


def test_what_states_tell_is_explained_and_noise_is_not() -> None:
    rng = np.random.default_rng(3)
    states = rng.normal(size=(200, 20)).astype(np.float32)
    folds = np.arange(200) % 8
    truth = states @ rng.normal(size=20)
    assert explained(states, truth, folds) > 0.95
    assert explained(states, rng.normal(size=200), folds) < 0.2


def test_neighbours_that_say_the_same_are_near() -> None:
    rng = np.random.default_rng(4)
    points = rng.normal(size=(120, 2))
    texts = ["write the word" if x > 0 else "count every letter" for x, _ in points]
    near, far = likeness(points, texts)
    assert near > far + 0.2
