"""A small interpreter of Python programs: what a program prints, leaves behind, or stops with.

Nothing is ever handed to `exec` or `eval`: texts reach a mock LLM from strangers. Only the
syntax below is understood, every operation is counted, and sizes are bounded.
"""

from __future__ import annotations

import ast
import operator
import warnings
from collections.abc import Callable
from typing import Any

from mocks.skills.operations import BINARY, CALLS, COMPARE, METHODS, RAISABLE, SIZE, Unsupported, small

_STEPS = 2000
_DEPTH = 20


class _Raised(Exception):
    """The program stops with an error: ``_Raised(kind, message)``."""


class _Break(Exception):
    pass


class _Continue(Exception):
    pass


class _Return(Exception):
    pass


class _Instance:
    """An object of a class that the program defines."""

    def __init__(self, kind: _Class) -> None:
        self.kind = kind
        self.fields: dict[str, Any] = {}


class _Class:
    def __init__(self, name: str, methods: dict[str, _Function]) -> None:
        self.name, self.methods = name, methods


class _Function:
    def __init__(self, node: ast.FunctionDef) -> None:
        self.node = node


def outcome(source: str) -> str:
    """What is printed; else the value last assigned; else the error, as Python's last line says it.

    Raises:
        Unsupported: if the program is none that this interpreter can follow.
    """
    try:
        with warnings.catch_warnings():  # a stranger's text must not warn in our name
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        if not isinstance(error, SyntaxError):
            raise Unsupported(str(error)) from None
        # The wording of syntax errors changes from one Python to the next.
        return "SyntaxError: invalid syntax"
    except (RecursionError, MemoryError) as error:
        raise Unsupported(str(error)) from None
    machine = _Machine()
    try:
        machine.block(tree.body, machine.names)
    except _Raised as stop:
        kind, message = stop.args
        return f"{kind}: {message}" if message else kind
    except (RecursionError, _Break, _Continue, _Return) as error:
        raise Unsupported(type(error).__name__) from None
    if machine.printed:
        return "\n".join(machine.printed)
    if machine.last is None:
        raise Unsupported("nothing is printed or assigned")
    return _shown(machine.last)


def _shown(value: Any) -> str:
    if isinstance(value, (_Instance, _Class, _Function, range)):
        raise Unsupported("a value without a fixed look")
    return str(value)


