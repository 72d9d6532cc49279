"""The Gaussian process of InstructZero as gpytorch and botorch have it: a kernel, a `SingleTaskGP`, its fit.

`coupled_gp.py` says the formulas, and computes the same without torch in a fraction of the time.
"""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import numpy as np

from agents.coupled_fit import LEAST_NOISE, NOISE_RATE, NOISE_SHAPE, RATE, SHAPE
from agents.coupled_gp import JITTER, Array, Hyper, Seen, agreement
from agents.torch_threads import one_thread


@cache
def kernel_class() -> Any:
    """`InstructionCoupledKernel`, a `gpytorch.kernels.Kernel`; made when it is first asked for."""
    import torch
    from gpytorch.kernels import Kernel

    class InstructionCoupledKernel(Kernel):  # type: ignore[misc]
        """l(z, Z) (L + jitter)^-1 S (L + jitter)^-1 l(Z, z'), with the residual or without."""

        def __init__(
            self, seen: Seen, similarity: Any, jitter: float = JITTER, residual: bool = False
        ) -> None:
            """A kernel over points of shape (d,).

            Args:
                seen: the points Z, and the row scores of their texts.
                similarity: s, over vectors of row scores; None for how often two texts agree.
                jitter: on L.
                residual: whether l(z, z') - l(z, Z) (L + jitter)^-1 l(Z, z') is added.
            """
            super().__init__()
            self.latent = published_matern(seen.points.shape[1])
            self.similarity = similarity
            self.jitter, self.residual = jitter, residual
            self.register_buffer("points", torch.as_tensor(seen.points))
            rows = seen.rows[seen.text]
            self.register_buffer("rows", torch.as_tensor(rows))
            self.register_buffer("agreed", torch.as_tensor(agreement(rows)))

        def forward(self, x1: Any, x2: Any, diag: bool = False, **_: Any) -> Any:
            """See `gpytorch.kernels.Kernel`; every entry belongs to its own pair, whatever the batch."""
            points, rows, x2 = self.points, self.rows, x2 if diag else _shared(x2)
            jitter = self.jitter * torch.eye(len(points), dtype=points.dtype)
            root = torch.linalg.cholesky(_dense(self.latent, points, points) + jitter)
            similar = self.agreed if self.similarity is None else _dense(self.similarity, rows, rows)
            left = _dense(self.latent, x1, points)
            solved = torch.cholesky_solve(_dense(self.latent, points, x2), root)  # (L + jitter)^-1 l(Z, z')
            middle = torch.cholesky_solve(similar @ solved, root)
            if self.residual:
                middle = middle - solved
            result = (left * middle.transpose(-1, -2)).sum(-1) if diag else left @ middle
            if self.residual:
                result = result + (self.latent(x1, x2, diag=True) if diag else _dense(self.latent, x1, x2))
            return result

    return InstructionCoupledKernel


def _shared(x: Any) -> Any:
    """One batch of `x` where all are the same: gpytorch repeats the data for each candidate of a batch."""
    while x.dim() > 2 and x.shape[-2] > 1 and bool((x == x[:1]).all()):
        x = x[0]
    return x


def _dense(kernel: Any, x1: Any, x2: Any) -> Any:
    """The matrix of a kernel."""
    return kernel(x1, x2).to_dense()


def published_matern(dimensions: int) -> Any:
    """Matern-5/2 with a lengthscale a coordinate and the published prior."""
    from gpytorch.kernels import MaternKernel
    from gpytorch.priors import GammaPrior

    return MaternKernel(nu=2.5, ard_num_dims=dimensions, lengthscale_prior=GammaPrior(SHAPE, RATE)).double()


