"""What is kept of an account between runs: its catalog for a day, and how long its operations took
(quota#cache).

It is in the user's cache folder, one folder per key. All of it may be lost: files with any other
content are ignored, and a file that cannot be written is skipped.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from reconciler.common.json_codec import Codec
from reconciler.common.paths import read_ordinary
from reconciler.common.timing import Expected, expected
from reconciler.store.disk import FILE_MODE, FOLDER_MODE

CATALOGUE_SECONDS = 24 * 3600.0
"""How long a list of the catalog is used without reading it again."""

SAMPLES_MAX = 8
"""How many durations of an operation are kept: the newest, one per run."""

SECONDS_MAX = 3600.0
_BYTES_MAX = 16 * 1024 * 1024


class FileAccountCache:
    """The cache of one account. `folder` is the user's cache folder, `digest` that of the key,
    `origin` the endpoint that the catalog was read from.
    """

    def __init__(
        self, folder: Path, digest: str, *, origin: str, clock: Callable[[], float]
    ) -> None:
        self._folder = folder / digest[:32]
        self._origin, self._clock = origin, clock

    def catalogue(self, names: Iterable[str]) -> dict[str, tuple[Mapping[str, Any], ...]]:
        """Those of the lists that are kept and not too old."""
        kept, now = self._lists(), self._clock()
        return {
            name: kept[name][1]
            for name in names
            if name in kept and 0 <= now - kept[name][0] < CATALOGUE_SECONDS
        }

    def keep_catalogue(self, lists: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        """Keeps lists that were just read."""
        if not lists:
            return
        now = self._clock()
        kept = {**self._lists(), **{name: (now, tuple(rows)) for name, rows in lists.items()}}
        self._write(
            "catalogue.json",
            {
                "origin": self._origin,
                "lists": {n: {"at": at, "rows": rows} for n, (at, rows) in kept.items()},
            },
        )

    def seconds(self) -> dict[str, Expected]:
        """How long each operation usually takes, if it was measured."""
        return {name: expected(found) for name, found in self._samples().items()}

    def learn(self, seen: Mapping[str, Sequence[tuple[float, float]]]) -> None:
        """Keeps how long operations took, in the cloud's own seconds: longer than the first, at
        most the second.
        """
        if not seen:
            return
        before = self._samples()
        # One per run, the median, so that a run of many objects does not displace what others
        # measured.
        middle = {
            name: sorted(times, key=lambda bounds: bounds[1])[len(times) // 2]
            for name, times in seen.items()
            if times
        }
        found = {name: [*before.get(name, ()), one][-SAMPLES_MAX:] for name, one in middle.items()}
        self._write("durations.json", {"operations": {**before, **found}})

    def _lists(self) -> dict[str, tuple[float, tuple[Mapping[str, Any], ...]]]:
        content = self._read("catalogue.json")
        found = {}
        with suppress(ValueError, TypeError, KeyError, AttributeError, OverflowError):
            if content["origin"] != self._origin:
                return {}
            for name, part in content["lists"].items():
                if name in _ROWS:
                    found[name] = float(part["at"]), tuple(_row(name, row) for row in part["rows"])
        return found

    def _samples(self) -> dict[str, list[tuple[float, float]]]:
        content = self._read("durations.json")
        found: dict[str, list[tuple[float, float]]] = {}
        with suppress(ValueError, TypeError, KeyError, AttributeError, OverflowError):
            for name, times in content["operations"].items():
                bounds = [(float(low), float(high)) for low, high in times[-SAMPLES_MAX:]]
                kept = [(low, high) for low, high in bounds if 0.0 <= low < high <= SECONDS_MAX]
                if kept:
                    found[str(name)] = kept
        return found

    def _read(self, name: str) -> Any:
        try:
            data = read_ordinary(self._folder / name, _BYTES_MAX + 1)
            return json.loads(data) if len(data) <= _BYTES_MAX else None
        except (OSError, ValueError, RecursionError):
            return None

    def _write(self, name: str, content: Any) -> None:
        """Atomically, so that two runs never read half of it; the last one wins."""
        fresh = self._folder / f"{name}.{os.getpid()}.{threading.get_ident()}.new"
        with suppress(OSError):
            self._folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            try:
                fresh.touch(mode=FILE_MODE)
                fresh.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
                fresh.replace(self._folder / name)
            finally:
                fresh.unlink(missing_ok=True)


def _row(name: str, row: Mapping[str, Any]) -> Mapping[str, Any]:
    return {member: _CODEC.decode(kind, row[member]) for member, kind in _ROWS[name].items()}


_CODEC = Codec()
_NAMED: Mapping[str, Any] = {"id": str, "name": str | None}
_ROWS: Mapping[str, Mapping[str, Any]] = {
    "zones": {**_NAMED, "available": bool},
    "flavors": {
        **_NAMED,
        "available": bool,
        "zones": tuple[str, ...],
        **dict.fromkeys(("vcpu", "memory_mb", "disk_gb", "price_month"), float | None),
    },
    "images": {
        **_NAMED,
        **dict.fromkeys(("os", "version", "type"), str | None),
        **dict.fromkeys(("public", "available"), bool),
        "zones": tuple[str, ...],
    },
    "ssh_keys": _NAMED,
    "user_scripts": _NAMED,
    "storage_types": {
        "id": str,
        **dict.fromkeys(("min_gb", "max_gb"), float | None),
        "zones": tuple[str, ...] | None,
    },
}
"""For each list of the catalog its members, as in `model.resource.Catalogue`, and their types."""
