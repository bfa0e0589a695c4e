"""Notices about a change of health, by Apprise. Their addresses are secrets: they come from
variables of the environment and are in no message.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from reconciler.common.text import msg
from reconciler.locale import choice, language
from reconciler.model.diagnostics import Problem, warning

if TYPE_CHECKING:
    from reconciler.config.project.project import Notify

_SECONDS = 20.0


def problems(notices: Iterable[Notify], environ: Mapping[str, str]) -> Iterable[Problem]:
    """A warning for each notice that cannot be sent as the file of the project describes it."""
    for each in notices:
        variable = each.to.removeprefix("env:")
        if not environ.get(variable):
            yield warning(
                "notify",
                msg("{variable} is not set, so no notice is sent there", variable=variable),
                place=each.place,
                hint=msg("set it to an address of Apprise, such as slack://... or mailto://..."),
            )


def send(
    notices: Iterable[Notify],
    environ: Mapping[str, str],
    health: str,
    write: Callable[[], tuple[str, str]],
) -> tuple[Problem, ...]:
    """Sends a notice to each address that wants one for that health. `write` gives its title and
    text, in the language of the process. Returns a warning for each that could not be sent; a
    variable that is not set is none.
    """
    found = []
    for each in notices:
        variable = each.to.removeprefix("env:")
        address = environ.get(variable)
        if health not in each.on or not address:
            continue
        title, text = _written(write, each.language or language.current())
        reason = _sent(address, title, text)
        if reason is not None:
            message = msg(
                "the notice to {variable} was not sent: {reason}", variable=variable, reason=reason
            )
            hint = msg("the next pass tries again; check the address in the variable")
            found.append(warning("notify", message, place=each.place, hint=hint))
    return tuple(found)


def _written(write: Callable[[], tuple[str, str]], wanted: str) -> tuple[str, str]:
    """What `write` gives if that is the language of the process."""
    before = language.current()
    choice.use(wanted)
    try:
        return write()
    finally:
        choice.use(before)


def _sent(address: str, title: str, text: str) -> str | None:
    """Why a notice was not sent, or None."""
    try:
        import apprise
    except ImportError:
        return msg(
            "it needs the Python package apprise, run: uv tool install "
            "'iwinv-reconciler[watch]' (or, in a virtual environment: "
            "pip install 'iwinv-reconciler[watch]')"
        )
    # Its log has addresses, and whoever reads it has no need of them.
    logging.getLogger("apprise").disabled = True
    sender = apprise.Apprise()
    try:
        with warnings.catch_warnings():  # of old modules that its plugins look for
            warnings.simplefilter("ignore")
            if not sender.add(address):
                return msg("the variable has no address that Apprise knows")
            form = apprise.NotifyFormat.TEXT
            done = sender.notify(body=text, title=title, body_format=form, timeout=_SECONDS)
    except Exception:  # plugins raise what they like, and the text may have the address
        return msg("Apprise could not send it")
    return None if done else msg("the service did not take it")