class _Machine:
    """The state of one run."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {}
        self.printed: list[str] = []
        self.last: Any = None
        self.steps = self.depth = 0

    def _count(self) -> None:
        self.steps += 1
        if self.steps > _STEPS:
            raise Unsupported("too many steps")

    def block(self, body: list[ast.stmt], names: dict[str, Any]) -> None:
        for statement in body:
            self._count()
            self._statement(statement, names)

    def _statement(self, node: ast.stmt, names: dict[str, Any]) -> None:
        match node:
            case ast.Expr():
                self.value(node.value, names)
            case ast.Assign():
                value = self.value(node.value, names)
                for target in node.targets:
                    self._assign(target, value, names)
            case ast.AugAssign(target=ast.Name() as target):
                old = self._name(target.id, names)
                self._assign(target, self._operate(type(node.op), old, self.value(node.value, names)), names)
            case ast.If():
                self.block(node.body if self.value(node.test, names) else node.orelse, names)
            case ast.While():
                self._loop(node.body, names, lambda: bool(self.value(node.test, names)))
            case ast.For():
                rest = iter(self._iterable(self.value(node.iter, names)))

                def step() -> bool:
                    for item in rest:
                        self._assign(node.target, item, names)
                        return True
                    return False

                self._loop(node.body, names, step)
            case ast.FunctionDef(decorator_list=[]):
                names[node.name] = _Function(node)
            case ast.ClassDef(bases=[], keywords=[], decorator_list=[]):
                methods = {
                    part.name: _Function(part) for part in node.body if isinstance(part, ast.FunctionDef)
                }
                names[node.name] = _Class(node.name, methods)
            case ast.Return():
                raise _Return(self.value(node.value, names) if node.value else None)
            case ast.Pass():
                pass
            case ast.Break():
                raise _Break
            case ast.Continue():
                raise _Continue
            case _:
                raise Unsupported(type(node).__name__)

    def _loop(self, body: list[ast.stmt], names: dict[str, Any], more: Callable[[], bool]) -> None:
        while more():
            self._count()
            try:
                self.block(body, names)
            except _Break:
                return
            except _Continue:
                continue

    def _assign(self, target: ast.expr, value: Any, names: dict[str, Any]) -> None:
        match target:
            case ast.Name():
                names[target.id] = value
                if names is self.names:
                    self.last = value
            case ast.Tuple():
                values = self._guard(list, self._iterable(value))
                if len(values) != len(target.elts):
                    raise Unsupported("unpacking too few or too many")
                for part, item in zip(target.elts, values, strict=True):
                    self._assign(part, item, names)
            case ast.Subscript():
                holder, key = self.value(target.value, names), self.value(target.slice, names)
                self._guard(operator.setitem, holder, key, value)
                small(holder)
            case ast.Attribute():
                holder = self.value(target.value, names)
                if not isinstance(holder, _Instance):
                    raise Unsupported("attribute of a builtin")
                holder.fields[target.attr] = value
            case _:
                raise Unsupported(type(target).__name__)

    def _name(self, name: str, names: dict[str, Any]) -> Any:
        for scope in (names, self.names):
            if name in scope:
                return scope[name]
        if name in CALLS or name == "print":
            raise Unsupported(f"{name} as a value")
        raise _Raised("NameError", f"name '{name}' is not defined")

    def value(self, node: ast.expr, names: dict[str, Any]) -> Any:
        """The value of an expression."""
        self._count()
        match node:
            case ast.Constant(value=int() | str() | None | float() as constant):
                return constant
            case ast.Name():
                return self._name(node.id, names)
            case ast.BinOp():
                return self._operate(
                    type(node.op), self.value(node.left, names), self.value(node.right, names)
                )
            case ast.UnaryOp(op=ast.USub()):
                return self._guard(operator.neg, self.value(node.operand, names))
            case ast.UnaryOp(op=ast.Not()):
                return not self.value(node.operand, names)
            case ast.BoolOp():
                return self._either(node, names)
            case ast.Compare():
                return self._compare(node, names)
            case ast.IfExp():
                return self.value(node.body if self.value(node.test, names) else node.orelse, names)
            case ast.List():
                return small([self.value(part, names) for part in node.elts])
            case ast.Tuple():
                return small(tuple([self.value(part, names) for part in node.elts]))
            case ast.Dict():
                keys = [self.value(key, names) for key in node.keys if key is not None]
                values = [self.value(part, names) for part in node.values]
                if len(keys) < len(values):
                    raise Unsupported("unpacking in a dict")
                return small(self._guard(dict, zip(keys, values, strict=True)))
            case ast.Subscript():
                return self._item(node, names)
            case ast.ListComp(generators=[ast.comprehension(is_async=0) as loop]):
                return self._comprehend(node.elt, loop, names)
            case ast.Attribute():
                return self._field(self.value(node.value, names), node.attr)
            case ast.Call():
                return self._call(node, names)
            case _:
                raise Unsupported(type(node).__name__)

    def _either(self, node: ast.BoolOp, names: dict[str, Any]) -> Any:
        until = isinstance(node.op, ast.Or)
        value = None
        for part in node.values:
            value = self.value(part, names)
            if bool(value) is until:
                return value
        return value

    def _compare(self, node: ast.Compare, names: dict[str, Any]) -> bool:
        left = self.value(node.left, names)
        for op, part in zip(node.ops, node.comparators, strict=True):
            right = self.value(part, names)
            if not self._guard(COMPARE[type(op)], left, right):
                return False
            left = right
        return True

    def _comprehend(self, element: ast.expr, loop: ast.comprehension, names: dict[str, Any]) -> list[Any]:
        inner = dict(names)
        found = []
        for item in self._iterable(self.value(loop.iter, names)):
            self._assign(loop.target, item, inner)
            if all(self.value(test, inner) for test in loop.ifs):
                found.append(self.value(element, inner))
        return found

    def _iterable(self, value: Any) -> Any:
        if isinstance(value, (_Instance, _Class, _Function)):
            raise Unsupported("iterating over an object")
        if isinstance(value, range) and len(value) > SIZE:
            raise Unsupported("a long range")
        self._guard(iter, value)
        return value

    def _item(self, node: ast.Subscript, names: dict[str, Any]) -> Any:
        holder = self.value(node.value, names)
        if isinstance(node.slice, ast.Slice):
            ends = [
                self.value(end, names) if end else None
                for end in (node.slice.lower, node.slice.upper, node.slice.step)
            ]
            return self._guard(operator.getitem, holder, slice(*ends))
        return self._guard(operator.getitem, holder, self.value(node.slice, names))

    def _field(self, holder: Any, name: str) -> Any:
        if isinstance(holder, _Instance):
            if name in holder.fields:
                return holder.fields[name]
            if name in holder.kind.methods:
                return (holder, holder.kind.methods[name])
            raise _Raised("AttributeError", f"'{holder.kind.name}' object has no attribute '{name}'")
        if name in METHODS.get(type(holder), ()):
            return getattr(holder, name)
        if not hasattr(holder, name) and type(holder) in (*METHODS, int, float, bool, tuple):
            raise _Raised("AttributeError", f"'{type(holder).__name__}' object has no attribute '{name}'")
        raise Unsupported(f"attribute {name}")

    def _call(self, node: ast.Call, names: dict[str, Any]) -> Any:
        if node.keywords or any(isinstance(part, ast.Starred) for part in node.args):
            raise Unsupported("keywords in a call")
        builtin = node.func.id if isinstance(node.func, ast.Name) else ""
        if builtin in names or builtin in self.names:
            builtin = ""
        if builtin == "print":
            self.printed.append(" ".join([_shown(self.value(part, names)) for part in node.args]))
            small(self.printed[-1])
            return None
        called: Any = CALLS[builtin] if builtin in CALLS else self.value(node.func, names)
        given = [self.value(part, names) for part in node.args]
        if isinstance(called, tuple) and len(called) == 2 and isinstance(called[1], _Function):
            return self._enter(called[1], [called[0], *given])
        if isinstance(called, _Function):
            return self._enter(called, given)
        if isinstance(called, _Class):
            new = _Instance(called)
            if "__init__" in called.methods:
                self._enter(called.methods["__init__"], [new, *given])
            return new
        if any(isinstance(part, (_Instance, _Class, _Function)) for part in given):
            raise Unsupported("an object as an argument")
        for part in given:
            if isinstance(part, range) and len(part) > SIZE:
                raise Unsupported("a long range")
        if not callable(called):
            raise _Raised("TypeError", f"'{type(called).__name__}' object is not callable")
        # A list may grow by itself: what the method belongs to is weighed before and after.
        small([getattr(called, "__self__", None), given])
        made = self._guard(called, *given)
        small(getattr(called, "__self__", None))
        return small(made)

    def _enter(self, function: _Function, given: list[Any]) -> Any:
        wanted = function.node.args
        names = [part.arg for part in wanted.args]
        if wanted.defaults or wanted.vararg or wanted.kwarg or wanted.kwonlyargs or len(names) != len(given):
            raise Unsupported("a call with other arguments than the function names")
        self.depth += 1
        if self.depth > _DEPTH:
            raise Unsupported("deep recursion")
        try:
            self.block(function.node.body, dict(zip(names, given, strict=True)))
        except _Return as back:
            return back.args[0]
        finally:
            self.depth -= 1
        return None

    def _operate(self, kind: type[ast.operator], left: Any, right: Any) -> Any:
        if kind not in BINARY or any(
            isinstance(part, (_Instance, _Class, _Function)) for part in (left, right)
        ):
            raise Unsupported("an operator")
        if kind is ast.Pow and (not isinstance(right, int) or abs(right) > 64 or not isinstance(left, int)):
            raise Unsupported("a large power")
        if kind is ast.Mult:
            for one, other in ((left, right), (right, left)):
                if isinstance(one, (str, list, tuple)) and isinstance(other, int) and len(one) * other > SIZE:
                    raise Unsupported("a long sequence")
        if kind is ast.Mod and isinstance(left, str):
            raise Unsupported("string formatting")
        return small(self._guard(BINARY[kind], left, right))

    def _guard(self, called: Callable[..., Any], *given: Any) -> Any:
        """Call what Python itself provides; an error of it is the program's."""
        try:
            return called(*given)
        except RAISABLE as error:
            raise _Raised(type(error).__name__, str(error)) from None
