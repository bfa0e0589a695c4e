"""Inventories for programs that log in to instances: Ansible, and the client configuration of SSH.

The text is a file for another program, so text from outside is reduced to what both programs read
without quotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from reconciler.common.text import msg
from reconciler.render.inventory import Host

FORMS = ("ansible", "ssh-config")

_ODD = re.compile(r"[^0-9A-Za-z_.:-]")


def inventory(form: str, hosts: Sequence[Host], *, title: str) -> str:
    """The file as text. `title` is the stack's, for the first line."""
    lines = _ansible(hosts, title) if form == "ansible" else _ssh_config(hosts)
    head = msg("{title}: the current addresses", title=_plain(title, "/"))
    return "".join(f"{line}\n" for line in (f"# {head}", *lines))


def _ansible(hosts: Sequence[Host], title: str) -> Iterator[str]:
    groups: dict[str, list[Host]] = {}
    for host in hosts:
        groups.setdefault(host.address.name, []).append(host)
    for name, members in groups.items():
        yield f"[{name}]"
        for host in members:
            yield _ansible_host(host)
        yield ""
    parent = _ODD.sub("_", title.replace("/", "_").replace("-", "_"))
    if groups and parent not in groups:
        yield f"[{parent}:children]"
        yield from groups


def _ansible_host(host: Host) -> str:
    if host.reachable_at is None:
        return "# " + msg("{host} has no address", host=host.alias)
    parts = [host.alias, f"ansible_host={_plain(host.reachable_at)}", f"ansible_user={host.user}"]
    parts += ["ansible_connection=winrm"] if host.windows else []
    parts += [f"private_ip={_plain(host.private_ip)}"] if host.private_ip is not None else []
    return " ".join([*parts, f"iwinv_id={_plain(host.id)}"])


def _ssh_config(hosts: Sequence[Host]) -> Iterator[str]:
    for host in hosts:
        yield ""
        if host.reachable_at is None or host.windows:
            no_login = (
                msg("{host} runs Windows: log in by remote desktop", host=host.alias)
                if host.windows
                else msg("{host} has no address", host=host.alias)
            )
            yield f"# {no_login}"
            continue
        yield f"Host {host.alias}"
        yield f"  HostName {_plain(host.reachable_at)}"
        yield f"  User {host.user}"


def _plain(text: str, also: str = "") -> str:
    return "".join(letter if letter in also or not _ODD.match(letter) else "_" for letter in text)
