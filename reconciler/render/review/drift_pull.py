"""The pull request with the drift of a stack."""

from __future__ import annotations

from reconciler.render.format import phrase


def pull_title(title: str) -> str:
    """The title of the pull request with the drift of a stack."""
    return phrase("Absorb drift of {stack}", stack=title)


def pull_body(title: str) -> str:
    """The text of the pull request."""
    text = phrase(
        "Somebody changed objects of {stack} outside of reconciler. This pull request writes "
        "that into the files. Merge it to keep the changes; close it to have an issue instead.",
        stack=title,
    )
    return f"{text}\n"


def gone_body(title: str) -> str:
    """The text of a pull request whose drift is gone."""
    text = phrase("The drift of {stack} is gone, so there is nothing to keep.", stack=title)
    return f"{text}\n"
