"""Words as the mock LLM's classifier sees them: lower case, without endings, without function words."""

from __future__ import annotations

import re
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*")  # noqa: RUF001


def _all(text: str) -> frozenset[str]:
    return frozenset(text.split())


FUNCTION = _all(
    """
    a an and any are as at be been being both but by can could did do does doing done each either else
    few for from get give given got had has have having he her here hers him his how i if in into is it
    its just like likely may me might mine more most much must my neither no nor not of off on once one
    only onto or other others our out over own per please rather really same she should simply so some
    such than that the their them then there these they this those through thus to too toward under
    until up upon us use used using usually very via was we were what when whenever where whether which
    while who whom whose why will with within without would you your yours also about above after again
    against all always along am among because before below between during even ever every however many
    never often otherwise since still though unless
    """
)
"""Words that never are a cue."""

SCAFFOLD = _all(
    """
    answer answers label labels labelled labeled labeling category categories class classes
    classification classify classified assign assigned choose chosen choice choices select selected pick
    output outputs respond response reply return predict prediction text texts input inputs message
    messages item items document documents passage passages sentence sentences content post posts review
    reviews ticket tickets abstract abstracts mention mentions mentioned mentioning contain contains
    contained containing include includes included including appear appears appearing occur occurs
    present word words term terms phrase phrases keyword keywords cue cues hint hints signal signals
    indicator indicators typical typically example examples eg e.g etc such refer refers referring
    reference references related relate relates concerning concern concerns regarding talk talks talking
    discuss discusses discussed discussing describe describes described describing definition define
    defined means mean meaning indicate indicates indicating suggest suggests imply implies belong
    belongs fall falls go goes apply applies rule rules case cases anything everything something nothing
    none default fallback following listed correct right best appropriate fits fit match matches
    matching together combination pair pairs guideline guidelines decision find finds found look looks
    see sees read reads check checks write writes say says tag tags mark marks note make makes sure
    whose about involve involves involving cover covers covered covering deal deals dealing focus
    focuses focused topic topics subject subjects primarily mainly main clearly explicitly strong
    strongly things kind kinds type types way ways name names instance considered treat treated come
    comes count counts entry annotation annotate annotator first second third final task applicable
    whole stands stand occurs noted author writer speaker person people someone user users user's
    author's
    """
)
"""Words of instructions about labelling; unless quoted, they are no cues."""


@lru_cache(maxsize=32_768)
def stem(word: str) -> str:
    """One form for a word's singular, plural and common endings.

    >>> [stem(word) for word in ("Refunds", "deliveries", "classes", "boxes", "charged", "gas")]
    ['refund', 'delivery', 'class', 'box', 'charg', 'gas']
    """
    word = word.lower().replace("’", "'")  # noqa: RUF001
    word = word.removesuffix("'s")
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("sses", "shes", "ches", "xes", "zes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed"):
        if len(word) > len(ending) + 3 and word.endswith(ending):
            word = word[: -len(ending)]
            return word[:-1] if word[-1] == word[-2] and word[-1] not in "lsz" else word
    return word[:-1] if len(word) > 5 and word.endswith("e") else word


def words(text: str) -> list[str]:
    """The words of `text` as they are written."""
    return _WORD.findall(text)


class Seen:
    """A text as stems: all of them with spaces between, for phrases, and each once, for lookups."""

    __slots__ = ("line", "stems")

    def __init__(self, text: str) -> None:
        found = [stem(word) for word in _WORD.findall(text)]
        self.line = f" {' '.join(found)} "
        self.stems = tuple(dict.fromkeys(found))


@lru_cache(maxsize=16_384)
def seen(text: str) -> Seen:
    """`text` as stems; remembered, since rows come back under every instruction."""
    return Seen(text)


@lru_cache(maxsize=32_768)
def phrase(text: str) -> str:
    """A cue as stems, for a search in `Seen.line`; empty if it has no words.

    >>> phrase('"broken Hinges"')
    ' broken hing '
    """
    found = [stem(word) for word in _WORD.findall(text)]
    return f" {' '.join(found)} " if found else ""


def content(text: str) -> list[str]:
    """The stems of the words that may be cues, in order."""
    return [
        stem(word)
        for word in _WORD.findall(text)
        if (lower := word.lower()) not in FUNCTION and lower not in SCAFFOLD and len(word) > 1
    ]
