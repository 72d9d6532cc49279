"""The skill of reading a small Python program: what comes out of it."""

from __future__ import annotations

import re
from functools import lru_cache

from mocks.skills.base import Skill
from mocks.skills.interpreter import outcome
from mocks.skills.operations import Unsupported
from mocks.skills.slips import choose, digits_off, typos

_FENCE = re.compile(r"\s*```(?:python|py)?\s*\n(.*?)\n?\s*```\s*", re.DOTALL)
_CODE = re.compile(r"\b(print|def|class|while|for|if|import|return)\b|^\s*\w+\s*[-+*]?=", re.MULTILINE)
_LIMIT = 2000


@lru_cache(maxsize=4096)
def _run(text: str) -> str | None:
    if len(text) > _LIMIT:
        return None
    fenced = _FENCE.fullmatch(text)
    source = fenced[1] if fenced else text
    if not fenced and not _CODE.search(source):
        return None
    try:
        return outcome(source).strip() or None
    except Unsupported:
        return None


def _slip(text: str, right: str, u: float) -> str:
    options = ["None", "There is no error in the program", "SyntaxError: invalid syntax"]
    if re.fullmatch(r"-?\d{1,18}", right):
        options = [*digits_off(int(right))[:4], "None", "NameError: name 'x' is not defined"]
    elif "Error" in right:
        options += [right.split(":")[0], f"{right.split(':')[0]}: invalid operation"]
    else:
        options += typos(right)[:3]
    return choose(options, right, u)


PROGRAMS = (Skill("auto_debugging", _run, _slip, ("explain", "echo", "answer_vaguely")),)
