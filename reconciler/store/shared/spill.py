"""Outcomes that the place could not take, on this machine: the next run here adds them to the
state.

Each is a file `<epoch>-<intent>-<number>`, readable only by its user, below a folder for the place
and the lineage.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from reconciler.common.dataclass import dataclass
from reconciler.model.ports import StateDamaged
from reconciler.model.state import Intent, Outcome
from reconciler.store import state_format

_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


@dataclass(slots=True)
class SpilledOutcome:
    """An outcome, its intent, and the file that has or will have both."""

    path: Path
    intent: Intent
    outcome: Outcome
    is_written: bool = False

    def write(self) -> None:
        """Writes the file, once. Raises nothing: the outcome may still reach the place."""
        if self.is_written:
            return
        rows = {
            "intent": state_format.CODEC.encode(self.intent),
            "outcome": state_format.CODEC.encode(self.outcome),
        }
        with suppress(OSError):
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh = self.path.with_name(self.path.name + ".new")
            with os.fdopen(os.open(fresh, _NEW, 0o600), "wb") as file:
                file.write(state_format.encode_object(rows) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            fresh.rename(self.path)
            self.is_written = True

    def set_aside(self) -> None:
        """Gives the file a name under which it is not found again. Raises nothing."""
        with suppress(OSError):
            self.path.rename(self.path.with_name(self.path.name + ".unmatched"))

    def remove(self) -> None:
        """Removes the file, if it was written."""
        if self.is_written:
            with suppress(OSError):
                self.path.unlink(missing_ok=True)


class Spill:
    """The outcomes of one state. `folder` is the user's folder for those of all states."""

    def __init__(self, folder: Path, location: str, lineage: str) -> None:
        place = hashlib.sha256(location.encode()).hexdigest()
        self.folder = folder / place / hashlib.sha256(lineage.encode()).hexdigest()[:24]
        self._number = 0

    def entry(self, epoch: int, intent: Intent, outcome: Outcome) -> SpilledOutcome:
        """A place for an outcome, not yet written."""
        self._number += 1
        name = f"{epoch:012d}-{intent.sequence:012d}-{self._number:06d}"
        return SpilledOutcome(self.folder / name, intent, outcome)

    def found(self) -> Iterator[SpilledOutcome]:
        """The outcomes that were kept, in order; files that cannot be read are left alone."""
        try:
            names = sorted(path.name for path in self.folder.iterdir())
        except OSError:
            return
        for name in names:
            with suppress(OSError, ValueError, RecursionError, StateDamaged):
                if name.endswith((".new", ".unmatched")):
                    continue
                path = self.folder / name
                row = state_format.decode_object(path.read_bytes())
                intent = state_format.CODEC.decode(Intent, row.get("intent"))
                outcome = state_format.CODEC.decode(Outcome, row.get("outcome"))
                yield SpilledOutcome(path, intent, outcome, is_written=True)
