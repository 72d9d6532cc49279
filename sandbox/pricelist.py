"""What a model's tokens cost: a dated list in `prices.toml`, or a file of one's own in the same form."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from sandbox.budget import USD
from sandbox.errors import UsageError, nearest

_KEYS = ("input", "cached", "written", "output")
_SNAPSHOT = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{8}|\d{6}|\d{4}|\d{3}|latest)")
_DEAREST = Decimal(1_000_000)
"""US dollars a million tokens: a dollar a token. Above it somebody has mistaken the unit."""


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens."""

    model: str
    """The entry's name, which a dated snapshot of the model shares."""
    input: Decimal
    output: Decimal
    cached: Decimal
    """Prompt tokens that the provider had cached."""
    written: Decimal
    """Prompt tokens that are written into the provider's cache."""
    read: date
    """The day on which this was read."""
    source: str

    def usd(
        self, prompt_tokens: int, completion_tokens: int, cached_tokens: int = 0, written_tokens: int = 0
    ) -> int:
        """Pico-dollars, exactly; cached and written tokens are among the prompt's."""
        cached = min(cached_tokens, prompt_tokens)
        written = min(written_tokens, prompt_tokens - cached)
        plain = prompt_tokens - cached - written
        return (
            plain * _pico(self.input)
            + cached * _pico(self.cached)
            + written * _pico(self.written)
            + completion_tokens * _pico(self.output)
        )

    def bound(self, prompt_tokens: int, completion_tokens: int) -> int:
        """Pico-dollars that at most so many tokens can cost, whatever is cached."""
        dearest = max(_pico(self.input), _pico(self.cached), _pico(self.written))
        return prompt_tokens * dearest + completion_tokens * _pico(self.output)

    @classmethod
    def of(cls, prompt: Decimal | str, completion: Decimal | str, source: str, model: str = "") -> Price:
        """A price that knows of no cache, given by a person today.

        Raises:
            UsageError: for what is no price.
        """
        return _entry(model, {"input": str(prompt), "output": str(completion)}, date.today(), source)


def price(model: str, file: Path | str | None = None) -> Price:
    """What the tokens of `model` cost: by `file` if it says so, else by the list of this package.

    A dated snapshot (`gpt-4o-mini-2024-07-18`) costs what its model costs.

    Raises:
        UsageError: if nobody says what it costs, or `file` cannot be read.
    """
    lists = ([] if file is None else [_read(Path(file))]) + [_bundled()]
    for known in lists:
        found = _find(model, known)
        if found is not None:
            return found
    names = [name for known in lists for name in known]
    raise UsageError(
        f"nobody says what {model!r} costs ({nearest(model, names)}); put a line\n"
        f'  "{model}" = {{ input = "0.15", output = "0.60" }}\n'
        "with US dollars for a million tokens under [models] in a TOML file, and give it with --prices FILE "
        '(a local model that costs nothing: input = "0", output = "0")'
    )


def _find(model: str, known: Mapping[str, Price]) -> Price | None:
    """The entry of that name, or the one whose dated snapshot this is."""
    if model in known:
        return known[model]
    return next((known[name] for name in known if _SNAPSHOT.fullmatch(model.removeprefix(name))), None)


@lru_cache(maxsize=1)
def _bundled() -> Mapping[str, Price]:
    return _parse(resources.files("sandbox").joinpath("prices.toml").read_text("utf-8"), "prices.toml")


def _read(path: Path) -> Mapping[str, Price]:
    try:
        text = path.read_text("utf-8")
    except (OSError, ValueError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8 text"
        raise UsageError(f"--prices {path}: {why}") from None
    return _parse(text, f"--prices {path}")


def _parse(text: str, where: str) -> Mapping[str, Price]:
    try:
        body = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise UsageError(f"{where}: no TOML ({exc})") from None
    unknown = sorted(set(body) - {"source", "models"})
    if unknown:
        raise UsageError(f"{where}: unknown key {unknown[0]!r}: {nearest(unknown[0], ['source', 'models'])}")
    source, models = body.get("source", {}), body.get("models", {})
    if not isinstance(models, dict) or not models:
        raise UsageError(f"{where}: no [models] table with a line for each model")
    if not isinstance(source, dict):
        raise UsageError(f"{where}: source = {source!r}; a table with read = DATE and from = TEXT")
    day = source.get("read", date.today())
    if not isinstance(day, date):
        raise UsageError(f"{where}: read = {day!r}; a date, as in read = 2026-11-20")
    origin = str(source.get("from", where))
    return {model: _entry(model, entry, day, origin, where) for model, entry in models.items()}


def _entry(model: str, entry: Any, day: date, source: str, where: str = "price") -> Price:
    if not isinstance(entry, dict):
        raise UsageError(
            f'{where}: "{model}" = {entry!r}; a table, as in {{ input = "0.15", output = "0.60" }}'
        )
    unknown = sorted(set(entry) - set(_KEYS) - {"read", "from"})
    if unknown:
        raise UsageError(f'{where}: "{model}": unknown key {unknown[0]!r}: {nearest(unknown[0], _KEYS)}')
    missing = [key for key in ("input", "output") if key not in entry]
    if missing:
        raise UsageError(f'{where}: "{model}": the price of {missing[0]} tokens is missing')
    amounts = {key: _amount(entry[key], f'{where}: "{model}": {key}') for key in _KEYS if key in entry}
    return Price(
        model=model,
        input=amounts["input"],
        output=amounts["output"],
        cached=amounts.get("cached", amounts["input"]),
        written=amounts.get("written", amounts["input"]),
        read=entry.get("read", day),
        source=str(entry.get("from", source)),
    )


def _amount(value: Any, where: str) -> Decimal:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        raise UsageError(f"{where} = {value!r}: not a number") from None
    if isinstance(value, bool) or not amount.is_finite() or not 0 <= amount <= _DEAREST:
        raise UsageError(f"{where} = {value!r}: US dollars for a million tokens, at least 0")
    if amount * USD % 1_000_000:
        raise UsageError(f"{where} = {value!r}: finer than a millionth of a dollar")
    return amount


def _pico(dollars_a_million: Decimal) -> int:
    return int(dollars_a_million * (USD // 1_000_000))
