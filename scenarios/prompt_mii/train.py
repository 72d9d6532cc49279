"""Trains the bundled Prompt-MII policy: on a teacher, on picked guesses, then by GRPO on a follower's F1.

    python -m scenarios.prompt_mii.train [--out DIR] [--lessons N] [--picked N] [--steps N]

The policy begins as the bundled tiny language model. Tasks, their order and what is drawn are keyed by one
seed, so two runs on one machine with one number of threads give the same weights; elsewhere they differ by
rounding. It shows loss, reward and how often the follower was asked, and saves from time to time.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from sandbox.streams import stream
from scenarios.build import BUNDLED, POLICY
from scenarios.judging import F1
from scenarios.prompt_mii.grpo import advantages, loss
from scenarios.prompt_mii.lessons import CHECKING, TRAINING, Follower, Lesson, lesson, picked, taught
from scenarios.tiny_lm.train import save

_LESSONS, _PICKED, _STEPS = 1_200, 540, 60
SPENT = "training.json"
"""The file beside the weights that says what training asked for."""
_BATCH = 24
"""Lessons of one step of the first stage."""
_PROMPTS, _GROUP = 8, 6
"""Of one step of GRPO: tasks, and texts for each."""
_COPYING = (0.0, 0.3)
"""The shares of the lessons between which there are fewer and fewer in which words are just copied."""
_MOST = 64
"""Tokens of a text while it learns."""
_RATES = (1e-3, 3e-4, 1e-4)
_PICKING = 40
"""Rows that tell which of several guesses is the best."""
_SHOWN = 20
"""Steps between two lines of the log."""
_CHECKED = (5, 20, 100)


Targets = Callable[[int], tuple[list[Lesson], list[str]]]
"""The number of a step -> its lessons, and what should be written for each."""


@dataclass
class Policy:
    """The network that learns, with its tokenizer."""

    net: Any
    words: Any
    device: Any

    def read(self, prompts: Sequence[str]) -> list[list[int]]:
        """Tokens of prompts, cut at the front to what the network can read beside an answer."""
        most = self.net.config.max_position_embeddings - _MOST
        return [ids[-most:] for ids in self.words(list(prompts), add_special_tokens=False)["input_ids"]]

    def logp(self, prompts: Sequence[list[int]], answers: Sequence[list[int]]) -> tuple[Any, Any]:
        """Log-probabilities of the answers' tokens, and which of them count, shapes (texts, longest)."""
        import torch

        longest = max([len(p) + len(a) for p, a in zip(prompts, answers, strict=True)])
        most = max(map(len, answers))
        ids = torch.zeros((len(prompts), longest), dtype=torch.long)
        at = torch.zeros((len(prompts), most), dtype=torch.long)
        wanted = torch.zeros((len(prompts), most), dtype=torch.long)
        mask = torch.zeros((len(prompts), most), dtype=torch.bool)
        for row, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
            ids[row, : len(prompt) + len(answer)] = torch.tensor([*prompt, *answer])
            at[row, : len(answer)] = torch.arange(len(answer)) + len(prompt) - 1
            wanted[row, : len(answer)] = torch.tensor(answer)
            mask[row, : len(answer)] = True
        ids, at, wanted, mask = (x.to(self.device) for x in (ids, at, wanted, mask))
        # Causal, and padded on the right: padding is never seen.
        states = self.net.model(input_ids=ids, use_cache=False).last_hidden_state
        picked = states.gather(1, at[..., None].expand(-1, -1, states.shape[-1]))
        everything = self.net.lm_head(picked).float().log_softmax(-1)
        return everything.gather(-1, wanted[..., None]).squeeze(-1), mask

    def write(self, prompts: Sequence[list[int]], seed: int | None) -> list[list[int]]:
        """Answers with their end, sampled at temperature 1, or greedy where `seed` is None."""
        import torch

        longest = max(map(len, prompts))
        end, pad = self.net.config.eos_token_id, self.net.config.pad_token_id
        ids = torch.tensor([[pad] * (longest - len(p)) + p for p in prompts], device=self.device)
        mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts], device=self.device)
        sampling = {"do_sample": True, "temperature": 1.0, "top_p": 1.0, "top_k": 0}
        with torch.no_grad(), torch.random.fork_rng():
            torch.manual_seed(seed or 0)
            made = self.net.generate(
                input_ids=ids, attention_mask=mask, max_new_tokens=_MOST, pad_token_id=pad, eos_token_id=end,
                **({"do_sample": False} if seed is None else sampling),
            )  # fmt: skip
        return [_ended(row, end) for row in made[:, longest:].tolist()]

    def text(self, answer: Sequence[int]) -> str:
        """An answer without its end."""
        told: str = self.words.decode(answer, skip_special_tokens=True)
        return told.strip()


