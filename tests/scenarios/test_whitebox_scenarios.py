"""What a scenario says of its white box: where it lies, what changes a run's key, what every run is lent."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.budget import Budget
from sandbox.errors import ScenarioError
from sandbox.play import source_of, white_box_changes
from sandbox.scenario import Scenario
from sandbox.tournament import load, seat
from sandbox.whitebox.lending import Lending
from sandbox.whitebox.lent import Speed, WhiteBox
from scenarios import build

MODEL = {"config.json": '{"model_type": "llama"}', "model.safetensors": "", "tokenizer.json": "{}"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What looks like a model, and is never loaded here."""
    (tmp_path / "model").mkdir()
    for name, content in MODEL.items():
        (tmp_path / "model" / name).write_text(content)
    return tmp_path / "model"


def made(name: str, model: Path | None, *changes: str, device: str | None = None) -> Scenario:
    load.cache_clear()
    more = white_box_changes(None if model is None else str(model), device)
    return load(source_of(name, None, changes, None, more))


@pytest.mark.parametrize(
    ("name", "problems", "evaluations"), [("whitebox-induction", 30, 165), ("whitebox-quick", 3, 50)]
)
def test_the_scenarios_lend_a_white_box_and_a_black_box_that_writes(
    folder: Path, name: str, problems: int, evaluations: int
) -> None:
    scenario = made(name, folder)
    assert len(scenario.problems) == problems
    assert scenario.budget == Budget(evaluations=evaluations)
    lends = scenario.build("antonyms").lends
    assert lends.completions
    assert lends.white_box == Lending(str(folder), lends.white_box.digest)
    assert lends.white_box.speed == Speed()


def test_bundled_is_the_folder_beside_the_mocks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "BUNDLED", folder)
    assert made("whitebox-quick", None).build("sum").lends.white_box.path == str(folder)
    monkeypatch.setattr(build, "BUNDLED", folder / "nowhere")
    with pytest.raises(ScenarioError, match="lacks the bundled model; name one with --white-box"):
        made("whitebox-quick", None)


def test_all_that_can_change_a_result_changes_the_digest(folder: Path) -> None:
    same = {made("whitebox-quick", folder).digest for _ in range(2)}
    moved = folder.rename(folder.with_name("moved"))
    same.add(made("whitebox-quick", moved).digest)
    assert len(same) == 1
    found = {
        *same,
        made("whitebox-quick", moved, device="cpu").digest,
        made("whitebox-quick", moved, "white_box.dtype=bfloat16").digest,
        made("whitebox-quick", moved, "white_box.per_call=0.5").digest,
    }
    (moved / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
    found.add(made("whitebox-quick", moved).digest)
    assert len(found) == 5


def test_a_scenario_that_lends_none_keeps_its_digest_and_can_be_made_to(folder: Path) -> None:
    plain = made("induction30", None)
    assert plain.build("sum").lends.white_box is None
    lent = made("induction30", folder)
    assert lent.build("sum").lends.white_box.path == str(folder)
    assert lent.digest != plain.digest


def test_every_run_is_lent_a_view_of_its_own(folder: Path) -> None:
    scenario = made("whitebox-quick", folder)
    problem = scenario.build("sum")
    seats = [
        seat("random", "random", replace(problem), scenario.name, 0, Budget(evaluations=1)) for _ in range(2)
    ]
    boxes = [session.task.lends.white_box for session in seats]
    assert all(isinstance(box, WhiteBox) for box in boxes)
    assert boxes[0] is not boxes[1]
    for box, session in zip(boxes, seats, strict=True):
        assert box._meter is session._meter
        session.close()
