"""Measures the endpoint: requests a second, CPU a request, and how exact injected latency is.

    python tests/benchmarks/endpoint.py [--seconds 5] [--rounds 3] [--model MODEL]

The server runs in a process of its own, on core 0 where the system lets us say so, and the load
on core 1: wrk with 64 connections if it is installed, else a generator in asyncio. Every request
has another row of one instruction, a key with a budget, and limits to be counted against; the
model's answer is constant, or that of a mock LLM (`--model`). Beside it runs the least that
uvicorn can do (parse the JSON, answer with a constant), in the same minute: on a machine that
others use too, the ratio of the two says more than either. CPU microseconds are those of the
server's process.

The latency error is what a client sees beyond the injected latency: 100 connections, latencies
log-normal around 0.3 s, after one round that warms the connections.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "mocks")]

from sandbox.dataset import prompt

CONNECTIONS = 64
INSTRUCTION = "Write the given number in English words."
SERVE = """
import sys
sys.path[:0] = {path!r}
from endpoint_kit import Echo
from mocks.endpoint.app import make_app
from mocks.endpoint.keys import KeyRing
from mocks.endpoint.server import serve
from mocks.service import Latency, Service
from sandbox.budget import Budget
from sandbox.chat import ChatAnswer, Choice
from sandbox.limits import Limits
from sandbox.tokens import count_messages
ring, made = KeyRing.of({{"bench": Budget(usd=10**18)}})
limits = Limits(requests_per_minute=10**8, tokens_per_minute=10**11)
class Fixed(Echo):
    def answer(self, call, occurrence=0, top_logprobs=None):
        return ChatAnswer((Choice("words"),), count_messages(call.messages), 1)
    def most_completion_tokens(self, call):
        return 1
if {model!r} == "fixed":
    model = Fixed()
elif {model!r} == "echo":
    model = Echo()
else:
    from mocks.llm.model import MockModel
    model = MockModel({model!r})
app = make_app(
    {{"model": model}}, Service(latency=Latency({median}, {sigma}, 0.0), limits=limits), keys=ring, seed=1
)
serve(app, ready=lambda url: print(url, made["bench"], flush=True))
"""
BARE = """
import json, socket, uvicorn
async def app(scope, receive, send):
    body = (await receive())["body"]
    model = json.loads(body)["model"]
    said = json.dumps({"id": "x", "model": model, "choices": [{"message": {"content": "hello"}}]}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(said))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": said})
listener = socket.create_server(("127.0.0.1", 0))
print("http://127.0.0.1:%d/v1" % listener.getsockname()[1], "none", flush=True)
config = uvicorn.Config(app, log_level="error", access_log=False, lifespan="off", proxy_headers=False)
uvicorn.Server(config).run([listener])
"""
LUA = """
local n = 0
request = function()
  n = n + 1
  local body = string.format([[%s]], n)
  local headers = {["content-type"] = "application/json", ["authorization"] = "Bearer " .. os.getenv("KEY")}
  return wrk.format("POST", "/v1/chat/completions", headers, body)
