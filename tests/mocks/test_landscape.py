"""Laws of the synthetic score oracles."""

from __future__ import annotations

import inspect
import os
import pickle
import subprocess
import sys
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_landscape_boxes import boxes

from mocks.landscape import (
    ORACLES,
    AdditivePool,
    AdditiveText,
    NKPool,
    NKText,
    PlateauText,
    TrapPool,
    TrapText,
)
from mocks.landscape.pool import write_pool
from mocks.landscape.vocabulary import CLOSINGS, CUES, FILLERS, OPENINGS, WORDS, Reader, find_words
from sandbox.spaces import FreeText, Pool

laws = settings(deadline=None, max_examples=40, derandomize=True)
seeds = st.integers(-5, 10_000)


@st.composite
def family_parameters(draw: st.DrawFn, name: str) -> dict[str, Any]:
    cues = draw(st.integers(4, 9))
    floor, ceiling = sorted(draw(st.sampled_from([(0.05, 0.9), (0.0, 1.0), (0.1, 0.3), (0.33, 0.97)])))
    parameters: dict[str, Any] = {"seed": draw(seeds), "cues": cues, "floor": floor, "ceiling": ceiling}
    family = name.split("-")[0]
    if family == "additive":
        parameters["spoilers"] = draw(st.integers(0, cues - 1))
    elif family == "nk":
        parameters["k"] = draw(st.integers(0, cues - 1))
    else:
        least = 1 if family == "plateau" else 3
        sizes = [size for size in range(least, cues + 1) if cues % size == 0]
        parameters["block"] = draw(st.sampled_from(sizes))
    if name.endswith("pool"):
        parameters |= {
            "size": draw(st.integers(2, 120)),
            "likeness": draw(st.sampled_from([0.0, 0.25, 1.0])),
            "median": draw(st.floats(floor + 0.01, ceiling - 0.01)),
        }
    else:
        parameters["room"] = draw(st.integers(20, 60))
    return parameters


@st.composite
def oracles(draw: st.DrawFn, kind: str) -> Any:
    name = draw(st.sampled_from([name for name in ORACLES if name.endswith(kind)]))
    return ORACLES[name](**draw(family_parameters(name)))


def texts(oracle: Any) -> st.SearchStrategy[str]:
    some_words = st.lists(st.sampled_from(oracle.space.words), min_size=1, max_size=60).map(" ".join)
    return st.one_of(some_words, st.text(min_size=1, max_size=200))


def neighbours(text: str, words: tuple[str, ...]) -> list[str]:
    """All texts one added or one deleted word away."""
    own = text.split()
    shorter = [" ".join(own[:i] + own[i + 1 :]) for i in range(len(own))]
    return [f"{text} {word}" for word in words] + [t for t in shorter if t]


def climb(oracle: Any, text: str) -> str:
    """Where the steepest one-word climb from `text` ends."""
    while True:
        best = max(neighbours(text, oracle.space.words), key=oracle.truth)
        if oracle.truth(best) <= oracle.truth(text):
            return text
        text = best


def test_every_word_and_sentence_carries_its_own_cue_and_no_other() -> None:
    reader = Reader(range(len(CUES)))
    for number, cue in enumerate(CUES):
        assert len(cue.sentences) >= 3
        for text in (*cue.words, *cue.phrases, *cue.sentences, cue.words[0].upper()):
            assert reader.read(text)[0] == 1 << number, text
        assert all(find_words(word) == [word] for word in cue.words)
    for text in (*OPENINGS, *CLOSINGS, *FILLERS):
        assert reader.read(text)[0] == 0, text
    assert len(set(WORDS)) == len(WORDS)


def test_no_cue_arises_between_two_sentences() -> None:
    reader = Reader(range(len(CUES)))
    pieces = [*OPENINGS, *CLOSINGS, *(sentence for cue in CUES for sentence in cue.sentences)]
    found = {piece: reader.read(piece)[0] for piece in pieces}
    for first in pieces:
        for second in pieces:
            assert reader.read(f"{first} {second}")[0] == found[first] | found[second], (first, second)


def test_only_whole_words_are_cues() -> None:
    assert Reader(range(len(CUES))).read("Checkmate! Briefcases react as you are about to step.")[0] == 0


