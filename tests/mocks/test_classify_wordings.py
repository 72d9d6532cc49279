"""Rules put in many ways are understood: instructions as people and optimizers write them."""

from __future__ import annotations

import pytest

from mocks.llm.classify import evidence, understand
from mocks.llm.label_list import labels_in
from mocks.llm.labelling.rules import read_rules
from mocks.llm.labelling.stems import phrase
from scenarios.tasks.classification import problem
from scenarios.tasks.decisions import STYLES

LABELS = ("billing", "shipping", "technical", "other")
SIGNS = ("A", "B", "C")


def best(instruction: str, text: str, labels: tuple[str, ...]) -> str:
    """The label with the most evidence, luck apart."""
    known = understand(instruction, (), labels)
    assert known is not None
    found = evidence(known, text, following=3.0)
    top = max(found)
    assert found.count(top) == 1, f"undecided: {found}"
    return labels[found.index(top)]


CASES = [
    ('If the text mentions "refund" or chargeback, answer shipping.', "a refund", "shipping"),
    ('If the text mentions "refund" or chargeback, answer shipping.', "two chargebacks", "shipping"),
    ("technical: invoices, refunds, charges\nshipping: kites, parcels", "an invoice", "technical"),
    ("technical: invoices, refunds, charges\nshipping: kites, parcels", "some kites", "shipping"),
    ("Label as technical when kite and lamp appear, otherwise other.", "the kite by the lamp", "technical"),
    ("Label as technical when kite and lamp appear, otherwise other.", "the kite", "other"),
    (
        "kite means billing. lamp means shipping. shipping takes precedence over billing.",
        "kite, lamp",
        "shipping",
    ),
    ("kite means billing. lamp means shipping. billing wins over shipping.", "kite, lamp", "billing"),
    (
        "You sort mail. When customers complain about kites, classify it as billing. Lamps are technical.",
        "a lamp",
        "technical",
    ),
    (
        "You sort mail. When people ask where their kite is, choose billing. Everything else is other.",
        "hello",
        "other",
    ),
    (
        "Texts about kites belong to shipping, but if a lamp is mentioned, use billing instead.",
        "one lamp",
        "billing",
    ),
    ('Answer shipping if "kite" appears unless "lamp" is mentioned. Default: other', "kite", "shipping"),
    (
        'Answer shipping if "kite" appears unless "lamp" is mentioned. Default: other',
        "lamp and kite",
        "other",
    ),
    (
        "Rules (first match wins):\n1. kite -> billing\n2. lamp -> shipping\n3. else -> other",
        "lamp, kite",
        "billing",
    ),
    (
        "Rules (first match wins):\n1. kite -> billing\n2. lamp -> shipping\n3. else -> other",
        "nothing",
        "other",
    ),
    ("kite, anvil => billing; lamp, oven => shipping; default => other", "an oven", "shipping"),
    ("kite -> billing\nlamp -> shipping\nPriority: shipping > billing", "kite and lamp", "shipping"),
    ('Example: "The kite got lost over the sea" is technical.', "my kite", "technical"),
    ("The word kite signals billing. The word lamp signals shipping.", "lamp", "shipping"),
    ("billing (kite, anvil), shipping (lamp, oven), other (anything else)", "oven", "shipping"),
    ("billing (kite, anvil), shipping (lamp, oven), other (anything else)", "sea", "other"),
    ("Choose 'technical' whenever the user says 'kite' or 'lamp'.", "lamp", "technical"),
    ("Key words for billing include kite, anvil, and lamp.", "an anvil", "billing"),
    (
        'When both "kite" and "lamp" are present, the label is shipping. kite: billing',
        "kite, lamp",
        "shipping",
    ),
    ('When both "kite" and "lamp" are present, the label is shipping.\nbilling: kite', "kite", "billing"),
    ("Use billing for kite requests and shipping for lamp trouble.", "lamp trouble", "shipping"),
    ("| Label | Cues |\n|---|---|\n| billing | kite, anvil |\n| shipping | lamp |", "lamp", "shipping"),
    ('{"billing": ["kite", "anvil"], "shipping": ["lamp"]}', "lamp", "shipping"),
    (
        "### Label: billing\nDefinition: about kites\nKeywords: anvil\n### Label: shipping\nKeywords: lamp",
        "anvil",
        "billing",
    ),
    (
        'A mail with "kite" should be labeled technical, and one with "lamp" should be labeled shipping.',
        "kite",
        "technical",
    ),
    ("Mentions of kite/anvil/lamp → billing. Mentions of oven → shipping.", "anvil", "billing"),
    ("billing = kite | anvil\nshipping = lamp", "lamp", "shipping"),
    ("**billing** covers kites and anvils. **shipping** covers lamps.", "lamps", "shipping"),
    (
        "Do not answer billing if the text mentions kite. Lamps are billing, kites are technical.",
        "kite",
        "technical",
    ),
    ("If in doubt, pick other.\nkite: billing", "sea", "other"),
    ("The right category is billing if the writer speaks of a kite.", "kites", "billing"),
    ("- kite: billing\n- lamp: shipping", "lamp", "shipping"),
    (
        "Return billing for anything about kites; return technical for anything about lamps.",
        "lamp",
        "technical",
    ),
]


