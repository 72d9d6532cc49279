"""INSTINCT: time and memory of an iteration against a plain port, and what the unscaled network does.

    OMP_NUM_THREADS=1 python tests/benchmarks/instinct.py [speed] [memory] [stub]

The plain port is the published loop as it is written: a gradient of every candidate by autograd, all of them
in one matrix of 1,000 x P doubles, then 1,000 steps of Adam in float64 on a graph. Ours are the same steps
with closed-form widths in float32 ("faithful"), and the repaired network.
"""

from __future__ import annotations

import argparse
import math
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
import torch

from agents.neural_bandit import PublishedNet, ScaledNet

CANDIDATES, STEPS, HIDDEN, LAMBDA, NU = 1000, 1000, 100, 0.1, 1.0


class PlainPort:
    """The published loop with autograd and the whole matrix of gradients, in float64."""

    def __init__(self, width: int) -> None:
        made = torch.Generator().manual_seed(0)
        self.net = torch.nn.Sequential(
            torch.nn.Linear(width, HIDDEN), torch.nn.ReLU(), torch.nn.Linear(HIDDEN, 1)
        ).double()
        for parameter in self.net.parameters():
            parameter.data = torch.randn(parameter.shape, generator=made, dtype=torch.float64)
        self.start = [parameter.detach().clone() for parameter in self.net.parameters()]
        self.u = torch.full((sum(p.numel() for p in self.net.parameters()),), LAMBDA)

    def choose(self, x: torch.Tensor) -> int:
        parameters = dict(self.net.named_parameters())

        def output(values: dict[str, torch.Tensor], row: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = torch.func.functional_call(self.net, values, (row[None],))[0, 0]
            return found

        parts = torch.func.vmap(torch.func.grad(output), (None, 0))(
            {name: p.detach() for name, p in parameters.items()}, x
        )
        gradients = torch.cat([part.reshape(len(x), -1) for part in parts.values()], 1)
        width = torch.sqrt((LAMBDA * NU * gradients * gradients / self.u).sum(1))
        chosen = int((self.net(x)[:, 0].detach() + width).argmax())
        self.u += gradients[chosen].float().square()
        return chosen

    def train(self, x: torch.Tensor, y: torch.Tensor, steps: int) -> None:
        for parameter, value in zip(self.net.parameters(), self.start, strict=True):
            parameter.data.copy_(value)
        adam = torch.optim.Adam(self.net.parameters(), lr=1e-3, weight_decay=LAMBDA / len(x))
        for _ in range(steps):
            adam.zero_grad()
            torch.nn.functional.mse_loss(self.net(x)[:, 0], y).backward()
            adam.step()


def stub(width: int, arms: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Features that come of 10 coordinates, as hidden states do, and a smooth truth in [0, 1] of these."""
    rng = np.random.default_rng(seed)
    z = rng.uniform(-1.0, 1.0, size=(arms, 10))
    features = np.tanh(z @ rng.standard_normal((10, 64)) / 2) @ rng.standard_normal((64, width)) / 8
    features += 0.1 * rng.standard_normal(features.shape)
    latent = np.tanh(z @ rng.standard_normal((10, 6)) / 2)
    raw = latent @ rng.standard_normal(6) + 2.0 * latent[:, 0] * latent[:, 1]
    return features.astype(np.float32), 1.0 / (1.0 + np.exp(-1.5 * (raw - raw.mean()) / raw.std()))


def seconds(what: Any) -> float:
    before = time.process_time()
    what()
    return time.process_time() - before


def iteration(kind: str, width: int, n: int) -> float:
    """CPU seconds of one iteration, choice and training, with n observations."""
    features, truth = stub(width, CANDIDATES, 0)
    y = np.random.default_rng(0).binomial(20, truth[:n]) / 20
    if kind == "repaired":
        net = ScaledNet(features, np.random.default_rng(0))
        net.observe(list(range(n - 1)))

        def both() -> None:
            net.observe([n - 1])
            net.fit(torch.from_numpy(y), torch.ones(n, dtype=torch.float64))

        return seconds(both)
    dtype = torch.float64 if kind == "plain port" else torch.float32
    x, scores = torch.from_numpy(features).to(dtype), torch.from_numpy(y).to(dtype)
    seen = (x[:n] - x[:n].mean(0)) / x[:n].std(0)
    if kind == "plain port":
        port = PlainPort(width)
        return seconds(lambda: (port.choose(x), port.train(seen, scores, STEPS)))
    old = PublishedNet(width, LAMBDA, NU, np.random.default_rng(0))
    return seconds(lambda: (old.choose(x), old.train(seen, scores, STEPS)))


def needed(kind: str, width: int) -> float:
    """GiB that one iteration at n = 200 needs at its peak, above an idle interpreter with torch."""
    code = f"import instinct; instinct.peak({kind!r}, {width})"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parent, capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def peak(kind: str, width: int) -> None:
    """In a process of its own: print the peak, for `needed`."""
    global STEPS
    STEPS = 3
    torch.set_num_threads(1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    iteration(kind, width, 200)
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20)


class ScaledAdam:
    """The repaired network trained by 300 steps of Adam: the yardstick of Gauss-Newton's quality."""

    def __init__(self, features: np.ndarray, rng: np.random.Generator) -> None:
        self.net = ScaledNet(features, rng)
        self.w1 = self.net.w1.double()
        self.bias = (self.net.start - (self.net.x @ self.net.w1.T).double())[0]

    def worth(self, seen: list[int], y: np.ndarray, penalty: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
        net, x = self.net, self.net.x.double()
        start = [self.w1, self.bias, net.w2]
        theta = [value.clone().requires_grad_() for value in start]
        centre, spread = y.mean(), max(float(y.std()), 1e-3)
        goal = torch.from_numpy((y - centre) / spread)
        adam = torch.optim.Adam(theta, lr=1e-2)
        root = math.sqrt(net.hidden)
        for _ in range(300):
            output = torch.relu(x[seen] @ theta[0].T + theta[1]) @ theta[2] / root - net.offset[seen]
            moved = sum(((a - b) ** 2).sum() for a, b in zip(theta, start, strict=True))
            adam.zero_grad()
            (((goal - output) ** 2).sum() + penalty * moved).backward()
            adam.step()
        with torch.no_grad():
            before = x @ theta[0].T + theta[1]
            mean = before.relu() @ theta[2] / root - net.offset
            slopes, active = (before > 0) * theta[2] / root, before.relu() / root
            gram = x @ x[seen].T + 1.0
            cross = gram * (slopes @ slopes[seen].T) + active @ active[seen].T
            own = (x.square().sum(1) + 1.0) * slopes.square().sum(1) + active.square().sum(1)
            inner = cross[seen] + penalty * torch.eye(len(seen), dtype=torch.float64)
            width = (own - (cross * torch.linalg.solve(inner, cross.T).T).sum(1)).clamp_min(0.0).sqrt()
            return (centre + spread * mean).numpy(), (spread * width).numpy()


def bandit(
    kind: str, seed: int, width: int = 192, arms: int = 512, start: int = 16, total: int = 66
) -> tuple[float, ...]:
    """A run on the stub: truth of the last half of the choices and of what is handed in; spread of f."""
    features, truth = stub(width, arms, seed)
    rng = np.random.default_rng([seed, 1])
    seen = rng.permutation(arms)[:start].tolist()
    y = [rng.binomial(20, truth[i]) / 20 for i in seen]
    net: Any = {"repaired": ScaledNet, "Adam": ScaledAdam}.get(kind, lambda *_: None)(features, rng)
    if kind == "repaired":
        net.observe(seen.copy())
    elif kind == "faithful":
        net = PublishedNet(width, LAMBDA, NU, rng)
    x, mean, trained = torch.from_numpy(features), truth * 0.0, False
    while len(seen) < total:
        if kind == "faithful":
            z = (x - x[seen].mean(0)) / x[seen].std(0) if trained else x
            chosen = net.choose(z)
            mean = net.units(z)[0].numpy()
        elif kind == "random":
            chosen = int(rng.integers(arms))
        else:
            if kind == "repaired":
                found = net.fit(torch.tensor(y).double(), torch.ones(len(y), dtype=torch.float64))
                mean, width_of = found.mean.numpy(), found.deviation.numpy()
            else:
                mean, width_of = net.worth(seen, np.array(y))
            worth = mean + width_of
            worth[seen] = -np.inf
            chosen = int(worth.argmax())
        seen.append(chosen)
        y.append(rng.binomial(20, truth[chosen]) / 20)
        if kind == "repaired":
            net.observe([chosen])
        elif kind == "faithful":
            z = (x[seen] - x[seen].mean(0)) / x[seen].std(0)
            net.train(z, torch.tensor(y).float(), STEPS)
            trained = True
    chosen = (
        seen[:-1][int(mean[seen[:-1]].argmax())] if kind in ("repaired", "Adam") else seen[int(np.argmax(y))]
    )
    late = truth[seen[(start + total) // 2 :]].mean()
    corr = np.corrcoef(mean, truth)[0, 1] if mean.std() else 0.0
    return float(late), float(truth[chosen]), float(mean.std()), float(corr), float(truth.max())


def speed() -> None:
    """CPU seconds an iteration."""
    print("CPU seconds an iteration, 1,000 candidates, 1,000 steps of Adam where there are any, one thread")
    print(f"{'H':>5} {'n':>4}  {'plain port':>10} {'faithful':>15} {'repaired':>16}")
    for n in (50, 100, 200):
        took = [iteration(kind, 2048, n) for kind in ("plain port", "faithful", "repaired")]
        ratios = [f"{s:8.3f} {took[0] / s:5.1f}x" for s in took[1:]]
        print(f"{2048:5} {n:4}  {took[0]:10.2f} {ratios[0]:>15} {ratios[1]:>16}", flush=True)


def memory() -> None:
    """Peaks of an iteration."""
    print("GiB at the peak of an iteration, n = 200, above what torch takes idle")
    for kind, width in (("faithful", 5120), ("repaired", 5120), ("plain port", 2048)):
        print(f"{kind:11} H = {width}: {needed(kind, width):.2f}", flush=True)


def table(seeds: int = 5) -> None:
    """The networks on a stub."""
    print(
        f"On a stub: 512 arms, H = 192, 16 random arms and 50 chosen ones, 20 yes-or-no rows, {seeds} seeds"
    )
    print("network     truth of the last 25   of the one handed in   sd of f   corr(f, truth)   best arm")
    for kind in ("random", "repaired", "Adam", "faithful"):
        runs = np.array([bandit(kind, seed) for seed in range(seeds)])
        late, chosen, deviation, corr, best = runs.mean(0)
        name = {"Adam": "its Adam"}.get(kind, kind)
        print(f"{name:11} {late:20.3f} {chosen:22.3f} {deviation:9.2f} {corr:16.2f} {best:10.3f}", flush=True)


def main(words: list[str] | None = None) -> None:
    """Print what is asked for, by default all."""
    parts = {"speed": speed, "memory": memory, "stub": table}
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("part", nargs="*", help=f"{', '.join(parts)}; by default all")
    torch.set_num_threads(1)
    for part in arguments.parse_args(words).part or parts:
        parts[part]()


if __name__ == "__main__":
    main()