@laws
@given(st.data())
def test_no_text_beats_the_optimum(data: st.DataObject) -> None:
    oracle = data.draw(oracles("text"))
    assert isinstance(oracle.space, FreeText)
    assert oracle.best in oracle.space
    assert oracle.truth(oracle.best) == oracle.optimum == pytest.approx(oracle.ceiling)
    assert all(seed in oracle.space for seed in oracle.space.seeds)
    others = [data.draw(texts(oracle)), *oracle.space.seeds, " ".join(oracle.space.words)]
    others += neighbours(oracle.best, oracle.space.words)
    for text in others:
        assert 0.0 <= oracle.truth(text) <= oracle.optimum, text


@laws
@given(oracles("text"))
def test_over_all_sets_of_cues_the_optimum_is_the_largest_truth_and_the_baseline_the_mean(
    oracle: Any,
) -> None:
    truths = [oracle.truth(oracle.reader.write(cue_set, oracle.room)) for cue_set in range(1 << oracle.cues)]
    assert max(truths) == oracle.optimum
    assert np.mean(truths) == pytest.approx(oracle.baseline)


@laws
@given(st.data())
def test_words_beyond_the_room_cost(data: st.DataObject) -> None:
    oracle = data.draw(oracles("text"))
    text = oracle.best
    stuffed = [text + " please" * (oracle.room * times) for times in (1, 2, 4)]
    truths = [oracle.truth(t) for t in (text, *stuffed)]
    assert all(before > after for before, after in pairwise(truths))
    losses = -np.diff(truths[1:])
    assert truths[-1] > oracle.floor or oracle.floor == 0
    assert losses[0] > losses[1] / 2, "the loss a word costs diminishes"


