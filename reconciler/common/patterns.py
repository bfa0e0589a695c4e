"""Regular expressions of users: the only module that uses the library, which takes time in
proportion to the text, whatever the pattern.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from reconciler.common.text import msg

PATTERN_CHARACTERS_MAX = 200
"""The longest pattern."""


class PatternError(Exception):
    """A pattern is too long, or not a regular expression; the message is for people."""


def matches(pattern: str, text: str) -> bool:
    """Whether a regular expression in the syntax of RE2 is found in a text. Raises
    `PatternError`.
    """
    if len(pattern) > PATTERN_CHARACTERS_MAX:
        raise PatternError(
            msg("the pattern is longer than {limit} characters", limit=PATTERN_CHARACTERS_MAX)
        )
    try:
        return _compiled(pattern).search(text) is not None
    except UnicodeEncodeError:
        return False  # half a surrogate pair, which no pattern matches


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    import re2  # few stacks need it

    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as failure:
        reason = failure.args[0] if failure.args else b""
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        hint = (
            msg(": look-around and backreferences are not supported")
            if "(?" in text or "escape sequence" in text
            else ""
        )
        raise PatternError(
            msg(
                "the pattern `{pattern}` is not a valid regular expression ({reason}){hint}",
                pattern=pattern,
                reason=text,
                hint=hint,
            )
        ) from None
