"""What is said about an instruction or a data set: reasons for failures, and plain descriptions."""

from __future__ import annotations

from collections.abc import Sequence

from mocks.llm.jobs.recognition import Request
from mocks.llm.jobs.records import Record
from mocks.llm.writing.luck import Luck, expand
from mocks.llm.writing.phrases import phrase, wording


def reason(request: Request, skill: str | None, luck: Luck) -> str:
    """One reason why an instruction failed on the examples shown; with `skill`, what was wanted of it."""
    failed = [record for record in request.records if record.failed] or list(request.records)
    record = luck.pick(failed) if failed else None
    parts = []
    if skill is not None:
        do = expand(luck.pick(wording(skill).precise), luck)
        parts.append(
            luck.pick(
                (
                    f"The instruction does not say clearly that the task is to {do}.",
                    f"What is really wanted is to {do}, and the prompt leaves this open.",
                    f"The prompt should ask the model to {do}.",
                )
            )
        )
    if record is not None and luck.chance(0.6 if parts else 1.0):
        parts.append(_about(record, luck))
    if not parts or (skill is not None and luck.chance(0.35)):
        parts.append(
            luck.pick(
                (
                    "The prompt says too little about the form of the answer.",
                    "The prompt is too vague, so that several readings are possible.",
                    "The prompt does not forbid explanations around the answer.",
                    "The prompt gives no rule for unclear cases.",
                )
            )
        )
    return " ".join(parts)


def description(pairs: Sequence[tuple[str, str]], skill: str | None, luck: Luck) -> str:
    """Some sentences about a data set or a program, from its examples and what they seem to be about."""
    parts = []
    if pairs:
        lengths = [len(given.split()) for given, _ in pairs]
        kind = (
            "single words or numbers"
            if max(lengths) <= 1
            else "short lists or sentences"
            if max(lengths) < 25
            else "longer texts"
        )
        parts.append(f"The inputs are {kind}, and each of them has one short answer.")
        given, wanted = luck.pick(pairs)
        parts.append(f'For example, "{" ".join(given.split())[:120]}" goes with "{wanted[:80]}".')
        labels = list(dict.fromkeys([wanted for _, wanted in pairs]))
        if 1 < len(labels) <= max(2, len(pairs) // 2):
            parts.append(f"The answers repeat: {', '.join(labels[:12])}.")
    if skill is not None:
        do = phrase(skill, 0.8, luck)
        parts.append(f"The task appears to be this: {do}")
    return " ".join(parts) or "The task takes an input and gives one short answer to it."


def _about(record: Record, luck: Luck) -> str:
    given = " ".join(record.input.split())[:160]
    if record.got and record.wanted:
        return luck.pick(
            (
                f'For "{given}" the model said "{record.got[:80]}", though "{record.wanted[:80]}" is right.',
                f'"{given}" was answered with "{record.got[:80]}" instead of "{record.wanted[:80]}".',
            )
        )
    if record.wanted:
        return f'For "{given}" "{record.wanted[:80]}" is right, which does not follow from the prompt.'
    return f'The prompt does not cover inputs such as "{given}".'
