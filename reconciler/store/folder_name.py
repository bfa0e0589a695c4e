"""The name of the folder of one stack's state."""

from __future__ import annotations


def folder_name(stack: str, environment: str | None) -> str:
    """The name of the folder of one stack's state: `<stack>[.<env>]`. A name that leads elsewhere
    should have been checked before.
    """
    for part in (stack, environment or "none"):
        if not part or "/" in part or part.startswith("."):
            raise AssertionError(f"{part!r} names a folder unchecked")
    return stack if environment is None else f"{stack}.{environment}"


def name_of_folder(folder: str) -> tuple[str, str | None]:
    """The stack and the environment by which a folder is named."""
    stack, dot, environment = folder.partition(".")
    return stack, environment if dot else None
