"""The place in a file of a character of an expression."""

from __future__ import annotations

from reconciler.config.document import Scalar
from reconciler.model.diagnostics import Place


def place_of(text: str, scalar: Scalar, offset: int) -> Place:
    """The place of a character of a value in the text of its file; the place of the value if that
    is not known.

    Line breaks and indentation of the file are not in the value, so only the other characters are
    counted.
    """
    lines = text.split("\n")
    line, column = scalar.line - 1, scalar.column - 1
    first = lines[line][column : column + 1] if line < len(lines) else ""
    if first in ("|", ">"):
        line, column = line + 1, 0
    elif first in ("'", '"'):
        column += 1
    skipped = len("".join(scalar.text[:offset].split()))
    wanted = "".join(scalar.text.split())[: skipped + 1]
    for number in range(line, len(lines)):
        start = column if number == line else 0
        for at in range(start, len(lines[number])):
            character = lines[number][at]
            if character.isspace():
                continue
            if not wanted or character != wanted[0]:
                return scalar.place
            if skipped == 0:
                return Place(scalar.file, number + 1, at + 1)
            skipped, wanted = skipped - 1, wanted[1:]
    return scalar.place
