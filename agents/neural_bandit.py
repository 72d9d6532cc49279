"""One-hidden-layer reward networks that know where they are unsure: NeuralUCB with closed-form widths.

Zhou, Li and Gu (2020), "Neural Contextual Bandits with UCB-based Exploration", as INSTINCT (Lin et al.,
2024) uses it: f(x) = w2 . relu(W1 x + b1) + b2, and the worth of an arm is f plus the length of its
gradient in the metric of what was seen. That gradient has P = 100 H + 201 entries, but it is an outer
product, so that no length here ever needs it written out. Torch tensors go in and out.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch

Tensor = torch.Tensor

HIDDEN = 100
"""Hidden units of the published network."""
_PENALTIES = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Ratios of noise to prior variance among which the marginal likelihood chooses."""
_CHUNK = 1024
"""Arms whose squared features are in memory at once."""


class Units(NamedTuple):
    """What a gradient is made of, for n inputs and m hidden units."""

    slopes: Tensor
    """df / d(pre-activation), shape (n, m): the gradient of b1, and with the input that of W1."""
    active: Tensor
    """relu(pre-activation) times the scale of w2, shape (n, m): the gradient of w2."""


class Diagonal:
    """The diagonal U of NeuralUCB: lambda, plus the squared gradients of the arms that were chosen.

    It is kept in the shape of the network, so that with x the input, a the slopes and h the active units,
    g^T U^-1 g = sum_k x_k^2 (a^2 / U_W1)_k + a^2 . 1/U_b1 + h^2 . 1/U_w2 + 1/U_b2.
    """

    def __init__(self, width: int, hidden: int, penalty: float, dtype: torch.dtype = torch.float32) -> None:
        self.penalty = penalty
        self.first = torch.full((hidden, width), penalty, dtype=dtype)
        self.bias = torch.full((hidden,), penalty, dtype=dtype)
        self.second = torch.full((hidden,), penalty, dtype=dtype)
        self.last = penalty

    def add(self, x: Tensor, units: Units) -> None:
        """The gradients of some arms, inputs of shape (n, H), join U."""
        slopes = units.slopes.square()
        self.first.addmm_(slopes.T, x.square())
        self.bias += slopes.sum(0)
        self.second += units.active.square().sum(0)
        self.last += float(len(x))

    def lengths(self, x: Tensor, units: Units) -> Tensor:
        """The squared widths of inputs (n, H), lambda g^T U^-1 g: shape (n,)."""
        inverse = self.first.reciprocal()
        slopes = units.slopes.square()
        found = slopes @ self.bias.reciprocal() + units.active.square() @ self.second.reciprocal()
        for start in range(0, len(x), _CHUNK):
            rows = slice(start, start + _CHUNK)
            found[rows] += ((slopes[rows] @ inverse).mul_(x[rows]).mul_(x[rows])).sum(1)
        return self.penalty * (found + 1.0 / self.last)


