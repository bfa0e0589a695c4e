"""Which place contains the states of a stack (safety#place, commands#environment)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path

from reconciler.common.dataclass import dataclass

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
"""How a URL begins. A single letter is the drive of a path from another system."""


class Origin(Enum):
    """What names a place. The first that names one counts."""

    URL_VARIABLE = "RECONCILER_STATE"
    PROJECT_FILE = "reconciler.yaml"
    FOLDER_VARIABLE = "RECONCILER_STATE_DIR"
    NOTHING = "beside the stack"


@dataclass(frozen=True, slots=True)
class Named:
    """A place as a person named it: the text of a URL, or a folder."""

    origin: Origin
    url: str | None
    folder: Path

    @property
    def shown(self) -> str:
        """The path, or the URL without a secret; only its kind if it is not one of a place."""
        if self.url is None:
            return str(self.folder)
        from reconciler.store.objects.place_url import BadAddress, parse

        try:
            return parse(self.url).location
        except BadAddress:
            return self.url.partition(":")[0] + "://..."

    def is_same(self, other: Named) -> bool:
        """Whether both name one place, as far as the texts show it."""
        if self.url is not None or other.url is not None:
            return self.url == other.url
        return os.path.realpath(self.folder) == os.path.realpath(other.folder)


@dataclass(frozen=True, slots=True)
class PlaceChoice:
    """The place in force, the places that were named and are not used, and the folder that contains
    the local cloud.
    """

    named: Named
    unused: tuple[Named, ...]
    simulator: Path


def choose(
    stack: Path,
    environ: Mapping[str, str],
    file: Path | None = None,
    state: str | None = None,
    *,
    lists_stacks: bool = False,
) -> PlaceChoice:
    """The place of the states of a stack: by `RECONCILER_STATE`, by `state` of the project's file,
    by `RECONCILER_STATE_DIR`, else `state/` beside the stack.

    `stack` is the file or folder that the user named, so the place does not depend on where the
    command is run. The local cloud is in the folder in force, or in the one that would be in force
    without a URL. The stacks of a project whose file `lists_stacks` share one local cloud: without
    a folder of states it is in `state/` beside that file.
    """
    every = tuple(_named(stack, environ, file, state))
    found = next(each for each in every if each.url is None)
    folder = found.folder
    if lists_stacks and file is not None and found.origin is Origin.NOTHING:
        folder = file.parent / "state"
    used, *rest = every
    unused = tuple(
        each for each in rest if each.origin is not Origin.NOTHING and not each.is_same(used)
    )
    return PlaceChoice(used, unused, folder / ".simulator")


def is_url(text: str) -> bool:
    """Whether the text that names a place is a URL, not a folder."""
    return _SCHEME.match(text) is not None


def _named(
    stack: Path, environ: Mapping[str, str], file: Path | None, state: str | None
) -> Iterator[Named]:
    here, own = Path(), stack if stack.is_dir() else stack.parent
    for origin, text, start in (
        (Origin.URL_VARIABLE, environ.get(Origin.URL_VARIABLE.value), here),
        (Origin.PROJECT_FILE, state, here if file is None else file.parent),
    ):
        if text:
            url = text if is_url(text) else None
            yield Named(origin, url, start if url else start / _expanded(text))
    folder = environ.get(Origin.FOLDER_VARIABLE.value)
    if folder:
        yield Named(Origin.FOLDER_VARIABLE, None, _expanded(folder))
    yield Named(Origin.NOTHING, None, own / "state")


def _expanded(text: str) -> Path:
    # A shell does not expand `~` within quotes, nor does a CI system in its settings.
    # Unlike Path.expanduser, this leaves an unknown `~user` unchanged instead of failing.
    return Path(os.path.expanduser(text))  # noqa: PTH111
