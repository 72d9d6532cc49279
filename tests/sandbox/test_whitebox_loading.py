"""What is wrong with a model's folder is said in words, and nothing is fetched."""

from __future__ import annotations

import importlib.util
import json
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from whitebox_kit import make_gpt2, make_llama, tokenizer, white_box  # noqa: E402

from sandbox.errors import MissingExtra, UsageError  # noqa: E402
from sandbox.whitebox import lending  # noqa: E402
from sandbox.whitebox.lending import digest_of_folder  # noqa: E402
from sandbox.whitebox.loading import _load, load  # noqa: E402


@pytest.fixture
def copy(llama_dir: Path, tmp_path: Path) -> Path:
    """A folder to be broken."""
    return Path(shutil.copytree(llama_dir, tmp_path / "copy"))


def drop(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def change(**facts: Any) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, **facts}))

    return edit


def cut_short(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:5000])


def of_another_model(folder: Path) -> None:
    words = tokenizer(begins=True)
    words.add_tokens([f"word{i}" for i in range(50)])
    words.save_pretrained(folder)


def without_some_weights(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (shutil.rmtree, "there is no such folder"),
        (lambda f: (shutil.rmtree(f), f.write_text("x")), "is a file"),
        (drop("config.json"), r"no config\.json"),
        (lambda f: (f / "config.json").write_text("{"), r"config\.json cannot be read"),
        (lambda f: (f / "config.json").write_text("{}"), "names no model_type"),
        (change(model_type="nonsense"), "cannot be loaded"),
        (drop("model.safetensors"), "no weights in it"),
        (cut_short, "cannot be loaded"),
        (change(hidden_size=64), "cannot be loaded"),
        (without_some_weights, r"1 missing, as model\.layers\.1\.mlp\.up_proj"),
        (drop("tokenizer.json"), "no tokenizer in it"),
        (lambda f: (f / "tokenizer.json").write_text("{}"), "tokenizer cannot be loaded"),
        (of_another_model, "has 350 tokens, and its weights know 300"),
    ],
)  # fmt: skip
def test_a_broken_folder_is_named(copy: Path, spoil: Any, says: str) -> None:
    spoil(copy)
    with pytest.raises(UsageError, match=says) as caught:
        load(copy, "cpu")
    assert str(copy) in str(caught.value)


@pytest.mark.parametrize(
    ("device", "dtype", "says"),
    [("tpu", "auto", "device='tpu': one of auto"), ("cpu", "int3", "dtype='int3': one of auto")],
)
def test_only_known_devices_and_dtypes(llama_dir: Path, device: str, dtype: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        load(llama_dir, device, dtype)


def test_a_gpu_that_is_not_there_is_missed(llama_dir: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(UsageError, match="no CUDA device here"):
        load(llama_dir, "cuda")
    assert load(llama_dir, "auto").device == "cpu"


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_small_dtypes_work(llama_dir: Path, dtype: str) -> None:
    model = load(llama_dir, "cpu", dtype)
    soft = np.ones((2, 3, model.width), dtype=np.float32)
    exact = load(llama_dir, "cpu")
    found = model.hidden(model.prompts("add", soft))
    np.testing.assert_allclose(found, exact.hidden(exact.prompts("add", soft)), rtol=0.2, atol=0.2)
    assert found.dtype == np.float32


@pytest.mark.parametrize("make", [make_llama, make_gpt2])
def test_nothing_is_fetched_and_nothing_is_said(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise RuntimeError("the network was asked")

    folder = make(tmp_path / "model")
    capsys.readouterr()
    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    box = white_box(folder)
    box.decode(None, "add", max_tokens=2)
    with box.trainable(rank=1):
        box.hidden("add")
    said = capsys.readouterr()
    assert said.out == said.err == ""


def test_a_process_loads_a_model_once_and_anew_when_its_files_change(copy: Path) -> None:
    box = white_box(copy)
    before = box.hidden("add")
    assert white_box(copy)._model is box._model
    make_llama(copy, seed=5)
    assert not np.allclose(white_box(copy).hidden("add"), before)
    assert np.array_equal(box.hidden("add"), before)


def test_the_digest_is_of_what_matters(copy: Path, tmp_path: Path) -> None:
    before = digest_of_folder(copy)
    (copy / "README.md").write_text("about")
    moved = Path(shutil.move(copy, tmp_path / "moved"))
    assert digest_of_folder(moved) == before
    found = {before}
    for spoil in (change(vocab_size=301), without_some_weights, of_another_model):
        spoil(moved)
        found.add(digest_of_folder(moved))
    assert len(found) == 4


def test_a_large_file_is_sampled_from_its_first_byte_to_its_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lending, "_WHOLE", 100)
    monkeypatch.setattr(lending, "_SAMPLES", 8)
    monkeypatch.setattr(lending, "_SAMPLE", 16)
    file = tmp_path / "model.safetensors"
    found = set()
    for place in (None, 0, 999, 15, 984):
        content = bytearray(1000)
        if place is not None:
            content[place] = 1
        file.write_bytes(content)
        found.add(digest_of_folder(tmp_path))
    file.write_bytes(bytes(1001))
    found.add(digest_of_folder(tmp_path))
    assert len(found) == 6


@pytest.mark.parametrize("package", ["torch", "transformers", "peft"])
def test_a_missing_package_is_named_with_its_cure(
    llama_dir: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    box = white_box(llama_dir)
    if package == "peft":
        assert box.width
    real = importlib.util.find_spec
    for module in ("loading", "adapters"):
        monkeypatch.setattr(
            f"sandbox.whitebox.{module}.find_spec", lambda name: None if name == package else real(name)
        )
    with pytest.raises(MissingExtra, match=r"pip install 'instruct-sandbox\[whitebox\]'"):
        box.trainable()


def test_loading_leaves_threads_and_generators_alone(llama_dir: Path) -> None:
    threads, state = torch.get_num_threads(), torch.random.get_rng_state()
    _load(llama_dir, "cpu", "auto")
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.random.get_rng_state(), state)
