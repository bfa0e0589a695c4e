"""What to do about a refusal: the cloud's error names (contract#errors), said as a way out."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.common.suggestions import pasted

WAYS_OUT: Mapping[str, str] = {
    "UNAVAILABLE_COMBINATION": "zone, image and flavor do not match: see `reconciler catalog flavors` and `catalog images`",
    "UNAVAILABLE_FLAVOR": "`reconciler catalog flavors --no-cache` lists what is offered now",
    "UNAVAILABLE_SSH_KEY": "`reconciler catalog ssh-keys --no-cache` lists the account's keys",
    "LIMIT_EXCEEDED": "an account limit is reached: remove objects that `reconciler plan --unmanaged` lists, or ask iwinv to raise it",
    "CHECK_CONSOLE": "complete the step that iwinv requires in its console, then run again",
    "CHECK_IP": "this machine's address is not allowed for the key: add it in the console",
    "CHECK_REQUEST_IP": "this machine's address is not allowed for the key: add it in the console",
    "CHECK_LENGTH": "a text is too long or too short for the cloud: see `name` and `description`",
    "DELETED_OR_WORKING_INSTANCE": "it is busy or gone: check the console, then run again",
}

OF_OPERATIONS: Mapping[tuple[str, str], str] = {
    (
        "instance.resize",
        "UNAVAILABLE_COMBINATION",
    ): "its image or disk does not fit that flavor: choose another, or --replace {address}",
    (
        "rule.create",
        "CHECK_PARAM",
    ): "the firewall may have an equal rule already: `reconciler plan` shows it",
    ("firewall.delete", "IN_USE"): "an instance is still attached to it: find it in the console",
    (
        "block_storage.delete",
        "IN_USE",
    ): "it is still attached to an instance: find it in the console",
}


def way_out(operation: str, error_code: str | None, address: str) -> str | None:
    """What may be done about it, None where nothing more is known than what the cloud said."""
    if error_code is None:
        return None
    found = OF_OPERATIONS.get((operation, error_code), WAYS_OUT.get(error_code))
    return None if found is None else found.format(address=pasted(address))
