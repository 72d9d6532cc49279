"""The turns of phrase in which people say which cue points to which label."""

from __future__ import annotations

import re

QUOTES = r"[\"'`*“”‘’\[\](){}<>]*"  # noqa: RUF001
ARROW = r"(?::|-|–|—|=|->|→|⇒|=>|\|)"  # noqa: RUF001
ANSWER = (
    r"(?:answer|output|respond|reply|return|choose|select|pick|predict|assign|use|write|say|give|print|"
    r"prefer|classif(?:y|ied)|categori[sz]ed?|label(?:l?ed)?|tag(?:ged)?|mark(?:ed)?|treat(?:ed)?|"
    r"call(?:ed)?|go(?:es)? (?:with|to|under|for|in)|belongs? (?:to|in|under)|falls? (?:under|into|in)|"
    r"points? (?:to|towards?)|indicates?|means?|signals?|suggests?|implies|imply|counts? as|should be|"
    r"must be|is|are|it's|becomes?|default(?: to)?|(?:label|category|class|answer|output)"
    rf"(?: is| of| should be| must be)?|then|{ARROW})"
)
"""What stands in front of a label that is the answer."""
POINTS = re.compile(
    rf"{ARROW}|indicates?|means?|signals?|suggests?|implies|imply|points? (?:to|towards?)", re.IGNORECASE
)
"""Those after a cue rather than after a sentence with cues in it."""
GLUE = (
    r"(?:[\s,:=]{1,4}(?:it|this|them|these|that|the|text|message|input|item|as|with|to|be|a|an|label|"
    r"labels|category|class|tag|answer|is|of|under|for|such|texts|messages|always|rather|then|one|only)){0,8}"
)
"""What may stand between the two."""
OPENS = (
    rf"(?:{ARROW}|[(\[{{]|,|$|when\b|if\b|means\b|is\b|are\b|covers?\b|includes?\b|for\b|refers?\b|"
    r"indicates?\b|applies\b|whenever\b|stands? for\b|contains?\b|about\b|describes?\b|where\b)"
)
"""What follows a label at the start of a line that is about it."""
OVER = (
    r"(?:takes? (?:precedence|priority) over|has (?:precedence|priority) over|have priority over|"
    r"wins? (?:over|against)|beats?|overrides?|outranks?|trumps?|prevails? over|comes? before|"
    r"goes? before|is stronger than|is preferred (?:over|to)|dominates?|supersedes?|ranks? above|over)"
)
"""What stands between the stronger label and the weaker."""
WINS = r"(?:wins|takes precedence|takes priority|has priority|prevails)"
EVERYTHING = r"all|everything|any|every other"
DEFAULT = re.compile(
    r"\b(?:otherwise|in (?:all|any|every) other cases?|by default|default(?: label| answer| to| is)?|"
    r"anything else|everything else|all else|the rest|fall ?back|when in doubt|"
    r"if (?:in doubt|unsure|uncertain|not sure|unclear)|"
    r"(?:if|when|where) (?:none|nothing|no(?:ne)? (?:of|other|rule|cue|keyword|such|word|clear))|"
    r"remaining|in the absence|no cues?|none of|else(?! if))\b",
    re.IGNORECASE,
)
ORDER = re.compile(
    r"\b(?:order|priority|precedence|ranking|hierarchy|prefer)\b[^:\n]*?(?::|\bis\b|=)\s*(?P<list>[^\n]+)",
    re.IGNORECASE,
)
FIRST = re.compile(
    r"\b(?:first (?:rule|match|one|label|that)[^.\n]{0,40}(?:applies|wins|decides|counts|match\w*)|"
    r"first match|in (?:this|the (?:given|following|listed)) order|stop at the first|"
    r"(?:earlier|former|first) (?:one |rules? )?(?:wins?|decides?|takes? (?:precedence|priority)))\b",
    re.IGNORECASE,
)
NOT = re.compile(
    r"\b(?:do(?:es)? not|don't|doesn't|never|not|without|unless|no|except|lacks?|neither)\b", re.IGNORECASE
)
AGAINST = re.compile(
    r"\b(?:do not|don't|never|not)\b[^.,]{0,20}\b(?:answer|use|choose|label|pick|classify|assign|output)\b",
    re.IGNORECASE,
)
"""The rule says which label it is not."""
CONDITION = re.compile(
    r"\b(?:if|when|whenever|where|in case|as soon as|provided|unless|both|once)\b", re.IGNORECASE
)
TOGETHER = re.compile(
    r"^[\s,]*(?:and(?: also)?|together with|along with|as well as|combined with|plus|with|&|\+)\s*"
    r"(?:the |an? )?$",
    re.IGNORECASE,
)
"""Between two cues that are wanted both."""
BOTH = re.compile(
    r"\b(?:both|together|combined|along with|as well as|all of|at the same time|simultaneously)\b",
    re.IGNORECASE,
)
QUOTED = re.compile(
    r"\"([^\"\n]{1,300})\"|“([^”\n]{1,300})”|`([^`\n]{1,80})`|(?<!\w)['‘]([^'’\n]{1,80})['’](?!\w)"  # noqa: RUF001
)
CUE_VERB = re.compile(
    r"\b(?:mention(?:s|ed|ing)?|contain(?:s|ed|ing)?|includ(?:es?|ed|ing)|talk(?:s|ing)? about|"
    r"speaks? (?:of|about)|is about|are about|about|refer(?:s|ring)? to|relat(?:es?|ed|ing) to|such as|"
    r"e\.g\.,?|for example,?|for instance,?|like|involv(?:es?|ing)|concern(?:s|ing)|describ(?:es?|ing)|"
    r"discuss(?:es|ing)?|has|have|uses?|sees?|finds?|cues?(?: are)?|keywords?(?: are)?|words?(?: are)?|"
    r"signals?(?: are)?|hints?(?: are)?|indicators?(?: are)?|look for|for)\b[:\s]*",
    re.IGNORECASE,
)
ITEMS = re.compile(
    r"\s*(?:,\s*(?:and|or)\s+|[,;/|•]|\bor\b|\band/or\b|[()]|\band\b|\btogether with\b|\balong with\b|"
    r"\bas well as\b)\s*",
    re.IGNORECASE,
)
CLAUSES = re.compile(
    r"(?<=[.!?;])\s+|;\s*|[,.;]?\s+(?=(?:otherwise|or else)\b)|"
    r"[,;]\s*(?:but |and |or |else |else, )(?=(?:if|when|whenever)\b)|"
    r"(?<!thing)(?<!\ball)(?<!\bor)[,;]?\s+(?=else\b)",
    re.IGNORECASE,
)
MARKER = re.compile(r"^[\s>]*(?:[-*•+#]+|\(?\d{1,3}[.)])?\s*")
LIST_LINE = re.compile(r"\b(?:labels?|categories|classes|options|one of)\b[^:\n]*:", re.IGNORECASE)
BESIDE = re.compile(
    r"^\s*(?:,\s*(?:or |and )?|or |and )(?:an? |the )?(?P<cue>[^\W\d_][\w'-]*(?: [\w'-]+)?)"
    r"\s*(?=,|\.|$|\bor\b)",
    re.IGNORECASE,
)
"""A cue without quotes beside one that has them."""
LIST_START = re.compile(rf"\s*(?:{ARROW}|[(\[{{])")
