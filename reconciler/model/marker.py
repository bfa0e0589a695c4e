"""The marker: the nonce at the end of a description, by which a lost create is found again
(stack-files#reading, "Marker").

It is evidence for recovery only. The API has no tags, so the nonce is in the description of an
object, after the user's text or, if there is none, after the text of the owner.
"""

from __future__ import annotations

import re

NONCE_LENGTH = 12
"""Characters of a nonce, each of `a-z2-7`."""

MARKER_LENGTH = len(" rc-") + NONCE_LENGTH
"""Characters that the marker takes of a description."""

TEXT_LIMIT = 50
"""Code points of a description that the API is sure to take (contract#limits)."""

USER_LIMIT = TEXT_LIMIT - MARKER_LENGTH
"""Code points of a description that are left to the user."""

UNMARKED_FIREWALL = "managed"
"""The text of a firewall that has neither a description nor a marker: it may not be empty
(contract#security-groups).
"""

_NONCE = re.compile(r"[a-z2-7]{12}")
_MARKED = re.compile(r"(?P<text>.*) rc-(?P<nonce>[a-z2-7]{12})", re.DOTALL)
_OWNER = re.compile(
    r"""[a-z][a-z0-9-]{0,19} \. (?:-|[a-z][a-z0-9-]{0,11}) \. [a-z][a-z0-9_]{0,23}
        (?: \[ (?: [0-9]{1,6} | "[^"]{1,16}" ) \] | -[a-z0-9-]{1,16} )?""",
    re.VERBOSE,
)
_OWNER_CUT = re.compile(
    r"""[a-z][a-z0-9-]{0,19} \. (?:-|[a-z][a-z0-9-]{0,11}) \.
        (?: [a-z][a-z0-9_]{0,23}
            (?: \[ (?: [0-9]{0,6} | "[^"]{0,16}"? ) \]? | -[a-z0-9-]{0,16} )? )?""",
    re.VERBOSE,
)


def owner_text(stack: str, environment: str | None, key: str) -> str:
    """The text that names the owner of an object: `<stack>.<environment or ->.<key>`, the key with
    its index (`web[0]`).
    """
    return f"{stack}.{environment or '-'}.{key}"


def owner_parts(text: str | None) -> tuple[str, str | None, str] | None:
    """The stack, environment and key that an owner text names, or None if the text is not one.
    The key may be cut at its end.
    """
    if not text or not is_owner_text(text):
        return None
    stack, environment, key = text.split(".", 2)
    return stack, None if environment == "-" else environment, key


def attach(user_text: str | None, owner: str, nonce: str) -> str:
    """A description with the marker: the user's text, or if there is none the owner's cut to fit,
    then the nonce.

    Raises ValueError if the user's text is too long, or the nonce is not one.
    """
    if _NONCE.fullmatch(nonce) is None:
        raise ValueError(f"not a nonce: {nonce!r}")
    if user_text:
        if len(user_text) > USER_LIMIT:
            raise ValueError(
                f"the text has {len(user_text)} characters; beside the marker there is room for "
                f"{USER_LIMIT}"
            )
        return f"{user_text} rc-{nonce}"
    return f"{owner[:USER_LIMIT]} rc-{nonce}"


def split(text: str | None) -> tuple[str | None, str | None]:
    """A description as (text before the marker, nonce); the nonce is None if no marker ends it.
    Empty text is None (contract#values).
    """
    found = _MARKED.fullmatch(text) if text else None
    if found is None:
        return text or None, None
    return found["text"] or None, found["nonce"]


def is_owner_text(text: str | None) -> bool:
    """Whether the text before a marker is the text of an owner, not of the user.

    A text that fills the room left may have been cut within its key.
    """
    if not text:
        return False
    return _OWNER.fullmatch(text) is not None or (
        len(text) == USER_LIMIT and _OWNER_CUT.fullmatch(text) is not None
    )
