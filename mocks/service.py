"""The service that sells answers: latency, limits, prices, faults, and how often to retry.

Orders of magnitude for today's commercial endpoints: a second for a short answer, 5 to
40 ms a completion token, a log-normal body (sigma 0.3 to 0.6) with about one request in
a hundred several times slower, 0.1 to 1 % of requests failing outside incidents.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from decimal import Decimal

from sandbox.budget import SECOND, USD, Cost
from sandbox.limits import DAY, Limits, Retry
from sandbox.streams import Uniforms, normal_quantile

__all__ = ["Attempt", "Desk", "Faults", "Latency", "Prices", "Retry", "Service"]
_SPIKE_SIGMA = 0.4


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds = median * exp(sigma z) [* Pareto factor in the tail] + what the tokens take.

    One log-normal misses the 99th percentile of commercial endpoints by up to four times; a
    second one for spikes does not: `spike` 0.03 and `spike_factor` 5 beside `sigma` 0.27 and
    `tail` 0 are ordinary, 0.01 and 3 calm, 0.07 and 6 rough.
    """

    median: float = 1.0
    """Seconds a request, without its tokens."""
    sigma: float = 0.3
    """Standard deviation of the logarithm; 0 makes it constant."""
    tail: float = 0.01
    """Share of requests in the heavy tail."""
    tail_index: float = 1.5
    """Pareto index of the tail's factor (>= 1); its mean is finite above 1."""
    longest: float = 600.0
    """Seconds at which the tail is cut."""
    per_prompt_token: float = 0.0
    per_completion_token: float = 0.0
    spike: float = 0.0
    """Share of requests in a spike: log-normal with sigma 0.4 around `spike_factor` medians."""
    spike_factor: float = 5.0

    def __post_init__(self) -> None:
        for name in ("median", "sigma", "tail", "longest", "per_prompt_token", "per_completion_token"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"latency {name}={value}: must be a finite number, at least 0")
        if self.longest > DAY:
            raise ValueError(f"latency longest={self.longest}: at most a day, {DAY} s")
        if self.sigma > 10:
            raise ValueError(f"latency sigma={self.sigma}: at most 10, a factor of 22,000 a deviation")
        if not 0 <= self.tail <= 1:
            raise ValueError(f"latency tail={self.tail}: a share between 0 and 1")
        if not 0 <= self.spike <= 1 - self.tail:
            raise ValueError(f"latency spike={self.spike}: a share; with tail={self.tail} at most 1")
        if not 0 < self.spike_factor <= 1e6:
            raise ValueError(f"latency spike_factor={self.spike_factor}: above 0, at most a million")
        if not self.tail_index > 1:
            raise ValueError(f"latency tail_index={self.tail_index}: above 1, or its mean is infinite")

    def seconds(self, body: float, tail: float, prompt_tokens: int, completion_tokens: int) -> float:
        """The time that a request takes, for two uniform numbers in (0, 1)."""
        seconds, sigma = self.median, self.sigma
        if self.spike and self.tail <= tail < self.tail + self.spike:
            seconds, sigma = seconds * self.spike_factor, _SPIKE_SIGMA
        if sigma:
            seconds *= math.exp(sigma * normal_quantile(body))
        if tail < self.tail:
            seconds *= (tail / self.tail) ** (-1.0 / self.tail_index)
        seconds += self.per_prompt_token * prompt_tokens + self.per_completion_token * completion_tokens
        return seconds if seconds < self.longest else self.longest

    def mean(self, prompt_tokens: float, completion_tokens: float) -> float:
        """The expected time of a request, in seconds, if nothing is cut."""
        body = math.exp(0.5 * self.sigma**2)
        spiky = self.spike_factor * math.exp(0.5 * _SPIKE_SIGMA**2)
        factor = (1.0 - self.tail - self.spike) * body + self.spike * spiky
        factor += self.tail * body * self.tail_index / (self.tail_index - 1.0)
        tokens = self.per_prompt_token * prompt_tokens + self.per_completion_token * completion_tokens
        return min(self.median * factor + tokens, self.longest)

    def slowest(self, requests: int, prompt_tokens: float, completion_tokens: float) -> float:
        """About the expected time of the slowest of some requests, in seconds."""
        body, tail = requests / (requests + 1.0), 1.0 / (requests + 1.0)
        median = self.median * math.exp(self.sigma * normal_quantile(body))
        spiky = 1.0 - (1.0 - self.spike) ** requests
        median += spiky * max(self.median * self.spike_factor - median, 0.0)
        if tail < self.tail:
            median = max(median, self.median * (tail / self.tail) ** (-1.0 / self.tail_index))
        tokens = self.per_prompt_token * prompt_tokens + self.per_completion_token * completion_tokens
        return min(median + tokens, self.longest)

    @property
    def random(self) -> bool:
        """Whether anything has to be drawn."""
        return self.sigma > 0 or self.tail > 0 or self.spike > 0


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars for a million tokens."""

    prompt: Decimal = Decimal("0.15")
    completion: Decimal = Decimal("0.60")

    def __post_init__(self) -> None:
        for name in ("prompt", "completion"):
            value = Decimal(str(getattr(self, name)))
            if not value.is_finite() or value < 0:
                raise ValueError(f"price of {name} tokens {value}: a finite number, at least 0")
            if value * USD % 1_000_000:
                raise ValueError(f"price of {name} tokens {value}: finer than a millionth of a dollar")
            object.__setattr__(self, name, value)

    def usd(self, prompt_tokens: int, completion_tokens: int) -> int:
        """Pico-dollars, exactly."""
        million = USD // 1_000_000
        return int(self.prompt * million) * prompt_tokens + int(self.completion * million) * completion_tokens


@dataclass(frozen=True, slots=True)
class Faults:
    """How often, as a share of attempts, and when a service fails."""

    rate_limited: float = 0.0
    """429: refused at once, with a retry-after. Free."""
    server_error: float = 0.0
    """5xx, after a part of the usual time. Free."""
    timeout: float = 0.0
    """The client gives up; the provider bills the tokens all the same."""
    dropped: float = 0.0
    """The connection breaks on the way back. Billed."""
    malformed: float = 0.0
    """An answer that cannot be read. Billed."""
    retry_after: float = 2.0
    """Seconds that a 429 asks for."""
    patience: float = 60.0
    """Seconds after which the client gives up."""
    outage_every: float = 0.0
    """Seconds from the start of one outage window to the next; 0 means no outages."""
    outage_length: float = 0.0
    """Seconds of an outage: every attempt that starts in it is a 5xx. The first begins at outage_every."""

    KINDS = ("rate_limited", "server_error", "timeout", "dropped", "malformed")
    BILLED = frozenset({"timeout", "dropped", "malformed"})

    def __post_init__(self) -> None:
        shares = [getattr(self, kind) for kind in self.KINDS]
        for kind, share in zip(self.KINDS, shares, strict=True):
            if not 0 <= share <= 1:
                raise ValueError(f"fault {kind}={share}: a share of attempts between 0 and 1")
        if math.fsum(shares) > 1 + 1e-9:
            raise ValueError(f"the shares of all faults add up to {math.fsum(shares)}, above 1")
        for name in ("retry_after", "patience", "outage_every", "outage_length"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name}={value}: seconds, at least 0")
        if 0 < self.outage_every * SECOND < 1:
            raise ValueError(f"outage_every={self.outage_every}: 0, or at least a nanosecond")
        if self.outage_length > self.outage_every:
            raise ValueError(f"outages of {self.outage_length} s every {self.outage_every} s never end")

    def kind(self, u: float, now: int) -> str | None:
        """What goes wrong for a uniform number at `now` nanoseconds, or None."""
        if self.outage_every and self._in_outage(now):
            return "outage"
        for kind in self.KINDS:
            u -= getattr(self, kind)
            if u < 0:
                return kind
        return None

    def _in_outage(self, now: int) -> bool:
        every, length = int(self.outage_every * SECOND), int(self.outage_length * SECOND)
        return now >= every and now % every < length

    @property
    def any(self) -> bool:
        """Whether anything can go wrong."""
        return self.outage_every > 0 or any(getattr(self, kind) for kind in self.KINDS)

    @property
    def billed(self) -> bool:
        """Whether a failed attempt can cost something, apart from a client that gives up."""
        return any(getattr(self, kind) for kind in self.BILLED)


class Attempt:
    """What one attempt comes to, apart from the answer itself."""

    __slots__ = ("billed", "fault", "nanoseconds", "retry_after")

    def __init__(self, fault: str | None, nanoseconds: int, billed: bool, retry_after: int | None) -> None:
        self.fault = fault
        self.nanoseconds = nanoseconds
        self.billed = billed
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Service:
    """Everything that does not depend on what the answer is."""

    latency: Latency = Latency()
    limits: Limits = field(default_factory=Limits)
    prices: Prices = Prices()
    faults: Faults = field(default_factory=Faults)
    retry: Retry = field(default_factory=Retry)

    @property
    def bills_failures(self) -> bool:
        """Whether a failed attempt can cost something; a client that loses patience is billed too."""
        impatient = self.faults.any and self.faults.patience < self.latency.longest
        return self.faults.billed or impatient

    def bill(self, step: Cost, calls: int) -> Cost:
        """A step with the money and the time that its tokens are expected to take, faults left aside.

        Args:
            step: counts and tokens, and the time that is spent elsewhere.
            calls: requests that they are divided among, asked at once and answered as the limits allow.
        """
        if not calls:
            return step
        read, written = step.prompt_tokens, step.completion_tokens
        limits, latency = self.limits, self.latency
        servers = min(calls, limits.concurrency or calls)
        each = read / calls, written / calls
        # Graham's bound for jobs in any order: the last one begins when the others are all but done.
        seconds = calls / servers * latency.mean(*each)
        seconds += (1.0 - 1.0 / servers) * latency.slowest(calls, *each)
        if limits.requests_per_minute:
            seconds = max(seconds, 60.0 * calls / limits.requests_per_minute)
        if limits.tokens_per_minute:
            seconds = max(seconds, 60.0 * (read + written) / limits.tokens_per_minute)
        return step._replace(
            usd=self.prices.usd(read, written), seconds=step.seconds + round(seconds * SECOND)
        )

    def open(self, seed: int) -> Desk:
        """The service with its luck."""
        return Desk(self, seed)


class Desk:
    """A service with a seed: the same key always meets the same latency and the same faults."""

    __slots__ = ("_faults", "_latency", "_luck", "reliable", "service")

    def __init__(self, service: Service, seed: int) -> None:
        self.service = service
        self.reliable = not service.faults.any
        """Nothing can go wrong: `nanoseconds` says all that there is to say."""
        self._luck = Uniforms(seed, "latency", count=2).pair if service.latency.random else _no_luck
        self._faults = Uniforms(seed, "fault", count=2).pair
        self._latency = service.latency.seconds

    def nanoseconds(self, key: bytes, prompt_tokens: int, completion_tokens: int) -> int:
        """How long the first attempt of the request with this `key` takes, if nothing goes wrong."""
        body, tail = self._luck(key)
        return round(self._latency(body, tail, prompt_tokens, completion_tokens) * SECOND)

    def attempt(
        self, key: bytes, number: int, prompt_tokens: int, completion_tokens: int, now: int
    ) -> Attempt:
        """Attempt `number` (from 0) of the request with this `key`, starting at `now`.

        Faults and latency of each attempt have their own luck; the answer's noise does
        not know of attempts, so a run with faults sees the scores that it sees without.
        """
        if number:
            key += b"again" + number.to_bytes(8, "little")
        if self.reliable:
            return Attempt(None, self.nanoseconds(key, prompt_tokens, completion_tokens), True, None)
        body, tail = self._luck(key)
        seconds = self._latency(body, tail, prompt_tokens, completion_tokens)
        which, part = self._faults(key)
        faults = self.service.faults
        kind = faults.kind(which, now)
        if kind is None and seconds > faults.patience:
            kind = "timeout"
        if kind is None:
            return Attempt(None, round(seconds * SECOND), True, None)
        if kind == "timeout":
            seconds = faults.patience
        elif kind == "rate_limited":
            seconds *= 0.1
        elif kind != "malformed":
            seconds *= part
        seconds = min(seconds, faults.patience)
        retry = self.service.retry
        wait = min(retry.backoff * 2.0**number, retry.longest)
        if kind == "rate_limited":
            wait = max(wait, faults.retry_after)
        last = number + 1 >= retry.attempts
        return Attempt(
            kind, round(seconds * SECOND), kind in faults.BILLED, None if last else round(wait * SECOND)
        )


def _no_luck(key: bytes) -> tuple[float, float]:
    """The draw of a constant latency: the middle of the body, never in the tail."""
    return 0.5, 1.0
