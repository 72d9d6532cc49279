"""The tasks of the papers, generated here or read from the published files."""

from scenarios.tasks.catalogue import DESCRIPTION, INDUCTION30, TASKS
from scenarios.tasks.generated import Sizes, available, fitting, make, stock
from scenarios.tasks.published import load, names

__all__ = [
    "DESCRIPTION", "INDUCTION30", "TASKS", "Sizes", "available", "fitting", "load", "make", "names", "stock",
]  # fmt: skip