end
"""


class Load(NamedTuple):
    requests: int
    seconds: float
    cpu_seconds: float
    failed: int


def body_of(text: str) -> str:
    ((role, content),) = prompt(INSTRUCTION, text)
    messages = [{"role": role, "content": content}]
    return json.dumps({"model": "model", "messages": messages, "temperature": 0.0, "max_tokens": 32})


def pinned(core: int) -> list[str]:
    """Words in front of a command that keep it on a core, where there are two and a way to say so."""
    if shutil.which("taskset") and (os.cpu_count() or 1) > 1:
        return ["taskset", "-c", str(core)]
    return []


@contextmanager
def server(script: str) -> Iterator[tuple[int, str, str]]:
    """Process, base URL and key."""
    with subprocess.Popen(
        [*pinned(0), sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            if process.stdout is None:
                raise RuntimeError("no output")
            url, key = process.stdout.readline().split()
            yield process.pid, url, key
        finally:
            process.terminate()
            process.wait(10)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def load(pid: int, url: str, key: str, seconds: float) -> Load:
    before, began = cpu_seconds(pid), time.perf_counter()
    made, failed = (by_wrk if shutil.which("wrk") else by_asyncio)(url, key, seconds)
    return Load(made, time.perf_counter() - began, cpu_seconds(pid) - before, failed)


def by_wrk(url: str, key: str, seconds: float) -> tuple[int, int]:
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(LUA % body_of("%d"))
        script.flush()
        asked = [
            "wrk",
            "-t1",
            f"-c{CONNECTIONS}",
            f"-d{max(round(seconds), 1)}s",
            "-s",
            script.name,
            url.removesuffix("/v1"),
        ]
        done = subprocess.run(
            [*pinned(1), *asked], env={**os.environ, "KEY": key}, capture_output=True, text=True, check=True
        )
    made = re.search(r"(\d+) requests in", done.stdout)
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", done.stdout)
    return int(made[1]) if made else 0, int(failed[1]) if failed else 0


def raw(body: str, key: str) -> bytes:
    data = body.encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n"
    return head.encode() + b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(data) + data


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sent: bytes) -> bytes:
    """One request over an open connection; the status line."""
    writer.write(sent)
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    await reader.readexactly(int(length[1]) if length else 0)
    return head[:12]


def by_asyncio(url: str, key: str, seconds: float) -> tuple[int, int]:
    where = urlsplit(url)
    until, made, failed = time.perf_counter() + seconds, 0, 0

    async def client(i: int) -> None:
        nonlocal made, failed
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        while time.perf_counter() < until:
            status = await exchange(reader, writer, raw(body_of(f"{made} {i}"), key))
            made += 1
            failed += not status.endswith(b"200")
        writer.close()

    async def main() -> None:
        await asyncio.gather(*[client(i) for i in range(CONNECTIONS)])

    asyncio.run(main())
    return made, failed


def throughput(model: str, seconds: float, rounds: int) -> None:
    ours, bare = [], []
    endpoint = SERVE.format(path=sys.path[:2], model=model, median=0.0, sigma=0.0)
    if find_spec("uvicorn") is None:
        raise SystemExit("the comparison needs uvicorn: pip install uvicorn")
    for number in range(rounds):
        for script, found in ((endpoint, ours), (BARE, bare)):
            with server(script) as (pid, url, key):
                load(pid, url, key, 1.0)
                found.append(load(pid, url, key, seconds))
        for name, one in (("endpoint", ours[-1]), ("bare uvicorn", bare[-1])):
            print(
                f"round {number + 1}  {name:12}  {one.requests / one.seconds:8,.0f} req/s  "
                f"{one.cpu_seconds / one.requests * 1e6:6.1f} us CPU/req  "
                f"core {one.cpu_seconds / one.seconds:4.0%}  failed {one.failed}",
                flush=True,
            )
    each = [statistics.median([o.cpu_seconds / o.requests for o in found]) * 1e6 for found in (ours, bare)]
    print(
        f"median: {statistics.median([one.requests / one.seconds for one in ours]):,.0f} req/s, "
        f"{each[0]:.1f} us CPU a request (a full core: {1e6 / each[0]:,.0f} req/s); "
        f"{each[0] / each[1]:.2f} times bare uvicorn"
    )


async def _errors(url: str, key: str, rounds: int, wanted: Sequence[float]) -> list[float]:
    where, errors = urlsplit(url), []

    async def client(i: int) -> None:
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        for k in range(rounds + 1):
            number = i * (rounds + 1) + k
            sent = raw(body_of(f"{number}"), key)
            began = time.perf_counter()
            await exchange(reader, writer, sent)
            if k:
                errors.append(time.perf_counter() - began - wanted[number])
        writer.close()

    await asyncio.gather(*[client(i) for i in range(100)])
    return errors


def latency_error(rounds: int = 20) -> None:
    from endpoint_kit import Echo

    from mocks.service import Latency, Service
    from sandbox.chat import ChatCall
    from sandbox.worlds.chat import luck_of

    desk, echo = Service(latency=Latency(0.3, 0.5, 0.0)).open(1), Echo()
    wanted = []
    for number in range(100 * (rounds + 1)):
        call = ChatCall(prompt(INSTRUCTION, f"{number}"), "model", 1, 0.0, 1.0, 32, (), 1)
        answer = echo.answer(call)
        wanted.append(
            desk.nanoseconds(luck_of(call, 0), answer.prompt_tokens, answer.completion_tokens) / 1e9
        )
    with server(SERVE.format(path=sys.path[:2], model="echo", median=0.3, sigma=0.5)) as (_, url, key):
        errors = sorted(asyncio.run(_errors(url, key, rounds, wanted)))
    shown = {f"p{share}": errors[int(len(errors) * share / 100)] * 1e3 for share in (50, 90, 99)}
    print(
        f"latency error at 100 connections, {len(errors)} requests, ms: "
        + ", ".join(f"{name} {value:.2f}" for name, value in shown.items())
        + f", least {errors[0] * 1e3:.2f}, most {errors[-1] * 1e3:.2f}"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print everything."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", default="fixed", help="fixed, echo, or a persona of the mock LLM")
    asked = parser.parse_args(arguments)
    throughput(asked.model, asked.seconds, asked.rounds)
    latency_error()


if __name__ == "__main__":
    main()
