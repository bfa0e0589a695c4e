"""Stacks for tests, from text: what they come to, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import dedent
from typing import Any

from reconciler.config import schema, yaml_reader
from reconciler.config.builder import build
from reconciler.config.expression import Attributes
from reconciler.config.variables import NO_INPUTS, VariableInputs
from reconciler.model.address import Address, parse
from reconciler.model.diagnostics import Problem
from reconciler.model.resource import Resource, Stack, Value

HEAD = "version: 1\nstack: shop\n"
WEB_HEAD = """\
version: 1
stack: shop
firewalls:
  web:
    rules:
      https: {direction: in, protocol: tcp, ports: 443, cidr: 0.0.0.0/0}
"""
"""A stack with a firewall of one rule for a server to stand behind; more of `firewalls` may follow.
"""


def problems(
    text: str, *, environment: str | None = None, inputs: VariableInputs = NO_INPUTS
) -> tuple[Problem, ...]:
    """Everything wrong with a stack: its YAML, its form, its meaning."""
    document, found = yaml_reader.read(dedent(text), "stack.yaml")
    form = (*found, *schema.check(document))
    _, meaning = build(document, environment=environment, variables=inputs)
    return schema.joined(form, meaning)


def told(
    text: str, *, environment: str | None = None, inputs: VariableInputs = NO_INPUTS
) -> list[str]:
    """`line:column code` of everything wrong with a stack."""
    found = problems(text, environment=environment, inputs=inputs)
    return [
        f"{p.place.line}:{p.place.column} {p.code}" if p.place else f"- {p.code}" for p in found
    ]


def the_problem(
    text: str, *, environment: str | None = None, inputs: VariableInputs = NO_INPUTS
) -> Problem:
    """The only thing wrong with a stack."""
    found = problems(text, environment=environment, inputs=inputs)
    assert len(found) == 1, found
    return found[0]


def built(
    text: str, *, environment: str | None = None, inputs: VariableInputs = NO_INPUTS
) -> Stack:
    """The stack that a text describes; nothing may be wrong with it."""
    document, found = yaml_reader.read(dedent(text), "stack.yaml")
    assert found == ()
    assert schema.check(document) == ()
    stack, meaning = build(document, environment=environment, variables=inputs)
    assert stack is not None, meaning
    return stack


def at(text: str) -> Address:
    """The address that a text spells."""
    found = parse(text)
    assert found is not None, text
    return found


def resource(stack: Stack, address: str) -> Resource:
    """A resource of a stack."""
    return stack.resources[at(address)]


def attributes_of(values: Mapping[str, Mapping[str, Value]]) -> Attributes:
    """Attributes for `expression.resolve`, by the text of the address."""

    def attributes(address: Address) -> Mapping[str, Any] | None:
        return values.get(str(address))

    return attributes