def _ended(row: list[int], end: int) -> list[int]:
    return row[: row.index(end) + 1] if end in row else row


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m scenarios.prompt_mii.train", description=__doc__)
    parser.add_argument(
        "--start", type=Path, default=BUNDLED, help="the model to begin with (the bundled one)"
    )
    parser.add_argument("--out", type=Path, default=POLICY, help="directory of the policy")
    parser.add_argument("--lessons", type=int, default=_LESSONS, help=f"steps with a teacher ({_LESSONS})")
    parser.add_argument(
        "--picked", type=int, default=_PICKED, help=f"steps with the best of several guesses ({_PICKED})"
    )
    parser.add_argument("--steps", type=int, default=_STEPS, help=f"steps of GRPO ({_STEPS})")
    parser.add_argument("--reward", choices=tuple(F1), default="macro-f1", help="reward-f1: the paper's")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--threads", type=int, help="threads on a CPU")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--check", action="store_true", help="measure the policy in --out, and train nothing")
    wanted = parser.parse_args(arguments)
    train(wanted, Console(stderr=True, highlight=False, soft_wrap=True))
    return 0


def train(wanted: argparse.Namespace, console: Console) -> None:
    """Both stages; the policy is saved after each."""
    import torch

    if wanted.threads:
        torch.set_num_threads(wanted.threads)
    cuda = wanted.device == "cuda" or (wanted.device == "auto" and torch.cuda.is_available())
    policy = opened(wanted.out if wanted.check else wanted.start, torch.device("cuda" if cuda else "cpu"))
    if wanted.check:
        check(policy, console)
        return
    follower = Follower(wanted.reward)
    if wanted.lessons:
        _teach(policy, wanted, console, wanted.lessons, _RATES[0], _from_teacher(wanted))
        check(policy, console)
    if wanted.picked:
        _teach(policy, wanted, console, wanted.picked, _RATES[1], _from_guesses(wanted, follower))
        check(policy, console)
    if wanted.steps:
        _reinforce(policy, wanted, console, follower)
        check(policy, console)


