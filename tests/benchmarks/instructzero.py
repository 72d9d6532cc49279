"""Seconds a step of Bayesian optimization takes InstructZero, beside a plain port; and how flat EI is.

The port follows the published loop: a gpytorch model built and fitted anew, then 25 separate runs of pycma
with 50 x 10 evaluations each. Its acquisition here is LogEI, which is not flat, so that no run stops early.
All in one process with one thread; set OMP_NUM_THREADS=1 for numpy.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "agents"))
sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
from steered import Graded, Steered

from agents.coupled_fit import fit_published, fit_repaired
from agents.coupled_gp import CoupledGP, Seen, expected_improvement, matern, text_kernel
from agents.instructzero_loops import standardised, winners
from agents.soft_prompts import sobol, soft_prompts
from agents.torch_threads import one_thread

RUNS = 25


def observed(n: int, seed: int = 0) -> Seen:
    """`n` points of a stub black box, 20 rows each."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(-1, 1, (n, 10))
    chance = 1 / (1 + np.exp(-2 * points[:, 0] - points[:, 1]))
    right = (rng.random((n, 20)) < chance[:, None]).astype(float)
    return Seen(points, np.arange(n), right, right.mean(axis=1))


def leaders(seen: Seen) -> np.ndarray:
    """The 25 best points."""
    best: np.ndarray = seen.points[np.argsort(-seen.scores, kind="stable")[:RUNS]]
    return best


def port(seen: Seen) -> None:
    """A step of the published loop, with an acquisition that is not flat."""
    import cma
    import torch
    from botorch.acquisition.analytic import LogExpectedImprovement
    from botorch.fit import fit_gpytorch_mll
    from gpytorch.mlls import ExactMarginalLogLikelihood

    from agents.coupled_botorch import coupled_model

    seen = standardised(seen)
    model: Any = coupled_model(seen)
    model.train()
    fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
    model.eval()
    worth = LogExpectedImprovement(model, best_f=float(seen.scores.max()))
    for seed, start in enumerate(leaders(seen)):
        options = {"popsize": 50, "bounds": [-1, 1], "maxiter": 10, "verbose": -9, "seed": seed + 1}
        run = cma.CMAEvolutionStrategy(start, 0.8, options)
        while not run.stop():
            asked = run.ask()
            with torch.no_grad():
                values = worth(torch.as_tensor(np.array(asked))[:, None, :])
            run.tell(asked, (-values).tolist())


def repaired(seen: Seen) -> None:
    """A step of the repaired mode: fit, 25 runs on LogEI."""
    model = CoupledGP(seen, fit_repaired(seen))
    winners(model, leaders(seen), float(model.means.max()), True, np.random.default_rng(0))


def faithful(seen: Seen) -> None:
    """A step of the faithful mode: the published fit, 25 runs on the published EI."""
    seen = standardised(seen)
    model = CoupledGP(seen, fit_published(seen))
    winners(model, leaders(seen), float(seen.scores.max()), False, np.random.default_rng(0))


def seconds(step: Callable[[Seen], None], n: int, times: int) -> tuple[float, float]:
    """Median wall and processor seconds of a step."""
    took = []
    for seed in range(times):
        seen = observed(n, seed)
        wall, cpu = time.perf_counter(), time.process_time()
        step(seen)
        took.append((time.perf_counter() - wall, time.process_time() - cpu))
    wall, cpu = np.median(took, axis=0).tolist()
    return wall, cpu


def mixed_up(model: CoupledGP, seen: Seen, points: np.ndarray, best: float) -> np.ndarray:
    """The published EI of a batch, whose prior variance is k(z_i, z_1) instead of k(z_i, z_i)."""
    hyper, n = model.hyper, len(seen.points)
    inverse = np.linalg.inv(matern(seen.points, seen.points, hyper.latent) + hyper.jitter * np.eye(n))
    at = matern(points, seen.points, hyper.latent)
    half = at @ inverse
    own = hyper.tau * half @ text_kernel(seen.rows, hyper)
    mean, deviation = model.posterior(points)
    shift = np.einsum("ij,j->i", own, half[0]) - np.einsum("ij,ij->i", own, half)
    wrong = np.sqrt(np.maximum(deviation**2 + shift, 1e-9))
    return expected_improvement(mean, wrong, best)


def flatness() -> None:
    """The largest EI of a step, on the stub that the tests use, in units of the scores' deviation."""
    print("\nlargest expected improvement over 25 x 500 candidates, in standard deviations of the scores")
    print(
        f"{'n':>4}  {'faithful':>10}  {'with k(z_i, z_1)':>16}  {'repaired':>10}   (largest of three seeds)"
    )
    for n in (25, 50, 75, 100, 125):
        found = []
        for seed in range(3):
            rng, box, graded = np.random.default_rng(seed), Steered(seed), Graded(seed, bar=1.0)
            points = sobol(n, 10, rng)
            texts = box.decode(soft_prompts(10, 5, box.width, rng).lift(points), "")
            rows = np.array([graded.right(text) for text in texts])
            seen = Seen(points, np.arange(n), rows, rows.mean(axis=1))
            normal = standardised(seen)
            model = CoupledGP(normal, fit_published(normal))
            best = float(normal.scores.max())
            flat = winners(model, leaders(normal), best, False, rng).values.max()
            around = [
                np.clip(z + 0.8 * rng.standard_normal((50, 10)), -1, 1)
                for z in np.repeat(leaders(normal), 10, 0)
            ]
            wrong = max(float(mixed_up(model, normal, batch, best).max()) for batch in around)
            good = CoupledGP(seen, fit_repaired(seen))
            log = winners(good, leaders(seen), float(good.means.max()), True, rng).values.max()
            found.append((flat, wrong, np.exp(log) / seen.scores.std(ddof=1)))
        flat, wrong, repaired_one = np.max(found, axis=0)
        print(f"{n:4}  {flat:10.1e}  {wrong:16.1e}  {repaired_one:10.3f}")


def main(arguments: list[str] | None = None) -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=3, help="steps of each kind; medians are printed")
    times = parser.parse_args(arguments).times
    print("a step of InstructZero: fit + 25 runs of CMA-ES; wall [processor] seconds")
    print(f"{'n':>4}  {'plain port':>15}  {'faithful':>15}  {'repaired':>15}  port / repaired")
    with one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        port(observed(10))
        for n in (50, 100, 200):
            took = [seconds(step, n, times) for step in (port, faithful, repaired)]
            columns = "  ".join(f"{wall:7.2f} [{cpu:5.2f}]" for wall, cpu in took)
            print(
                f"{n:4}  {columns}  {took[0][0] / took[2][0]:5.1f} [{took[0][1] / took[2][1]:.1f}]",
                flush=True,
            )
        flatness()


if __name__ == "__main__":
    main()