@pytest.mark.parametrize(("instruction", "text", "label"), CASES)
def test_a_rule_is_understood(instruction: str, text: str, label: str) -> None:
    assert best(instruction, text, LABELS) == label


@pytest.mark.parametrize(
    ("instruction", "text", "label"),
    [
        ('If it mentions "lantern", answer A. If a kite is mentioned, answer B.', "kite", "B"),
        ("A: lantern, kite\nB: saddle\nC: anything else", "the sea", "C"),
        ("Label A is for texts about a lantern, label B for a kite.", "a kite", "B"),
        ("lantern or kite -> A\nsaddle -> B", "saddles", "B"),
        ("- Class A: mentions lantern.\n- Class B: mentions kite.", "kite", "B"),
        ("kite -> C\nsaddle -> B\nA beats B; B beats C.", "kite on a saddle", "B"),
    ],
)
def test_labels_of_one_letter_are_no_articles(instruction: str, text: str, label: str) -> None:
    assert best(instruction, text, SIGNS) == label


@pytest.mark.parametrize("style", STYLES)
def test_the_generators_own_descriptions_are_read_to_the_last_rule(style: str) -> None:
    unread = 0
    for seed in range(7000, 7040):
        rules = problem(seed, train=1, dev=1, test=1).rules
        guide = read_rules(rules.describe(style), rules.labels)
        told = {(rule.all_of, rules.labels[rule.label]) for rule in guide.rules}
        wanted = {((phrase(cue),), label) for cue, label in rules.keywords}
        wanted |= {((phrase(first), phrase(second)), label) for first, second, label in rules.conjunctions}
        assert guide.default == rules.labels.index(rules.default)
        unread += told != wanted
    assert unread <= 2


def test_nothing_is_read_into_a_list_of_labels_or_into_small_talk() -> None:
    for text in (
        "Classify the text as billing, shipping, technical or other.",
        "Choose one of these labels: billing, shipping, technical, other. Write the label alone.",
        "You are a careful assistant. Think before you speak.",
        "",
    ):
        assert not read_rules(text, LABELS).told(), text


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("Answer with one of: a, b, c", ("a", "b", "c")),
        ("Use one of the following labels: x, y or z.", ("x", "y", "z")),
        ("Classify the review as positive or negative.", ("positive", "negative")),
        ("Labels:\n- spam: bad mail\n- ham: good mail\n\nRead on.", ("spam", "ham")),
        ("Possible labels are joy, anger, and fear.", ("joy", "anger", "fear")),
        ("Choose from [red, green, blue].", ("red", "green", "blue")),
        ('Respond with "yes" or "no".', ("yes", "no")),
        ("The label must be one of 'A', 'B', 'C'. Only output it", ("A", "B", "C")),
        (
            "Return one of these options: Business, World, Sports, Sci/Tech. Nothing else.",
            ("Business", "World", "Sports", "Sci/Tech"),
        ),
        ("Sort it into one of the following categories:\n1. World\n2. Sports\n", ("World", "Sports")),
        ("Answer 'same' or 'not the same'.", ("same", "not the same")),
        ("Categories: World | Sports | Tech", ("World", "Sports", "Tech")),
        ("Answer True or False", ("True", "False")),
    ],
)
def test_a_list_of_labels_is_found(text: str, labels: tuple[str, ...]) -> None:
    assert labels_in(text) == labels


@pytest.mark.parametrize(
    "text",
    [
        "Write the plural of the word.",
        "Translate into German and French",
        "Output the larger of the two animals.",
        "Return the first or last letter of the word",
        "",
    ],
)
def test_no_list_of_labels_is_found_where_there_is_none(text: str) -> None:
    assert labels_in(text) == ()
