"""Paths of files as reports for CI systems name them: relative to the root of the checkout."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path, PurePath
from urllib.parse import quote

_ROOTS = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR")
"""The variables with the folder of the checkout, on GitHub and on GitLab."""


def root_of(environ: Mapping[str, str]) -> str:
    """The folder of the checkout, else the current folder."""
    named = next((environ[name] for name in _ROOTS if environ.get(name)), None)
    return named or str(Path.cwd())


def relative(file: str, root: str) -> str:
    """The path of a file from the root, with `/`; the absolute path if it is outside."""
    path = PurePath(os.path.abspath(file))  # noqa: PTH100  # links are kept as the user named them
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


def uri(path: str) -> str:
    """A path as `relative` returns it, as a URI reference."""
    quoted = quote(path.encode("utf-8", "surrogateescape"), safe="/")
    return f"file://{quoted}" if path.startswith("/") else quoted
