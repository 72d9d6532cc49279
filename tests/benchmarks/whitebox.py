"""The white box on this machine's CPU: 25 soft prompts in a batch against one at a time; hidden states.

    python tests/benchmarks/whitebox.py [DIR]

DIR is a Hugging Face causal LM; without it, a random Llama of the bundled model's shape.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from whitebox_kit import make_llama, white_box

from sandbox.whitebox.lent import WhiteBox

BATCH = 25
TOKENS = 5
CONTEXT = "\n\n".join(f"Input: word {i}\nOutput: other {i}" for i in range(5)) + "\n\nThe instruction was to"


def seconds(work: Callable[[], object], times: int = 3) -> float:
    """CPU seconds, of the median of several runs."""
    taken = []
    for _ in range(times):
        started = time.process_time()
        work()
        taken.append(time.process_time() - started)
    return median(taken)


def main(folder: Path) -> None:
    """Print texts, tokens and hidden states a second; baselines of the same run."""
    torch.set_num_threads(1)  # as `sandbox run` has it: workers have a core each
    box = white_box(folder)
    rng = np.random.default_rng(0)
    soft = rng.uniform(-1, 1, size=(BATCH, TOKENS, box.width)).astype(np.float32)
    box.decode(soft[:2], CONTEXT, max_tokens=4)

    def alone(box: WhiteBox) -> list[str]:
        return [box.decode(soft[i : i + 1], CONTEXT)[0] for i in range(BATCH)]

    model = box._model
    table = model.model.get_input_embeddings()
    ids = torch.tensor([model.prompts(CONTEXT, None).ids[0]])

    @torch.inference_mode()
    def published() -> None:
        """As the published code decodes: transformers' `generate`, one soft prompt after the other."""
        for one in soft:
            embeddings = torch.cat([torch.from_numpy(one)[None], table(ids)], dim=1)
            mask = torch.ones(embeddings.shape[:2], dtype=torch.long)
            model.model.generate(
                inputs_embeds=embeddings, attention_mask=mask, max_new_tokens=64, do_sample=False,
                pad_token_id=0,
            )  # fmt: skip

    same = sum(a == b for a, b in zip(box.decode(soft, CONTEXT), alone(box), strict=True))
    single, batch = seconds(lambda: alone(box)), seconds(lambda: box.decode(soft, CONTEXT))
    print(f"{box.name}: H={box.width}, {box.layers} layers, {box.vocabulary} tokens; 1 thread, float32")
    print(f"decoding {BATCH} soft prompts of {TOKENS} tokens, at most 64 tokens each ({same} texts equal):")
    theirs = seconds(published)
    print(f"  in a batch {batch:.2f} CPU-s")
    print(f"  one at a time {single:.2f}: the batch is {single / batch:.1f} times faster")
    print(f"  one at a time by transformers' generate {theirs:.2f}: {theirs / batch:.1f} times faster")
    many = rng.uniform(-1, 1, size=(400, TOKENS, box.width)).astype(np.float32)
    taken = seconds(lambda: box.hidden(CONTEXT, soft=many))
    positions = box._model.prompts(CONTEXT, many[:1]).tokens
    print(
        f"hidden states of 400 soft prompts, {positions} positions each: {taken:.2f} s, {400 / taken:.0f}/s"
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as place:
            main(make_llama(Path(place) / "random", width=192, layers=4))
