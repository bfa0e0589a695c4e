"""What to do about a refusal: the cloud's error names (contract#errors), said as a way out."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.common.suggestions import pasted

WAYS_OUT: Mapping[str, str] = {
    "UNAVAILABLE_COMBINATION": "zone, image and flavor do not go together: see `reconciler catalog flavors` and `catalog images`",
    "UNAVAILABLE_FLAVOR": "`reconciler catalog flavors --no-cache` lists what is offered now",
    "UNAVAILABLE_SSH_KEY": "`reconciler catalog ssh-keys --no-cache` lists the account's keys",
    "LIMIT_EXCEEDED": "a limit of the account is reached: `reconciler plan --unmanaged` lists what may be removed; or have iwinv raise it",
    "CHECK_CONSOLE": "iwinv wants something done in its console first; then run again",
    "CHECK_IP": "this machine's address is not allowed for the key: allow it in the console",
    "CHECK_REQUEST_IP": "this machine's address is not allowed for the key: allow it in the console",
    "CHECK_LENGTH": "a text is too long or too short for the cloud: see `name` and `description`",
    "DELETED_OR_WORKING_INSTANCE": "it is at work on something else, or gone: look in the console, then run again",
}

OF_OPERATIONS: Mapping[tuple[str, str], str] = {
    (
        "instance.resize",
        "UNAVAILABLE_COMBINATION",
    ): "its image or disk does not fit that flavor: take another, or --replace {address}",
    (
        "rule.create",
        "CHECK_PARAM",
    ): "the firewall may have an equal rule already: `reconciler plan` shows it",
    ("firewall.delete", "IN_USE"): "a server is still behind it: look in the console whose it is",
    ("block_storage.delete", "IN_USE"): "it still hangs on a server: look in the console on which",
}


def way_out(operation: str, error_code: str | None, address: str) -> str | None:
    """What may be done about it, None where nothing more is known than what the cloud said."""
    if error_code is None:
        return None
    found = OF_OPERATIONS.get((operation, error_code), WAYS_OUT.get(error_code))
    return None if found is None else found.format(address=pasted(address))
