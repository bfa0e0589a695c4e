"""Inventories for programs that log in to instances: Ansible, and the client configuration of SSH.

The text is a file for another program, so text from outside is reduced to what both programs read
without quotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from reconciler.common.text import msg
from reconciler.locale import language
from reconciler.render import escape
from reconciler.render.inventory import Host

FORMS = ("ansible", "ssh-config")

_BUILT_IN = ("all", "ungrouped")
"""Groups that Ansible has itself, and does not accept as children of another."""

_ODD = re.compile(r"[^0-9A-Za-z_.:-]")


def inventory(form: str, hosts: Sequence[Host], *, title: str) -> str:
    """The file as text. `title` is the stack's, for the first line."""
    lines = _ansible(hosts, title) if form == "ansible" else _ssh_config(hosts)
    head = msg("{title}: the current addresses", title=_plain(title, "/"))
    return "".join(f"{line}\n" for line in (f"# {language.translated(head)}", *lines))


def dynamic(hosts: Sequence[Host], *, title: str, host: str | None = None) -> str:
    """What a dynamic inventory of Ansible prints for `--list`, or with a host for `--host`: JSON in
    the form of Ansible. Instances without an address, and stopped ones, are left out.
    """
    found = [each for each in hosts if _cannot_log_in(each) is None]
    variables = {each.alias: _variables(each) for each in found}
    if host is not None:
        return escape.json_text(variables.get(host, {}), indent=2) + "\n"
    groups: dict[str, Any] = {}
    for each in found:
        groups.setdefault(each.address.name, {"hosts": []})["hosts"].append(each.alias)
    parent = _group_name(title)
    if groups and parent not in groups:
        groups[parent] = {"children": [name for name in groups if name not in _BUILT_IN]}
    return escape.json_text({"_meta": {"hostvars": variables}, **groups}, indent=2) + "\n"


def _cannot_log_in(host: Host) -> str | None:
    """Why nothing can log in to a host; None if something can."""
    if host.reachable_at is None:
        return msg("{host} has no address", host=host.alias)
    return msg("{host} is stopped", host=host.alias) if host.stopped else None


def _variables(host: Host) -> dict[str, str]:
    found = {"ansible_host": _plain(str(host.reachable_at)), "ansible_user": host.user}
    found |= {"ansible_connection": "winrm"} if host.windows else {}
    found |= {"private_ip": _plain(host.private_ip)} if host.private_ip is not None else {}
    return {**found, "iwinv_id": _plain(host.id)}


def _group_name(title: str) -> str:
    return _ODD.sub("_", title.replace("/", "_").replace("-", "_"))


def _ansible(hosts: Sequence[Host], title: str) -> Iterator[str]:
    groups: dict[str, list[Host]] = {}
    for host in hosts:
        groups.setdefault(host.address.name, []).append(host)
    for name, members in groups.items():
        yield f"[{name}]"
        for host in members:
            yield _ansible_host(host)
        yield ""
    parent = _group_name(title)
    if groups and parent not in groups:
        yield f"[{parent}:children]"
        yield from (name for name in groups if name not in _BUILT_IN)


def _ansible_host(host: Host) -> str:
    left_out = _cannot_log_in(host)
    if left_out is not None:
        return f"# {language.translated(left_out)}"
    return " ".join([host.alias, *(f"{name}={text}" for name, text in _variables(host).items())])


def _ssh_config(hosts: Sequence[Host]) -> Iterator[str]:
    for host in hosts:
        yield ""
        no_login = _cannot_log_in(host)
        if no_login is None and host.windows:
            no_login = msg("{host} runs Windows: log in by remote desktop", host=host.alias)
        if no_login is not None:
            yield f"# {language.translated(no_login)}"
            continue
        yield f"Host {host.alias}"
        yield f"  HostName {_plain(str(host.reachable_at))}"
        yield f"  User {host.user}"


def _plain(text: str, also: str = "") -> str:
    return "".join(letter if letter in also or not _ODD.match(letter) else "_" for letter in text)
