"""The text of a first stack, to be edited: one instance with a firewall and a way to log in."""

from __future__ import annotations

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.importing.yaml_writer import flow, quoted, scalar


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen. Without `ssh_key`, the first password is the only way to log in."""

    stack: str
    zone: str
    flavor: str
    os: str
    version: str
    ssh_key: str | None
    admin: str


def text(choice: Choice) -> str:
    """The file, with comments that say what to do next."""
    head = msg(
        "{stack}: one instance with a firewall. `reconciler plan` shows what it would create; "
        "nothing is sent before `apply`.",
        stack=choice.stack,
    )
    rules = msg("all of them: a rule that is not listed here is removed")
    keys = f"ssh_keys: {flow([choice.ssh_key])}"
    if choice.ssh_key is None:
        comment = msg("only set at creation: without a key, the first password is the only login")
        keys = f"# ssh_keys: [NAME]   # {comment}"
    return f"""\
# {head}
version: 1
stack: {choice.stack}

variables:
  admin_cidr:
    type: cidr
    default: {scalar(choice.admin)}
    description: {scalar(msg("Who may log in"))}

firewalls:
  web:
    icmp: true
    rules: # {rules}
      ssh: {{direction: in, protocol: tcp, ports: 22, cidr: "${{vars.admin_cidr}}"}}
      https: {{direction: in, protocol: tcp, ports: 443, cidr: 0.0.0.0/0}}

instances:
  web:
    zone: {scalar(choice.zone)}
    flavor: {scalar(choice.flavor)}
    image: {{os: {scalar(choice.os)}, version: {quoted(choice.version)}}}
    {keys}
    firewall: web

outputs:
  address:
    description: {scalar(msg("Log in with `ssh root@ADDRESS`"))}
    value: ${{instances.web.public_ip}}
"""