def coupled_model(seen: Seen, hyper: Hyper | None = None) -> Any:
    """A botorch model of `seen`, at `hyper`, or unfitted with the published kernels and priors.

    Noise that is given for each text is fixed; one noise for all has the published prior.
    """
    import torch
    from botorch.models import SingleTaskGP
    from gpytorch.constraints import GreaterThan
    from gpytorch.kernels import ScaleKernel
    from gpytorch.likelihoods import GaussianLikelihood
    from gpytorch.priors import GammaPrior

    similarity = None if hyper is not None and hyper.rows is None else published_matern(seen.rows.shape[1])
    shape = hyper or Hyper(0.0, 1.0, 1.0, 1.0, None)
    kernel = kernel_class()(seen, similarity, shape.jitter, shape.residual)
    fixed = hyper is not None and np.ndim(hyper.noise) > 0
    extra: dict[str, Any] = {}
    if fixed:
        extra["train_Yvar"] = torch.as_tensor(np.asarray(shape.noise)[:, None])
    else:
        extra["likelihood"] = GaussianLikelihood(
            noise_prior=GammaPrior(NOISE_SHAPE, NOISE_RATE),
            noise_constraint=GreaterThan(LEAST_NOISE, transform=None, initial_value=2.0),
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # unscaled inputs and outputs are meant
        model = SingleTaskGP(
            torch.as_tensor(seen.points[seen.first]),
            torch.as_tensor(seen.scores[:, None]),
            covar_module=ScaleKernel(kernel),
            outcome_transform=None,
            **extra,
        ).double()
    if hyper is not None:
        model.mean_module.initialize(constant=hyper.mean)
        model.covar_module.outputscale = hyper.tau
        kernel.latent.lengthscale = torch.as_tensor(np.asarray(hyper.latent, dtype=float))
        if similarity is not None:
            similarity.lengthscale = torch.as_tensor(np.asarray(hyper.rows))
        if not fixed:
            model.likelihood.noise = float(np.mean(hyper.noise))
    model.eval()
    return model


def hyper_of(model: Any) -> Hyper:
    """The parameters of a model that `coupled_model` made with the published kernels."""
    kernel = model.covar_module.base_kernel
    return Hyper(
        float(model.mean_module.constant.detach()),
        float(model.likelihood.noise.detach()),
        float(model.covar_module.outputscale.detach()),
        kernel.latent.lengthscale.detach().numpy()[0],
        kernel.similarity.lengthscale.detach().numpy()[0],
    )


def fit_by_botorch(seen: Seen) -> Hyper:
    """The published fit as published: botorch's L-BFGS on the exact marginal likelihood and the priors."""
    from botorch.fit import fit_gpytorch_mll
    from gpytorch.mlls import ExactMarginalLogLikelihood

    with one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = coupled_model(seen)
        model.train()
        fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
        return hyper_of(model)


class BotorchGP:
    """A coupled model with the methods of `coupled_gp.CoupledGP`."""

    def __init__(self, seen: Seen, hyper: Hyper) -> None:
        self.hyper = hyper
        self.model = coupled_model(seen, hyper)
        self.means = self.posterior(seen.points[seen.first])[0]
        """Posterior means of the texts."""

    def posterior(self, points: Array) -> tuple[Array, Array]:
        """Means and standard deviations at `points`, shape (m, d); each for itself."""
        import torch

        with one_thread(), torch.no_grad():
            found = self.model.posterior(torch.as_tensor(points)[:, None, :])
            return found.mean[:, 0, 0].numpy(), found.variance[:, 0, 0].clamp_min(0.0).sqrt().numpy()

    def joint(self, points: Array) -> tuple[Array, Array]:
        """Means and covariance of `points`, shape (m, d), together."""
        import torch

        with one_thread(), torch.no_grad():
            found: Any = self.model.posterior(torch.as_tensor(points))
            return found.mean[:, 0].numpy(), found.distribution.covariance_matrix.numpy()

    def acquisition(self, points: Array, best: float, log: bool = True) -> Array:
        """Expected improvement over `best` at `points`, shape (m, d), or its logarithm, by botorch."""
        import torch
        from botorch.acquisition.analytic import ExpectedImprovement, LogExpectedImprovement

        kind = LogExpectedImprovement if log else ExpectedImprovement
        with one_thread(), torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            worth: Array = kind(self.model, best_f=best)(torch.as_tensor(points)[:, None, :]).numpy()
            return worth
