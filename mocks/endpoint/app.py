"""The ASGI application: routes, keys, and what each route reads and writes."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from hashlib import blake2b
from time import monotonic, monotonic_ns
from typing import Literal, TypeAlias

from mocks.endpoint import jobs, reading
from mocks.endpoint.accounts import Account
from mocks.endpoint.calls import Calls
from mocks.endpoint.clock import Clock, ScaledClock, VirtualClock
from mocks.endpoint.exchange import TRANSPORT, Exchange, HungUp, Receive, Scope, Send
from mocks.endpoint.faults import Schedule, Switch
from mocks.endpoint.keys import KeyRing
from mocks.endpoint.metrics import Metrics
from mocks.endpoint.openapi import describe
from mocks.endpoint.problems import Problem, closing, invalid, no_key, wrong_key
from mocks.endpoint.visit import GRACE, Backend
from mocks.service import Service
from sandbox.budget import Budget
from sandbox.chat import ChatModel
from sandbox.errors import UsageError

log = logging.getLogger("sandbox.endpoint")
Time: TypeAlias = Literal["real", "virtual"] | float
EMBEDDER = "text-embedding-3-small"
TOKENIZER = "sandbox-1"
"""How tokens are counted here: `sandbox.tokens`."""
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost", "testclient"})
_Route: TypeAlias = Callable[["Endpoint", Exchange], Awaitable[None]]


class Endpoint:
    """Speaks the OpenAI protocol in front of chat models; an ASGI 3 application."""

    def __init__(
        self,
        models: Mapping[str, ChatModel],
        services: Mapping[str, Service],
        ring: KeyRing | None,
        seed: int,
        time: Time,
        switch: Switch,
        max_body: int,
        body_seconds: float,
        quiet: float,
    ) -> None:
        self.models = dict(models)
        self.keys = ring
        self.metrics = Metrics()
        self.draining = False
        """Set to refuse new requests while those in flight are finished."""
        self._services = services
        self._seed = seed
        self._calls = Calls(switch, self.metrics)
        self._faulty = switch.schedule.any
        self._max_body = max_body
        self._body_seconds = body_seconds
        self._quiet = quiet
        self._clock = None if time == "virtual" else ScaledClock(1.0 if time == "real" else float(time))
        self._accounts: dict[str, Account] = {}
        self._backends: dict[str, Backend] = {}
        self._run = secrets.token_hex(6)
        self._count = 0
        self._looked_at = monotonic()
        self._created = jobs.created()
        self._embedders = {EMBEDDER: None}
        self._description = json.dumps(describe(self.models, EMBEDDER, ring is not None)).encode()

    @property
    def in_flight(self) -> int:
        """Requests that are being answered."""
        return self.metrics.in_flight

    def account(self, name: str) -> Account | None:
        """What is known of a key's owner, if it was used."""
        return self._accounts.get(name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await _other(scope["type"], receive, send)
            return
        self._count += 1
        exchange = Exchange(scope, receive, send, f"{self._run}{self._count:08x}")
        path = scope["path"]
        if path.startswith("/v1/"):
            path = path[3:]
        metrics = self.metrics
        metrics.in_flight += 1
        route = path if path in _ROUTES else "/models/{id}" if path.startswith("/models/") else "other"
        try:
            try:
                await self._serve(exchange, route)
            except Problem as problem:
                await exchange.fail(problem)
        except (HungUp, ConnectionError):
            if TRANSPORT not in scope:
                raise
        finally:
            metrics.in_flight -= 1
            exchange.caller.close()
            if exchange.record is not None and exchange.account is not None:
                _keep(exchange)
            metrics.request(route, exchange.status, monotonic_ns() - exchange.arrived)

    async def _serve(self, exchange: Exchange, route: str) -> None:
        methods = _ROUTES.get(route)
        if methods is None:
            raise Problem(404, "invalid_request_error", "unknown_url", None, "Nothing is at this address.")
        serve = methods.get(exchange.scope["method"])
        if serve is None:
            allowed = ", ".join(methods)
            raise Problem(
                405, "invalid_request_error", "method_not_supported", None, f"Not by this method: {allowed}.",
                ((b"allow", allowed.encode()),),
            )  # fmt: skip
        if self.draining and route != "/healthz":
            raise closing()
        if route not in _OPEN:
            exchange.account = account = self._authorized(exchange)
            exchange.clock = account.clock
        await serve(self, exchange)

    def _authorized(self, exchange: Exchange) -> Account:
        """The account of whoever sent this.

        Raises:
            Problem: 401 without a key, or with an unknown one.
        """
        ring = self.keys
        if ring is None:
            return self._accounts.get("anonymous") or self._open("anonymous", Budget())
        now = monotonic()
        if now - self._looked_at > 0.5:
            self._looked_at = now
            self._refresh(ring)
            ring = self.keys or ring
        header = exchange.headers.get(b"authorization")
        if not header:
            raise no_key()
        if header[:7].lower() != b"bearer ":
            raise no_key()
        entry = ring.find(header[7:].strip())
        if entry is None:
            raise wrong_key()
        return self._accounts.get(entry.name) or self._open(entry.name, entry.budget)

    def _refresh(self, ring: KeyRing) -> None:
        fresh = ring.refreshed()
        if fresh is not ring:
            self.keys = fresh
            for entry in fresh.entries:
                account = self._accounts.get(entry.name)
                if account is not None:
                    account.limit(entry.budget)

    def _open(self, name: str, budget: Budget) -> Account:
        clock: Clock = VirtualClock(self._quiet) if self._clock is None else self._clock
        account = self._accounts[name] = Account(name, budget, clock)
        return account

    def _backend(self, account: Account, model: str) -> Backend:
        """The service of a model; in virtual time each key has a service of its own."""
        place = model if self._clock is not None else f"{model} {account.name}"
        found = self._backends.get(place)
        if found is None:
            grace = int(GRACE * (1.0 if self._clock is None else self._clock.factor))
            found = self._backends[place] = Backend(model, self._services[model], self._seed, grace)
        return found

    # --- models' answers ---

    async def chat(self, exchange: Exchange) -> None:
        await self._converse(exchange, reading.read_chat, jobs.write_chat)

    async def completions(self, exchange: Exchange) -> None:
        await self._converse(exchange, reading.read_completions, jobs.write_completions)

    async def responses(self, exchange: Exchange) -> None:
        await self._converse(exchange, reading.read_responses, jobs.write_responses)

    async def embeddings(self, exchange: Exchange) -> None:
        body = await exchange.body(self._max_body, self._body_seconds)
        await self._answer(exchange, body, jobs.EmbeddingJob(reading.read_json(body), body, self._embedders))

    async def _converse(self, exchange: Exchange, read: jobs.Read, write: jobs.Write) -> None:
        body = await exchange.body(self._max_body, self._body_seconds)
        data = reading.read_json(body)
        name = reading.read_model(data, self.models)
        job = jobs.ChatJob(self.models[name], read(data, name, self._seed), write, exchange.ident)
        await self._answer(exchange, body, job)

    async def _answer(self, exchange: Exchange, body: bytes, job: jobs.Job) -> None:
        account = exchange.account
        if account is None:
            raise no_key()
        told = _occurrence(exchange.headers.get(b"x-sandbox-occurrence"))
        key = exchange.headers.get(b"idempotency-key")
        if key is not None and await self._stored(exchange, account, key, body):
            return
        await self._calls.answer(exchange, account, self._backend(account, job.model), job, told)

    async def _stored(self, exchange: Exchange, account: Account, key: bytes, body: bytes) -> bool:
        """Answer from what was answered under the same Idempotency-Key, free of charge.

        Returns:
            Whether that was done, or the client hung up; if not, this answer will be kept.

        Raises:
            Problem: if another request was sent under this key.
        """
        if len(key) > 255:
            raise invalid("Idempotency-Key", "The Idempotency-Key is longer than 255 characters.")
        asked = blake2b(exchange.scope["path"].encode() + b"\0" + body, digest_size=16).digest()
        while (stored := account.answers.get(key)) is not None:
            if stored.asked != asked:
                raise invalid(
                    "Idempotency-Key", "Another request was sent under this Idempotency-Key.",
                    "idempotency_key_reused",
                )  # fmt: skip
            if stored.status:
                exchange.extra.append((b"x-sandbox-replayed", b"true"))
                await exchange.reply(stored.status, stored.body, stored.content_type)
                return True
            if not await exchange.caller.until(stored.waiter()):
                return True
        exchange.record = account.answers.open(key, asked)
        return False

    # --- everything else ---

    async def list_models(self, exchange: Exchange) -> None:
        names = [*self.models, *self._embedders]
        data = [self._model(name) for name in names]
        await exchange.reply(200, json.dumps({"object": "list", "data": data}).encode())

    async def one_model(self, exchange: Exchange) -> None:
        path = exchange.scope["path"]
        name = path[path.index("/models/") + len("/models/") :]
        known = {**self.models, **self._embedders}
        if name not in known:
            raise reading.unknown_model(name, known)
        await exchange.reply(200, json.dumps(self._model(name)).encode())

    def _model(self, name: str) -> dict[str, object]:
        return {
            "id": name, "object": "model", "created": self._created, "owned_by": "sandbox",
            "tokenizer": TOKENIZER,
            # Faults are billed attempt by attempt, as providers do.
            "idempotent": not (self._faulty or self._services[name].bills_failures),
        }  # fmt: skip

    async def usage(self, exchange: Exchange) -> None:
        if exchange.account is None:
            raise no_key()
        await exchange.reply(200, json.dumps(exchange.account.usage()).encode())

    async def prometheus(self, exchange: Exchange) -> None:
        client = exchange.scope.get("client")
        if self.keys is not None and client and client[0] not in _LOOPBACK:
            self._authorized(exchange)  # names of keys and their spending are nobody else's business
        text = self.metrics.text(self._accounts.values())
        await exchange.reply(200, text, b"text/plain; version=0.0.4; charset=utf-8")

    async def health(self, exchange: Exchange) -> None:
        status = "draining" if self.draining else "ok"
        await exchange.reply(503 if self.draining else 200, json.dumps({"status": status}).encode())

    async def description(self, exchange: Exchange) -> None:
        await exchange.reply(200, self._description)


_ROUTES: Mapping[str, Mapping[str, _Route]] = {
    "/chat/completions": {"POST": Endpoint.chat},
    "/completions": {"POST": Endpoint.completions},
    "/responses": {"POST": Endpoint.responses},
    "/embeddings": {"POST": Endpoint.embeddings},
    "/models": {"GET": Endpoint.list_models},
    "/models/{id}": {"GET": Endpoint.one_model},
    "/sandbox/usage": {"GET": Endpoint.usage},
    "/metrics": {"GET": Endpoint.prometheus},
    "/healthz": {"GET": Endpoint.health},
    "/openapi.json": {"GET": Endpoint.description},
}
_OPEN = frozenset({"/metrics", "/healthz", "/openapi.json"})
"""Routes that need no key."""


def make_app(
    models: Mapping[str, ChatModel],
    service: Service | Mapping[str, Service],
    *,
    keys: KeyRing | None,
    seed: int = 0,
    time: Time = "real",
    allow_faults: bool = False,
    fault_shares: Mapping[str, float] | None = None,
    max_body: int = 4 * 2**20,
    body_seconds: float = 30.0,
    quiet: float = 0.005,
) -> Endpoint:
    """The ASGI application that puts chat models behind the OpenAI protocol.

    Args:
        models: by the name under which clients ask for them.
        service: latency, limits, prices and faults, of all models or by model name; limits are
            counted for each model, over all keys together.
        keys: who may ask, and with which budget; None lets everybody in, as one `anonymous`.
        seed: of the calls that carry none, and of latency and faults.
        time: "real"; "virtual" (nobody waits; each key has a clock and a service of its own,
            see `mocks.endpoint.clock.VirtualClock`); or a factor by which everything is faster.
        allow_faults: whether a request may ask for a fault by the header `x-sandbox-fault`.
        fault_shares: shares of all attempts by name of a fault (`mocks.endpoint.faults.FAULTS`).
        max_body: bytes of a request's body.
        body_seconds: how long a client may take to send its body.
        quiet: wall seconds without a request after which virtual time moves on.

    Raises:
        UsageError: for settings that cannot be.
    """
    if not models:
        raise UsageError("no models to serve")
    if EMBEDDER in models:
        raise UsageError(f"{EMBEDDER} is the name of the embedding model; call the chat model otherwise")
    if time not in ("real", "virtual") and not (isinstance(time, int | float) and 1e-3 <= time <= 1e6):
        raise UsageError(f"time={time!r}: real, virtual, or a factor between 0.001 and 1,000,000")
    if not (max_body >= 1 and body_seconds > 0 and quiet >= 0):
        raise UsageError(f"max_body={max_body}, body_seconds={body_seconds}, quiet={quiet}: positive numbers")
    services = {name: service if isinstance(service, Service) else service[name] for name in models}
    services[EMBEDDER] = next(iter(services.values()))
    switch = Switch(allow_faults, Schedule(fault_shares or {}, seed))
    return Endpoint(models, services, keys, seed, time, switch, max_body, body_seconds, quiet)


def _occurrence(header: bytes | None) -> int | None:
    if header is None:
        return None
    if not (header.isdigit() and len(header) <= 18):
        raise invalid("x-sandbox-occurrence", "'x-sandbox-occurrence' must be a whole number, at least 0.")
    return int(header)


def _keep(exchange: Exchange) -> None:
    """Keep an answer for its Idempotency-Key, if it is a good one."""
    stored, account = exchange.record, exchange.account
    if stored is None or account is None:
        return
    key = exchange.headers[b"idempotency-key"]
    if exchange.complete and stored.status == 200:
        account.answers.keep(key, stored)
    else:
        account.answers.drop(key, stored)


async def _other(kind: str, receive: Receive, send: Send) -> None:
    """What is no HTTP: start and stop of the server; websockets are closed."""
    if kind == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    if kind == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1003})
