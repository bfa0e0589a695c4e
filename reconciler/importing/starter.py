"""The text of a first stack: one server that can be logged in to, with a firewall, ready to be gone
on with.
"""

from __future__ import annotations

from reconciler.common.dataclass import dataclass
from reconciler.importing.yaml_writer import flow, quoted, scalar


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen. `ssh_key` None: none, then the first password is the only way in."""

    stack: str
    zone: str
    flavor: str
    os: str
    version: str
    ssh_key: str | None
    admin: str


def text(choice: Choice) -> str:
    """The file, with comments that say what to do next."""
    keys = f"    ssh_keys: {flow([choice.ssh_key])}\n" if choice.ssh_key is not None else _NO_KEY
    return f"""\
# {choice.stack}: one server with a firewall. `reconciler plan` shows what it would make; nothing is sent before `apply`.
version: 1
stack: {choice.stack}

variables:
  admin_cidr:
    type: cidr
    default: {scalar(choice.admin)}
    description: Who may log in

firewalls:
  web:
    icmp: true
    rules: # all there are: one that is not written here is removed
      ssh: {{direction: in, protocol: tcp, ports: 22, cidr: "${{vars.admin_cidr}}"}}
      https: {{direction: in, protocol: tcp, ports: 443, cidr: 0.0.0.0/0}}

instances:
  web:
    zone: {scalar(choice.zone)}
    flavor: {scalar(choice.flavor)}
    image: {{os: {scalar(choice.os)}, version: {quoted(choice.version)}}}
{keys}    firewall: web

outputs:
  address:
    description: Log in with `ssh root@ADDRESS`
    value: ${{instances.web.public_ip}}
"""


_NO_KEY = """\
    # ssh_keys: [NAME]   # only set at create: without one, the first password is the only way in
"""
