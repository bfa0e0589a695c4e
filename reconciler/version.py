"""The version of the program, for `--version` and for the cloud's log; the same as in
`pyproject.toml`, held so by a test.
"""

import os
import sys

VERSION = "0.1.0"


def described() -> str:
    """The line of `--version`: program, Python and platform, for bug reports."""
    python = ".".join(map(str, sys.version_info[:3]))
    system = os.uname()
    return f"reconciler {VERSION}, Python {python} on {system.sysname} {system.machine}"
