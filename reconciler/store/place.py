"""Where the state of a stack lies (SPEC 5, 7)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def state_folder(stack_file: Path, stack: str, environment: str | None, *, simulated: bool, environ: Mapping[str, str]) -> Path:
    """The folder of one stack's state: `state/<stack>[.<env>]/` beside the stack's file, or in `$RECONCILER_STATE_DIR`.

    `stack_file` is the file or folder that the user named; the place does not depend on where the command is run from.
    """
    if not all(part and "/" not in part and not part.startswith(".") for part in (stack, environment or "none")):
        raise AssertionError(f"{stack!r} and {environment!r} should have been checked before they name a folder")
    base = simulator_folder(stack_file, environ=environ) if simulated else _base(stack_file, environ)
    return base / (stack if environment is None else f"{stack}.{environment}")


def simulator_folder(stack_file: Path, *, environ: Mapping[str, str]) -> Path:
    """Where everything of `--simulate` lies, states and world, apart from the real ones."""
    return _base(stack_file, environ) / ".simulator"


def _base(stack_file: Path, environ: Mapping[str, str]) -> Path:
    chosen = environ.get("RECONCILER_STATE_DIR")
    if chosen:
        return Path(chosen)
    own = stack_file if stack_file.is_dir() else stack_file.parent
    return own / "state"
