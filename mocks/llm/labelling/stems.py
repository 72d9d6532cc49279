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
    whole stands stand noted instead definitely author writer speaker person people someone user users
    user's author's
    """
)
"""Words of instructions about labelling; unless quoted, they are no cues."""

COMMON = _all(
    """
    able agree ago ask asked autumn away back bad big bit bring busy call called came change come day
    days december evening expect eight eleven end enough far feel fifth find fine first five follow
    forty found four fourth friday friend friends full give glad good great happy hard help hello here
    hi high hope hour hours house idea january june july kind kindly know large last late later leave
    left less let list little long lot made make man march may mean minute minutes monday month months
    morning need never new next nice night nine ninth noon november now number october ok okay old one
    open part past people person place plan point put quick quite read ready regards reply right round
    said saturday saw say second see seem send september set seven seventh short show side sixth six
    sixty small soon sorry spring start started state stay step still sunday summer sure take team tell
    ten tenth thank thanks thing think third thirty thought three thursday time times today told
    tomorrow tried try tuesday turn twelve twenty two twice use wait waited want way wednesday week
    weeks well went winter woman wonder work working world write year years account accounts add answer
    approach attempt attention below case cases careful colleague comment comments contact content
    detail details differ discuss discussion easy expectations explain extend extends findings given
    hear hearing household interest issue limits listed matter members mood more much names nobody note
    notice noticed numbers others pages perhaps phone please points problem reader readers reason
    remember report results role rounds setting since somehow something steps summarised talk total true
    understand website welcome worked began begin took gave half reach hurry earlier season neighbour
    trouble home notes author authors coffee form site papers opinion version met lasted begun hopes
    closes extended yes yesterday young april august february going look looking happen happened keep
    live move
    """
)
"""Words so common that nobody takes them for a cue at first sight."""


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


_GAPS = re.compile(r"[^\S\n]{2,}|\n{3,}|([^\w\s])\1{3,}")
_MOST_READ = 60_000


def tidied(text: str) -> str:
    """`text` without long gaps and rows of one sign; its middle is left out where it is very long."""
    if len(text) > _MOST_READ:
        text = f"{text[: _MOST_READ // 2]}\n{text[-_MOST_READ // 2 :]}"
    return _GAPS.sub(lambda run: run[1] * 3 if run[1] else run[0][0], text)


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


_PALE = 0.25
"""How much common words and names catch the eye."""


@lru_cache(maxsize=2048)
def telling(text: str) -> tuple[tuple[str, float], ...]:
    """Each stem that may be a cue once, with how much it catches the eye: 1, or less for common words.

    A name within a sentence catches the eye less, too: it is about somebody and seldom about the matter.
    """
    found: dict[str, float] = {}
    for match in _WORD.finditer(text):
        word = match.group()
        lower = word.lower()
        if len(word) > 1 and lower not in FUNCTION and lower not in SCAFFOLD:
            plain = lower in COMMON or (word[0].isupper() and text[max(0, match.start() - 2)] not in ".!?")
            found.setdefault(stem(word), _PALE if plain else 1.0)
    return tuple(found.items())
