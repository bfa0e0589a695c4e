"""What a person can do about a refusal, by the error names of the API (contract#errors)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import LiteralString

from reconciler.common.suggestions import pasted
from reconciler.common.text import Text, msg
from reconciler.model.diagnostics import Problem, warning
from reconciler.model.resource_type import ResourceType, operation_of

RESTRICTED_ZONE = "DEV_CHECK_RETURN"

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


def restricted_zone(
    kinds: Mapping[str, ResourceType], operation: str, error_code: str | None, address: str
) -> Problem | None:
    """A warning about an answer that does not say whether the request was executed, but whose usual
    cause is known (contract#zones). None for any other answer.
    """
    hint = operation_of(kinds, operation).refusal_hints.get(RESTRICTED_ZONE)
    if error_code != RESTRICTED_ZONE or hint is None:
        return None
    message = msg(
        "{address}: the cloud answered {code}, which was only seen in zones where the account may "
        "not create instances through the API, although they are listed",
        address=address,
        code=error_code,
    )
    return warning("restricted-zone", message, address=address, hint=Text(hint, {}))
