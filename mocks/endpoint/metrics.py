"""Counts what the endpoint does, in the text format of Prometheus."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence

from mocks.endpoint.accounts import Account
from sandbox.budget import SECOND, USD, Cost

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
"""Seconds; upper ends of the latency histogram's cells."""


class Metrics:
    """Numbers that only grow, and how many requests are in flight."""

    __slots__ = ("_cells", "_nanoseconds", "billed", "in_flight", "requests")

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        """By route and status; 0 is a connection that was broken, or whose client hung up."""
        self.billed: dict[str, list[int]] = {}
        """Prompt tokens, completion tokens and pico-dollars, by model."""
        self.in_flight = 0
        self._cells = [0] * (len(BOUNDS) + 1)
        self._nanoseconds = 0

    def request(self, route: str, status: int, nanoseconds: int) -> None:
        """A request was answered."""
        self.requests[route, status] += 1
        self._cells[bisect_left(BOUNDS, nanoseconds / SECOND)] += 1
        self._nanoseconds += nanoseconds

    def charge(self, model: str, cost: Cost) -> None:
        """A model's answer was billed."""
        found = self.billed.get(model)
        if found is None:
            found = self.billed[model] = [0, 0, 0]
        found[0] += cost.prompt_tokens
        found[1] += cost.completion_tokens
        found[2] += cost.usd

    def text(self, accounts: Iterable[Account]) -> bytes:
        """Everything, as Prometheus reads it. Keys appear by name only."""
        lines = _family("sandbox_requests_total", "counter", "Requests by route and status.")
        for (route, status), count in sorted(self.requests.items()):
            lines.append(f"sandbox_requests_total{{{_labels(route=route, status=status)}}} {count}")
        lines += _family("sandbox_tokens_total", "counter", "Billed tokens by model and kind.")
        for model, (prompt, completion, _) in sorted(self.billed.items()):
            for kind, count in (("prompt", prompt), ("completion", completion)):
                lines.append(f"sandbox_tokens_total{{{_labels(model=model, kind=kind)}}} {count}")
        lines += _family("sandbox_usd_total", "counter", "US dollars billed, by model.")
        for model, (_, _, pico) in sorted(self.billed.items()):
            lines.append(f"sandbox_usd_total{{{_labels(model=model)}}} {pico / USD!r}")
        lines += _family("sandbox_in_flight", "gauge", "Requests that are being answered.")
        lines.append(f"sandbox_in_flight {self.in_flight}")
        lines += _family("sandbox_request_seconds", "histogram", "Wall seconds a request.")
        lines += _histogram("sandbox_request_seconds", self._cells, self._nanoseconds)
        return ("\n".join(lines + _accounts(accounts)) + "\n").encode()


def _accounts(accounts: Iterable[Account]) -> list[str]:
    found = list(accounts)
    spent = _family("sandbox_key_spent", "counter", "What a key has spent, by currency.")
    limit = _family("sandbox_key_limit", "gauge", "What a key may spend, by currency.")
    calls = _family("sandbox_key_calls_total", "counter", "Calls of a key that were answered.")
    tries = _family("sandbox_key_attempts_total", "counter", "Requests of a key for a model's answer.")
    for account in found:
        name = account.name
        used = account.usage()
        for family, shown in ((spent, used["spent"]), (limit, used["limit"])):
            what = "sandbox_key_spent" if family is spent else "sandbox_key_limit"
            if isinstance(shown, dict):
                family += [
                    f"{what}{{{_labels(key=name, currency=currency)}}} {amount!r}"
                    for currency, amount in shown.items()
                    if currency != "usd_pico"
                ]
        calls.append(f"sandbox_key_calls_total{{{_labels(key=name)}}} {account.calls}")
        tries.append(f"sandbox_key_attempts_total{{{_labels(key=name)}}} {account.attempts}")
    return spent + limit + calls + tries


def _family(name: str, kind: str, about: str) -> list[str]:
    return [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]


def _labels(**labels: object) -> str:
    return ",".join(f'{name}="{_escaped(str(value))}"' for name, value in labels.items())


def _escaped(text: str) -> str:
    plain = text.encode("utf-8", "replace").decode()
    return plain.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _histogram(name: str, cells: Sequence[int], nanoseconds: int) -> list[str]:
    lines, total = [], 0
    for bound, count in zip((*BOUNDS, "+Inf"), cells, strict=True):
        total += count
        lines.append(f'{name}_bucket{{le="{bound}"}} {total}')
    return [*lines, f"{name}_sum {nanoseconds / SECOND!r}", f"{name}_count {total}"]
