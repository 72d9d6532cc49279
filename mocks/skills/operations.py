"""What the small interpreter takes from Python itself: operators, functions, methods, bounded in size."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

SIZE = 500
_BIG = 10**30


class Unsupported(Exception):
    """The program uses what the interpreter does not understand, or runs too long."""


BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: operator.pow,
}  # fmt: skip
COMPARE: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Is: operator.is_, ast.IsNot: operator.is_not,
    ast.In: lambda a, b: a in b, ast.NotIn: lambda a, b: a not in b,
}  # fmt: skip
CALLS: Mapping[str, Callable[..., Any]] = {
    "len": len, "sum": sum, "min": min, "max": max, "abs": abs, "sorted": sorted, "str": str, "int": int,
    "list": list, "bool": bool, "set": set, "range": range, "round": round,
}  # fmt: skip
METHODS: Mapping[type, frozenset[str]] = {
    str: frozenset({"upper", "lower", "title", "strip", "split", "count", "startswith", "find", "join"}),
    list: frozenset({"append", "pop", "insert", "extend", "index", "count", "sort", "reverse", "remove"}),
    dict: frozenset({"get", "pop"}),
    set: frozenset({"add", "remove", "union"}),
}
RAISABLE = (TypeError, ValueError, ZeroDivisionError, IndexError, KeyError, AttributeError, OverflowError)


def small(value: Any) -> Any:
    """The value itself, if it is no larger than a run may hold."""
    if weight(value, SIZE) > SIZE or (isinstance(value, int) and abs(value) > _BIG):
        raise Unsupported("a large value")
    return value


def weight(value: Any, most: int) -> int:
    """How many letters and members a value has, all the way down; counting stops beyond `most`."""
    if isinstance(value, str):
        return len(value)
    if not isinstance(value, (list, tuple, dict, set)):
        return 1
    total = 1
    for part in value.items() if isinstance(value, dict) else value:
        total += weight(part, most - total)
        if total > most:
            break
    return total
