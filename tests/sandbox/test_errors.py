"""The errors: what they say survives being rebuilt, sent and copied."""

from __future__ import annotations

import copy
import pickle

import pytest

from sandbox import errors
from sandbox.budget import Cost
from sandbox.errors import SandboxError, nearest

EXAMPLES = {
    errors.BudgetExhausted: (("usd", 5, 3), "usd: wanted 5 pico-dollars, 3 pico-dollars left"),
    errors.AnswerFailed: (("timeout", "no answer in time"), "timeout: no answer in time"),
    errors.AgentCrashed: (("KeyError: 'x'", "mine.py:3"), "KeyError: 'x' at mine.py:3"),
    errors.QuoteExceeded: ((Cost(1), Cost(2)), f"the world quoted {Cost(1)} and charged {Cost(2)}"),
    errors.MissingExtra: (
        ("gp-bo", "bo"),
        "gp-bo: packages are missing; pip install 'instruct-sandbox[bo]' brings them",
    ),
}
ALL = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, SandboxError)]


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_an_error_rebuilt_from_its_arguments_says_the_same(kind: type[SandboxError]) -> None:
    args, says = EXAMPLES.get(kind, (("a sentence",), "a sentence"))
    error = kind(*args)
    assert str(error) == says
    for twin in (type(error)(*error.args), pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):
        assert type(twin) is kind
        assert (twin.args, str(twin)) == (error.args, says)


def test_the_drawn_tree_is_the_tree() -> None:
    drawn = [line for line in (errors.__doc__ or "").splitlines() if "──" in line]
    assert [line.split("── ")[1].split()[0] for line in drawn] == [
        c.__name__ for c in ALL if c is not SandboxError
    ]
    depth = {line.split("── ")[1].split()[0]: line.index("──") // 4 + 1 for line in drawn}
    for kind in ALL:
        if kind is not SandboxError:
            assert len(kind.__mro__) - len(SandboxError.__mro__) == depth[kind.__name__]


def test_the_nearest_name_or_all_of_them() -> None:
    assert nearest("evalutions", ["evaluations", "usd"]) == "did you mean evaluations?"
    assert nearest("xyz", ["evaluations", "usd"]) == "valid: evaluations, usd"
