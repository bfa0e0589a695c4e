"""The version of the program, for `--version` and for the cloud's log; the same as in
`pyproject.toml`, held so by a test.
"""

VERSION = "0.1.0"
