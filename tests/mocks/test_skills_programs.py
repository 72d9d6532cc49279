"""Laws of the small interpreter: it says what Python says, or nothing, and never hangs or grows."""

from __future__ import annotations

import contextlib
import io
import time
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mocks.skills import SKILLS
from mocks.skills.interpreter import outcome
from mocks.skills.operations import Unsupported
from scenarios.tasks.programs import program

execute = SKILLS["auto_debugging"].execute


def as_python_says(source: str) -> str:
    """What our rule makes of a real run: the output, else the last name assigned, else the error."""
    names: dict[str, object] = {}
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec(compile(source, "program", "exec"), names)
    except SyntaxError:
        return "SyntaxError: invalid syntax"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return out.getvalue().rstrip("\n") or str(list(names.values())[-1])


@given(st.integers(0, 100_000))
@settings(max_examples=300)
def test_our_programs_end_as_in_python(number: int) -> None:
    source = program(number)
    assert outcome(source) == as_python_says(source)
    assert execute(f"```\n{source}\n```") == outcome(source)


@pytest.mark.parametrize(
    "source",
    [
        "x = 3\nx += 4\nprint(x, x * 2)",
        "x = [3, 1, 2]\nx.sort()\nprint(x)",
        "x = {'a': 1}\nx['b'] = 2\nprint(len(x), x['b'])",
        "for i in range(5):\n    if i == 2:\n        continue\n    if i == 4:\n        break\n    print(i)",
        "print('a' in 'cat' and not 1 > 2 or None)",
        "def f(x):\n    y = x\nprint(f(1))",
        "print([i * j for i, j in [(1, 2), (3, 4)] if i > 1])",
        "x = (1, 2)\nx[0] = 3",
        "print(7 / 2, 7 // 2, 7 % 2, -7, 2 ** 5)",
        "print(1 if 2 < 3 < 4 else 0)",
        "print('abc'[-1], 'abc'[5])",
        "print(max(3, 9), min([4, 2]), sum([1, 2]), abs(-3), sorted([2, 1]), str(5) + '!')",
        "class A:\n    def __init__(self):\n        self.x = 1\na = A()\nprint(a.y)",
        "x = 5\nx()",
        "print(' a b '.strip().split(), '-'.join(['a', 'b']), 'aa'.count('a'))",
        "x = [1]\nprint(x.pop(), x.pop())",
        "print(len(5))",
    ],
)
def test_other_programs_end_as_in_python(source: str) -> None:
    assert outcome(source) == as_python_says(source)


@pytest.mark.parametrize(
    "source",
    [
        "while True:\n    x = 1",
        "x = 9 ** 9 ** 9",
        "x = 'a' * 10 ** 9",
        "x = list(range(10 ** 12))",
        "x = [1]\nwhile True:\n    x.extend(x)",
        "x = [1]\nwhile True:\n    x = [x, x]",
        "x = {}\nfor i in range(400):\n    x = {'a': x, 'b': x}\nprint(x)",
        "def f(n):\n    return f(n + 1)\nprint(f(0))",
        "import os\nos.system('true')",
        "print(__import__('os'))",
        "print(open('x'))",
        "print((1).__class__)",
        "print(''.__class__.__mro__)",
        "x = lambda: 1\nx()",
        "with a as b:\n    pass",
        "x = 1\nbreak",
        "- " * 900 + "1",
        "(" * 900,
        "[" * 90 + "]" * 90,
        "x = " + "1 + " * 480 + "1",
        "pass",
        "",
    ],
)
def test_what_is_wild_or_unknown_is_refused_at_once(source: str) -> None:
    start = time.process_time()
    with contextlib.suppress(Unsupported):
        found = outcome(source)
        assert len(found) < 5000
    assert time.process_time() - start < 2
    execute(f"```\n{source}\n```")


@given(st.text(max_size=300))
def test_any_text_is_read_without_a_crash(text: str) -> None:
    execute(text)
    execute(f"```\n{text}\n```")


_names = st.sampled_from(["x", "y", "f", "print", "len", "range"])
_atoms = st.one_of(st.integers(-3, 9).map(str), _names, st.sampled_from(["'ab'", "[1, 2]", "{}", "None"]))
_terms = st.recursive(
    _atoms,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "//", "%", "**", "<", "and", "in"]), inner).map(
            lambda parts: f"({' '.join(parts)})"
        ),
        st.tuples(inner, inner).map(lambda parts: f"{parts[0]}[{parts[1]}]"),
        st.tuples(_names, inner).map(lambda parts: f"{parts[0]}({parts[1]})"),
        inner.map(lambda term: f"[i for i in {term}]"),
    ),
    max_leaves=8,
)
_programs = st.lists(
    st.one_of(st.tuples(_names, _terms).map(" = ".join), _terms.map("print({})".format)),
    min_size=1,
    max_size=5,
).map(lambda lines: "\n".join([*lines, "print(0)"]))


@given(_programs)
@settings(max_examples=400)
def test_generated_programs_end_as_in_python_or_are_refused(source: str) -> None:
    with contextlib.suppress(Unsupported):
        found = outcome(source)
        assert found.split(":")[0] == as_python_says(source).split(":")[0]
