"""Trains the bundled tiny language model and writes it as a Hugging Face directory.

    python -m scenarios.tiny_lm.train [--out DIR] [--steps N] [--device auto|cpu|cuda] [--threads N]

Texts, initial weights and the order of examples are keyed by one seed, so two runs on one machine with
one number of threads give the same model; elsewhere it differs by rounding. It shows its loss, and saves
from time to time; --resume goes on from there.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from scenarios.tiny_lm import steering
from scenarios.tiny_lm.examples import ASSISTANT, END, PAD, USER, WHOLE, Example, Maker, Texts, gather

_HOME = Path(__file__).parents[2] / "mocks" / "tiny_lm"
_SHAPE: dict[str, Any] = {
    "hidden_size": 128,
    "intermediate_size": 352,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "max_position_embeddings": 2048,
}
_VOCABULARY = 4096
_BATCH = 40
_STEPS = 11_500
_RESTARTS = (7_000, 9_500)
"""The batches at which the learning rate has ended, and begins anew."""
_RATE = 2e-3
_WARM_UP = 100
_TOLD_AT = 2
"""The layer whose state at the end of a context must tell what the soft prompt asks for.

By the texts alone the model learns at once how long they are to be and how they begin, and never how good."""
_TOLD = ((0, 10.0), (4_400, 1.0))
"""From which batch on the wanted quality counts, and how much its squared error; the same for the style.

