"""The catalogue: importing this registers every check."""

from sandbox.testing.check import CHECKS
from sandbox.testing.checks import answers, chance, limits, luck, symmetries

__all__ = ["CHECKS", "answers", "chance", "limits", "luck", "symmetries"]

for _name in sorted(CHECKS, key=lambda name: (int(CHECKS[name].number[1:]), name)):
    CHECKS[_name] = CHECKS.pop(_name)
