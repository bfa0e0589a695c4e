"""The folder of a stack's state (safety#place, local-cloud#the-local-cloud)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def state_folder(
    stack_file: Path,
    stack: str,
    environment: str | None,
    *,
    simulated: bool,
    environ: Mapping[str, str],
) -> Path:
    """The folder of one stack's state: `state/<stack>[.<env>]/` beside the stack's file, or in
    `$RECONCILER_STATE_DIR`.

    `stack_file` is the file or folder that the user named; the place does not depend on where the
    command is run from.
    """
    if not all(
        part and "/" not in part and not part.startswith(".")
        for part in (stack, environment or "none")
    ):
        raise AssertionError(
            f"{stack!r} and {environment!r} should have been checked before they name a folder"
        )
    return _place(stack_file, simulated=simulated, environ=environ) / folder_name(
        stack, environment
    )


def folder_name(stack: str, environment: str | None) -> str:
    """The name of the folder of one stack's state: `<stack>[.<env>]`."""
    return stack if environment is None else f"{stack}.{environment}"


def name_of_folder(folder: str) -> tuple[str, str | None]:
    """The stack and the environment by which a folder is named."""
    stack, dot, environment = folder.partition(".")
    return stack, environment if dot else None


def kept_environments(
    stack_file: Path, stack: str, *, simulated: bool, environ: Mapping[str, str]
) -> tuple[str, ...]:
    """The environments of a stack that have a state in its place, sorted, even if the file no
    longer defines them.
    """
    place = _place(stack_file, simulated=simulated, environ=environ)
    try:
        names = sorted(
            folder.name for folder in place.iterdir() if (folder / "state.json").is_file()
        )
    except OSError:
        return ()
    return tuple(name.removeprefix(f"{stack}.") for name in names if name.startswith(f"{stack}."))


def _place(stack_file: Path, *, simulated: bool, environ: Mapping[str, str]) -> Path:
    return (
        simulator_folder(stack_file, environ=environ) if simulated else _base(stack_file, environ)
    )


def simulator_folder(stack_file: Path, *, environ: Mapping[str, str]) -> Path:
    """The folder of `--simulate`: states and the simulated account, apart from the real ones."""
    return _base(stack_file, environ) / ".simulator"


def _base(stack_file: Path, environ: Mapping[str, str]) -> Path:
    chosen = environ.get("RECONCILER_STATE_DIR")
    if chosen:
        # A shell does not expand `~` within quotes, nor does a CI system in its settings.
        # Unlike Path.expanduser, this leaves an unknown `~user` unchanged instead of failing.
        return Path(os.path.expanduser(chosen))  # noqa: PTH111
    own = stack_file if stack_file.is_dir() else stack_file.parent
    return own / "state"
