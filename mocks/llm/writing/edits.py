"""Changes to an instruction of anybody's: some keep its meaning, some do not.

Every function takes any text, the empty one too, and a source of luck; what it returns depends on
these alone.
"""

from __future__ import annotations

import re
from functools import lru_cache

from mocks.llm.writing.lexicon import ELABORATIONS, FILLER, FORMS, RELATED, ROLES, SAME
from mocks.llm.writing.luck import Luck

_LONGEST = 4000
"""Characters of a text that are worked on; the rest is kept as it is."""
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[^\s])|\n+")
_PROTECTED = re.compile(
    r'"[^"\n]{1,80}"|“[^”\n]{1,80}”|`[^`\n]{1,80}`|<[^<>\n]{1,40}>|\{[^{}\n]{1,40}\}|\[[^\[\]\n]{1,40}\]'
)
"""What is quoted is meant to the letter: no synonym replaces it."""
_IMPERATIVE = re.compile(
    r"^(please |kindly |your (?:task|job) is to |the (?:task|goal) is to |i want you to |i'd like you "
    r"to |you have to |you should )?(.+)$",
    re.IGNORECASE | re.DOTALL,
)
_FRONTED = re.compile(
    r"^(given|for|if|when|from|in|with) ([^,.;:\n]{2,80}), (.+?)([.!?]?)$", re.IGNORECASE | re.DOTALL
)
_PASSIVE = {
    "write": "written", "give": "given", "return": "returned", "output": "output", "find": "found",
    "list": "listed", "sort": "sorted", "translate": "translated", "convert": "converted", "name": "named",
    "add": "added", "count": "counted", "classify": "classified", "identify": "identified",
    "change": "changed",
    "provide": "provided", "rewrite": "rewritten", "negate": "negated", "calculate": "calculated",
    "compute": "computed", "choose": "chosen", "select": "selected", "extract": "extracted",
}  # fmt: skip
_ARTICLE = re.compile(r"\b([Aa])n? $")
_PLACED = re.compile(r" (?:into|in|to|from|with|by|as|on|at|if|and|or) ")
_OBJECT = re.compile(
    rf"^({'|'.join(_PASSIVE)}) ((?:the|all|each|every|only) [\w' -]{{2,60}}?)([.!?]?)$", re.IGNORECASE
)
_BASE_VERBS = frozenset(
    [word for group in SAME[:21] for word in group if " " not in word] + list(_PASSIVE)
    + ["sort", "translate", "negate", "unscramble", "spell", "subtract", "rate", "decide", "compare", "keep",
       "put", "take", "arrange", "order", "split", "count", "say", "judge", "list", "name", "extract",
       "rearrange", "read"]
)  # fmt: skip


_ANSWERING = frozenset(("answer", "reply", "respond"))


def sentences(text: str) -> list[str]:
    """The sentences of a text, without the space around them."""
    return list(_sentences(text))


@lru_cache(maxsize=4_096)
def _sentences(text: str) -> tuple[str, ...]:
    return tuple([part.strip() for part in _SENTENCE_END.split(text[:_LONGEST]) if part.strip()])


def paraphrase(text: str, luck: Luck, strength: float = 0.5) -> str:
    """Other words for the same; the stronger, the more of them are changed."""
    lines = text[:_LONGEST]
    if luck.chance(0.25 + 0.3 * strength):
        lines = luck.pick((_register, _unfront, _reordered, _passive))(lines, luck)
    changed = synonyms(lines, luck, 0.15 + 0.5 * strength)
    if changed == text:
        changed = _register(changed, luck)
    if changed == text and changed:
        changed = (
            f"{_stopped(changed)} {luck.pick(ELABORATIONS)}"
            if luck.chance(0.5)
            else f"Please do this: {changed}"
        )
    return changed + text[_LONGEST:]


def synonyms(text: str, luck: Luck, share: float) -> str:
    """About `share` of the words that have an equal, replaced by it; what is quoted stays."""
    between, words = _segments(text)
    parts = [between[0]]
    for found, rest in zip(words, between[1:], strict=True):
        if luck.chance(share):
            new = _like(found, luck.pick(_equals()[found.lower()]))
            parts[-1] = _with_article(parts[-1], new)
            parts += (new, rest)
        else:
            parts += (found, rest)
    return "".join(parts)


def _with_article(before: str, word: str) -> str:
    """What stands before a new word, with "a" or "an" as it needs it."""
    match = _ARTICLE.search(before)
    if not match or not word[:1].isalpha():
        return before
    article = match.group(1) + ("n" if word[0].lower() in "aeio" else "")
    return f"{before[: match.start(1)]}{article} "


