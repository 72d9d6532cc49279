"""The score network of the Dual paper: a perceptron whose hidden states lean to those of the best."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional

Tensor = torch.Tensor

HIDDEN = 100
LEAST, MOST = 1e-10, 1e-2
"""The fixed weights of the paper's ablation (table 5): the dynamic one stays between them."""


class Regulariser(NamedTuple):
    """How much the similarity loss counts, and for whom."""

    sim_weight: str = "uniform"
    """"uniform": all instructions alike, to the letter of equation 3.3.3; "reward": by their scores."""
    similarity: str = "log-sigmoid"
    """-log sigmoid(c) of a cosine c, or "sigmoid": 1 - sigmoid(c)."""
    schedule: str = "ratio"
    """"ratio" of the losses, "decay" over the run, or "fixed"."""
    alpha: float = 0.01
    beta: float = 1e-10

    def with_gradient(self, states: Tensor, anchor: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
        """L_sim, minus the mean log sigmoid of the cosines with the anchor (equation 3.3.3), and dL_sim/dz.

        Args:
            states: z, penultimate activations, shape (n, m).
            anchor: z* of the best instruction, shape (m,); it is held fixed.
            scores: in [0, 1], shape (n,).
        """
        sizes = torch.linalg.vector_norm(states, dim=1).clamp_min_(1e-8)
        towards = anchor / torch.linalg.vector_norm(anchor).clamp_min(1e-8)
        cosine = states @ towards / sizes
        apart = torch.sigmoid(-cosine)
        if self.sim_weight == "uniform":
            shares = torch.full_like(scores, 1.0 / len(scores))
        else:
            shares = scores.clamp_min(0.0) + 1e-6
            shares /= shares.sum()
        slope = -shares * apart
        if self.similarity == "log-sigmoid":
            each = -functional.logsigmoid(cosine)
        else:
            each = apart
            slope = slope * (1.0 - apart)
        # dc/dz = (z*/|z*| - c z/|z|) / |z|
        slope = slope / sizes
        gradient = torch.outer(slope, towards).sub_((slope * cosine / sizes)[:, None] * states)
        return shares @ each, gradient

    def weight(self, regression: float, similarity: float, progress: float) -> float:
        """lambda_t of equation 3.3.1, in [1e-10, 1e-2]; `progress` is the share of the run that is over."""
        if self.schedule == "ratio":
            weight = self.alpha * regression / (similarity + self.beta)
        elif self.schedule == "decay":
            weight = MOST * (LEAST / MOST) ** progress
        else:
            weight = self.alpha
        return min(max(weight, LEAST), MOST)


class Losses(NamedTuple):
    """Of the last step of a training."""

    regression: float
    similarity: float
    weight: float


class ScoreNet:
    """`depth` hidden ReLU layers of 100 units and a linear output, at the usual scale of initialisation."""

    def __init__(self, width: int, depth: int, rng: np.random.Generator, hidden: int = HIDDEN) -> None:
        sizes = [width, *[hidden] * depth, 1]
        self.shapes = [shape for a, b in pairwise(sizes) for shape in ((b, a), (b,))]
        parts = []
        for fan_in, shape in zip([size for size in sizes[:-1] for _ in range(2)], self.shapes, strict=True):
            bound = 1.0 / math.sqrt(fan_in)
            parts.append(rng.uniform(-bound, bound, size=shape).ravel())
        self.start = torch.from_numpy(np.concatenate(parts)).float()
        self.flat = self.start.clone()
        self.now = self.parts(self.flat)

    def parts(self, flat: Tensor) -> list[Tensor]:
        """Weight and bias of every layer, as views of a flat vector."""
        pieces = torch.split(flat, [math.prod(shape) for shape in self.shapes])
        return [piece.view(shape) for piece, shape in zip(pieces, self.shapes, strict=True)]

    def layers(self, x: Tensor) -> list[Tensor]:
        """Inputs (n, width), then the activations of every hidden layer; the last is z."""
        found = [x]
        for weight, bias in zip(self.now[:-2:2], self.now[1:-2:2], strict=True):
            found.append(torch.addmm(bias, found[-1], weight.T).relu_())
        return found

    def outputs(self, states: Tensor) -> Tensor:
        """The predicted scores for penultimate activations (n, hidden), shape (n,)."""
        weight, bias = self.now[-2:]
        return torch.addmv(bias, states, weight[0])

    def train(
        self,
        x: Tensor,
        scores: Tensor,
        regulariser: Regulariser,
        steps: int,
        rate: float,
        restart: bool,
        progress: float = 0.0,
    ) -> Losses:
        """Full-batch Adam on L_reg + lambda_t L_sim, lambda_t anew at every step and without a gradient.

        Args:
            x: standardised features of the evaluated instructions, shape (n, width).
            scores: in [0, 1], shape (n,); the best of them, the latest of equals, is the anchor.
            regulariser: of the similarity loss.
            steps: of Adam.
            rate: its step size.
            restart: from the first initialisation, not from where the last training ended.
            progress: of the run, for the decaying schedule.
        """
        if restart:
            self.flat.copy_(self.start)
        flat = torch.nn.Parameter(self.flat, requires_grad=False)  # the same memory
        flat.grad = torch.zeros_like(flat)
        gradients = self.parts(flat.grad)
        adam = torch.optim.Adam([flat], lr=rate, fused=True)
        last = Losses(math.nan, math.nan, LEAST)
        for _ in range(steps):
            last = self.gradient(x, scores, regulariser, progress, gradients)
            adam.step()
        return last

    def gradient(
        self, x: Tensor, scores: Tensor, regulariser: Regulariser, progress: float, out: list[Tensor]
    ) -> Losses:
        """The losses now, and their gradient in the parts `out`: by hand, as a graph costs more."""
        layers = self.layers(x)
        states = layers[-1]
        error = self.outputs(states) - scores
        best = len(scores) - 1 - int(scores.flip(0).argmax())
        loss, pull = regulariser.with_gradient(states, states[best], scores)
        regression, similarity = float(error.square().mean()), float(loss)
        weight = regulariser.weight(regression, similarity, progress)
        error *= 2.0 / len(scores)
        torch.mm(error[None], states, out=out[-2])
        out[-1].fill_(error.sum())
        back = torch.addr(pull, error, self.now[-2][0], beta=weight)
        for layer in range(len(layers) - 1, 0, -1):
            back *= layers[layer] > 0
            torch.mm(back.T, layers[layer - 1], out=out[2 * layer - 2])
            torch.sum(back, 0, out=out[2 * layer - 1])
            if layer > 1:
                back = back @ self.now[2 * layer - 2]
        return Losses(regression, similarity, weight)

    def worth(self, x: Tensor, observed: Tensor, nu: float, penalty: float = 0.1) -> Tensor:
        """Predicted scores, plus for nu > 0 the last layer's width of NeuralUCB, shape (n,).

        sigma^2 = lambda nu z^T (lambda I + sum z_i z_i^T)^-1 z over the observed inputs.
        """
        states = self.layers(x)[-1]
        mean = self.outputs(states)
        if nu == 0.0:
            return mean
        seen = self.layers(observed)[-1].double()
        u = seen.T @ seen + penalty * torch.eye(seen.shape[1], dtype=torch.float64)
        half = torch.linalg.solve_triangular(torch.linalg.cholesky(u), states.double().T, upper=False)
        width: Tensor = (penalty * nu * half.square().sum(0)).sqrt().float()
        return mean + width
