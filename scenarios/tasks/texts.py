"""Sentences of generated classification texts: short tickets, reviews, messages and abstracts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np


def _all(text: str) -> tuple[str, ...]:
    return tuple(text.split())


MANNERS = ("ticket", "review", "message", "abstract")

SAID = {
    "ticket": (
        "The {cue} is why I write.", "Please look at the {cue}.", "My problem is the {cue}.",
        "It began with the {cue}.", "Since Monday the {cue} has been an issue.",
        "I would like to ask about the {cue}.", "Nobody could explain the {cue} to me.",
        "There was something about the {cue}.", "Can you sort out the {cue}?",
        "I was told to report the {cue} here.",
    ),
    "review": (
        "The {cue} stayed with me.", "Then there is the {cue}.", "I had not expected the {cue}.",
        "And the {cue}, of course.", "People talk about the {cue} for a reason.",
        "What I noticed first was the {cue}.", "My friend pointed out the {cue}.",
        "You will remember the {cue}.", "So much for the {cue}.", "The {cue} says it all.",
    ),
    "message": (
        "Did you see the {cue}?", "It is about the {cue}.", "Just saw the {cue}!",
        "Still thinking of the {cue}.", "Tell me about the {cue}.", "So, the {cue} again.",
        "I keep hearing of the {cue}.", "Any news of the {cue}?", "Oh, the {cue}...",
        "By the way, the {cue}.",
    ),
    "abstract": (
        "The role of the {cue} is examined.", "Our interest is the {cue}.", "We turn to the {cue}.",
        "The {cue} is discussed at length.", "An account of the {cue} is given.",
        "Attention is paid to the {cue}.", "The {cue} is put in context.",
        "It is argued that the {cue} matters.", "We report on the {cue}.", "The {cue} is described.",
    ),
}  # fmt: skip
"""Sentences with a place for a cue."""

PAIRED = (
    "First the {a}, then the {b}.", "It is the {a} and the {b}.", "There is the {a}, and also the {b}.",
    "The {a} came with the {b}.", "Both the {a} and the {b} are part of this.",
)  # fmt: skip
"""Short sentences with places for two cues."""

_FILLERS = {
    "ticket": (
        "I have been with you for {n} years.", "I called {past} and waited {span}.",
        "Your colleague {who} was {mood} on the phone.", "I tried this {n} times.",
        "This is the {nth} time that I write.", "I hope that you can help.",
        "The website told me to contact you.", "I am {mood} and would welcome an answer.",
        "My number has not changed.", "Kind regards, {who}.", "Hello, my name is {who}.",
        "I looked through the help pages and found nothing.", "{who} in your team asked me to wait {span}.",
        "It worked well until then.", "Please answer {ahead}.", "Thank you.", "It is urgent.",
        "I can send more details if you need them.", "We are a household of {n}.",
        "{past}, nobody answered.", "I wrote to {who} {past}.", "It took {span} to get through.",
        "My neighbour {who} has the same trouble.", "I am at home {ahead}.", "Could somebody call me back?",
        "I do not want to wait {span} again.", "Until now I was always content.",
        "Perhaps {who} remembers me.", "The form on your site did not accept my words.",
        "I would be {mood} if this ended soon.", "Please tell me what to do next.", "I have kept all papers.",
    ),
    "review": (
        "I went there {past} with {who}.", "We were {mood} by the end.", "It took {span}.",
        "{who} liked it more than I did.", "I would give it {n} out of ten.",
        "This was my {nth} try.", "Others have said the same before me.", "I had read about it {past}.",
        "There were {n} of us.", "Somehow I felt {mood}.", "It is hard to say more.",
        "I am not easy to please.", "Perhaps I will come back {ahead}.", "That is all I can say.",
        "{who} had told me about it.", "Make of it what you will.", "My hopes were neither high nor low.",
        "It has been on my list for {span}.", "Judge for yourself.", "I asked {who}, who agreed.",
        "After {span} I knew enough.", "You may see it another way.", "I wrote this {past}.",
        "{who} and {who} came along.", "We talked about it for {span}.", 
        "It was the {nth} of its kind for me.", "Some will be {mood} about it.",
        "I took notes.", "There is more to tell.", "So much for my opinion.",
        "I am {mood} to hear what others think.", "We did not stay long.",
    ),
    "message": (
        "Hi {who}!", "See you {ahead}.", "I am {mood} right now.", "Call me in {span}.", "Ok?",
        "{who} says hello.", "We are {n} people.", "I have told you {n} times.", "Talk to you {ahead}.",
        "Are you there?", "No hurry, {ahead} is fine.", "I will be back in {span}.", "So it goes.",
        "Sorry for the late reply.", "You know how {who} is.", "It has been {span}.", "I was {mood} all day.",
        "This is my {nth} attempt to reach you.", "Write back soon.", "I met {who} {past}.", "Well...",
        "{who} asked about you {past}.", "Give me {span}.", "Can we talk {ahead}?", "I was up late {past}.",
        "Say hello to {who}.", "That was {span} ago.", "You would have been {mood}.", "Anyway.",
        "Did {who} tell you?", "I had {n} coffees {past}.", "Let me know.",
    ),
    "abstract": (
        "The work extends over {span}.", "We follow {who} and others.", "{n} cases are compared.",
        "Earlier accounts were {mood} about this.", "The {nth} part gives the details.",
        "Limits of the approach are named.", "Our findings agree with those of {who}.",
        "We discuss what follows.", "The setting is that of {who}.", "All steps are described in full.",
        "Open points are listed at the end.", "A total of {n} rounds took {span}.",
        "It is a {nth} step.", "The results are summarised.", "The discussion began {past}.",
        "We thank {who} for comments.", "Details are given below.", "This differs from what was known.",
        "{who} and {who} disagree on this.", "Little has been written about it.", "{n} readers were asked.",
        "The {nth} author is {who}.", "We stay {mood} in what we claim.", "Each round lasted {span}.",
        "The reasons are laid out.", "It was begun {past}.", "A longer version exists.",
        "The approach of {who} is extended.", "None of this was planned.", "The order of the parts is free.",
        "We compare with {n} earlier accounts.", "A summary closes the text.",
    ),
}  # fmt: skip
_SLOTS: dict[str, Sequence[str]] = {
    "n": _all("two three four five six seven eight nine ten eleven twelve twenty thirty"),
    "nth": _all("second third fourth fifth sixth seventh last first"),
    "past": ["yesterday", "on Monday", "on Tuesday", "on Friday", "last week", "in May", "last autumn",
             "this morning", "last Sunday", "two days ago", "a month ago", "in spring"],
    "ahead": ["tomorrow", "on Monday", "on Thursday", "next week", "in June", "in the evening", "at noon",
              "next Sunday", "in two days", "after lunchtime", "in a month"],
    "span": ["an hour", "ten minutes", "three weeks", "a whole day", "half a year", "two months", "ages",
             "a short while", "forty minutes", "a season"],
    "who": ["Ana", "Bogdan", "Chen", "Dalia", "Emre", "Farah", "Goran", "Hana", "Ivo", "Jun", "Kofi", "Lena",
            "Marek", "Nadia", "Oskar", "Priya", "Quentin", "Rosa", "Samir", "Tessa", "Umut", "Vera", "Wim",
            "Xenia", "Yusuf", "Zoe"],
    "mood": ["calm", "tired", "patient", "curious", "unsure", "hopeful", "puzzled", "content", "restless",
             "careful", "busy", "sleepy", "cautious"],
}  # fmt: skip
_SLOT = re.compile(r"\{(\w+)\}")


def fillers(manner: str, rng: np.random.Generator) -> Iterator[str]:
    """Sentences that say nothing about the label, without end; none comes back before all were said."""
    while True:
        for place in rng.permutation(len(_FILLERS[manner])):
            yield _capital(_filled(_FILLERS[manner][place], rng))


def said(manner: str, cue: str, rng: np.random.Generator) -> str:
    """A sentence with a cue."""
    return _capital(_pick(SAID[manner], rng).format(cue=cue))


def said_both(first: str, second: str, rng: np.random.Generator) -> str:
    """A sentence with two cues, in either order."""
    a, b = (first, second) if rng.random() < 0.5 else (second, first)
    return _pick(PAIRED, rng).format(a=a, b=b)


def _filled(template: str, rng: np.random.Generator) -> str:
    return _SLOT.sub(lambda match: _pick(_SLOTS[match[1]], rng), template)


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _pick(items: Sequence[str], rng: np.random.Generator) -> str:
    return items[int(rng.integers(len(items)))]


NOUNS = _all(
    """
    lantern kite saddle anvil acorn basin beacon bellows bobbin buckle cabinet canoe canvas carousel
    chimney cobweb compass copper cradle crate crown dagger dome drawer easel elbow ember envelope falcon
    feather ferry fiddle flask funnel gallop garland goblet gravel hammock harbour hatch helmet hinge hive
    hoop ivory jar jigsaw juniper keel kettle ladder lagoon latch lever locket loom magnet mallet maple
    marble mast meadow mitten moss napkinring needle nutmeg oar oasis onyx otter paddle parchment pebble
    pennant pillar pinecone plank plume pouch prism pulley quarry quill raft ribbon rudder satchel scaffold
    scarf shutter sickle sled spindle spool stencil stirrup tassel thicket thimble timber tinsel torch
    trellis trough tunic turnip umber urn vane velvet vest vine walnut wharf wicket willow yarn zipper
    """
)
"""Nouns that hint at no label."""

ADJECTIVES = _all(
    """
    amber ancient arched blunt brass brittle broken carved coarse crooked curved damp dented dusty faded
    flat folded forked frosty gilded glazed golden hollow humble knotted lacquered leaning loose muddy narrow
    oval painted pale patched plaid polished quilted ragged round rusty scarlet silent silver slender sloping
    smooth spotted square steep striped tall tangled tilted tiny twisted upright velvety vivid woven
    wrinkled
    """
)

QUALIFIERS = _all(
    """
    status change request problem question praise delay error help update history limit new old urgent
    minor major start stop renewal approval refusal duplicate missing partial total early late repeat group
    single local foreign online offline manual automatic public private draft final rural urban summer winter
    trial upgrade downgrade transfer merge split check review appeal advance reminder archive export import
    preview
    """
)
"""What splits a label into finer ones."""

SYLLABLES = _all("ba ce di fo gu ka le mi no pu ra se ti vo zu xa qe wi jo ny")