def opened(folder: Path, device: Any) -> Policy:
    """The policy in a folder, in single precision."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    net = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    words = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    return Policy(net.to(device).eval(), words, device)  # there is no dropout to be switched on


def check(policy: Policy, console: Console) -> None:
    """Print the follower's mean F1 with the policy's greedy instructions for tasks it has not seen."""
    follower = Follower()
    for shots in _CHECKED:
        some = [lesson(seed, shots, 100) for seed in CHECKING]
        answers = policy.write(policy.read([one.prompt for one in some]), None)
        found = [follower.reward(one, policy.text(a)) for one, a in zip(some, answers, strict=True)]
        best = [follower.reward(one, taught(one, stream(0, "check"))) for one in some]
        plain = [follower.reward(one, "Classify the text.") for one in some]
        told = f"policy {np.mean(found):.3f}, its teacher {np.mean(best):.3f}, naive {np.mean(plain):.3f}"
        console.print(
            f"{len(some)} other tasks, n={shots}: {told}, {np.mean(list(map(len, answers))):.0f} tokens"
        )


def _optimizer(net: Any, rate: float) -> Any:
    import torch

    return torch.optim.AdamW(net.parameters(), lr=rate, betas=(0.9, 0.98), weight_decay=0.01)


def _from_teacher(wanted: argparse.Namespace) -> Targets:
    """What a teacher writes; at first the strongest words."""

    def targets(step: int) -> tuple[list[Lesson], list[str]]:
        some = [lesson(TRAINING[step * _BATCH + i]) for i in range(_BATCH)]
        share = float(np.interp(step / wanted.lessons, _COPYING, (1.0, 0.0)))
        chance = [stream(wanted.seed, "teacher", step, i) for i in range(_BATCH)]
        return some, [
            taught(one, rng, bool(rng.random() < share)) for one, rng in zip(some, chance, strict=True)
        ]

    return targets


def _from_guesses(wanted: argparse.Namespace, follower: Follower) -> Targets:
    """The best of several guesses."""

    def targets(step: int) -> tuple[list[Lesson], list[str]]:
        first = _LESSONS * _BATCH + step * _BATCH
        some = [lesson(TRAINING[first + i], rows=_PICKING) for i in range(_BATCH)]
        return some, [
            picked(one, follower, stream(wanted.seed, "picked", step, i)) for i, one in enumerate(some)
        ]

    return targets


def _teach(
    policy: Policy, wanted: argparse.Namespace, console: Console, steps: int, rate: float, targets: Targets
) -> None:
    """Cross-entropy on what `targets` says for each step."""
    import torch

    optimizer = _optimizer(policy.net, rate)
    began, losses = time.monotonic(), []

    def batch(step: int) -> tuple[list[list[int]], list[list[int]]]:
        some, told = targets(step)
        ends = [policy.net.config.eos_token_id]
        answers = [(policy.words(f" {text}", add_special_tokens=False)["input_ids"] + ends) for text in told]
        return policy.read([one.prompt for one in some]), answers

    with ThreadPoolExecutor(1) as ahead:
        coming = ahead.submit(batch, 0)
        for step in range(steps):
            prompts, answers = coming.result()
            coming = ahead.submit(batch, step + 1)
            for group in optimizer.param_groups:
                left = (steps - step) / (0.4 * steps)
                group["lr"] = rate * min((step + 1) / 50, 1.0, left)
            optimizer.zero_grad(set_to_none=True)
            order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]) + len(answers[i]))
            count, total = sum(map(len, answers)), 0.0
            for half in (order[: _BATCH // 2], order[_BATCH // 2 :]):  # of like lengths
                logp, mask = policy.logp([prompts[i] for i in half], [answers[i] for i in half])
                part = -(logp * mask).sum() / count
                part.backward()
                total += float(part.detach())
            torch.nn.utils.clip_grad_norm_(policy.net.parameters(), 1.0)
            optimizer.step()
            losses.append(total)
            if (step + 1) % _SHOWN == 0:
                pace = (time.monotonic() - began) / (step + 1)
                left = pace * (steps - step - 1) / 60
                console.print(f"lesson {step + 1}: loss {np.mean(losses[-_SHOWN:]):.3f}, {left:.0f} min left")
            if (step + 1) % 250 == 0:
                save(policy.net, policy.words, wanted.out)
    save(policy.net, policy.words, wanted.out)


def _reinforce(policy: Policy, wanted: argparse.Namespace, console: Console, follower: Follower) -> None:
    """The last stage: GRPO; two updates a step, each on half of its tasks."""
    import torch

    optimizer = _optimizer(policy.net, _RATES[2])
    began, seen, equal = time.monotonic(), [], []
    first = (_LESSONS + _PICKED) * _BATCH
    for step in range(wanted.steps):
        for group in optimizer.param_groups:
            group["lr"] = _RATES[2] * min((step + 1) / (0.033 * wanted.steps), 1.0)
        some = [lesson(TRAINING[first + step * _PROMPTS + i]) for i in range(_PROMPTS)]
        prompts = [ids for ids in policy.read([one.prompt for one in some]) for _ in range(_GROUP)]
        answers = policy.write(prompts, int(stream(wanted.seed, "grpo", step).integers(1, 2**31)))
        rewards = torch.tensor(
            [_reward(follower, policy, some[i // _GROUP], a) for i, a in enumerate(answers)]
        )
        grouped = rewards.view(_PROMPTS, _GROUP)
        gains = advantages(grouped).flatten().to(policy.device)
        with torch.no_grad():
            before, _ = policy.logp(prompts, answers)
        half = len(prompts) // 2
        for part in (slice(0, half), slice(half, None)):
            optimizer.zero_grad(set_to_none=True)
            logp, mask = policy.logp(prompts[part], answers[part])
            loss(logp, before[part, : logp.shape[1]], gains[part], mask).backward()
            torch.nn.utils.clip_grad_norm_(policy.net.parameters(), 1.0)
            optimizer.step()
        seen.append(float(rewards.mean()))
        equal.append(float((grouped.std(dim=1) < 1e-9).float().mean()))
        if (step + 1) % _SHOWN == 0:
            left = (time.monotonic() - began) / (step + 1) * (wanted.steps - step - 1) / 60
            told = f"reward {np.mean(seen[-_SHOWN:]):.3f}, groups of equals {np.mean(equal[-_SHOWN:]):.0%}"
            calls = f"{follower.calls:,} calls of the follower"
            console.print(f"step {step + 1}: {told}, {calls}, {left:.0f} min left")
            save(policy.net, policy.words, wanted.out)
    save(policy.net, policy.words, wanted.out)
    spent = {"tasks": first + wanted.steps * _PROMPTS, "follower_calls": follower.calls}
    (wanted.out / SPENT).write_text(json.dumps(spent) + "\n", encoding="utf-8")


def _reward(follower: Follower, policy: Policy, one: Lesson, answer: Sequence[int]) -> float:
    return follower.reward(one, policy.text(answer) or " ")


if __name__ == "__main__":
    raise SystemExit(main())
