"""Low-rank adapters (LoRA, through peft) as one flat vector; the model without them stays as it was.

Hu et al. (2022), "LoRA": W x becomes W x + (alpha / r) B A x, with B = 0 at the start and, here,
alpha = r. An adapter works only inside `at_work`, so others who share the model see it frozen.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sandbox.errors import MissingExtra, UsageError
from sandbox.streams import stream

if TYPE_CHECKING:
    import torch

Floats = NDArray[np.float32]
_LIKELY = ("q_proj", "v_proj", "query", "value", "query_key_value", "c_attn", "qkv_proj", "Wqkv")
_names = (f"sandbox_{number}" for number in itertools.count())


class Adapter:
    """The low-rank adapter of one holder, on the query and value projections of every block."""

    def __init__(self, model: Any, rank: int, seed: int) -> None:
        """Put an adapter into `model`, asleep.

        Raises:
            ValueError: for a rank below 1.
            UsageError: if the model has no projections by a name that is known.
            MissingExtra: if peft is not installed.
        """
        if not isinstance(rank, int) or isinstance(rank, bool) or rank < 1:
            raise ValueError(f"rank={rank!r}: a whole number, at least 1")
        if find_spec("peft") is None:
            raise MissingExtra("training the white box", "whitebox")
        import torch

        self._model = model
        self._name = next(_names)
        with torch.random.fork_rng(devices=[]):  # peft draws its start from the global generator
            self._layers = _inject(model, rank, self._name)
        luck = stream(seed, "whitebox", "lora")
        self._weights: list[torch.nn.Parameter] = []
        for layer in self._layers:
            for part in (layer.lora_A, layer.lora_B):
                weight = part[self._name].weight
                weight.requires_grad_(False)
                weight.data = torch.zeros(weight.shape, dtype=torch.float32, device=weight.device)
                self._weights.append(weight)
        shapes = [tuple(weight.shape) for weight in self._weights]
        self.size = sum(int(np.prod(shape)) for shape in shapes)
        start = []
        for place, shape in enumerate(shapes):
            bound = 1.0 / np.sqrt(shape[1])  # as peft has it: Kaiming's uniform law with a = sqrt(5)
            drawn = luck.uniform(-bound, bound, shape) if place % 2 == 0 else np.zeros(shape)
            start.append(drawn.astype(np.float32).ravel())
        self._flat = np.concatenate(start)
        self.set_flat(self._flat)

    def get_flat(self) -> Floats:
        """All parameters, a copy, shape (size,): of each projection A, then B."""
        return self._flat.copy()

    def set_flat(self, values: Floats) -> None:
        """Replace all parameters.

        Raises:
            ValueError: for another shape than (size,), or what is no finite number.
        """
        import torch

        found = np.array(values, dtype=np.float32)
        if found.shape != (self.size,):
            raise ValueError(f"{found.shape} parameters: ({self.size},) are wanted")
        if not np.isfinite(found).all():
            raise ValueError("parameters that are no finite numbers")
        self._flat = found
        at = 0
        for weight in self._weights:
            size = weight.numel()
            weight.data.copy_(torch.from_numpy(found[at : at + size]).view(weight.shape))
            at += size

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """The model with this adapter, and with no other."""
        for layer in self._layers:
            layer._disable_adapters = False
            layer._active_adapter = [self._name]
        try:
            yield
        finally:
            for layer in self._layers:
                layer._disable_adapters = True

    def remove(self) -> None:
        """Take the adapter out; where it was the last one, the model's own modules are back."""
        layers, self._layers = self._layers, []
        for layer in layers:
            layer.delete_adapter(self._name)
            layer._disable_adapters = True
        if layers:
            _restore(self._model, layers)


def _inject(model: Any, rank: int, name: str) -> list[Any]:
    """Put adapters on the query and value projections; the layers that have them, in the model's order."""
    import peft
    from peft.tuners.lora import LoraLayer
    from peft.utils import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING as KNOWN

    kind = model.config.get_text_config().model_type
    targets = list(KNOWN.get(kind, ()))
    if not targets:
        leaves = {path.rpartition(".")[2] for path, _ in model.named_modules()}
        targets = [leaf for leaf in _LIKELY if leaf in leaves]
    if not targets:
        raise UsageError(
            f"a white box of type {kind!r} cannot be trained: it has no projection of a known name"
        )
    turned = any(  # GPT-2 keeps its weights the other way round
        type(module).__name__ == "Conv1D"
        for path, module in model.named_modules()
        if path.rpartition(".")[2] in targets
    )
    config = peft.LoraConfig(
        r=rank, lora_alpha=rank, target_modules=targets, lora_dropout=0.0, fan_in_fan_out=turned
    )
    grown = hasattr(model, "peft_config")
    peft.inject_adapter_in_model(config, model, name)
    if not grown and hasattr(model, "peft_config"):
        del model.peft_config
    model.requires_grad_(False)
    layers: list[Any] = [
        module for module in model.modules() if isinstance(module, LoraLayer) and name in module.lora_A
    ]
    for layer in layers:
        layer._disable_adapters = True
        layer.eval()
    return layers


def _restore(model: Any, layers: list[Any]) -> None:
    """Put the model's own modules back where no adapter is left."""
    bare = [layer for layer in layers if not layer.lora_A]
    for path, module in list(model.named_modules()):
        if any(module is layer for layer in bare):
            parent, _, leaf = path.rpartition(".")
            setattr(model.get_submodule(parent), leaf, module.base_layer)