@laws
@given(seeds, st.integers(4, 16))
def test_adding_and_deleting_words_climbs_the_additive_text_to_its_optimum(seed: int, cues: int) -> None:
    oracle = AdditiveText(seed=seed, cues=cues, spoilers=cues // 3)
    for start in (oracle.space.seeds[0], "verify beginner lowercase unsure concise crucial"):
        assert oracle.truth(climb(oracle, start)) == oracle.optimum


@laws
@given(seeds, st.sampled_from([(12, 3), (12, 4), (12, 12), (5, 5), (16, 8)]), st.sampled_from([0.4, 0.8]))
def test_the_trap_leads_a_climber_away_from_the_optimum(
    seed: int, shape: tuple[int, int], height: float
) -> None:
    cues, block = shape
    oracle = TrapText(seed=seed, cues=cues, block=block, height=height)
    width = oracle.ceiling - oracle.floor
    right = oracle.reader.read(oracle.best)[0]
    assert right.bit_count() == (block + 1) // 2 * (cues // block), "neither nothing nor everything is right"
    for start in oracle.space.seeds:
        end = climb(oracle, start)
        assert oracle.truth(end) == pytest.approx(oracle.floor + height * width)
        assert oracle.reader.read(end)[0] == right ^ ((1 << cues) - 1), "every cue is wrong there"


@laws
@given(seeds, st.sampled_from([(12, 3), (12, 4), (8, 2), (6, 6)]))
def test_the_plateau_has_one_level_for_each_number_of_complete_blocks(
    seed: int, shape: tuple[int, int]
) -> None:
    cues, block = shape
    oracle = PlateauText(seed=seed, cues=cues, block=block)
    levels = {round(oracle.truth(oracle.reader.write(cue_set, 40)), 12) for cue_set in range(1 << cues)}
    blocks = cues // block
    assert sorted(levels) == pytest.approx([0.05 + 0.85 * n / blocks for n in range(blocks + 1)])
    for start in oracle.space.seeds:
        assert oracle.truth(start) == oracle.floor
        if block > cues // 2:
            assert climb(oracle, start) == start or oracle.truth(climb(oracle, start)) == oracle.optimum


def walk_autocorrelation(oracle: Any, steps: int) -> float:
    """Correlation of the truths of texts one word apart, along a random walk."""
    rng = np.random.default_rng(5)
    words = [CUES[number].words[0] for number in oracle.reader.chosen]
    present: dict[str, None] = {}
    truths = []
    for choice in rng.integers(len(words), size=steps):
        word = words[int(choice)]
        if word in present:
            del present[word]
        else:
            present[word] = None
        truths.append(oracle.truth(" ".join(present) or "well"))
    return float(np.corrcoef(truths[:-1], truths[1:])[0, 1])


def test_ruggedness_grows_with_the_dial_k() -> None:
    dials = (0, 2, 5, 8, 11)
    measured = [
        np.mean([walk_autocorrelation(NKText(seed=s, k=k, sharpness=1.0), 4000) for s in range(4)])
        for k in dials
    ]
    assert all(smooth > rugged + 0.05 for smooth, rugged in pairwise(measured))
    expected = [1 - (k + 1) / 12 * 2 ** (k + 1) / (2 ** (k + 1) - 1) for k in dials]
    assert measured == pytest.approx(expected, abs=0.08)


@laws
@given(seeds, st.integers(0, 11))
def test_the_rugged_text_starts_from_a_mediocre_score(seed: int, k: int) -> None:
    oracle = NKText(seed=seed, k=k, sharpness=1.0)
    assert oracle.truth(oracle.space.seeds[0]) == pytest.approx(oracle.baseline, abs=0.02)


@laws
@given(seeds, st.integers(4, 12))
def test_without_interaction_every_climb_ends_at_the_peak(seed: int, cues: int) -> None:
    oracle = NKText(seed=seed, cues=cues, k=0)
    assert oracle.truth(climb(oracle, oracle.space.seeds[0])) == oracle.optimum


@laws
@given(oracles("pool"))
def test_a_pool_is_enumerated(oracle: Any) -> None:
    assert isinstance(oracle.space, Pool)
    assert len(oracle.space.texts) == oracle.size
    truths = [oracle.truth(text) for text in oracle.space.texts]
    assert all(0.0 <= truth <= 1.0 for truth in truths)
    assert max(truths) == oracle.optimum == oracle.truth(oracle.best) == pytest.approx(oracle.ceiling)
    assert oracle.best in oracle.space
    assert np.mean(truths) == pytest.approx(oracle.baseline)
    with pytest.raises(ValueError, match="not in the pool"):
        oracle.truth("no such text")


@laws
@given(seeds, st.sampled_from(["additive-pool", "nk-pool", "plateau-pool", "trap-pool"]))
def test_a_pool_has_many_mediocre_texts_and_few_good_ones(seed: int, name: str) -> None:
    oracle = ORACLES[name](seed=seed)
    truths = np.array([oracle.truth(text) for text in oracle.space.texts])
    assert np.median(truths) == pytest.approx(0.35, abs=0.02)
    assert (truths > 0.75).mean() < 0.1
    assert (truths > 0.2).mean() > 0.5


def skill_of_neighbours(oracle: Any) -> float:
    """Correlation of the truths with their prediction from the ten texts that share most words."""
    sets = [set(find_words(text.lower())) for text in oracle.space.texts]
    truths = np.array([oracle.truth(text) for text in oracle.space.texts])
    shared = np.array([[len(a & b) / len(a | b) for b in sets] for a in sets])
    np.fill_diagonal(shared, -1.0)
    nearest = np.argsort(-shared, axis=1)[:, :10]
    return float(np.corrcoef(truths, truths[nearest].mean(axis=1))[0, 1])


def test_similar_texts_of_a_pool_score_alike_where_the_family_lets_them() -> None:
    skill = {
        label: np.mean([skill_of_neighbours(make(s)) for s in range(3)])
        for label, make in {
            "additive": lambda s: AdditivePool(seed=s),
            "nk": lambda s: NKPool(seed=s, k=0),
            "rugged": lambda s: NKPool(seed=s, k=11, likeness=0.0),
            "rugged, with a field": lambda s: NKPool(seed=s, k=11, likeness=0.6),
        }.items()
    }
    assert skill["additive"] > 0.5
    assert skill["nk"] > 0.25
    assert skill["rugged, with a field"] > skill["rugged"] + 0.2
    assert skill["rugged"] < 0.25


def test_the_trend_over_a_trap_pool_points_away_from_its_best_text() -> None:
    for seed in range(5):
        oracle = TrapPool(seed=seed, size=400, likeness=0.0)
        right = TrapText(seed=seed, block=oracle.block).reader.read(oracle.best)[0]
        reader = TrapText(seed=seed, block=oracle.block).reader
        agree = [12 - (reader.read(text)[0] ^ right).bit_count() for text in oracle.space.texts]
        truths = [oracle.truth(text) for text in oracle.space.texts]
        assert max(agree) == 12
        assert np.corrcoef(agree, truths)[0, 1] < -0.2


SCRIPT = """
import sys
from mocks.landscape import ORACLES
heavy = {"torch", "botorch"} & set(sys.modules)
for name, make in ORACLES.items():
    if name != "classic":
        oracle = make(seed=11)
        space = oracle.space
        some = getattr(space, "texts", None) or getattr(space, "seeds", None) or [(0.25,) * 200]
        print(name, oracle.best, oracle.optimum, oracle.baseline, [(x, oracle.truth(x)) for x in some])
print("heavy imports:", sorted(heavy))
"""


def test_every_process_tells_the_same_story_and_imports_nothing_heavy() -> None:
    told = []
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        told.append(subprocess.check_output([sys.executable, "-c", SCRIPT], env=environment, text=True))
    assert told[0] == told[1]
    assert told[0].endswith("heavy imports: []\n")


@laws
@given(st.one_of(oracles("text"), oracles("pool"), boxes()))
def test_an_oracle_is_a_value(oracle: Any) -> None:
    copy = pickle.loads(pickle.dumps(oracle))
    assert copy == oracle
    assert hash(copy) == hash(oracle)
    assert copy.best == oracle.best
    assert copy.baseline == oracle.baseline
    assert copy.space == oracle.space
    assert len(pickle.dumps(oracle)) < 1000, "it is rebuilt from its parameters"


def test_families_score_the_same_pool_but_for_one_planted_text() -> None:
    pools = [set(make(seed=3).space.texts) for name, make in ORACLES.items() if name.endswith("pool")]
    for other in pools[1:]:
        assert len(pools[0] & other) >= 199
    # The same cues in another order: what differs is due to the stream of the texts alone.
    reader = Reader(range(12))
    assert len(set(write_pool(1, 200, reader, 0)) & set(write_pool(2, 200, reader, 0))) < 60


def test_seeds_matter() -> None:
    for name, make in ORACLES.items():
        if name != "classic":
            assert make(seed=1).best != make(seed=2).best, name


def test_every_oracle_has_defaults_and_says_what_it_is() -> None:
    for name, make in ORACLES.items():
        first = (make.__doc__ or "").splitlines()[0]
        assert first.endswith("."), name
        for parameter in inspect.signature(make).parameters.values():
            assert type(parameter.default) in (int, float, str, bool), f"{name}: {parameter}"


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("additive-text", {"cues": 3}, "cues=3 must be a whole number from 4 to 16"),
        ("additive-text", {"cues": 4.0}, "cues=4.0 must be"),
        ("additive-text", {"spoilers": 12}, "spoilers=12 must be a whole number from 0 to 11"),
        ("additive-text", {"sharpness": 0}, "sharpness=0 must be a number from 0.1 to 10"),
        ("additive-text", {"seed": "one"}, "seed='one' must be a whole number"),
        ("additive-text", {"room": 5}, "room=5 must be a whole number from 20"),
        ("additive-text", {"floor": 0.9}, "floor=0.9 must be below ceiling=0.9"),
        ("additive-text", {"ceiling": 1.5}, "ceiling=1.5 must be a number from 0.0 to 1.0"),
        ("nk-text", {"k": 12}, "k=12 must be a whole number from 0 to 11"),
        ("nk-text", {"k": True}, "k=True must be"),
        ("plateau-text", {"block": 5}, r"block=5 must divide cues=12: one of \[1, 2, 3, 4, 6, 12\]"),
        ("trap-text", {"block": 2}, r"block=2 must divide cues=12: one of \[3, 4, 6, 12\]"),
        ("trap-text", {"height": 1.0}, "height=1.0 must be a number from 0.01 to 0.99"),
        ("nk-pool", {"size": 1}, "size=1 must be a whole number from 2 to 5000"),
        ("nk-pool", {"likeness": 2}, "likeness=2 must be a number from 0.0 to 1.0"),
        ("nk-pool", {"median": 0.95}, "median=0.95 must lie between 0.05 and 0.9"),
        ("low-dimensional-box", {"effective": 11}, "effective=11 must be a whole number from 1 to 10"),
        ("low-dimensional-box", {"dimensions": 1}, "dimensions=1 must be"),
        ("low-dimensional-box", {"width": float("nan")}, "width=nan must be"),
        ("classic", {"function": "brannin"}, "function='brannin': did you mean branin?"),
        ("classic", {"function": "branin", "dimensions": 3}, r"branin is known in \[2\] only"),
        ("classic", {"dimensions": -1}, "dimensions=-1 must be"),
    ],
)
def test_a_wrong_parameter_is_refused_by_name(name: str, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ORACLES[name](**parameters)


def test_a_candidate_of_another_kind_is_refused() -> None:
    for name in ORACLES:
        if name != "classic":
            oracle = ORACLES[name]()
            with pytest.raises(ValueError, match=r"\(0\.5, 0\.5\) is not|not in the pool"):
                oracle.truth((0.5, 0.5))
