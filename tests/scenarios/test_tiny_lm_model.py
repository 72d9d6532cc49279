"""The bundled language model: that it is what its card says, and that its training can be repeated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents.soft_prompts import PREFIX
from scenarios import tasks
from scenarios.build import BUNDLED
from scenarios.tiny_lm import card, train
from scenarios.tiny_lm.card import Line, measure

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

SOME = ("antonyms", "sum", "larger_animal", "translation_en-de", "negation")


@pytest.fixture(scope="module")
def lines() -> list[Line]:
    from sandbox.whitebox.loading import load

    model = load(BUNDLED, "cpu", "float32")
    return [measure(model, name, 256) for name in SOME]


def test_it_is_small_and_loads_as_any_causal_lm_does() -> None:
    size = sum(path.stat().st_size for path in BUNDLED.iterdir())
    assert size < 12e6
    model = transformers.AutoModelForCausalLM.from_pretrained(BUNDLED, local_files_only=True)
    words = transformers.AutoTokenizer.from_pretrained(BUNDLED, local_files_only=True)
    context = f"\nInput: 3 4\nOutput: 7\n\nInput: 20 30\nOutput: 50\n\n{PREFIX}"
    asked = words(context, return_tensors="pt")
    ids = model.generate(**asked, max_new_tokens=40, do_sample=False)
    text = words.decode(ids[0][asked["input_ids"].shape[1] :], skip_special_tokens=True)
    assert len(text.split()) >= 2
    assert int(ids[0][-1]) == words.eos_token_id


def test_its_chat_template_puts_a_question_as_in_training() -> None:
    words = transformers.AutoTokenizer.from_pretrained(BUNDLED, local_files_only=True)
    asked = [{"role": "user", "content": f"\nInput: a\nOutput: b\n\n{PREFIX}?"}]
    told = words.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
    assert told == f"<|user|>\nInput: a\nOutput: b\n\n{PREFIX}?<|assistant|>"


@pytest.mark.slow
def test_soft_prompts_yield_many_readable_instructions_from_bad_to_nearly_the_best(lines: list[Line]) -> None:
    assert all(line.readable > 0.8 for line in lines)
    assert all(line.distinct >= 30 for line in lines)
    assert sum(line.spread >= 0.15 for line in lines) >= len(SOME) - 1
    assert sum(line.ceiling - line.best <= 0.1 for line in lines) >= 3  # 26 of all 30, as the card says
    assert all(line.best > 0.65 * line.ceiling for line in lines)
    assert sum(line.best - line.median >= 0.1 for line in lines) >= len(SOME) - 1


@pytest.mark.slow
def test_hidden_states_tell_how_good_the_instruction_will_be(lines: list[Line]) -> None:
    assert np.mean([line.explained for line in lines]) >= 0.4


@pytest.mark.slow
def test_near_soft_prompts_write_like_texts(lines: list[Line]) -> None:
    assert all(line.near > line.far + 0.05 for line in lines)


def few(folder: Path, *more: str) -> None:
    sizes = ("--pool", "12", "--pairs", "20", "--labelled", "4", "--device", "cpu", "--threads", "1")
    assert train.main(["--out", str(folder), *sizes, *more]) == 0


def weights(folder: Path) -> dict[str, Any]:
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return dict(model.state_dict())


@pytest.mark.slow
def test_training_can_be_repeated_and_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "INDUCTION30", ("sum", "antonyms"))
    threads = torch.get_num_threads()
    try:
        few(tmp_path / "one", "--steps", "4", "--state", str(tmp_path / "state"), "--every", "3")
        few(tmp_path / "two", "--steps", "4")
        few(tmp_path / "resumed", "--steps", "4", "--resume", str(tmp_path / "state"))
    finally:
        torch.set_num_threads(threads)
    first = weights(tmp_path / "one")
    for other in ("two", "resumed"):
        found = weights(tmp_path / other)
        assert all(torch.equal(value, found[name]) for name, value in first.items()), other


def test_the_card_names_a_folder_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert card.main(["/no/such/folder"]) == 2
    assert "/no/such/folder" in capsys.readouterr().err


def test_the_table_is_written_between_its_marks(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text("before <!-- measured -->stale<!-- /measured --> after", encoding="utf-8")
    line = Line("sum", 40, 1.0, 0.3, 0.1, 0.9, 0.95, 0.6, 0.2, 0.5, 0.3)
    card.write_between(page, card.report([line], 256))
    text = page.read_text(encoding="utf-8")
    assert text.startswith("before <!-- measured -->\n")
    assert text.endswith("<!-- /measured --> after")
    assert "| sum | 40 |" in text
    assert "stale" not in text
