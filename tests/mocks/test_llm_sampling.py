"""Laws of the mock LLM's sampling: what is drawn, what is said about it, and where texts end."""

from __future__ import annotations

import math
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from mocks.llm.model import MockModel
from mocks.llm.sampling import END, draw, merged, spread
from sandbox.chat import ChatCall
from sandbox.dataset import prompt
from sandbox.tokens import count, pieces

PIECES = st.sampled_from(["hot", "hot dog", "hot dog stand", "cold", "", "a.b\nc", "1234567", "hot\n"])
OUTCOMES = st.lists(st.tuples(PIECES, st.floats(-8, 8)), min_size=1, max_size=8).map(merged)
CALLS = st.builds(
    ChatCall,
    messages=st.just((("user", "x"),)),
    temperature=st.sampled_from([0.0, 1e-9, 0.3, 1.0, 2.0]),
    top_p=st.sampled_from([1.0, 0.9, 0.5, 1e-9]),
    stop=st.sampled_from([(), ("\n",), ("o", " "), ("",)]),
    seed=st.integers(0, 3),
    model=st.just(""),
    n=st.just(1),
    max_tokens=st.none(),
)


@pytest.fixture(scope="module")
def model() -> MockModel:
    return MockModel("mock-small")


def asked(text: str = "weak", **how: object) -> ChatCall:
    how.setdefault("temperature", 1.5)
    return ChatCall(prompt("Write the word's opposite, please.", text))._replace(**how)  # type: ignore[arg-type]


@given(OUTCOMES, CALLS, st.integers(1, 5))
def test_the_probabilities_of_all_texts_add_up_to_one(outcomes, call, limit) -> None:
    options = spread(outcomes, call, limit)
    assert math.fsum(chance for _, _, chance in options) == pytest.approx(1)
    assert len({(text, finish) for text, finish, _ in options}) == len(options)


@given(OUTCOMES, CALLS, st.integers(1, 5))
def test_texts_end_at_a_stop_word_or_at_the_limit_and_say_so(outcomes, call, limit) -> None:
    for text, finish, _ in spread(outcomes, call, limit):
        assert count(text) <= limit
        assert not any(word in text for word in call.stop if word)
        assert finish in ("stop", "length")
        if finish == "length":
            assert any(whole.startswith(text) and len(whole) > len(text) for whole, _ in outcomes)


@given(OUTCOMES, CALLS, st.integers(0, 20))
def test_logprobs_are_the_logs_of_the_very_distribution(outcomes, call, top) -> None:
    options = spread(outcomes, call, 10**6)
    total = {text: math.fsum(c for t, _, c in options if t == text) for text, _, _ in options}
    choice = draw(options, call, 0, 1, top).choices[0]
    assert "".join(chance.token for chance in choice.tokens) == choice.text
    assert [chance.token for chance in choice.tokens] == pieces(choice.text)
    said = math.fsum(chance.logprob for chance in choice.tokens)
    begin = math.fsum(
        p for text, p in total.items() if pieces(text)[: len(choice.tokens)] == pieces(choice.text)
    )
    assert said == pytest.approx(math.log(begin), abs=1e-9)
    for place in choice.tokens:
        logprobs = [logprob for _, logprob in place.top]
        assert len(logprobs) <= top
        assert logprobs == sorted(logprobs, reverse=True)
        assert math.fsum(map(math.exp, logprobs)) <= 1 + 1e-9


def test_the_text_may_end_where_another_goes_on() -> None:
    options = [("hot", "stop", 0.25), ("hot dog", "stop", 0.75)]
    call = ChatCall((), n=200)
    longer = next(c for c in draw(options, call, 0, 1, 5).choices if c.text == "hot dog")
    assert dict(longer.tokens[1].top) == pytest.approx({" dog": math.log(0.75), END: math.log(0.25)})


@given(OUTCOMES, CALLS)
def test_low_temperature_approaches_the_likeliest_text(outcomes, call) -> None:
    greedy = spread(outcomes, call._replace(temperature=0.0, top_p=1.0, stop=()), 10**6)
    best = max(logit for _, logit in outcomes)
    assert [text for text, _, _ in greedy] == [next(text for text, logit in outcomes if logit == best)]


