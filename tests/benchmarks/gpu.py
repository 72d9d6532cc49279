"""The white box on a GPU: a random Llama of 7B shape in bfloat16 decodes soft prompts. Run by hand.

    python tests/benchmarks/gpu.py
    python tests/benchmarks/gpu.py --device cpu --width 128 --layers 2   # tries the script itself

Without a CUDA device it says so and does nothing. The bound: each step must read all weights once, so
64 rows a step are written no faster than 64 x bandwidth / bytes of weights; the bandwidth is measured.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

sys.path.insert(0, str(Path(__file__).parents[1]))

from whitebox_kit import tokenizer

from sandbox.whitebox.decoding import Style
from sandbox.whitebox.model import LocalModel

ROWS = 64
TOKENS = 64
CONTEXT = "\n\n".join(f"Input: word {i}\nOutput: other {i}" for i in range(5)) + "\n\nThe instruction was to"


def random_llama(width: int, layers: int, device: str) -> LocalModel:
    """A Llama of random weights that never ends a text; 4096 x 32 is the shape of Llama 2 7B."""
    config = LlamaConfig(
        vocab_size=32_000, hidden_size=width, intermediate_size=round(width * 2.6875),
        num_hidden_layers=layers, num_attention_heads=width // 128 or 1, max_position_embeddings=4096,
        bos_token_id=None, eos_token_id=None,
    )  # fmt: skip
    torch.set_default_dtype(torch.bfloat16)
    with torch.device(device):
        model = LlamaForCausalLM(config)
    torch.set_default_dtype(torch.float32)
    words = tokenizer(begins=False)
    words.eos_token = None
    return LocalModel(f"random Llama {width} x {layers}", model, words)


def seconds(work: Callable[[], object], device: str) -> float:
    """Wall seconds of the second time."""
    taken = 0.0
    for _ in range(2):
        started = time.perf_counter()
        work()
        if device == "cuda":
            torch.cuda.synchronize()
        taken = time.perf_counter() - started
    return taken


def bandwidth(device: str) -> float:
    """Bytes that memory reads and writes a second, by copying a large array."""
    size = 2**30 if device == "cuda" else 2**27
    one = torch.ones(size, dtype=torch.uint8, device=device)
    other = torch.empty_like(one)
    return 2 * size * 10 / seconds(lambda: [other.copy_(one) for _ in range(10)], device)


def main(device: str, width: int, layers: int, states: int) -> None:
    """Print tokens a second in a batch, alone, and at the bound; then hidden states."""
    speed = bandwidth(device)
    model = random_llama(width, layers, device)
    weights = sum(p.numel() * p.element_size() for p in model.model.parameters())
    place = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    print(f"{model.name} on {place}, torch {torch.__version__}: {weights / 1e9:.2f} GB of weights, bfloat16")
    rng = np.random.default_rng(0)
    soft = rng.normal(size=(ROWS, 5, width)).astype(np.float32) * model.embeddings_rms()
    prompts, style = model.prompts(CONTEXT, soft), Style(TOKENS)
    first = model.prompts(CONTEXT, soft[:1])
    batch = ROWS * TOKENS / seconds(lambda: model.decode(prompts, style), device)
    alone = TOKENS / seconds(lambda: model.decode(first, style), device)
    bound = ROWS * speed / weights
    print(f"{ROWS} soft prompts x {TOKENS} tokens behind {first.tokens} positions, tokens a second:")
    print(f"  in a batch {batch:,.0f}; one at a time {alone:,.0f}; {batch / alone:.0f} times as many")
    print(f"  bound by {speed / 1e9:,.0f} GB/s of memory: {bound:,.0f}; reached {batch / bound:.0%} of it")
    many = rng.normal(size=(states, 5, width)).astype(np.float32) * model.embeddings_rms()
    read = model.prompts(CONTEXT, many)
    taken = seconds(lambda: model.hidden(read), device)
    print(f"hidden states of {states:,} soft prompts: {taken:.1f} s, {read.tokens / taken:,.0f} positions/s")
    if device == "cuda":
        print(f"most memory at once: {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--width", type=int, default=4096)
    parser.add_argument("--layers", type=int, default=32)
    parser.add_argument("--states", type=int, default=10_000)
    asked = parser.parse_args()
    if asked.device == "cuda" and not torch.cuda.is_available():
        print("no CUDA device here: nothing is measured")
    else:
        main(asked.device, asked.width, asked.layers, asked.states)
