"""The cues that synthetic oracles look for in an instruction, with the words and sentences that carry them.

A cue is present in a text when one of its words or phrases occurs in it, as whole words in any
case. Every cue has words of its own, so that adding one word can switch it on; each sentence carries
exactly one cue, and the openings, closings and fillers carry none (tests hold the lists to this).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple


class Cue(NamedTuple):
    """One trait that an instruction has or lacks."""

    name: str
    words: tuple[str, ...]
    phrases: tuple[str, ...]
    sentences: tuple[str, ...]


CUES: tuple[Cue, ...] = (
    Cue(
        "reasoning",
        ("stepwise", "steps", "reasoning"),
        ("step by step", "one step at a time"),
        ("Think step by step.", "Work through it one step at a time.", "Show your reasoning first."),
    ),
    Cue(
        "role",
        ("expert", "specialist", "professional"),
        ("act as", "you are a"),
        ("You are an expert in this.", "Act as a seasoned teacher.", "Reply like a specialist."),
    ),
    Cue(
        "format",
        ("format", "template", "layout"),
        ("in the form", "one per line"),
        ("Keep the given format.", "Follow the template.", "Write the results one per line."),
    ),
    Cue(
        "brevity",
        ("concise", "brief", "short"),
        ("nothing else", "no more than"),
        ("Be concise.", "Write the answer and nothing else.", "Use no more than ten words."),
    ),
    Cue(
        "checking",
        ("verify", "check", "proofread"),
        ("look again", "test your"),
        ("Verify the result.", "Check your work before you finish.", "Look again at what you wrote."),
    ),
    Cue(
        "examples",
        ("examples", "demonstrations", "analogous"),
        ("as shown", "same way as"),
        ("Learn from the examples.", "Do it as shown before.", "Proceed the same way as earlier."),
    ),
    Cue(
        "care",
        ("carefully", "attention", "thorough"),
        ("take your time", "with care"),
        ("Read everything carefully.", "Take your time.", "Treat every detail with care."),
    ),
    Cue(
        "exactness",
        ("exactly", "verbatim", "literally"),
        ("word for word", "letter for letter"),
        ("Answer exactly what is asked.", "Copy names verbatim.", "Quote it word for word."),
    ),
    Cue(
        "audience",
        ("beginner", "audience", "pupil"),
        ("simple language", "easy to understand"),
        ("Write for a beginner.", "Use simple language.", "Make it easy to understand."),
    ),
    Cue(
        "focus",
        ("ignore", "irrelevant", "distractions"),
        ("leave out", "only what counts"),
        ("Ignore side remarks.", "Leave out what does not help.", "Avoid all distractions."),
    ),
    Cue(
        "definitions",
        ("define", "definition", "terminology"),
        ("what each term means", "meaning of every"),
        ("Define the key notions.", "Say what each term means.", "Recall the meaning of every symbol."),
    ),
    Cue(
        "evidence",
        ("evidence", "justify", "cite"),
        ("say why", "give reasons"),
        ("Support it with evidence.", "Say why it holds.", "Justify the choice."),
    ),
    Cue(
        "doubt",
        ("unsure", "uncertain", "guess"),
        ("if in doubt", "do not know"),
        ("If in doubt, pick the likeliest.", "Say so when you are unsure.", "Never guess."),
    ),
    Cue(
        "tone",
        ("polite", "friendly", "warm"),
        ("kind words", "good manners"),
        ("Stay friendly.", "Be polite.", "Choose kind words."),
    ),
    Cue(
        "stakes",
        ("important", "crucial", "matters"),
        ("a lot depends", "my career"),
        ("This is very important.", "A lot depends on it.", "Your answer matters to us."),
    ),
    Cue(
        "spelling",
        ("lowercase", "punctuation", "capitals"),
        ("small letters", "full stop"),
        ("Write in lowercase.", "Mind the punctuation.", "End with a full stop."),
    ),
)

OPENINGS = (
    "Answer the question.",
    "Read the input and write the output.",
    "Solve the task below.",
    "Give the result for the following item.",
    "Look at the text, then reply.",
    "Work on the given problem.",
    "Turn the input into the output.",
    "Find the right answer for this case.",
)
CLOSINGS = ("", "Thank you.", "Begin now.", "Here is the item.", "The text follows.")
FILLERS = ("please", "now", "then", "well", "answer", "question", "text", "input", "output", "task")

WORDS: tuple[str, ...] = (*(word for cue in CUES for word in cue.words), *FILLERS)
"""All single words that carry a cue, then some that carry none."""

FEWEST, MOST = 4, len(CUES)
"""How few and how many cues an oracle may weigh; all their sets are enumerated, so not many more."""

find_words = re.compile(r"\w+").findall


class Reader:
    """Reads which of some chosen cues a text carries: bit i of a cue set is the i-th chosen cue."""

    __slots__ = ("_bits", "_phrases", "chosen")

    def __init__(self, chosen: Sequence[int]) -> None:
        """Look for these cues, numbered as in `CUES`; texts may carry others, which count for nothing."""
        self.chosen = tuple(int(number) for number in chosen)
        cues = [(CUES[number], 1 << bit) for bit, number in enumerate(self.chosen)]
        self._bits = {word: bit for cue, bit in cues for word in cue.words}
        # Spaces around a phrase make the substring test below one for whole words.
        self._phrases = tuple((f" {phrase} ", bit) for cue, bit in cues for phrase in cue.phrases)

    def read(self, text: str) -> tuple[int, int]:
        """The set of cues in `text`, and how many words it has."""
        words = find_words(text.lower())
        bit_of = self._bits.get
        found = 0
        for word in words:
            found |= bit_of(word, 0)
        flat = f" {' '.join(words)} "
        for phrase, bit in self._phrases:
            if phrase in flat:
                found |= bit
        return found, len(words)

    def write(self, cue_set: int, room: int) -> str:
        """A text with exactly these cues: readable where `room` words allow it, one word a cue otherwise."""
        cues = [CUES[number] for bit, number in enumerate(self.chosen) if cue_set >> bit & 1]
        text = " ".join([OPENINGS[0], *(cue.sentences[0] for cue in cues)])
        if len(find_words(text)) > room:
            text = ", ".join(cue.words[0] for cue in cues)
        return text
