"""Laws of the published files: all of their shapes load, their quirks are kept, broken ones are told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.errors import DataError, UsageError
from scenarios.tasks import TASKS, holes, load, make, names
from scenarios.tasks.__main__ import main
from scenarios.tasks.catalogue import metric
from scenarios.tasks.published import read

HERE = (
    "active_to_passive", "antonyms", "cause_and_effect", "first_word_letter", "larger_animal",
    "num_to_verbal", "sentiment", "sum", "taxonomy_animal", "translation_en-de",
)  # fmt: skip


def published(name: str, text: str, answers: tuple[str, ...]) -> dict[str, Any]:
    """A generated row in the shape of the published file of its task."""
    if name == "cause_and_effect":
        first, second = text.removeprefix("Sentence 1: ").split(" Sentence 2: ")
        return {"cause": answers[0], "effect": second if first == answers[0] else first}
    if name == "common_concept":
        return {
            "concept": answers[0],
            "items": [*text.split(", "), "the one that is not shown"],
            "all_common_concepts": list(answers),
        }
    if name == "rhymes":
        return {"input": text, "output": answers[0], "other_rhymes": [*answers[::-1]], "rhyme_group": "EY"}
    if name.startswith("translation"):
        return {"input": text, "output": answers[0], "possible_translations": [*answers[::-1], ""]}
    if name == "word_in_context":
        return {"input": text, "output": answers[0], "possible_outputs": [answers[0], "yes"]}
    if name == "word_sorting":
        return {"input": f"\n{text}\n", "output": answers[0]}
    if name in ("odd_one_out", "auto_categorization"):
        return {"input": f" {text}  ", "output": answers[0] if len(answers) == 1 else list(answers)}
    return {
        "input": text,
        "output": answers[0] if len(answers) == 1 else list(answers),
        "orig_id": "7",
        "x": 1,
    }


def write(folder: Path, name: str, split: str, examples: list[dict[str, Any]]) -> Path:
    file = folder / split / f"{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    numbered = {str(at + 1): example for at, example in enumerate(examples)}
    file.write_text(json.dumps({"metadata": {"num_examples": len(examples)}, "examples": numbered}))
    return file


@pytest.mark.parametrize("name", HERE)
def test_the_real_files_load(name: str, shared_data: Path) -> None:
    folder = shared_data / "instruction-induction"
    assert names(folder) == HERE
    small = name == "cause_and_effect"
    dataset = load(folder, name, seed=4)
    sizes = [len(split) for split in (dataset.train, dataset.dev, dataset.test)]
    assert sizes == ([18, 8, 25] if small else [100, 50, 100])
    inputs = [row.input for split in (dataset.train, dataset.dev, dataset.test) for row in split]
    assert len(set(inputs)) == len(inputs)
    assert dataset.metric == metric(name)
    assert load(folder, name, seed=4) == dataset
    assert load(folder, name, seed=5) != dataset
    answers = {row.input: row.answers for row in read(folder / "raw" / "execute" / f"{name}.json", seed=4)}
    assert all(answers[row.input] == row.answers for row in dataset.test)


def test_the_real_translations_accept_all_that_the_files_list(shared_data: Path) -> None:
    file = shared_data / "instruction-induction" / "raw" / "execute" / "translation_en-de.json"
    found = {row.input: row.answers for row in read(file)}
    assert set(found["peak"]) == {"Gipfel", "Maximum"}
    assert found["peak"][0] == "Gipfel"


@pytest.mark.parametrize("name", TASKS)
def test_every_task_loads_from_the_published_shape(name: str, tmp_path: Path) -> None:
    made = make(name, seed=2, train=40, dev=20, test=30)
    for split, rows in (("induce", (*made.train, *made.dev)), ("execute", made.test)):
        write(tmp_path / "data" / "raw", name, split, [published(name, *row) for row in rows])
    assert names(tmp_path) == (name,)
    loaded = load(tmp_path, name, seed=2, train=40, dev=20, test=30)
    assert (loaded.metric, loaded.description) == (made.metric, made.description)
    ours = {row.input.strip(): set(row.answers) for row in (*made.train, *made.dev, *made.test)}
    theirs = {row.input.strip(): set(row.answers) for row in (*loaded.train, *loaded.dev, *loaded.test)}
    assert ours == theirs
    assert {row.input.strip() for row in loaded.test} == {row.input.strip() for row in made.test}
    if name not in ("odd_one_out", "auto_categorization"):
        assert all(row.answers[0] in ours[row.input.strip()] for row in loaded.train)
    assert all(row.input == row.input.strip() for row in loaded.dev)
    if name == "rhymes":
        assert holes.holes(loaded).copying == 1
        assert all(row.answers[0] != row.input for row in loaded.dev)


@pytest.mark.parametrize("place", ["", "raw", "data/raw", "data/instruction_induction/raw"])
def test_the_folder_may_be_given_at_several_heights(place: str, tmp_path: Path) -> None:
    write(tmp_path / place, "ascii", "induce", [{"input": f"i{at}", "output": f"o{at}"} for at in range(9)])
    assert names(str(tmp_path)) == ("ascii",)
    assert load(tmp_path, "ascii").metric == "exact_match"


@pytest.mark.parametrize("split", ["induce", "execute"])
def test_one_file_alone_is_divided_into_three(split: str, tmp_path: Path) -> None:
    write(tmp_path, "cs", split, [{"input": f"i{at}", "output": at} for at in range(25)])
    dataset = load(tmp_path, "cs", train=10, dev=5, test=10)
    assert [len(part) for part in (dataset.train, dataset.dev, dataset.test)] == [10, 5, 10]
    assert len({row.input for part in (dataset.train, dataset.dev, dataset.test) for row in part}) == 25
    assert [len(part) for part in (lambda d: (d.train, d.dev, d.test))(load(tmp_path, "cs"))] == [10, 5, 10]


@given(st.integers(2, 30), st.integers(1, 40), st.integers(1, 40))
def test_small_files_give_all_they_have(
    tmp_path_factory: pytest.TempPathFactory, count: int, train: int, dev: int
) -> None:
    folder = tmp_path_factory.mktemp("small")
    write(folder, "t", "induce", [{"input": f"i{at}", "output": "a"} for at in range(count)])
    write(folder, "t", "execute", [{"input": f"e{at}", "output": "a"} for at in range(3)])
    dataset = load(folder, "t", train=train, dev=dev, test=7)
    assert len(dataset.train) + len(dataset.dev) == min(count, train + dev)
    assert len(dataset.test) == 3
    assert len(dataset.train) <= max(train, count - 1)
    assert len(dataset.dev) <= dev


def test_repeated_inputs_are_merged_and_tested_ones_are_kept_out_of_training(tmp_path: Path) -> None:
    write(tmp_path, "t", "induce", [{"input": x, "output": y} for x, y in ("a1", "a2", "b1", "c1", "d1")])
    write(tmp_path, "t", "execute", [{"input": "b ", "output": "1"}, {"input": "e", "output": "1"}])
    dataset = load(tmp_path, "t")
    assert {row.input for row in dataset.test} == {"b", "e"}
    assert {row.input: row.answers for row in (*dataset.train, *dataset.dev)} == {
        "a": ("1", "2"), "c": ("1",), "d": ("1",),
    }  # fmt: skip


def test_cause_and_effect_is_shown_in_both_orders_by_key(shared_data: Path) -> None:
    file = shared_data / "instruction-induction" / "raw" / "induce" / "cause_and_effect.json"
    firsts = [
        [row.input.startswith(f"Sentence 1: {row.answers[0]}") for row in read(file, seed)]
        for seed in range(40)
    ]
    shares = [sum(found) / len(found) for found in firsts]
    assert 0.4 < sum(shares) / len(shares) < 0.6
    assert len({tuple(found) for found in firsts}) > 30
    assert read(file, 3) == read(file, 3)


BROKEN: dict[str, tuple[Any, str]] = {
    "no-json": ("{", "not JSON"),
    "list": ([], 'no "examples"'),
    "no-examples": ({"examples": {}}, 'no "examples"'),
    "not-fields": ({"examples": {"1": "x"}}, "example 1: 'x' is no object"),
    "no-output": ({"examples": {"1": {"input": "x"}}}, 'example 1: no field "output"'),
    "no-input": ({"examples": {"7": {"output": "x"}}}, 'example 7: no field "input"'),
    "empty-input": ({"examples": {"1": {"input": " ", "output": "x"}}}, "\"input\" is ' '"),
    "null-output": ({"examples": {"1": {"input": "a", "output": None}}}, 'no field "output"'),
    "empty-list": ({"examples": {"1": {"input": "a", "output": []}}}, '"output" is \\[\\]'),
    "empty-texts": ({"examples": {"1": {"input": "a", "possible_translations": [""]}}}, "should be a list"),
    "odd-answer": ({"examples": {"1": {"input": "a", "output": [{}]}}}, '"output" is {}'),
    "no-effect": ({"examples": {"1": {"cause": "a"}}}, 'no field "effect"'),
    "one-item": ({"examples": {"1": {"items": ["a"], "all_common_concepts": ["b"]}}}, "two or more"),
    "wrong-number": (
        {"metadata": {"num_examples": 2}, "examples": {"1": {"input": "a", "output": "b"}}},
        "num_examples 2",
    ),
    "one-row": ({"examples": {"1": {"input": "a", "output": "b"}}}, "1 usable rows"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_files_are_told_by_file_and_example(kind: str, tmp_path: Path) -> None:
    content, message = BROKEN[kind]
    file = write(tmp_path, "t", "execute", [{"input": "z", "output": "z"}]).parents[1] / "induce" / "t.json"
    file.parent.mkdir()
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(DataError, match=message) as caught:
        load(tmp_path, "t")
    assert str(file) in str(caught.value)


def test_a_file_that_is_no_utf_8_is_told(tmp_path: Path) -> None:
    file = write(tmp_path, "t", "induce", [{"input": "z", "output": "z"}])
    file.write_bytes('{"examples": {"1": {"input": "é"}}}'.encode("latin-1"))
    with pytest.raises(DataError, match="not UTF-8 at byte 30"):
        load(tmp_path, "t")


def test_folders_and_tasks_that_are_not_there_are_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        names(tmp_path / "nothing")
    with pytest.raises(DataError, match="neither induce/ nor execute/"):
        load(tmp_path, "sum")
    (tmp_path / "induce").mkdir()
    with pytest.raises(DataError, match=r"no \.json file"):
        names(tmp_path)
    write(tmp_path, "antonyms", "induce", [{"input": f"i{at}", "output": "o"} for at in range(5)])
    with pytest.raises(DataError, match="did you mean antonyms"):
        load(tmp_path, "antonym")
    with pytest.raises(UsageError, match="at least 1"):
        load(tmp_path, "antonyms", train=0)


def test_the_command_shows_the_holes(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(shared_data / "instruction-induction")]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.strip()}
    assert set(HERE) <= set(lines)
    assert "!" in lines["cause_and_effect"]
    assert "!" in lines["sentiment"]
    assert "!" not in lines["antonyms"]
    assert main(["--rows", "40"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.strip()}
    assert set(TASKS) <= set(lines)
    assert "! 1.00" in lines["rhymes"]
    assert main(["--rows", "40", "--closed"]) == 0
    assert "! 1.00" not in capsys.readouterr().out


def test_the_command_tells_mistakes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(tmp_path)]) == 2
    assert main(["--rows", "0"]) == 2
    assert "error:" in capsys.readouterr().err
