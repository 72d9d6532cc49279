"""One thread for torch: on matrices as small as these, a second one only gets in the way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch computes with one thread inside; the number of before is put back.

    Measured on two shared cores, two threads made the fit of a Gaussian process to 200 points several times
    slower, and its time erratic.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
