"""Prompts of OPRO: earlier instructions with their scores, and a new one is wanted."""

from __future__ import annotations

from collections.abc import Sequence


def propose(scored: Sequence[tuple[str, int]], exemplars: Sequence[tuple[str, str]]) -> str:
    """OPRO: old texts in rising order of score, exemplars with the place of the text, and the wish for more.

    Args:
        scored: texts with scores of 0 to 100, the worst first.
        exemplars: worked examples.
    """
    old = "\n\n".join([f"text:\n{text}\nscore:\n{score}" for text, score in scored])
    parts = ["I have some texts with their scores, the worst first. The higher a score, the better.", old]
    if exemplars:
        shown = "\n\n".join([f"input:\nQ: {x}\nA: <INS>\noutput:\n{y}" for x, y in exemplars])
        parts += [f"These exercises show where the text goes:\n\n{shown}"]
    parts.append(
        "Write a new text, different from the old ones, with a score as high as possible. "
        "Begin it with <INS> and end it with </INS>."
    )
    return "\n\n".join(parts)