class PublishedNet:
    """INSTINCT's network as its code has it: every parameter N(0, 1), nothing scaled, trained by Adam.

    With H inputs of unit size the outputs have a standard deviation of about sqrt(50 H), for scores in
    [0, 1]. A thousand small steps make it fit what was observed; elsewhere its mean stays that of the
    random start. That defect is the point of this class.
    """

    def __init__(
        self,
        width: int,
        penalty: float,
        nu: float,
        rng: np.random.Generator,
        hidden: int = HIDDEN,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """`penalty`: lambda. `nu`: stands inside the root of the width."""
        self.nu, self.penalty, self.hidden = nu, penalty, hidden
        count = hidden * width + 2 * hidden + 1
        self.start = torch.from_numpy(rng.standard_normal(count)).to(dtype)
        self.flat = torch.nn.Parameter(self.start.clone(), requires_grad=False)
        self.seen = Diagonal(width, hidden, penalty, dtype)
        self._cuts = (hidden * width, hidden * width + hidden, hidden * width + 2 * hidden)

    def parts(self, flat: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """W1 (m, H), b1 (m,), w2 (m,) and b2 (1,) as views of a flat vector."""
        first, bias, second = self._cuts
        return flat[:first].view(self.hidden, -1), flat[first:bias], flat[bias:second], flat[second:]

    def units(self, x: Tensor) -> tuple[Tensor, Units]:
        """Outputs for inputs (n, H), shape (n,), and what their gradients are made of."""
        w1, b1, w2, b2 = self.parts(self.flat.data)
        before = torch.addmm(b1, x, w1.T)
        active = before.relu()
        return active @ w2 + b2, Units((before > 0) * w2, active)

    def worth(self, x: Tensor) -> Tensor:
        """Of inputs (n, H): f + sqrt(lambda nu sum_p g_p^2 / U_p), shape (n,)."""
        mean, units = self.units(x)
        return mean + (self.nu * self.seen.lengths(x, units)).sqrt()

    def choose(self, x: Tensor) -> int:
        """The input of largest worth; its gradient joins U."""
        chosen = int(self.worth(x).argmax())
        row = x[chosen : chosen + 1]
        self.seen.add(row, self.units(row)[1])
        return chosen

    def train(self, x: Tensor, scores: Tensor, steps: int, rate: float = 1e-3) -> float:
        """`steps` of Adam on the mean squared error, from the first initialisation; the last loss.

        Adam takes every coordinate at its own rate, so that W1 leaves the span of the inputs: here the
        gradient must be written out once a step, but by three matrix products and no graph.
        """
        n = len(x)
        flat = torch.nn.Parameter(self.start.clone())
        flat.grad = torch.zeros_like(flat)
        w1, b1, w2, b2 = self.parts(flat.data)
        g1, gb1, g2, gb2 = self.parts(flat.grad)
        adam = torch.optim.Adam([flat], lr=rate, weight_decay=self.penalty / n, fused=True)
        before, active, slopes = (torch.empty(n, self.hidden, dtype=x.dtype) for _ in range(3))
        loss = 0.0
        with torch.no_grad():
            for _ in range(steps):
                torch.addmm(b1, x, w1.T, out=before)
                torch.clamp(before, min=0.0, out=active)
                error = active @ w2
                error += b2 - scores
                loss = float(error.square().mean())
                error *= 2.0 / n
                torch.outer(error, w2, out=slopes)
                slopes.masked_fill_(before <= 0, 0.0)
                torch.mm(slopes.T, x, out=g1)
                torch.sum(slopes, 0, out=gb1)
                torch.mv(active.T, error, out=g2)
                gb2.fill_(float(error.sum()))
                adam.step()
        self.flat = torch.nn.Parameter(flat.data, requires_grad=False)
        return loss


class Beliefs(NamedTuple):
    """What a `ScaledNet` expects of every arm, in the units of the scores."""

    mean: Tensor
    deviation: Tensor


class ScaledNet:
    """The same network with unit outputs, on a fixed set of arms, trained to its optimum.

    f(x) = w2 . relu(W1 x / sqrt(H) + b1) / sqrt(m) + b2, minus the same at the start, plus the mean score.
    It minimises sum_i v_i (y_i - f(x_i))^2 + lambda |theta - theta_0|^2, scores y in units of their standard
    deviation. Every step of Gauss-Newton on that is a combination of the gradients of what was
    observed, and these meet each other only in inner products,
        <g_i, g_j> = (x_i . x_j / H + 1) (a_i . a_j) + h_i . h_j + 1,
    so the network moves in n dimensions instead of P and a fit takes milliseconds whatever H is. The
    same inner products give NeuralUCB's width sqrt(lambda g^T U^-1 g) with the whole matrix U, of which
    INSTINCT keeps the diagonal; a diagonal whose P entries gain 1/P each by an observation would hardly ever
    shrink here. lambda has the largest marginal likelihood under the kernel of the start, and the width
    the scale that this gives the prior.
    """

    def __init__(
        self, features: np.ndarray[Any, Any], rng: np.random.Generator, hidden: int = HIDDEN, steps: int = 10
    ) -> None:
        """`features`: of all arms, (N, H), to be standardised. `steps`: the most of Gauss-Newton in a fit."""
        x = torch.from_numpy(np.ascontiguousarray(features, dtype=np.float32))
        deviation, centre = torch.std_mean(x, 0, correction=0)
        # A feature that never changes says nothing; the division would blow its rounding up.
        scale = torch.where(deviation > 1e-6 * (centre.abs() + 1e-6), deviation, torch.inf)
        self.x = ((x - centre) / scale) / math.sqrt(x.shape[1])
        w1 = torch.from_numpy(rng.standard_normal((hidden, x.shape[1]), dtype=np.float32))
        bias = torch.from_numpy(rng.standard_normal(hidden))
        self.w2 = torch.from_numpy(rng.standard_normal(hidden))
        self.hidden, self.steps = hidden, steps
        self.start = (self.x @ w1.T).double() + bias
        """Pre-activations before training, shape (N, m)."""
        self.offset = self._output(self.start, self.w2)
        self.gram = torch.empty(len(x), 0, dtype=torch.float64)
        """x . x' / H + 1 of every arm with every observed one."""
        self.own = self.x.double().square().sum(1) + 1.0
        self.observed: list[int] = []
        self.w1, self.penalty = w1, 1.0
        self._flatten(0)

    def observe(self, arms: list[int]) -> None:
        """These arms will have scores in the next `fit`, after those of before."""
        new = self.x @ self.x[arms].T
        self.gram = torch.cat([self.gram, new.double() + 1.0], 1)
        self.observed += arms
        self._flatten(len(self.observed))

    def _flatten(self, n: int) -> None:
        """Back to the start: theta - theta_0 = sum_i first_i x_i, and its other parts."""
        self.first = torch.zeros(n, self.hidden, dtype=torch.float64)
        self.second = torch.zeros(self.hidden, dtype=torch.float64)
        self.last = torch.zeros((), dtype=torch.float64)

    def _output(self, before: Tensor, w2: Tensor) -> Tensor:
        return before.relu() @ w2 / math.sqrt(self.hidden)

    def _units(self, before: Tensor) -> Units:
        root = math.sqrt(self.hidden)
        return Units((before > 0) * (self.w2 + self.second) / root, before.relu() / root)

    def fit(self, scores: Tensor, noise: Tensor) -> Beliefs:
        """Train on the observed arms' `scores`, and predict all arms.

        Args:
            scores: shape (n,), in the order in which the arms were observed.
            noise: of each score, relative to the others, shape (n,); 1/v above.
        """
        weights = noise.reciprocal()
        centre = (weights * scores).sum() / weights.sum()
        spread = ((weights * (scores - centre).square()).sum() / weights.sum()).sqrt().clamp_min(1e-3)
        y = (scores - centre) / spread
        self._flatten(len(y))
        gram = self.gram[self.observed]
        at_start = self._units(self.start[self.observed])
        self.penalty = self._likeliest(kernel(gram, at_start, at_start), y, noise)
        self._descend(gram, y, noise, self.penalty)
        before = self.start + self.gram @ self.first
        mean = self._output(before, self.w2 + self.second) + self.last - self.offset
        everywhere = self._units(before)
        here = Units(everywhere.slopes[self.observed], everywhere.active[self.observed])
        cross = kernel(self.gram, everywhere, here)
        factor = torch.linalg.cholesky(kernel(gram, here, here) + torch.diag(self.penalty * noise))
        own = self.own * everywhere.slopes.square().sum(1) + everywhere.active.square().sum(1) + 1.0
        explained = torch.linalg.solve_triangular(factor, cross.T, upper=False).square().sum(0)
        amplitude = self._amplitude(factor, y, noise)
        width = (amplitude * (own - explained).clamp_min(0.0)).sqrt()
        return Beliefs(centre + spread * mean, spread * width)

    @staticmethod
    def _amplitude(factor: Tensor, y: Tensor, noise: Tensor) -> float:
        """The prior variance of largest likelihood, with one observation's worth of belief in 1."""
        solved = torch.linalg.solve_triangular(factor, y[:, None], upper=False)
        return (float(solved.square().sum()) + 1.0) / (float(noise.reciprocal().sum()) + 1.0)

    def _likeliest(self, prior: Tensor, y: Tensor, noise: Tensor) -> float:
        """The lambda of largest marginal likelihood, the amplitude profiled out.

        Of c equal arms that tell one score with c times its noise, c - 1 are left out of the count: they
        multiply the determinant by lambda^(c - 1), and say nothing.
        """
        best, chosen = -math.inf, 1.0
        count = float(noise.reciprocal().sum())
        for penalty in _PENALTIES:
            factor = torch.linalg.cholesky(prior + torch.diag(penalty * noise))
            likelihood = 0.5 * (len(y) - count) * math.log(penalty) - float(factor.diagonal().log().sum())
            likelihood -= 0.5 * (count + 1.0) * math.log(self._amplitude(factor, y, noise))
            if likelihood > best:
                best, chosen = likelihood, penalty
        return chosen

    def _descend(self, gram: Tensor, y: Tensor, noise: Tensor, penalty: float) -> None:
        """Gauss-Newton with halved steps, until the loss falls by less than a ten-thousandth."""
        start, offset = self.start[self.observed], self.offset[self.observed]

        def outcome(first: Tensor, second: Tensor, last: Tensor) -> tuple[Tensor, Tensor, float]:
            before = start + gram @ first
            output = self._output(before, self.w2 + second) + last - offset
            moved = (first * (gram @ first)).sum() + second.square().sum() + last.square()
            return before, output, float(((y - output).square() / noise).sum() + penalty * moved)

        before, output, loss = outcome(self.first, self.second, self.last)
        for _ in range(self.steps):
            units = self._units(before)
            tangent = (units.slopes * (gram @ self.first)).sum(1) + units.active @ self.second + self.last
            factor = torch.linalg.cholesky(kernel(gram, units, units) + torch.diag(penalty * noise))
            dual = torch.cholesky_solve((y - output + tangent)[:, None], factor)
            goal = dual * units.slopes, (dual * units.active).sum(0), dual.sum()
            stride, found = 1.0, None
            while stride > 0.05:
                first = torch.lerp(self.first, goal[0], stride)
                second = torch.lerp(self.second, goal[1], stride)
                last = torch.lerp(self.last, goal[2], stride)
                found = outcome(first, second, last)
                if found[2] < loss:
                    break
                stride /= 2
            if found is None or found[2] >= loss:
                return
            self.first, self.second, self.last = first, second, last
            fallen, (before, output, loss) = loss, found
            if loss > (1.0 - 1e-4) * fallen:
                return


def kernel(gram: Tensor, left: Units, right: Units) -> Tensor:
    """The inner products of the gradients of two sets of inputs, `gram` those of the inputs and biases."""
    return gram * (left.slopes @ right.slopes.T) + left.active @ right.active.T + 1.0
