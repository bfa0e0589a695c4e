"""The text of a first stack, to be edited: one instance with a firewall and a way to log in."""

from __future__ import annotations

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.importing.examples import SCHEMA_LINE
from reconciler.importing.yaml_writer import flow, quoted, scalar
from reconciler.locale.language import translated


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen. Without `ssh_key`, the first password is the only way to log in. Without
    `admin`, no address reaches SSH.
    """

    stack: str
    zone: str
    flavor: str
    os: str
    version: str
    ssh_key: str | None
    admin: str | None


def text(choice: Choice) -> str:
    """The file, with comments that say what to do next."""
    head = msg(
        "{stack}: one instance with a firewall. `reconciler plan` shows what it would create; "
        "nothing is sent before `apply`.",
        stack=choice.stack,
    )
    rules = msg("all of them: a rule that is not listed here is removed")
    keys, variables = _keys(choice), _variables(choice)
    return f"""\
{SCHEMA_LINE}# {translated(head)}
version: 1
stack: {choice.stack}

{variables}firewalls:
  web:
    icmp: true
    rules: # {translated(rules)}
      {_ssh_rule(choice)}
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
    description: {scalar(translated(msg("The public address of the instance")))}
    value: ${{instances.web.public_ip}}
"""


def _keys(choice: Choice) -> str:
    if choice.ssh_key is not None:
        return f"ssh_keys: {flow([choice.ssh_key])}"
    comment = msg("only set at creation: without a key, the first password is the only login")
    return f"# ssh_keys: [NAME]   # {translated(comment)}"


def _variables(choice: Choice) -> str:
    if choice.admin is None:
        return ""
    return f"""\
variables:
  admin_cidr:
    type: cidr
    default: {scalar(choice.admin)}
    description: {scalar(translated(msg("Who may log in")))}

"""


def _ssh_rule(choice: Choice) -> str:
    rule = "ssh: {{direction: in, protocol: tcp, ports: 22, cidr: {range}}}"
    if choice.admin is not None:
        return rule.format(range='"${vars.admin_cidr}"')
    comment = msg("write your own address to reach SSH")
    return f"# {rule.format(range='203.0.113.7/32')} # {translated(comment)}"
