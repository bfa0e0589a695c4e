"""What a person can do about a refusal, by the error names of the API (contract#errors)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import LiteralString

from reconciler.common.suggestions import pasted
from reconciler.common.text import Text
from reconciler.model.resource_type import ResourceType, operation_of

WAYS_OUT: Mapping[str, LiteralString] = {
    "UNAVAILABLE_COMBINATION": "zone, image and flavor do not match: see "
    "`reconciler catalog flavors` and `catalog images`",
    "UNAVAILABLE_FLAVOR": "`reconciler catalog flavors --no-cache` lists what is offered now",
    "UNAVAILABLE_SSH_KEY": "`reconciler catalog ssh-keys --no-cache` lists the account's keys",
    "LIMIT_EXCEEDED": "an account limit is reached: remove objects that "
    "`reconciler plan --unmanaged` lists, or ask iwinv to raise it",
    "CHECK_CONSOLE": "complete the step that iwinv requires in its console, then run again",
    "CHECK_IP": "this machine's address is not allowed for the key: add it in the console",
    "CHECK_REQUEST_IP": "this machine's address is not allowed for the key: add it in the console",
    "CHECK_LENGTH": "a text is too long or too short for the cloud: see `name` and `description`",
    "DELETED_OR_WORKING_INSTANCE": "it is busy or gone: check the console, then run again",
}
"""What helps whatever the operation is; an operation's own hints come first."""


def way_out(
    kinds: Mapping[str, ResourceType], operation: str, error_code: str | None, address: str
) -> str | None:
    """What a person can do about it, None if no more is known than what the cloud stated."""
    hints = {**WAYS_OUT, **operation_of(kinds, operation).refusal_hints}
    found = hints.get(error_code or "")
    return None if found is None else Text(found, {"address": pasted(address)})
