"""Names and descriptions of instances and block storages, which are sent percent-encoded and may be
returned like that (contract#values, contract#instances).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from reconciler.common import decoding
from reconciler.model import marker

_UNDECODED_MARKER = re.compile(r"%20rc-[a-z2-7]{12}\Z")


def read(row: Mapping[str, Any]) -> tuple[str | None, str | None, str | None]:
    """(name, description without its marker, nonce) of a row.

    It is not known whether the cloud decodes these texts. If our marker is returned with `%20`
    instead of a space, the cloud does not; both texts of the row are then decoded here.
    """
    name, description = decoding.text(row.get("name")), decoding.text(row.get("description"))
    if description is not None and _UNDECODED_MARKER.search(description):
        description = unquote(description)
        name = unquote(name) if name is not None else None
    before, nonce = marker.split(description)
    return name, before, nonce
