"""Lookups: from what people call an entry of the catalog to its id, which is pinned once it is used
(stack-files#lookups).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from reconciler.common import suggestions
from reconciler.common.text import first_few, msg
from reconciler.model.diagnostics import Problem, error
from reconciler.model.resource import Catalogue, Lookup

_SINGULAR = {
    "zones": "zone",
    "flavors": "flavor",
    "images": "image",
    "ssh_keys": "SSH key",
    "user_scripts": "user script",
}
_OS_NAMES: Mapping[str, tuple[str, ...]] = {
    # The filter words of the image list (contract#images) and the `os_type` texts of its rows.
    "ubuntu": ("UBUNTU",),
    "rocky": ("ROCKYLINUX", "ROCKY"),
    "cent": ("CENTOS", "CENT"),
    "alma": ("ALMALINUX", "ALMA"),
    "debian": ("DEBIAN",),
    "fedora": ("FEDORA",),
    "freebsd": ("FREEBSD",),
    "opensuse": ("OPENSUSE",),
    "coreos": ("COREOS",),
    "oracle": ("ORACLELINUX", "ORACLE"),
    "windows": ("WINDOWS",),
    "windows_core": ("WINDOWS_CORE", "WINDOWSCORE"),
    "windows_sql": ("WINDOWS_SQL", "WINDOWSSQL"),
}
_NUMBERS = re.compile(r"\d+")
_QUOTED_MAX = 60
_NAMES_MAX = 5
"""How many names a hint lists, the nearest first."""


def find(lookup: Lookup, catalogue: Catalogue, *, zone: str | None, address: str) -> str | Problem:
    """The id of a lookup, or the problem why there is none, with candidates."""
    if lookup.by == "id":
        return lookup.value
    rows: tuple[Mapping[str, Any], ...] | None = getattr(catalogue, lookup.catalogue)
    if rows is None:
        return error(
            "lookup",
            msg(
                "{kind} {lookup} cannot be looked up: the account's list could not be read",
                kind=_SINGULAR[lookup.catalogue],
                lookup=_quoted(lookup),
            ),
            place=lookup.place,
            address=address,
            hint=msg("write the id as {{id: ...}}, which is used as given"),
        )
    if lookup.by == "os":
        return _image_by_os(lookup, rows, zone, address)
    return _by_id_or_name(lookup, rows, address)


def satisfies(lookup: Lookup, catalogue: Catalogue, id: str) -> bool:
    """Whether an object that has this thing of the catalogue has what the lookup asks for, though
    it may not be the newest.
    """
    if lookup.value == id and lookup.by != "os":
        return True
    rows: tuple[Mapping[str, Any], ...] = getattr(catalogue, lookup.catalogue) or ()
    row = next((row for row in rows if row["id"] == id), None)
    if row is None or lookup.by == "id":
        return False
    if lookup.by == "os":
        return (
            bool(row.get("public"))
            and _is_os(row, lookup.value)
            and _is_version(row, lookup.version or "")
        )
    return _folded(lookup, row.get("name")) == _folded(lookup, lookup.value)


def newer(
    lookup: Lookup, catalogue: Catalogue, id: str, *, zone: str | None
) -> Mapping[str, Any] | None:
    """The image that a lookup would give now, where that is of a higher version than the one that
    is pinned; None where it is not.
    """
    rows = catalogue.images
    if lookup.by != "os" or rows is None:
        return None
    found = find(lookup, catalogue, zone=zone, address="")
    known = {str(row["id"]): row for row in rows}
    if isinstance(found, Problem) or found == id or id not in known:
        return None
    return known[found] if _rank(known[found]) > _rank(known[id]) else None


def _is_os(row: Mapping[str, Any], name: str) -> bool:
    return str(row.get("os") or "").upper() in _OS_NAMES.get(name.casefold(), (name.upper(),))


def _is_version(row: Mapping[str, Any], wanted: str) -> bool:
    """The version itself, or one that it begins."""
    return _same_version(row, wanted) or any(
        version.startswith(wanted + ".") for version in _versions(row)
    )


def os_name(row: Mapping[str, Any]) -> str | None:
    """The name by which the os of an image is wanted, None if it has none."""
    shown = str(row.get("os") or "").upper()
    return next(
        (name for name, texts in _OS_NAMES.items() if shown in texts), shown.lower() or None
    )


def _by_id_or_name(
    lookup: Lookup, rows: tuple[Mapping[str, Any], ...], address: str
) -> str | Problem:
    if any(row["id"] == lookup.value for row in rows):
        return lookup.value
    wanted = _folded(lookup, lookup.value)
    named = sorted({str(row["id"]) for row in rows if _folded(lookup, row.get("name")) == wanted})
    if len(named) == 1:
        return named[0]
    what = _SINGULAR[lookup.catalogue]
    if named:
        return error(
            "lookup",
            msg(
                "{count} {kind}s are named {lookup}: {found}",
                count=len(named),
                kind=what,
                lookup=_quoted(lookup),
                found=", ".join(named),
            ),
            place=lookup.place,
            address=address,
            hint=msg("write the id instead of the name"),
        )
    return error(
        "lookup",
        msg("no {kind} {lookup} in this account", kind=what, lookup=_quoted(lookup)),
        place=lookup.place,
        address=address,
        hint=_nearest(lookup, rows),
    )


def _folded(lookup: Lookup, name: Any) -> str:
    """A name as it is compared: those of zones without regard to case, all without regard to how
    their letters are composed.
    """
    text = suggestions.spelled(str(name or ""))
    return text.casefold() if lookup.catalogue == "zones" else text


def _quoted(lookup: Lookup) -> str:
    """What is looked up, as a message shows it. A whole script may stand there by mistake, with
    secrets in it: of that only the begin.
    """
    text = str(lookup)
    line = text.partition("\n")[0]
    return repr(text if text == line[:_QUOTED_MAX] else f"{line[:_QUOTED_MAX]}...")


def _nearest(lookup: Lookup, rows: Iterable[Mapping[str, Any]]) -> str:
    if lookup.catalogue == "user_scripts" and "\n" in lookup.value:
        return msg(
            "save the script in the console, and write its name or id here: `reconciler catalog "
            "scripts` lists them"
        )
    names = sorted({str(row["name"]) for row in rows if row.get("name")})
    known = names or sorted({str(row["id"]) for row in rows})
    near = difflib.get_close_matches(lookup.value, known, n=3, cutoff=0.6)
    if near:
        return msg("did you mean {names}?", names=", ".join(near))
    if not known:
        return msg("the account's list is empty")
    return msg("use one of {names}", names=_nearest_first(lookup.value, known))


def _nearest_first(wanted: str, known: Sequence[str]) -> str:
    """The few names nearest to the one that is wanted, and how many more there are."""
    close = difflib.get_close_matches(wanted, known, n=len(known) or 1, cutoff=0.0)
    return first_few(list(dict.fromkeys((*close, *known))), _NAMES_MAX)


def _image_by_os(
    lookup: Lookup, rows: tuple[Mapping[str, Any], ...], zone: str | None, address: str
) -> str | Problem:
    """Public images of the zone by os word and version: exactly, then as a prefix; of several the
    highest (stack-files#lookups).
    """
    wanted = lookup.version or ""
    offered = [
        row
        for row in rows
        if row.get("public")
        and row.get("available", True)
        and (zone is None or not row.get("zones") or zone in row["zones"])
    ]
    here = [row for row in offered if _is_os(row, lookup.value)]
    exact = [row for row in here if _same_version(row, wanted)]
    found = exact or [
        row
        for row in here
        if _versions(row) and any(v.startswith(wanted + ".") for v in _versions(row))
    ]
    if not found:
        names = sorted({name for row in here or offered if (name := _image_name(row))})
        return error(
            "lookup",
            msg("no image {lookup} in zone {zone}", lookup=_quoted(lookup), zone=zone),
            place=lookup.place,
            address=address,
            hint=msg("use one of {names}", names=_nearest_first(f"{lookup.value} {wanted}", names))
            if names
            else msg("this zone offers no public image"),
        )
    best = max(_rank(row) for row in found)
    highest = sorted(str(row["id"]) for row in found if _rank(row) == best)
    if len(highest) > 1:
        return error(
            "lookup",
            msg(
                "{count} images match {lookup} equally: {images}",
                count=len(highest),
                lookup=_quoted(lookup),
                images=", ".join(highest),
            ),
            place=lookup.place,
            address=address,
            hint=msg("write one of them as {{id: ...}}"),
        )
    return highest[0]


def _image_name(row: Mapping[str, Any]) -> str | None:
    """How an image is written in a lookup, such as `rocky 9`; None if it has no os or version."""
    name, version = os_name(row), str(row.get("version") or "").removesuffix(".X")
    return f"{name} {version}" if name and version else None


def _versions(row: Mapping[str, Any]) -> tuple[str, ...]:
    named = re.findall(r"\d+(?:\.\d+)*", str(row.get("name") or ""))
    return tuple(v for v in (str(row.get("version") or "").removesuffix(".X"), *named[:1]) if v)


def _same_version(row: Mapping[str, Any], wanted: str) -> bool:
    return str(row.get("version") or "").casefold() in (
        wanted.casefold(),
        f"{wanted}.x".casefold(),
    ) or wanted in _versions(row)


def _rank(row: Mapping[str, Any]) -> tuple[int, ...]:
    """The version in the image's name decides (22.04.5 over 22.04.4), else the version member."""
    named = re.search(r"\d+(?:\.\d+)*", str(row.get("name") or ""))
    text = named[0] if named else str(row.get("version") or "")
    return tuple(int(number) for number in _NUMBERS.findall(text)[:6])
