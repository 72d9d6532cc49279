"""Keeps keys out of everything that is shown, logged or stored."""

from __future__ import annotations

import base64
import os
import re
from urllib.parse import quote, urlsplit

from sandbox.errors import UsageError

_HIDDEN = "[key]"
_KEY_SHAPED = re.compile(
    r"\b(?:sk|pk|rk|xai|gsk|key|AIza)[-_][A-Za-z0-9_\-*.]{6,}|(?<=Bearer )\S+", re.IGNORECASE
)


class Secret:
    """A key that does not show itself: not by repr, str, format, pickle or comparison."""

    __slots__ = ("_key", "_spellings")

    def __init__(self, key: str) -> None:
        self._key = key
        raw = key.encode()
        spellings = {key, quote(key, safe=""), base64.b64encode(raw).decode(), raw.hex()}
        # A key of three letters would be found in every other word, and is no secret.
        self._spellings = sorted([s for s in spellings if len(key) > 3], key=len, reverse=True)

    def __repr__(self) -> str:
        return _HIDDEN

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a key does not leave its process")

    def reveal(self) -> str:
        """The key itself, for the one place that sends it."""
        return self._key

    def hide(self, text: str) -> str:
        """`text` without the key, and without anything that looks like one."""
        for spelling in self._spellings:
            text = text.replace(spelling, _HIDDEN)
        return _KEY_SHAPED.sub(_HIDDEN, text)

    def hide_in(self, body: bytes) -> bytes:
        """`body` without the key, should a server echo it; nothing else in it is changed."""
        for spelling in self._spellings:
            body = body.replace(spelling.encode(), _HIDDEN.encode())
        return body


def key_from(variable: str) -> Secret:
    """The key in an environment variable.

    Raises:
        UsageError: if there is none, or it cannot stand in a header; the key is not shown.
    """
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", variable):
        # Not shown: people paste the key itself here.
        raise UsageError(
            "--key-env takes the name of an environment variable, such as OPENAI_API_KEY, not a key"
        )
    key = os.environ.get(variable, "").strip()
    if not key:
        raise UsageError(
            f"no key: put it into the environment variable {variable} (any word, if the server wants none), "
            "or name another one with --key-env"
        )
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise UsageError(f"the key in {variable} holds signs that no key has; was something else pasted?")
    return Secret(key)


def plain_url(base_url: str) -> str:
    """A base URL that may be shown and stored.

    Raises:
        UsageError: if it is none, or holds a password or a key.
    """
    try:
        parts = urlsplit(base_url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise UsageError("--base-url: not an address; write it as in http://127.0.0.1:8000/v1") from None
    if parts.username or parts.password or parts.query or parts.fragment:
        raise UsageError("--base-url: without user, password, ? and #: keys belong into the environment")
    if parts.scheme not in ("http", "https") or not host:
        raise UsageError(f"--base-url {base_url!r}: write it as in http://127.0.0.1:8000/v1")
    return base_url.rstrip("/")
