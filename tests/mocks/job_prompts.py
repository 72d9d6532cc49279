"""Requests as optimizers make them, in words of our own, and ordinary prompts that only look like them."""

from __future__ import annotations

import tomllib
from pathlib import Path

_TABLES = tomllib.loads(Path(__file__).with_name("job_prompts.toml").read_text(encoding="utf-8"))

REQUESTS: list[tuple[str, str, str]] = [
    (kind, entry["name"], entry["text"])
    for kind, entries in _TABLES.items()
    if kind != "ordinary"
    for entry in entries
]
"""(kind, name, text) of every request."""

ORDINARY: list[str] = [entry["text"] for entry in _TABLES["ordinary"]]

ORDINARY_CHATS = [
    (),
    (("system", "Give the antonym of the word."), ("user", "hot")),
    (("system", "You write short answers. Follow the instruction of the user."), ("user", "Antonym of hot?")),
    (
        ("system", "Give the antonym of the word."),
        ("user", "Input: hot"),
        ("assistant", "cold"),
        ("user", "Input: big"),
    ),
    (("assistant", "How can I help?"),),
]


def one(text: str) -> tuple[tuple[str, str], ...]:
    """A chat of one user turn."""
    return (("user", text),)


def request(kind: str, name: str) -> str:
    """The text of one request."""
    return next(text for found, called, text in REQUESTS if (found, called) == (kind, name))
