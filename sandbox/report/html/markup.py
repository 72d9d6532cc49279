"""HTML and SVG from pieces that escape themselves: text that anybody wrote can never become markup."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable
from typing import Any, TypeAlias


class Markup(str):
    """Text that is markup already; only `element`, `join` and `raw` make it."""

    __slots__ = ()


Content: TypeAlias = "Markup | str | int | Iterable[Content] | None"

_VOID = frozenset({"br", "col", "hr", "input", "link", "meta", "wbr"})
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9:-]*\Z")
_UNSEEN = {
    **dict.fromkeys(set(range(32)) - {9, 10}, "\N{REPLACEMENT CHARACTER}"),
    **dict.fromkeys(range(127, 160), "\N{REPLACEMENT CHARACTER}"),
    **{code: f"\\u{code:04x}" for code in (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F))},
    **{code: f"\\u{code:04x}" for code in (*range(0x2066, 0x206A), 0xFEFF)},
}
"""Control characters that HTML forbids, and those by which a text could change the direction of others."""
_SURROGATES = re.compile("[\ud800-\udfff]")


def plain(text: str) -> str:
    """Text of any origin without what HTML forbids, or what would turn its neighbours around."""
    if text.isascii() and text.isprintable():
        return text
    return _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", text.translate(_UNSEEN))


def escaped(text: str) -> Markup:
    """Text as markup that shows it, between tags and in quoted attributes alike.

    >>> escaped('<b a="x">')
    '&lt;b a=&quot;x&quot;&gt;'
    """
    safe = plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return Markup(safe.replace('"', "&quot;").replace("'", "&#39;"))


def raw(text: str) -> Markup:
    """This package's own style sheet, script or constant markup; never anything from a store."""
    return Markup(text)


def join(*content: Content, between: str = "") -> Markup:
    """Pieces one behind the other; texts among them are escaped, None is left out."""
    return Markup(between.join(_pieces(content)))


def _pieces(content: Iterable[Content]) -> Iterable[str]:
    for piece in content:
        if isinstance(piece, Markup):
            yield piece
        elif isinstance(piece, str):
            yield escaped(piece)
        elif isinstance(piece, int):
            yield str(piece)
        elif piece is not None:
            yield from _pieces(piece)


def element(name: str, /, *content: Content, **attributes: str | float | bool | None) -> Markup:
    """One element.

    Args:
        name: of the tag.
        content: what is in it; texts are escaped.
        attributes: `class_` is class, `data_x` is data-x; True stands alone, None and False are left out.

    >>> element("p", "1 < 2", class_="note", hidden=True)
    '<p class="note" hidden>1 &lt; 2</p>'
    """
    parts = [name]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        label = key.rstrip("_").replace("_", "-")
        if not _NAME.match(label):
            raise ValueError(f"{label!r} is no name of an attribute")
        parts.append(label if value is True else f'{label}="{escaped(_attribute(value))}"')
    opened = f"<{' '.join(parts)}>"
    return Markup(opened if name in _VOID else f"{opened}{join(*content)}</{name}>")


def _attribute(value: str | float) -> str:
    return value if isinstance(value, str) else number(value)


def number(value: float) -> str:
    """A coordinate, short: two decimals at most.

    >>> number(12.0), number(0.126), number(-0.001)
    ('12', '.13', '0')
    """
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    if text in ("-0", "0"):
        return "0"
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def json_block(identity: str, data: Any) -> Markup:
    """Data for the script, in an element that no browser runs.

    Besides `<`, which could end the element, `>`, `&` and the line ends of JavaScript are
    escaped, so that the text means the same wherever it is pasted.
    """
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(f'<script type="application/json" id="{escaped(identity)}">{text}</script>')


def fingerprint(text: str) -> str:
    """The source expression by which a content security policy admits this very style or script."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def policy(style: str, script: str) -> str:
    """A content security policy under which nothing runs or loads but this style and this script."""
    return (
        f"default-src 'none'; style-src {fingerprint(style)}; script-src {fingerprint(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
