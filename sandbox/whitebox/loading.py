"""Loads a Hugging Face causal LM from a local directory, once a process, and says what is wrong with it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sandbox.errors import MissingExtra, UsageError
from sandbox.whitebox.model import LocalModel

DEVICES = ("auto", "cpu", "cuda")
DTYPES = ("auto", "float32", "bfloat16", "float16")
_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model")
_LOADING = threading.Lock()


def check_packages() -> None:
    """Whether a white box can be loaded here; nothing heavy is imported.

    Raises:
        MissingExtra: if not.
    """
    if any(find_spec(package) is None for package in ("torch", "transformers")):
        raise MissingExtra("the white box", "whitebox")


def check_folder(path: Path) -> None:
    """Whether `path` looks like a causal LM; nothing heavy is imported.

    Raises:
        UsageError: naming what is missing.
    """
    where = f"white box {path}"
    if not path.is_dir():
        what = "is a file" if path.exists() else "there is no such folder"
        raise UsageError(f"{where}: {what}; name the folder of a Hugging Face causal LM")
    try:
        config = json.loads((path / "config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        what = "no config.json in it; name the folder of a Hugging Face causal LM"
        raise UsageError(f"{where}: {what}") from None
    except (OSError, ValueError) as exc:
        raise UsageError(f"{where}: config.json cannot be read: {exc}") from None
    if not isinstance(config, dict) or "model_type" not in config:
        raise UsageError(f"{where}: config.json names no model_type")
    if not any(path.glob(pattern) for pattern in _WEIGHTS if any(path.glob(pattern))):
        raise UsageError(f"{where}: no weights in it (*.safetensors or pytorch_model*.bin)")
    if not any((path / name).is_file() for name in _TOKENIZERS):
        raise UsageError(f"{where}: no tokenizer in it (one of {', '.join(_TOKENIZERS)})")


@lru_cache(maxsize=2)
def _loaded(path: str, device: str, dtype: str, digest: str) -> LocalModel:
    return _load(Path(path), device, dtype)


def load(path: Path, device: str = "auto", dtype: str = "auto", digest: str = "") -> LocalModel:
    """The model in the folder `path`; all who ask in this process share one.

    Args:
        path: of a Hugging Face causal LM with its tokenizer. Nothing is downloaded, no code in it is run.
        device: "auto" is cuda where there is one.
        dtype: "auto" is float32 on a CPU, and on a GPU bfloat16.
        digest: of the folder; another digest is loaded anew.

    Raises:
        UsageError: naming what is wrong with the folder, the device or the dtype.
        MissingExtra: if torch or transformers are not installed.
    """
    if device not in DEVICES:
        raise UsageError(f"white box: device={device!r}: one of {', '.join(DEVICES)}")
    if dtype not in DTYPES:
        raise UsageError(f"white box: dtype={dtype!r}: one of {', '.join(DTYPES)}")
    check_packages()
    check_folder(path)
    with _LOADING:
        return _loaded(str(path.absolute()), device, dtype, digest)


def _load(path: Path, device: str, dtype: str) -> LocalModel:
    import torch
    import transformers

    kinds: Any = transformers.AutoModelForCausalLM

    where = f"white box {path}"
    cuda = torch.cuda.is_available()
    if device == "cuda" and not cuda:
        raise UsageError("white box: device='cuda', and torch sees no CUDA device here; device='cpu' works")
    place = "cuda" if cuda and device != "cpu" else "cpu"
    kind = {"auto": "bfloat16" if place == "cuda" else "float32"}.get(dtype, dtype)
    with _quiet(transformers):
        try:
            model, told = kinds.from_pretrained(
                path, local_files_only=True, dtype=getattr(torch, kind), output_loading_info=True
            )
        except Exception as exc:  # whatever a broken file makes of their code; the person must see which file
            raise UsageError(f"{where}: cannot be loaded: {_short(exc)}") from exc
        lost = sorted(told["missing_keys"])
        if lost:
            raise UsageError(
                f"{where}: its weights do not fit its config.json: {len(lost)} missing, as {lost[0]}"
            )
        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(path, local_files_only=True)
        except Exception as exc:  # as above
            raise UsageError(f"{where}: its tokenizer cannot be loaded: {_short(exc)}") from exc
        rows = model.get_input_embeddings().weight.shape[0]
        if len(tokenizer) > rows:
            raise UsageError(
                f"{where}: its tokenizer has {len(tokenizer)} tokens, and its weights know {rows}; "
                "they belong to different models"
            )
        try:
            model = model.to(place)
        except torch.OutOfMemoryError as exc:
            raise UsageError(
                f"{where}: does not fit the GPU's memory ({_short(exc)}); device='cpu' or a smaller dtype"
            ) from exc
    return LocalModel(path.absolute().name, model, tokenizer)


def _short(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:300]


@contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """Without their progress bars and advice: what matters is raised."""
    log = transformers.utils.logging
    level, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(level)
        if bars:
            log.enable_progress_bar()
