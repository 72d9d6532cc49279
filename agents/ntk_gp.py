"""A Gaussian process whose kernel is the empirical neural tangent kernel of an untrained network."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve

Array = NDArray[np.float64]


class Tangents(NamedTuple):
    """What the gradients of n outputs by all parameters are made of.

    The gradient by the weights of layer l is the outer product of `pulls[l]` and `inputs[l]`, that by
    its biases `pulls[l]`; the gradients themselves, n x P numbers, are never built.
    """

    inputs: tuple[Array, ...]
    """What enters each layer, shape (n, fan-in)."""
    pulls: tuple[Array, ...]
    """The derivative of the output by each layer's sums, shape (n, fan-out)."""


@dataclass(frozen=True, slots=True)
class ReluNet:
    """A fully connected network with ReLU between its layers and one output."""

    weights: tuple[Array, ...]
    """One matrix a layer, shape (fan-out, fan-in); the last has one row."""
    biases: tuple[Array, ...]
    """One vector a layer, shape (fan-out,)."""

    def tangents(self, points: Array) -> Tangents:
        """See `Tangents`; `points` has shape (n, fan-in of the first layer)."""
        inputs = [points]
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            inputs.append(np.maximum(inputs[-1] @ weight.T + bias, 0.0))
        pulls = [np.ones((len(points), 1))]
        for weight, after in zip(self.weights[:0:-1], inputs[:0:-1], strict=True):
            pulls.append((pulls[-1] @ weight) * (after > 0.0))
        return Tangents(tuple(inputs), tuple(reversed(pulls)))

    def jacobians(self, tangents: Tangents) -> list[Array]:
        """How what enters each layer after the first moves with the one point: shapes (fan-in, width)."""
        found: list[Array] = []
        for weight, after in zip(self.weights[:-1], tangents.inputs[1:], strict=True):
            before = weight if not found else weight @ found[-1]
            found.append((after[0] > 0.0)[:, None] * before)
        return found


def untrained(width: int, rng: np.random.Generator, hidden: int = 32, depth: int = 2) -> ReluNet:
    """A network whose weights and biases are all standard normal, not scaled by the fan-in.

    Args:
        width: of the points.
        rng: draws the parameters. (The published code gives every layer the same seed, 0.)
        hidden: units of each hidden layer.
        depth: how many hidden layers.
    """
    sizes = [width, *[hidden] * depth, 1]
    weights = [rng.standard_normal((after, before)) for before, after in pairwise(sizes)]
    return ReluNet(tuple(weights), tuple([rng.standard_normal(after) for after in sizes[1:]]))


def kernel(a: Tangents, b: Tangents) -> Array:
    """The inner products of the parameter gradients of `a`'s and `b`'s outputs, shape (n of a, n of b)."""
    total = np.zeros((len(a.inputs[0]), len(b.inputs[0])))
    for x, pull, other_x, other_pull in zip(a.inputs, a.pulls, b.inputs, b.pulls, strict=True):
        total += (x @ other_x.T + 1.0) * (pull @ other_pull.T)
    return total


class Slope(NamedTuple):
    """The gradient of the posterior mean at a point, and how much is known of it."""

    gradient: Array
    """Shape (width,)."""
    variance: float
    """The posterior variance of the derivative along the gradient's direction."""
    prior: float
    """What that variance was before any score was seen."""


class NtkGP:
    """A process of mean 0 with the kernel above, conditioned on scores.

    Points are scaled to [0, 1] by the smallest and the largest of each coordinate among those given;
    a coordinate that does not vary is left as it is. All arithmetic is in float64: kernel entries of
    unscaled networks are of order 1e4 to 1e6, so in float32, which the published code uses, a variance
    below about 0.1 is rounding error.
    """

    __slots__ = ("_alpha", "_factor", "_low", "_net", "_seen", "_span")

    def __init__(self, net: ReluNet, points: Array, scores: Array, noise: float = 1e-4) -> None:
        """Condition the process.

        Args:
            net: whose tangent kernel it is.
            points: shape (n, width).
            scores: shape (n,).
            noise: variance of the scores' noise; 10 where the matrix is singular with this one.
        """
        low, high = points.min(axis=0), points.max(axis=0)
        varies = high > low
        self._low = np.where(varies, low, 0.0)
        self._span = np.where(varies, high - low, 1.0)
        self._net = net
        self._seen = net.tangents(self._scaled(points))
        gram = kernel(self._seen, self._seen)
        try:
            self._factor = cho_factor(gram + noise * np.eye(len(gram)), lower=True)
        except LinAlgError:
            self._factor = cho_factor(gram + 10.0 * np.eye(len(gram)), lower=True)
        self._alpha: Array = cho_solve(self._factor, scores)

    def _scaled(self, points: Array) -> Array:
        scaled: Array = (points - self._low) / self._span
        return scaled

    def mean(self, points: Array) -> Array:
        """The posterior mean of the score at `points`, shape (n, width): shape (n,)."""
        means: Array = kernel(self._net.tangents(self._scaled(points)), self._seen) @ self._alpha
        return means

    def variance(self, point: Array) -> float:
        """The posterior variance of the score at a point, shape (width,); at least 0."""
        here = self._net.tangents(self._scaled(point[None]))
        across = kernel(here, self._seen)
        explained = across @ cho_solve(self._factor, across.T)
        return max(float(kernel(here, here)[0, 0] - explained[0, 0]), 0.0)

    def slope(self, point: Array) -> Slope:
        """The gradient of the posterior mean at a point, shape (width,).

        The derivative of a ReLU's derivative counts as 0, as automatic differentiation has it.
        """
        here = self._net.tangents(self._scaled(point[None]))
        jacobians = self._net.jacobians(here)
        agree = [(theirs @ mine[0]) for mine, theirs in zip(here.pulls, self._seen.pulls, strict=True)]
        moves: Array = agree[0][:, None] * self._seen.inputs[0]  # d kernel(point, i) / d point, a row each i
        for weight, entering, jacobian in zip(agree[1:], self._seen.inputs[1:], jacobians, strict=True):
            moves = moves + (weight[:, None] * entering) @ jacobian
        moves = moves / self._span
        gradient: Array = moves.T @ self._alpha
        length = float(np.linalg.norm(gradient))
        if length == 0.0:
            return Slope(gradient, 0.0, 0.0)
        along = gradient / (length * self._span)
        prior = float(along @ along * (here.pulls[0][0] @ here.pulls[0][0]))
        for jacobian, pull in zip(jacobians, here.pulls[1:], strict=True):
            step = jacobian @ along
            prior += float((step @ step) * (pull[0] @ pull[0]))
        known = moves @ (gradient / length)
        explained = float(known @ cho_solve(self._factor, known))
        return Slope(gradient, max(prior - explained, 0.0), prior)
