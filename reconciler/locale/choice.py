"""The language of a command line and its catalogue of translations. English loads nothing."""

from __future__ import annotations

import os
import sys

# `typing.TYPE_CHECKING` without the import, which would be a tenth of the time of `--version`
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LANGUAGES = ("en", "ko")
ENVIRON = "RECONCILER_LANG"
DOMAIN = "reconciler"

_VALUED = ("--chdir", "--lang")
"""Global options whose value may be an argument of its own."""


def chosen(arguments: Sequence[str], environ: Mapping[str, str]) -> str:
    """The language of a command line: `--lang`, then `RECONCILER_LANG`, then the locale, if the
    terminal has its letters.

    An unknown language is English here; the command line refuses it later, in English.
    """
    asked = _option(arguments) or environ.get(ENVIRON)
    if asked:
        return asked if asked in LANGUAGES else "en"
    found = of_locale(environ)
    return found if found == "en" or _can_show_hangul() else "en"


def of_locale(environ: Mapping[str, str]) -> str:
    """The language of the environment, as gettext reads it: `LANGUAGE` is a list and comes first,
    except in the locale `C`; then the first of `LC_ALL`, `LC_MESSAGES` and `LANG` that is set.
    """
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    locale = next((found for name in names if (found := environ.get(name))), "")
    if locale.partition(".")[0] in ("C", "POSIX"):
        return "en"
    for wanted in (environ.get("LANGUAGE") or locale).split(":"):
        if wanted[:2] in LANGUAGES and not wanted[2:3].isalpha():
            return wanted[:2]
    return "en"


def use(code: str) -> None:
    """Sets the language of the process. Raises OSError if its catalogue is missing."""
    if code == "en":
        if "reconciler.locale.language" in sys.modules:
            from reconciler.locale import language

            language.use(None)
        return
    import gettext

    from reconciler.locale import language

    folder = catalogues()
    language.use(gettext.translation(DOMAIN, folder, languages=[code]).gettext, code)
    # click asks `gettext` itself for its own messages, in the language of `LANGUAGE`.
    gettext.bindtextdomain(DOMAIN, folder)
    gettext.textdomain(DOMAIN)


def catalogues() -> str:
    """The folder with one folder for each language."""
    return os.path.dirname(__file__)  # noqa: PTH120


def _option(arguments: Sequence[str]) -> str | None:
    """The value of the last `--lang` before the command."""
    found = None
    rest = iter(arguments)
    for argument in rest:
        name, equals, text = argument.partition("=")
        if not name.startswith("-"):
            break
        if name in _VALUED and not equals:
            text = next(rest, "")
        if name == "--lang":
            found = text
    return found


def _can_show_hangul() -> bool:
    """Whether the terminals of the process have Korean letters; files and pipes get UTF-8."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and stream.isatty():
            try:
                "한".encode(stream.encoding or "utf-8")
            except (LookupError, UnicodeEncodeError):
                return False
    return True
