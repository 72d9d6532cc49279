"""Skills on the grammar of a sentence or a noun: voice, number, negation, register."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from mocks import knowledge
from mocks.skills import inflection
from mocks.skills.base import Skill
from mocks.skills.slips import choose, typos

_LIMIT = 600
_SMALL = frozenset(knowledge.listed("function-words", "determiners"))
_OBJECTIVE = {"i": "me", "he": "him", "she": "her", "we": "us", "they": "them", "who": "whom"}
_SUBJECTIVE = {"me": "I", "him": "he", "her": "she", "us": "we", "them": "they"}
_NEGATABLE = frozenset(knowledge.listed("function-words", "auxiliaries"))
_MODALS = frozenset(knowledge.listed("function-words", "modals"))
_SINGULAR_S = frozenset(knowledge.listed("function-words", "singulars on s"))


def _sentence(words: list[str], end: str) -> str:
    text = " ".join(words)
    return text[:1].upper() + text[1:] + end


def _split(text: str) -> tuple[list[str], str]:
    body = text.strip()[:_LIMIT]
    end = body[-1:] if body[-1:] in (".", "!") else ""
    return body[: len(body) - len(end)].split(), end


def _decapitalised(words: list[str]) -> list[str]:
    """A subject that no longer opens the sentence."""
    first = words[0]
    lowered = first.lower() if first.lower() in _SMALL or first.lower() in _OBJECTIVE else first
    return [lowered, *words[1:]]


def is_plural(phrase: list[str]) -> bool:
    """Whether a noun phrase takes a verb in the plural."""
    low = [word.lower() for word in phrase]
    if "and" in low or low[-1] in ("us", "them", "we", "they", "you"):
        return True
    if low[0] in ("these", "those", "many", "two", "three", "four", "five", "all"):
        return True
    for joint in ("of", "in", "on", "at", "with", "from", "for", "to", "by", "around"):
        if joint in low[1:]:
            low = low[: low.index(joint, 1)]
    head = low[-1]
    if head in _plurals():
        return low[0] not in ("a", "an", "every", "each", "this", "that")
    if len(low) == 1 and phrase[0][0].isupper() and head.endswith("s"):
        # Cats, or James: only a word that has a singular is a plural.
        singulars = (head[:-1], head[:-2], head[:-3] + "y")
        return any(one in _nouns() and inflection.plural(one) == head for one in singulars)
    return head.endswith("s") and not head.endswith(("ss", "us", "is")) and head not in _SINGULAR_S


@cache
def _plurals() -> frozenset[str]:
    return frozenset(many for one, (many,) in knowledge.table("plurals").items() if one != many)


@cache
def _nouns() -> frozenset[str]:
    return frozenset(knowledge.words())


def _verb_at(words: list[str]) -> tuple[int, int, str, str] | None:
    """(start, end, base form, tense) of the first verb between a subject and an object."""
    for at in range(1, len(words) - 1):
        low = words[at].lower()
        after = words[at + 1].lower()
        if low in _MODALS and after in inflection.bases():
            return at, at + 2, after, low
        if low in ("has", "have", "had") and after in inflection.participles():
            return at, at + 2, inflection.participles()[after], low
        if low in ("is", "are", "was", "were") and after in inflection.gerunds():
            return at, at + 2, inflection.gerunds()[after], "being " + low
        if low in inflection.past_forms():
            return at, at + 1, inflection.past_forms()[low], "past"
        if low in inflection.third_forms() and not is_plural(words[:at]):
            return at, at + 1, inflection.third_forms()[low], "present"
        if low in inflection.bases() and is_plural(words[:at]):
            return at, at + 1, low, "present"
        guess = inflection.stem_of_past(low)
        if guess and words[0].lower() in _SMALL and at > 1:
            return at, at + 1, guess, "past as is " + low
    return None


def _auxiliary(tense: str, many: bool) -> str:
    if tense.startswith("past"):
        return "were" if many else "was"
    if tense == "present":
        return "are" if many else "is"
    if tense.startswith("being"):
        now = tense.endswith((" is", " are"))
        return ("are being" if many else "is being") if now else ("were being" if many else "was being")
    if tense in ("has", "have", "had"):
        return "had been" if tense == "had" else "have been" if many else "has been"
    return f"{tense} be"


def _active_to_passive(text: str) -> str | None:
    words, end = _split(text)
    found = _verb_at(words)
    if not found or found[1] >= len(words):
        return None
    start, stop, base, tense = found
    subject, thing = words[:start], words[stop:]
    named = thing[0].lower() in _SMALL or thing[0].lower() in _SUBJECTIVE or thing[0][0].isupper()
    if not named and not is_plural(thing):
        return None
    agent = _decapitalised(subject)
    if len(agent) == 1:
        agent = [_OBJECTIVE.get(agent[0].lower(), agent[0])]
    if len(thing) == 1:
        thing = [_SUBJECTIVE.get(thing[0].lower(), thing[0])]
    done = (
        tense.removeprefix("past as is ") if tense.startswith("past as is") else inflection.participle(base)
    )
    auxiliary = "am" if thing == ["I"] and tense == "present" else _auxiliary(tense, is_plural(thing))
    return _sentence([*thing, auxiliary, done, "by", *agent], end)


def _passive_slip(text: str, right: str, u: float) -> str:
    words, end = _split(right)
    swapped = {"was": "were", "were": "was", "is": "are", "are": "is"}
    options = [" ".join([swapped.get(word, word) for word in words]) + end]
    if "by" in words:
        at = words.index("by")
        verb = next((i for i, word in enumerate(words) if word in swapped), 0)
        options += [
            " ".join(words[:at]) + end,
            _sentence([*words[at + 1 :], *words[verb:at], "by", *words[:verb]], end),
            " ".join([word for word in words if word not in swapped]) + end,
        ]
    options += [text.strip()]
    return choose(options, right, u)


def _passive_to_active(text: str) -> str | None:
    words, end = _split(text)
    low = [word.lower() for word in words]
    if "by" not in low[3:]:
        return None
    by = low.index("by", 3)
    done = inflection.participles().get(low[by - 1])
    if not done or low[by - 2] not in ("was", "were", "is", "are") or by + 1 >= len(words):
        return None
    agent, thing = words[by + 1 :], _decapitalised(words[: by - 2])
    if low[by - 2] in ("was", "were"):
        verb = inflection.past(done)
    else:
        verb = done if is_plural(agent) else inflection.third_person(done)
    return _sentence([*agent, verb, *thing], end)


def _singular_to_plural(text: str) -> str | None:
    noun = text.strip().rstrip(".")
    return inflection.plural(noun) if 0 < len(noun.split()) <= 3 and noun[-1].isalpha() else None


def _plural_slip(text: str, right: str, u: float) -> str:
    noun = text.strip()
    return choose([noun, noun + "s", noun + "es", noun + "'s", right + "s", noun[:-1] + "ies"], right, u)


def _negation(text: str) -> str | None:
    words, end = _split(text)
    if len(words) < 2:
        return None
    low = [word.lower() for word in words]
    for taken, put in (("not", ""), ("cannot", "can"), ("never", "")):
        if taken in low:
            at = low.index(taken)
            return " ".join([*words[:at], *put.split(), *words[at + 1 :]]) + end
    for at in range(1, len(words)):
        word = low[at]
        if word in _NEGATABLE:
            negated = "cannot" if word == "can" else f"{words[at]} not"
            return " ".join([*words[:at], negated, *words[at + 1 :]]) + end
        if word in ("has", "have", "had") and at + 1 < len(words) and low[at + 1] in inflection.participles():
            return " ".join([*words[: at + 1], "not", *words[at + 1 :]]) + end
        helped = _do(word, low[:at], words)
        if helped:
            return " ".join([*words[:at], *helped, *words[at + 1 :]]) + end
    return None


def _do(word: str, before: list[str], words: list[str]) -> list[str] | None:
    """The verb with do-support, if the word is one."""
    pronoun = before[-1] in ("i", "you", "we", "they")
    if word in inflection.past_forms() and word not in inflection.bases():
        return ["did", "not", inflection.past_forms()[word]]
    if (
        word in inflection.third_forms()
        and before[-1] not in ("the", "a", "an")
        and not is_plural(words[: len(before)])
    ):
        return ["does", "not", inflection.third_forms()[word]]
    unknown_plural = len(before) == 1 and before[0].endswith("s")
    if word in inflection.bases() and (pronoun or unknown_plural or is_plural(words[: len(before)])):
        return ["do", "not", word]
    return None


def _negation_slip(text: str, right: str, u: float) -> str:
    body = text.strip()
    words = right.split()
    doubled = body.replace(" is ", " isn't ").replace(" was ", " wasn't ").replace(" are ", " aren't ")
    options = [body, f"It is false that {body[:1].lower()}{body[1:]}", doubled]
    if "not" in words:
        at = words.index("not")
        options += [
            " ".join([*words[:at], "never", *words[at + 1 :]]),
            " ".join([*words[:at], *words[at + 1 :]]),
        ]
    return choose(options, right, u)


@cache
def formal_pairs() -> Mapping[str, str]:
    """Informal sentence -> formal sentence, all variants written out."""
    found: dict[str, str] = {}
    for left, (right,) in knowledge.table("formal").items():
        slots = [re.findall(r"\{(.*?)\}", side) for side in (left, right)]
        for first, second in zip(slots[0][0].split("/"), slots[1][0].split("/"), strict=True):
            found[re.sub(r"\{.*?\}", first, left)] = re.sub(r"\{.*?\}", second, right)
    return found


_PLAIN = dict(pair.replace("_", " ").split("=") for pair in knowledge.listed("function-words", "informal"))


def _formal(text: str) -> str | None:
    body = text.strip()[:_LIMIT]
    known = formal_pairs().get(body)
    if known:
        return known
    if len(body.split()) < 2:
        return None
    changed = re.sub(r"[A-Za-z']+", lambda found: _PLAIN.get(found[0].lower(), found[0]), body)
    return changed[:1].upper() + changed[1:]


def _formal_slip(text: str, right: str, u: float) -> str:
    body = text.strip()
    last = right.rstrip(".?!").rpartition(" ")[0]
    return choose([body, last, f"Dear Sir or Madam, {body}", *typos(right)[:2]], right, u)


GRAMMAR = (
    Skill("active_to_passive", _active_to_passive, _passive_slip, ("passive_to_active", "echo", "negation")),
    Skill("passive_to_active", _passive_to_active, _passive_slip, ("active_to_passive", "echo")),
    Skill("singular_to_plural", _singular_to_plural, _plural_slip, ("echo", "synonyms", "letters_list")),
    Skill("negation", _negation, _negation_slip, ("echo", "antonyms", "active_to_passive")),
    Skill("informal_to_formal", _formal, _formal_slip, ("echo", "answer_vaguely", "synonyms")),
)