@given(OUTCOMES, st.floats(0.05, 1))
def test_top_p_keeps_the_smallest_set_of_likeliest_texts(outcomes, top_p) -> None:
    whole = {t: c for t, _, c in spread(outcomes, ChatCall(()), 10**6)}
    kept = {t: c for t, _, c in spread(outcomes, ChatCall((), top_p=top_p), 10**6)}
    mass = math.fsum(whole[text] for text in kept)
    assert mass >= top_p - 1e-9
    assert mass - min(whole[text] for text in kept) < top_p + 1e-9
    assert (
        min(whole[t] for t in kept) >= max([c for t, c in whole.items() if t not in kept], default=0) - 1e-12
    )
    assert all(kept[text] == pytest.approx(whole[text] / mass) for text in kept)


def test_ten_thousand_samples_follow_the_outcomes_and_the_logprobs(model) -> None:
    call = asked()
    expected = dict(model.outcomes(call))
    seen = Counter()
    for seed in range(10_000):
        seen[model.answer(call._replace(seed=seed)).choices[0].text] += 1
    assert set(seen) <= set(expected)
    common = [text for text, chance in expected.items() if chance * 10_000 >= 5]
    rest = 10_000 - sum(seen[text] for text in common)
    observed = [*[seen[text] for text in common], rest]
    wanted = [*[expected[text] * 10_000 for text in common]]
    wanted.append(10_000 - sum(wanted))
    if wanted[-1] < 1:
        observed, wanted = observed[:-1], wanted[:-1]
        wanted = [value * sum(observed) / sum(wanted) for value in wanted]
    assert chisquare(observed, wanted).pvalue > 1e-4


def test_many_choices_of_one_call_follow_the_same_law(model) -> None:
    call = asked(n=5_000)
    seen = Counter(choice.text for choice in model.answer(call).choices)
    for text, chance in model.outcomes(call):
        sd = math.sqrt(5_000 * chance * (1 - chance))
        assert abs(seen[text] - 5_000 * chance) <= 5 * sd + 1


def test_neither_order_nor_concurrency_changes_an_answer(model) -> None:
    calls = [asked(word, seed=seed) for word in ("weak", "poor", "early", "dark") for seed in range(40)]
    one = [model.answer(call, occurrence=3, top_logprobs=2) for call in calls]
    fresh = MockModel("mock-small")
    backwards = [fresh.answer(call, occurrence=3, top_logprobs=2) for call in reversed(calls)]
    assert backwards[::-1] == one
    with ThreadPoolExecutor(16) as pool:
        again = list(pool.map(lambda call: MockModel("mock-small").answer(call, 3, 2), calls[:40]))
        shared = list(pool.map(lambda call: fresh.answer(call, 3, 2), calls))
    assert again == one[:40]
    assert shared == one


def test_luck_depends_on_seed_and_occurrence_and_logprobs_change_nothing(model) -> None:
    call = asked()
    texts = {model.answer(call._replace(seed=seed)).choices[0].text for seed in range(60)}
    again = {model.answer(call, occurrence=k).choices[0].text for k in range(60)}
    assert len(texts) > 1
    assert len(again) > 1
    for k in range(20):
        plain, told = model.answer(call, k), model.answer(call, k, 5)
        assert [c[:2] for c in plain.choices] == [c[:2] for c in told.choices]
        assert plain[1:] == told[1:]


def test_usage_counts_the_tokens_and_the_bound_holds(model) -> None:
    for n in (1, 3):
        for limit in (None, 1, 2, 50):
            call = asked(n=n, max_tokens=limit, temperature=2.0)
            answer = model.answer(call)
            assert answer.completion_tokens == sum(count(choice.text) for choice in answer.choices)
            assert answer.completion_tokens <= model.most_completion_tokens(call)
            if limit is not None:
                assert all(count(choice.text) <= limit for choice in answer.choices)
                assert model.most_completion_tokens(call) <= n * limit
