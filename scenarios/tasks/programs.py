"""Small Python programs for auto_debugging, by number."""

from __future__ import annotations

from collections.abc import Callable

from scenarios.tasks.space import Draws

_NAMES = ("x", "y", "n", "total", "value", "count", "result", "size")
_WORDS = ("apple", "river", "stone", "cloud", "house", "green", "table", "paper", "lemon", "tiger")


class _Luck(Draws):
    """What the templates draw."""

    def number(self, low: int = 1, high: int = 20) -> int:
        return self.below(high, start=low)

    def name(self) -> str:
        return self.one(_NAMES)

    def two_names(self) -> tuple[str, str]:
        first, second = self.some(_NAMES, 2)
        return first, second

    def word(self) -> str:
        return self.one(_WORDS)

    def numbers(self) -> list[int]:
        return [self.number() for _ in range(self.number(3, 6))]


def _call(luck: _Luck) -> str:
    a, b = luck.two_names()
    return f"def sq({a}):\n\treturn {a} * {a} + {luck.number()}\n{b} = sq({luck.number(2, 12)})"


def _nested_call(luck: _Luck) -> str:
    a, b = luck.number(2, 7), luck.number(1, 9)
    return f"def f(a):\n\treturn a + {b}\ndef g(a):\n\treturn f(a) * {luck.number(2, 5)}\nprint(g({a}))"


def _index(luck: _Luck) -> str:
    values, name = luck.numbers(), luck.name()
    return f"{name} = {values}\nprint({name}[{luck.number(0, len(values))}])"


def _index_error(luck: _Luck) -> str:
    values, name = luck.numbers(), luck.name()
    return f"{name} = {values}\nprint({name}[{len(values) + luck.number(0, 3)}])"


def _name_error(luck: _Luck) -> str:
    a, b = luck.two_names()
    return f"{a} = {luck.number()}\nif {b} < {luck.number()}:\n\t{a} = {b}\nprint({a})"


def _loop_sum(luck: _Luck) -> str:
    name = luck.name()
    start, stop = luck.number(0, 5), luck.number(6, 12)
    return f"{name} = 0\nfor i in range({start}, {stop}):\n\t{name} += i\nprint({name})"


def _countdown(luck: _Luck) -> str:
    name = luck.name()
    start, bound, step = luck.number(10, 60), luck.number(3, 9), luck.number(2, 8)
    return f"{name} = {start}\nwhile {name} > {bound}:\n\t{name} -= {step}\nprint({name})"


def _missing_colon(luck: _Luck) -> str:
    return f"for i in range({luck.number()})\n\tprint(i + {luck.number()})"


def _open_bracket(luck: _Luck) -> str:
    name = luck.name()
    return f"{name} = {luck.number()}\nprint(({name} + {luck.number()})"


def _type_error(luck: _Luck) -> str:
    name = luck.name()
    return f"{name} = '{luck.word()}'\nprint({luck.number()} + {name})"


def _zero(luck: _Luck) -> str:
    a, b = luck.two_names()
    number = luck.number(2, 20)
    return f"{a} = {number}\n{b} = {a} - {number}\nprint({luck.number(5, 50)} // {b})"


def _key_error(luck: _Luck) -> str:
    first, second = luck.word(), luck.word()
    return f"d = {{'{first}': {luck.number()}, 'moon': {luck.number()}}}\nprint(d['{second}'])"


def _attribute_error(luck: _Luck) -> str:
    name = luck.name()
    return f"{name} = {luck.numbers()}\n{name}.push({luck.number()})"


def _int_of_text(luck: _Luck) -> str:
    name = luck.name()
    return f"{name} = int('{luck.word()}')\nprint({name} * {luck.number()})"


def _comprehension(luck: _Luck) -> str:
    name = luck.name()
    factor, stop = luck.number(2, 6), luck.number(6, 11)
    return f"{name} = [{factor} * i for i in range({stop})]\nprint({name}[{luck.number(1, 6)}])"


def _filtered(luck: _Luck) -> str:
    return f"values = {luck.numbers()}\nprint(len([v for v in values if v > {luck.number(4, 14)}]))"


def _instance(luck: _Luck) -> str:
    a, b = luck.two_names()
    return (
        f"class Box:\n\tdef __init__(self, width):\n\t\tself.width = width\n{a} = Box({luck.number()})\n"
        f"{b} = {a}.width + {luck.number()}"
    )


def _method(luck: _Luck) -> str:
    return (
        f"class Counter:\n\tdef __init__(self):\n\t\tself.n = {luck.number()}\n\tdef up(self, by):\n"
        f"\t\tself.n = self.n + by\n\t\treturn self.n\nc = Counter()\nprint(c.up({luck.number()}))"
    )


def _upper(luck: _Luck) -> str:
    name = luck.name()
    return f"{name} = '{luck.word()}'\nprint({name}.upper()[{luck.number(0, 5)}])"


def _reversed(luck: _Luck) -> str:
    name = luck.name()
    return f"{name} = '{luck.word()}'\nprint({name}[::-1])"


def _length(luck: _Luck) -> str:
    words = [luck.word(), luck.word(), luck.word() + "s"]
    return f"words = {words}\nprint(len(words[{luck.number(0, 4)}]) * {luck.number()})"


def _swap(luck: _Luck) -> str:
    a, b = luck.two_names()
    return f"{a} = {luck.number()}\n{b} = {luck.number()}\n{a}, {b} = {b}, {a}\nprint({a} - {b})"


def _branch(luck: _Luck) -> str:
    name = luck.name()
    start = f"{name} = {luck.number(1, 40)}\nif {name} % 2 == 0:\n"
    return f"{start}\tprint({name} // 2)\nelse:\n\tprint(3 * {name} + 1)"


def _total(luck: _Luck) -> str:
    name = luck.name()
    return f"{name} = {luck.numbers()}\n{name}.append({luck.number()})\nprint(sum({name}))"


def _recursion(luck: _Luck) -> str:
    end = luck.number(0, 5)
    return f"def f(n):\n\tif n == 0:\n\t\treturn {end}\n\treturn n + f(n - 1)\nprint(f({luck.number(3, 10)}))"


def _remainder(luck: _Luck) -> str:
    a, b = luck.two_names()
    return f"{a} = {luck.number(20, 99)}\n{b} = {a} % {luck.number(3, 9)}\nprint({b} + {luck.number()})"


_TEMPLATES: tuple[Callable[[_Luck], str], ...] = (
    _call, _nested_call, _index, _index_error, _name_error, _loop_sum, _countdown, _missing_colon,
    _open_bracket, _type_error, _zero, _key_error, _attribute_error, _int_of_text, _comprehension,
    _filtered, _instance, _method, _upper, _reversed, _length, _swap, _branch, _total, _recursion,
    _remainder,
)  # fmt: skip


def program(number: int) -> str:
    """The program of this number: the templates take turns, the rest is drawn."""
    return _TEMPLATES[number % len(_TEMPLATES)](_Luck("auto_debugging", number))
