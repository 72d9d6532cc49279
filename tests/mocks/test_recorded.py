"""Tables of measured scores load faithfully, and nothing bad loads at all."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from copy import deepcopy
from hashlib import sha256
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mocks.oracle import Oracle
from mocks.recorded import RecordedOracle, Table, load_folder, load_table
from sandbox.errors import DataError

MODELS = ["alpha-7b", "beta-13b", "gamma"]

templates = st.text(min_size=1, max_size=20).filter(lambda text: bool(text.strip()))
accuracies = st.floats(0.0, 1.0) | st.sampled_from([0, 1])
entries = st.fixed_dictionaries(
    {
        "template": templates | st.sampled_from(["Say {word}.", "Q: {word}?\nA:"]),
        "correct": st.booleans(),
        "accs": st.dictionaries(st.sampled_from(MODELS), accuracies),
    },
    optional={
        "method": st.sampled_from(["cot", "gradual", ""]),
        "ranks": st.dictionaries(st.sampled_from(MODELS), st.integers(1, 9)),
    },
)
documents = st.lists(entries, min_size=1, max_size=8).map(
    lambda rows: {"paraphrases": {str(number): row for number, row in enumerate(rows, 1)}}
)

GOOD = {
    "paraphrases": {
        "1": {"template": "Say {x}.", "method": "cot", "correct": True, "accs": {"alpha-7b": 0.25}},
        "17": {"template": "Now {x}!", "method": "cot", "correct": True, "accs": {"alpha-7b": 1}},
    }
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tables")


def written(folder: Path, content: object, name: str = "task.json") -> Path:
    file = folder / name
    text = content if isinstance(content, str) else json.dumps(content)
    file.write_bytes(text.encode())
    return file


def refusal(load: Callable[[Path], object], file: Path) -> str:
    with pytest.raises(DataError) as caught:
        load(file)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert str(file) in sentence
    return sentence


@given(document=documents)
def test_any_table_of_the_shape_round_trips(folder: Path, document: dict[str, Any]) -> None:
    file = written(folder, document)
    table = load_table(file)
    rows = list(document["paraphrases"].values())
    assert table.name == "task"
    assert table.templates == tuple(row["template"] for row in rows)
    assert table.methods == tuple(row.get("method", "") for row in rows)
    assert table.correct == tuple(row["correct"] for row in rows)
    assert set(table.models) == {model for row in rows for model in row["accs"]}
    for model in table.models:
        assert table.accuracies[model] == tuple(row["accs"].get(model) for row in rows)
    assert table.digest == sha256(file.read_bytes()).hexdigest()
    assert pickle.loads(pickle.dumps(table)) == table
    assert load_folder(file) == (table,)


NOT_TEXT: list[Any] = [None, 3, ["a"], {}]
BAD_VALUES: dict[str, list[Any]] = {
    "template": [*NOT_TEXT, "", " \n", "\ud800"],
    "method": NOT_TEXT,
    "correct": [None, 0, 1, "true"],
    "accs": [None, 0.5, [0.5], "0.5"],
    "accs.beta-13b": [None, True, "0.5", [], float("nan"), float("inf"), -0.01, 1.01, 55, 10**400],
}
CORRUPTIONS = [(name, value) for name, values in BAD_VALUES.items() for value in values]


@pytest.mark.parametrize(("name", "value"), CORRUPTIONS)
@settings(max_examples=10)
@given(document=documents, data=st.data())
def test_any_single_corruption_is_refused_by_file_and_field(
    folder: Path, name: str, value: Any, document: dict[str, Any], data: st.DataObject
) -> None:
    key = data.draw(st.sampled_from(sorted(document["paraphrases"])))
    first, _, model = name.partition(".")
    if model:
        document["paraphrases"][key][first][model] = value
    else:
        document["paraphrases"][key][first] = value
    sentence = refusal(load_table, written(folder, document))
    assert f"paraphrases.{key}.{name} " in sentence
    assert json.dumps(value)[:20] in sentence


@given(document=documents, name=st.sampled_from(["template", "correct", "accs"]))
def test_a_missing_field_is_named(folder: Path, document: dict[str, Any], name: str) -> None:
    key = next(iter(document["paraphrases"]))
    del document["paraphrases"][key][name]
    assert f"paraphrases.{key}.{name} is missing" in refusal(load_table, written(folder, document))


@given(document=documents, data=st.data())
def test_a_file_cut_off_anywhere_is_refused_with_its_place(
    folder: Path, document: dict[str, Any], data: st.DataObject
) -> None:
    whole = json.dumps(document, ensure_ascii=False, indent=1).encode()
    cut = data.draw(st.integers(0, len(whole) - 1))
    file = folder / "cut.json"
    file.write_bytes(whole[:cut])
    sentence = refusal(load_table, file)
    assert ("line" in sentence and "column" in sentence) or "is not UTF-8" in sentence


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ([1], "is not an object"),
        ({}, "paraphrases is missing"),
        ({"paraphrase": {}}, "the file has: paraphrase"),
        ({"paraphrases": []}, "paraphrases is not an object"),
        ({"paraphrases": {}}, "paraphrases is empty"),
        ({"paraphrases": {"1": "text"}}, "paraphrases.1 is not an object"),
        ('{"paraphrases": {"1": {}, "1": {}}}', "the key '1' twice"),
        ("[" * 100_000, "is not JSON"),
        ('{"paraphrases": ' + "9" * 5000 + "}", "is not JSON"),
    ],
)
def test_a_file_of_another_shape_is_refused(folder: Path, content: object, reason: str) -> None:
    assert reason in refusal(load_table, written(folder, content))


def test_a_line_end_in_a_name_does_not_break_the_sentence(folder: Path) -> None:
    document = deepcopy(GOOD)
    document["paraphrases"]["17"]["accs"] = {"two\nlines": 2}
    assert "accs.two\\nlines is not in [0, 1]: 2" in refusal(load_table, written(folder, document))


def test_missing_places_are_refused(tmp_path: Path) -> None:
    assert "no such file" in refusal(load_table, tmp_path / "absent.json")
    assert "is a folder" in refusal(load_table, tmp_path)
    assert "no such file or folder" in refusal(load_folder, tmp_path / "absent")
    assert "no *.json file" in refusal(load_folder, tmp_path)


def test_a_folder_is_read_at_any_depth_and_its_bad_file_is_named(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    written(tmp_path, GOOD, "z.json")
    written(deep, GOOD, "y.json")
    (tmp_path / "notes.txt").write_text("not a table")
    assert [table.name for table in load_folder(tmp_path)] == ["y", "z"]
    bad = written(deep, "{", "x.json")
    with pytest.raises(DataError, match=r"x\.json: is not JSON: .* at line 1, column 2"):
        load_folder(tmp_path)
    assert bad.exists()


@given(document=documents, model=st.sampled_from(MODELS), include_incorrect=st.booleans())
def test_the_oracle_is_the_mean_of_what_was_measured(
    folder: Path, document: dict[str, Any], model: str, include_incorrect: bool
) -> None:
    rows = [
        (row["template"], row["accs"][model])
        for row in document["paraphrases"].values()
        if model in row["accs"] and (row["correct"] or include_incorrect)
    ]
    assume(rows)
    oracle = RecordedOracle.of(load_table(written(folder, document)), model, include_incorrect)
    plain: Oracle = oracle
    assert plain.space.kind == "pool"
    assert oracle.space.texts == tuple(dict.fromkeys(text for text, _ in rows))
    for text in oracle.space.texts:
        assert oracle.truth(text) == fmean(score for other, score in rows if other == text)
    truths = [oracle.truth(text) for text in oracle.space.texts]
    assert oracle.best in oracle.space
    assert oracle.truth(oracle.best) == oracle.optimum == max(truths)
    assert oracle.baseline == fmean(truths)


def a_table(**changes: Any) -> Table:
    fields: dict[str, Any] = {
        "name": "task",
        "templates": ("a", "b"),
        "methods": ("", ""),
        "correct": (True, False),
        "accuracies": {"alpha-7b": (0.5, 0.25), "beta-13b": (None, 0.5)},
        "digest": "0",
    }
    return Table(**(fields | changes))


@pytest.mark.parametrize(
    ("table", "model", "reason"),
    [
        (a_table(), "alpha-7", "task: no entry has a score of 'alpha-7'; did you mean alpha-7b?"),
        (a_table(), "llama", "valid: alpha-7b, beta-13b"),
        (a_table(), "beta-13b", "no correct entry has a score of 'beta-13b'; models with one: alpha-7b"),
        (a_table(accuracies={}), "alpha-7b", "task: no entry has a score of any model"),
    ],
)
def test_a_model_without_scores_is_refused_with_the_models_there_are(
    table: Table, model: str, reason: str
) -> None:
    with pytest.raises(DataError) as caught:
        RecordedOracle.of(table, model)
    assert reason in str(caught.value)


def test_the_published_tables_load(shared_data: Path) -> None:
    tables = {table.name: table for table in load_folder(shared_data / "multi-prompt")}
    assert {name: (len(table.templates), sum(table.correct)) for name, table in tables.items()} == {
        "all_words_from_category": (258, 227),
        "any_words_from_category": (259, 233),
        "ends_with_word": (226, 210),
        "first_alphabetically": (234, 199),
        "less_letters": (240, 207),
        "more_letters": (237, 210),
        "rhyming_word": (245, 219),
        "word_not_containing": (234, 223),
    }
    assert all(len(table.models) == 16 for table in tables.values())
    oracle = RecordedOracle.of(tables["all_words_from_category"], "vicuna-13b")
    assert len(oracle.space.texts) == 224
    assert oracle.optimum == 0.96
    assert oracle.baseline == pytest.approx(0.16498, abs=1e-5)
    original = 'Q: Are all the words {words} types of {category}? Answer either "yes" or "no".\nA:'
    assert oracle.truth(original) == 0.68
