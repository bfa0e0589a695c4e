"""The keys of the objects of one stack."""

from __future__ import annotations

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model.ports import StateDamaged

POSITION_MAX = 999_999_999_999
_DIGITS = 12


@dataclass(frozen=True, slots=True)
class StackKeys:
    """The keys below `root`, which is `<project>/<stack>[.<env>]/`."""

    root: str

    @property
    def name(self) -> str:
        """`<stack>[.<env>]`."""
        return self.root.rstrip("/").rpartition("/")[2]

    @property
    def logs(self) -> str:
        """How the keys of all log objects begin."""
        return self.root + "log/"

    @property
    def snapshots(self) -> str:
        """How the keys of all snapshots begin."""
        return self.root + "snap/"

    @property
    def beat(self) -> str:
        """The holder's sign of life."""
        return self.root + "beat"

    def log(self, position: int) -> str:
        """The log object at a position; the first is 1."""
        return f"{self.logs}{position:0{_DIGITS}d}"

    def snapshot(self, position: int) -> str:
        """The snapshot of the log up to and including a position. The newest has the first name."""
        return f"{self.snapshots}{POSITION_MAX - position:0{_DIGITS}d}"

    def log_position(self, key: str) -> int:
        """The position of a log object. Raises `StateDamaged` for a key that is none."""
        return _number(key, self.logs)

    def snapshot_position(self, key: str) -> int:
        """The position of a snapshot. Raises `StateDamaged` for a key that is none."""
        return POSITION_MAX - _number(key, self.snapshots)


def _number(key: str, prefix: str) -> int:
    digits = key.removeprefix(prefix)
    if len(digits) == _DIGITS and digits.isascii() and digits.isdecimal():
        return int(digits)
    message = msg("{key} is not an object of a state", key=key)
    hint = msg("move it elsewhere: nothing else may be stored under {prefix}", prefix=prefix)
    raise StateDamaged(message, hint=hint)
