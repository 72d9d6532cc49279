"""The other jobs that optimizers ask of a black box: to write, vary, join, judge and mend instructions."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

from mocks.llm.jobs.induction import Memory
from mocks.llm.jobs.recognition import Request, request
from mocks.llm.jobs.workshop import Craft, work
from sandbox.chat import Messages

__all__ = ["Job", "recognise"]


@dataclass(frozen=True, slots=True)
class Job:
    """One job, understood; who does it is said when it is done."""

    request: Request
    key: bytes
    """A digest of the prompt: what luck depends on beside the persona."""

    @property
    def kind(self) -> str:
        """induce, paraphrase, cross, mutate, propose, criticise, rewrite, brainstorm or describe."""
        return self.request.kind

    def outcomes(self, persona: object, memory: Memory | None = None) -> list[tuple[str, float]]:
        """(text, logit) for the answers that this persona may give, each text once, likeliest first.

        The persona's `skilled(job)` says how well it does the job; `name` decides about its luck.
        """
        skilled = getattr(persona, "skilled", None)
        skill = float(skilled(self.kind)) if callable(skilled) else float(getattr(persona, "writing", 0.7))
        craft = Craft(min(1.0, max(0.0, skill)), str(getattr(persona, "name", "")), self.key)
        return work(self.request, craft, memory)


def recognise(messages: Messages) -> Job | None:
    """The job that a chat asks for, or None where it wants an ordinary answer."""
    found = request(messages)
    if found is None:
        return None
    told = repr([(role, text) for role, text in messages]).encode("utf-8", "surrogatepass")
    return Job(found, blake2b(told, digest_size=16).digest())
