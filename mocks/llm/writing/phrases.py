"""How a skill is put into words, well or badly."""

from __future__ import annotations

from collections.abc import Sequence

from mocks import skills
from mocks.llm.writing.luck import Luck, expand, variety
from mocks.llm.writing.wording import Wording, wordings

_REGISTERS = (
    "{Do}.",
    "{Do}.",
    "{Do}.",
    "[Please|Kindly] {do}.",
    "Your [task|job] is to {do}.",
    "The [task|goal] is to {do}.",
    "[You are|You will be] given {given}. {Do}.",
    "Given {given}, {do}.",
    "For [each|every] input, {do}.",
    "[I want|I'd like] you to {do}.",
    "[You get|You receive|The input is] {given}. Your task is to {do}.",
)
_WORDY = (
    "In what follows you will [see|find] {given}, and I would be [glad|grateful] if you could {do}, [as "
    "well as you can|to the best of your knowledge].",
    "[As you may know|As is well known], this can be done in many ways. What matters here is that you "
    "{do}. Take the time that you need.",
    "Imagine that somebody [hands|shows] you {given}. After thinking about it for a moment, you should "
    "probably {do}, or [something like it|something similar].",
    "[It would be nice|It would help me a lot] if you could, [where possible|whenever you can], {do}.",
)
_IDLE = (
    "Think [carefully|step by step] before you answer.",
    "[Be|Try to be] [accurate|as helpful as possible].",
    "This is [very important|important to me].",
    "[Take your time|Do your best].",
)
_PERSONAS = (
    "You are [a careful assistant|an expert|a language expert|a helpful assistant].",
    "[Act as|Imagine you are] [an expert|a teacher].",
)


def phrase(skill: str, quality: float, luck: float | Luck) -> str:
    """An instruction for `skill`.

    Args:
        skill: a name; one without a wording is told by its name.
        quality: 1 is precise and complete, 0.6 right with less detail, 0.4 wordy or vague, below
            0.2 wrong in one respect, or a neighbouring skill's.
        luck: a uniform number, or a source of them; decides among the texts of one quality.
    """
    source = luck if isinstance(luck, Luck) else Luck("phrase", skill, quality, luck)
    words = wording(skill)
    if quality >= 0.75:
        return _good(words, words.precise, source, 0.2 + 0.6 * quality)
    if quality >= 0.5:
        return _good(words, words.loose if source.chance(0.6) else words.precise, source, 0.3)
    if quality >= 0.35:
        return _wordy(words, source) if source.chance(0.5) else _vague(words, source, hint=True)
    if quality >= 0.2:
        return _vague(words, source, hint=False)
    near = [name for name in neighbours(skill) if name in wordings()]
    if near and source.chance(0.5):
        other = wordings()[source.pick(near[:3])]
        return _good(other, other.precise if source.chance(0.5) else other.loose, source, 0.4)
    return _good(words, words.wrong, source, 0.3)


def wording(skill: str) -> Wording:
    """The parts that instructions for `skill` are made of."""
    return wordings().get(skill) or _by_name(skill)


def neighbours(skill: str) -> Sequence[str]:
    """The names of the skills that `skill` is most easily confused with."""
    known = getattr(skills, "SKILLS", {})
    return known[skill].neighbours if skill in known else ()


def answer_form(skill: str, luck: Luck) -> str:
    """A sentence about the form of the answer."""
    return expand(luck.pick(wording(skill).answer), luck)


def distinct(skill: str) -> int:
    """A lower bound on the number of precise instructions for `skill`."""
    words = wording(skill)
    return len(set(_REGISTERS)) * sum([variety(template) for template in words.precise]) * len(words.answer)


def _good(words: Wording, verbs: Sequence[str], luck: Luck, form: float) -> str:
    sentences = [_in_register(words, luck.pick(verbs), luck)]
    if luck.chance(0.08):
        sentences.insert(0, expand(luck.pick(_PERSONAS), luck))
    if words.hints and luck.chance(0.3):
        sentences.append(expand(luck.pick(words.hints), luck))
    if words.answer and luck.chance(form):
        sentences.append(expand(luck.pick(words.answer), luck))
    return " ".join(sentences)


def _wordy(words: Wording, luck: Luck) -> str:
    do = expand(luck.pick(words.loose + words.precise), luck)
    first = _filled(luck.pick(_WORDY), words, do, luck)
    idle = [expand(text, luck) for text in luck.order(_IDLE)[: luck.below(3)]]
    return " ".join([first, *idle])


def _vague(words: Wording, luck: Luck, *, hint: bool) -> str:
    sentences = [_in_register(words, luck.pick(words.vague), luck)]
    if hint and words.answer and luck.chance(0.7):
        sentences.append(expand(luck.pick(words.answer), luck))
    if luck.chance(0.3):
        sentences.append(expand(luck.pick(_IDLE), luck))
    return " ".join(sentences)


def _in_register(words: Wording, verb: str, luck: Luck) -> str:
    return _filled(luck.pick(_REGISTERS), words, expand(verb, luck), luck)


def _filled(register: str, words: Wording, do: str, luck: Luck) -> str:
    text = expand(register, luck)
    given = expand(words.given, luck)
    return text.replace("{given}", given).replace("{do}", do).replace("{Do}", do[:1].upper() + do[1:])


def _by_name(skill: str) -> Wording:
    plain = skill.replace("_", " ").replace("-", " ")
    return Wording(
        given="an input",
        precise=(f'[do|carry out|perform] the task "{plain}"[| on the input]',),
        loose=(f"[do|apply] {plain}",),
        vague=("[process|transform] the input",),
        wrong=("[repeat|copy] the input",),
        answer=("[Answer|Reply] with the result only.",),
    )