@lru_cache(maxsize=4_096)
def _segments(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words of a text that have an equal, and what stands before, between and after them."""
    between, words, done = [], [], 0
    for match in _swappable().finditer(text):
        # Case-insensitive matching also takes letters such as the long s, which no table has.
        if match["kept"] is None and match.group().lower() in _equals():
            between.append(text[done : match.start()])
            words.append(match.group())
            done = match.end()
    return (*between, text[done:]), tuple(words)


def shorten(text: str, luck: Luck) -> str:
    """The same with fewer words: filler goes, and of several sentences one that asks for nothing may."""
    found = sentences(text)
    if len(found) > 1:
        found = [sentence for sentence in found if sentence not in ELABORATIONS + ROLES] or found
    core = next((place for place, sentence in enumerate(found) if _asks(sentence)), 0)
    if len(found) > 1 and luck.chance(0.7):
        del found[luck.pick([place for place in range(len(found)) if place != core])]
    short = _filler().sub("", " ".join(found))
    short = re.sub(r"\s+([,.;!?])", r"\1", re.sub(r"[ \t]{2,}", " ", short)).strip(" ,;")
    return _capital(short) if short else text


def _asks(sentence: str) -> bool:
    """Whether a sentence asks for something to be done, and not only how the answer should look."""
    rest = _IMPERATIVE.match(sentence).group(2)  # type: ignore[union-attr]
    first = rest.split(" ")[0].lower().strip(".,;:!?")
    return _FRONTED.match(sentence) is not None or first in _BASE_VERBS - _ANSWERING


def elaborate(text: str, luck: Luck) -> str:
    """The same with more words: a sentence about the answer's form, an advice, or a role."""
    kind = luck.uniform()
    if kind < 0.5:
        return _joined(text, luck.pick(FORMS))
    return _joined(text, luck.pick(ELABORATIONS)) if kind < 0.8 else _joined(luck.pick(ROLES), text)


def without_form(text: str, luck: Luck) -> str:
    """The same without its last sentence, where it has several."""
    found = sentences(text)
    return " ".join(found[:-1]) if len(found) > 1 else text


def cross(first: str, second: str, luck: Luck) -> str:
    """One text from the clauses of two."""
    one, two = sentences(first), sentences(second)
    if not one or not two:
        return first.strip() or second.strip()
    if len(one) + len(two) > 2 and luck.chance(0.75):
        core = one[:1] if luck.chance(0.6) else one[: max(1, len(one) // 2)]
        rest = [sentence for sentence in two[1:] or one[1:] if sentence not in core]
        return " ".join(core + rest)
    left, right = _clauses(one[0]), _clauses(two[0])
    if len(left) > 1 or len(right) > 1:
        tail = right[-1] if len(right) > 1 else left[-1]
        head = left[0] if len(right) > 1 else right[0]
        return " ".join([_stopped(f"{head.rstrip(' .,;!?')}, {tail}"), *one[1:], *two[1:]])
    return _register(" ".join([one[0] if luck.chance(0.5) else two[0], *one[1:], *two[1:]]), luck)


def mutate(text: str, luck: Luck) -> str:
    """One change that may change the meaning: a word swapped for a relative, dropped, or specialised."""
    kind = luck.uniform()
    if kind < 0.3:
        changed = _relative(text, luck)
        if changed != text:
            return changed
    if kind < 0.45:
        found = text.split(" ")
        if len(found) > 3:
            del found[1 + luck.below(len(found) - 1)]
            return " ".join(found)
    if kind < 0.6:
        return _specialised(text, luck)
    if kind < 0.8:
        return elaborate(text, luck)
    return paraphrase(shorten(text, luck), luck, 0.7)


def typos(text: str, luck: Luck, share: float = 0.03) -> str:
    """About `share` of the letters swapped with the next, doubled or lost."""
    letters = list(text[:_LONGEST])
    for place in range(len(letters) - 1):
        if letters[place].isalpha() and letters[place + 1].isalpha() and luck.chance(share):
            kind = luck.below(3)
            if kind == 0:
                letters[place], letters[place + 1] = letters[place + 1], letters[place]
            else:
                letters[place] = letters[place] * 2 if kind == 1 else ""
    return "".join(letters) + text[_LONGEST:]


def differences(first: str, second: str) -> list[str]:
    """The sentences of the second text that the first lacks."""
    have = {sentence.lower() for sentence in sentences(first)}
    return [sentence for sentence in sentences(second) if sentence.lower() not in have]


def _register(text: str, luck: Luck) -> str:
    found = sentences(text)
    if not found:
        return text
    # The first imperative is put into another register; what stands before it stays.
    for place, sentence in enumerate(found):
        opening, rest = _IMPERATIVE.match(sentence).groups()  # type: ignore[union-attr]
        verb = rest.split(" ")[0].lower().strip(".,;:!?")
        if opening is None and verb not in _BASE_VERBS:
            continue
        openings = [
            o
            for o in ("Please ", "Your task is to ", "The task is to ", "I want you to ", "")
            if o.lower() != (opening or "").lower()
        ]
        new = luck.pick(openings)
        found[place] = f"{new}{rest[:1].lower()}{rest[1:]}" if new else _capital(rest)
        return " ".join(found)
    return text


def _unfront(text: str, luck: Luck) -> str:
    found = sentences(text)
    for place, sentence in enumerate(found):
        match = _FRONTED.match(sentence)
        if match:
            word, condition, rest, stop = match.groups()
            if word.lower() == "given":
                found[place] = f"You are given {condition}. {_capital(rest)}{stop}"
            else:
                found[place] = f"{_capital(rest)} {word.lower()} {condition}{stop or '.'}"
            break
    return " ".join(found) if found else text


def _reordered(text: str, luck: Luck) -> str:
    found = sentences(text)
    if len(found) > 2:
        place = 1 + luck.below(len(found) - 2)
        found[place], found[place + 1] = found[place + 1], found[place]
    return " ".join(found) if found else text


def _passive(text: str, luck: Luck) -> str:
    found = sentences(text)
    for place, sentence in enumerate(found):
        match = _OBJECT.match(sentence)
        if match and not _PLACED.search(match.group(2)):
            verb, thing, stop = match.groups()
            found[place] = f"{_capital(thing)} should be {_PASSIVE[verb.lower()]}{stop or '.'}"
            break
    return " ".join(found) if found else text


def _relative(text: str, luck: Luck) -> str:
    places = list(_relatives_pattern().finditer(text[:_LONGEST]))
    if not places:
        return text
    match = luck.pick(places)
    found = match.group(0)
    options = [other for other in _relatives().get(found.lower(), ()) if other.lower() != found.lower()]
    if not options:
        return text
    new = _like(found, luck.pick(options))
    return _with_article(text[: match.start()], new) + new + text[match.end() :]


def _specialised(text: str, luck: Luck) -> str:
    added = luck.pick(
        ("in lower case", "in one word", "as briefly as possible", "without any punctuation", "in English")
    )
    found = sentences(text)
    if not found:
        return text
    place = luck.below(len(found))
    body = found[place].rstrip(" .!?")
    found[place] = f"{body} {added}."
    return " ".join(found)


def _clauses(sentence: str) -> list[str]:
    return [
        part.strip()
        for part in re.split(r"(?<=[,;:])\s+|\s+(?=and |so that |such that )", sentence)
        if part.strip()
    ]


def _joined(first: str, second: str) -> str:
    return f"{_stopped(first)} {second}" if first.strip() else second


def _stopped(text: str) -> str:
    text = text.rstrip()
    return text if not text or text[-1] in ".!?:" else text + "."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _like(model: str, word: str) -> str:
    if model.isupper() and len(model) > 1:
        return word.upper()
    return _capital(word) if model[:1].isupper() else word


@lru_cache(maxsize=1)
def _equals() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for group in SAME:
        for word in group:
            others = [other for other in group if other != word]
            found[word.lower()] = (*found.get(word.lower(), ()), *others)
    return found


@lru_cache(maxsize=1)
def _relatives() -> dict[str, tuple[str, ...]]:
    return {word.lower(): group for group in RELATED for word in group}


@lru_cache(maxsize=1)
def _swappable() -> re.Pattern[str]:
    words = sorted(_equals(), key=len, reverse=True)
    return re.compile(
        rf"(?P<kept>{_PROTECTED.pattern})|\b(?:{'|'.join(map(re.escape, words))})\b", re.IGNORECASE
    )


@lru_cache(maxsize=1)
def _relatives_pattern() -> re.Pattern[str]:
    words = sorted(_relatives(), key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, words))})\b", re.IGNORECASE)


@lru_cache(maxsize=1)
def _filler() -> re.Pattern[str]:
    words = sorted(FILLER, key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, words))})\b", re.IGNORECASE)