Both at once and the quality is lost again; the quality alone and few texts are ever written."""
_CHAT = (
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}" + ASSISTANT + "{{ message['content'] }}" + END + "{% else %}"
    "" + USER + "{{ message['content'] }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}" + ASSISTANT + "{% endif %}"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m scenarios.tiny_lm.train", description=__doc__)
    parser.add_argument("--out", type=Path, default=_HOME, help="directory of the model")
    parser.add_argument("--steps", type=int, default=_STEPS, help=f"batches of {_BATCH} ({_STEPS})")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--threads", type=int, help="threads on a CPU")
    parser.add_argument("--pool", type=int, default=150, help="instructions a task (150)")
    parser.add_argument("--pairs", type=int, default=3000, help="most worked examples a task (3000)")
    parser.add_argument("--labelled", type=int, default=1200, help="classification tasks (1200)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", type=Path, help="a state that --state wrote")
    parser.add_argument("--state", type=Path, help="where to keep the state from time to time")
    parser.add_argument("--every", type=int, default=250, help="steps between two states (250)")
    wanted = parser.parse_args(arguments)
    train(wanted, Console(stderr=True, highlight=False, soft_wrap=True))
    return 0


def tokenizer(texts: Texts) -> Any:
    """A byte-level BPE tokenizer trained on the texts, with a chat template."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE())
    pieces = Regex(r" ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s")  # digits one by one, so that numbers can be read
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(pieces, "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=_VOCABULARY - len(WHOLE),
        special_tokens=[PAD, END, USER, ASSISTANT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(texts.corpus(), trainer)
    made.add_tokens([AddedToken(text, normalized=False, special=False) for text in WHOLE])
    wrap: Any = PreTrainedTokenizerFast
    wrapped = wrap(tokenizer_object=made, pad_token=PAD, eos_token=END, padding_side="left")
    wrapped.chat_template = _CHAT
    wrapped.clean_up_tokenization_spaces = False
    return wrapped


def model(seed: int) -> Any:
    """A small Llama with random weights."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        **_SHAPE,
        vocab_size=_VOCABULARY,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=1,
        pad_token_id=0,
        initializer_range=0.02,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = LlamaForCausalLM(config)
    return made


def train(wanted: argparse.Namespace, console: Console) -> None:
    """Train and save."""
    import torch

    if wanted.threads:
        torch.set_num_threads(wanted.threads)
    cuda = wanted.device == "cuda" or (wanted.device == "auto" and torch.cuda.is_available())
    device = torch.device("cuda" if cuda else "cpu")
    console.print("writing the texts ...")
    texts = gather(wanted.pool, wanted.pairs, wanted.labelled)
    words = tokenizer(texts)

    def encode(many: list[str]) -> list[list[int]]:
        ids: list[list[int]] = words(many, add_special_tokens=False)["input_ids"]
        return ids

    net, teller = model(wanted.seed), _teller(_SHAPE["hidden_size"])
    net, teller = net.to(device), teller.to(device)
    maker = Maker(texts, encode, net.config.hidden_size, wanted.seed)
    learnt = [*net.parameters(), *teller.parameters()]
    decayed = [p for p in learnt if p.ndim > 1]
    others = [p for p in learnt if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=_RATE, betas=(0.9, 0.98), fused=True)
    first = 0
    if wanted.resume is not None:
        state = torch.load(wanted.resume, map_location=device)
        net.load_state_dict(state["net"])
        teller.load_state_dict(state["teller"])
        optimizer.load_state_dict(state["optimizer"])
        first = state["step"]
    size = sum(p.numel() for p in net.parameters())
    console.print(f"{size:,} parameters on {device}, {wanted.steps} steps of {_BATCH}")
    began, seen, losses = time.monotonic(), 0, []
    with ThreadPoolExecutor(1) as ahead:
        coming = ahead.submit(maker.batch, first, _BATCH)
        for step in range(first, wanted.steps):
            examples = coming.result()
            coming = ahead.submit(maker.batch, step + 1, _BATCH)
            for group in optimizer.param_groups:
                group["lr"] = _RATE * _share(step, wanted.steps)
            loss = _learn(net, teller, optimizer, examples, device, step)
            losses.append(loss)
            seen += sum(len(e.context) + len(e.target) for e in examples)
            if (step + 1) % 100 == 0:
                pace = seen / (time.monotonic() - began)
                left = (wanted.steps - step - 1) * (time.monotonic() - began) / (step + 1 - first)
                mean = float(np.mean(losses[-100:]))
                console.print(
                    f"step {step + 1}: loss {mean:.3f}, {pace:,.0f} tokens/s, {left / 60:.0f} min left"
                )
            if wanted.state is not None and (step + 1) % wanted.every == 0:
                kept = {
                    "net": net.state_dict(),
                    "teller": teller.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "step": step + 1,
                }
                torch.save(kept, wanted.state)
                save(net, words, wanted.out)
    save(net, words, wanted.out)


def save(net: Any, words: Any, folder: Path) -> None:
    """Write the model in half precision."""
    import copy

    half = copy.deepcopy(net).half()
    half.save_pretrained(folder)
    words.save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _share(step: int, steps: int) -> float:
    """Of the full learning rate: a warm-up, then plateaus, each with a linear end over its last quarter."""
    end = min([end for end in (*_RESTARTS, steps) if end > step])
    return min((step + 1) / _WARM_UP, 1.0, (min(end, steps) - step) / (0.25 * min(end, steps)))


def _teller(width: int) -> Any:
    """Reads what is asked for off a state while the model learns; it is thrown away afterwards."""
    import torch

    made = torch.nn.Linear(width, steering.CODE - 1)
    torch.nn.init.zeros_(made.weight)
    torch.nn.init.zeros_(made.bias)
    return made


def _learn(net: Any, teller: Any, optimizer: Any, examples: list[Example], device: Any, step: int) -> float:
    """One step; the mean loss of a target token, in nats."""
    import torch

    optimizer.zero_grad(set_to_none=True)
    ordered = sorted(examples, key=_length)
    targets = sum(len(e.target) for e in examples)
    total = 0.0
    (_, quality), (second, style) = _TOLD
    weights = torch.tensor(
        [quality, *[style if step >= second else 0.0] * (steering.CODE - 2)], device=device
    )
    parts = 2  # of like lengths, so that little is padded
    for part in range(parts):
        some = ordered[part * len(ordered) // parts : (part + 1) * len(ordered) // parts]
        texts, errors = _loss(net, teller, some, device)
        loss = texts / targets + weights @ errors / len(examples)
        loss.backward()
        total += float(texts.detach()) / targets
    torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    optimizer.step()
    return total


def _length(example: Example) -> int:
    soft = 0 if example.soft is None else len(example.soft)
    return soft + len(example.context) + len(example.target)


def _loss(net: Any, teller: Any, examples: list[Example], device: Any) -> tuple[Any, Any]:
    """The summed cross-entropy of all target tokens, and the summed squared errors of what is told.

    Sequences are padded on the right: positions then count from the soft prompt, as they do in use.
    """
    import torch
    from torch.nn.functional import cross_entropy

    longest = max(map(_length, examples))
    table = net.get_input_embeddings()
    ids = torch.zeros((len(examples), longest), dtype=torch.long)
    soft = torch.zeros((len(examples), longest, table.embedding_dim))
    is_soft = torch.zeros((len(examples), longest), dtype=torch.bool)
    rows, columns, answers = [], [], []
    told, ends, asked = [], [], []
    for row, example in enumerate(examples):
        start = 0
        if example.soft is not None:
            start = len(example.soft)
            soft[row, :start] = torch.from_numpy(example.soft)
            is_soft[row, :start] = True
        tokens = [*example.context, *example.target]
        ids[row, start : start + len(tokens)] = torch.tensor(tokens)
        first = start + len(example.context) - 1
        if example.told is not None:
            told.append(row)
            ends.append(first)
            asked.append(example.told)
        for i, token in enumerate(example.target):
            rows.append(row)
            columns.append(first + i)
            answers.append(token)
    embedded = torch.where(is_soft.to(device)[..., None], soft.to(device), table(ids.to(device)))
    # Causal: padding is never seen.
    read = net.model(inputs_embeds=embedded, use_cache=False, output_hidden_states=True)

    def at(states: Any, rows: list[int], columns: list[int]) -> Any:
        return states[torch.tensor(rows, device=device), torch.tensor(columns, device=device)]

    logits = net.lm_head(at(read.last_hidden_state, rows, columns))
    texts = cross_entropy(logits, torch.tensor(answers, device=device), reduction="sum")
    guesses = teller(at(read.hidden_states[_TOLD_AT], told, ends))
    return texts, (guesses - torch.tensor(asked, device=device)).square().sum(0)


if __name__ == "__main__":
    raise SystemExit(main())
