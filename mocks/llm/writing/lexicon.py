"""Words and phrases of instructions that can stand for each other."""

from __future__ import annotations

SAME = (
    ("write", "give", "provide", "return", "produce", "output", "state"),
    ("find", "identify", "determine", "figure out", "work out"),
    ("classify", "categorize", "label"),
    ("rewrite", "rephrase", "restate", "reformulate"),
    ("convert", "change", "transform", "turn"),
    ("calculate", "compute", "work out"),
    ("choose", "select", "pick"),
    ("answer", "reply", "respond"),
    ("compare", "contrast"),
    ("make", "create"),
    ("explain", "describe"),
    ("use", "employ", "apply"),
    ("consider", "take into account", "look at"),
    ("analyze", "examine", "study"),
    ("begin", "start"),
    ("end", "finish", "conclude"),
    ("delete", "remove", "drop", "omit"),
    ("ensure", "make sure", "see to it"),
    ("help", "assist"),
    ("show", "display", "present"),
    ("the given", "the provided"),
    ("following", "subsequent"),
    ("whether", "if"),
    ("each", "every"),
    ("correct", "right", "proper"),
    ("accurate", "exact", "precise"),
    ("appropriate", "suitable", "fitting"),
    ("entire", "whole", "full"),
    ("only", "just", "solely"),
    ("exactly", "precisely"),
    ("carefully", "with care", "attentively"),
    ("opposite", "contrary"),
    ("identical", "same"),
    ("larger", "bigger"),
    ("smaller", "littler"),
    ("text", "passage"),
    ("sentence", "statement"),
    ("word", "term"),
    ("words", "terms"),
    ("answer only with", "reply with nothing but", "respond with only"),
    ("category", "class", "group"),
    ("example", "instance", "sample"),
    ("goal", "aim", "objective"),
    ("task", "job", "assignment"),
    ("meaning", "sense"),
    ("in alphabetical order", "alphabetically", "from A to Z"),
    ("in the passive voice", "in passive voice", "in the passive"),
    ("separated by", "divided by"),
    ("based on", "according to", "depending on"),
    ("so that", "such that"),
    ("do not", "don't", "never"),
    ("for example", "for instance", "e.g."),
    ("must", "should", "have to"),
    ("very", "really", "quite"),
    ("and then", "then", "after that"),
    (
        "your task is to",
        "your job is to",
        "the task is to",
        "you are asked to",
        "the goal is to",
        "you have to",
    ),
    ("please", "kindly"),
    ("you are given", "you will be given", "you receive", "you will see", "you get"),
    ("nothing else", "no other text", "no extra words", "no explanation"),
)
"""Groups of the same or nearly the same meaning. Some members change a shade: paraphrases do."""

RELATED = (
    ("first", "second", "last"),
    ("letter", "word", "sentence", "number"),
    ("antonym", "synonym", "rhyme", "definition"),
    ("opposite", "similar", "related"),
    ("plural", "singular", "past tense"),
    ("positive", "negative", "neutral"),
    ("larger", "smaller", "faster"),
    ("sum", "difference", "product"),
    ("add", "subtract", "multiply"),
    ("passive", "active"),
    ("formal", "informal", "simple"),
    ("German", "Spanish", "French"),
    ("cause", "effect", "summary"),
    ("alphabetically", "by length", "randomly"),
    ("animal", "plant", "object"),
    ("same", "different"),
    ("all", "some", "none of"),
    ("translate", "define", "spell"),
)
"""Groups in which a change is a change of meaning: what a mutation may do."""

FILLER = (
    "please", "kindly", "carefully", "very", "really", "just", "simply", "as well as you can", "if possible",
    "to the best of your knowledge", "to the best of your ability", "in order", "of course",
    "as you may know", "where possible", "whenever you can", "i want you to", "i'd like you to",
    "i would like you to", "you should", "your task is to", "your job is to", "the task is to", "the "
    "goal is to",
)  # fmt: skip
"""Words that an instruction can lose without losing its meaning."""

FORMS = (
    "Answer with the result only.",
    "Do not explain your answer.",
    "Give only the final answer.",
    "Write nothing else.",
    "Reply with the answer alone, without any comment.",
    "Output just the answer.",
    "Keep the answer as short as possible.",
    "No explanation is needed.",
)
"""Sentences about the form of the answer that fit almost any task."""

ELABORATIONS = (
    "Read the input carefully first.",
    "Look closely at the input before you answer.",
    "Apply the same rule to every input.",
    "Follow the instruction exactly.",
    "Check your answer before you give it.",
    "Be accurate and consistent.",
    "Treat each input on its own.",
    "If you are unsure, give the most likely answer.",
)
"""Sentences that add words and hardly any meaning."""

ROLES = (
    "You are a careful assistant.",
    "You are an expert in tasks of this kind.",
    "You are a precise and reliable annotator.",
    "Act as an experienced teacher.",
)
