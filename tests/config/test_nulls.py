"""Null means not written: in variables, in attributes and inside them, and in what counts objects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reconciler.config.loader import load_stack
from reconciler.config.variables import VariableInputs
from reconciler.model.abort import Abort
from tests.stackfiles import HEAD, at, built, problems, the_problem

VARIABLES = "variables: {x: {type: string, default: null}, n: {type: integer, default: null}}\n"
DEFAULTS = "defaults: {instances: {zone: z, flavor: f, image: i, ssh_keys: [k]}}\n"
TOP = HEAD + VARIABLES + DEFAULTS
DISK = "block_storages: {d: {type: t, size: 10, instance: web, %s}}\ninstances: {web: }\n"
RULE = "direction: in, protocol: tcp, ports: 80"


def servers(fields: str) -> str:
    return f"firewalls: {{fw: }}\ninstances: {{web: {{{fields}}}, other: }}\n"


SAME: list[tuple[str, str]] = [
    (servers('name: "${vars.x}"'), servers("")),
    (servers('description: "${vars.x}"'), servers("")),
    (servers("firewall: \"${vars.x == null ? null : 'fw'}\""), servers("")),
    (servers("power: \"${vars.n == 1 ? 'off' : null}\""), servers("")),
    (servers('ssh_keys: "${vars.x}"'), servers("ssh_keys: null")),
    (servers('ssh_keys: [a, "${vars.x}"]'), servers("ssh_keys: [a]")),
    (servers("image: \"${vars.x == null ? null : 'a'}\""), servers("image: null")),
    (
        servers("image: \"${{'id': 'A-1', 'os': vars.x, 'version': null}}\""),
        servers("image: {id: A-1}"),
    ),
    (servers('image: {os: "${vars.x}", version: "${vars.x}"}'), servers("image: null")),
    (servers('count: "${vars.n}"'), servers("")),
    (servers('when: "${vars.x}"'), servers("")),
    (
        servers('depends_on: ["${vars.x}", instances.other]'),
        servers("depends_on: [instances.other]"),
    ),
    (servers("lifecycle: {protect: null, ignore: null, retain: null}, marker: null"), servers("")),
    (DISK % 'name: "${vars.x}", description: "${vars.x}"', DISK % "name: null"),
    (
        f'firewalls: {{fw: {{rules: {{a: {{{RULE}, cidr: 0.0.0.0/0, title: "${{vars.x}}"}}}}}}}}\n',
        f"firewalls: {{fw: {{rules: {{a: {{{RULE}, cidr: 0.0.0.0/0}}}}}}}}\n",
    ),
]


@pytest.mark.parametrize(("text", "without"), SAME, ids=range(len(SAME)))
def test_what_is_null_is_as_if_it_was_not_written(text: str, without: str) -> None:
    assert built(TOP + text).digest == built(TOP + without).digest


def test_each_object_has_its_own_nulls() -> None:
    stack = built(
        TOP
        + "instances: {web: {for_each: {a: one, b: null}, name: '${each.value}', "
        + "description: '${each.value == null ? null : each.key}'}}\n"
    )
    one, other = (stack.resources[at(f'instances.web["{key}"]')] for key in "ab")
    assert (one.attributes["name"], one.attributes["description"]) == ("one", "a")
    assert not {"name", "description"} & set(other.attributes)
    assert other.at_create["name"] == "shop-web-b" and "name" not in one.at_create


REQUIRED: list[tuple[str, str, str]] = [
    (
        f'firewalls: {{fw: {{rules: {{a: {{{RULE}, cidr: "${{vars.x}}"}}}}}}}}',
        "the rule has no `cidr`",
        "`${vars.x}` is null, which counts as not written",
    ),
    (
        'instances: {web: {image: {os: u, version: "${vars.x}"}}}',
        "`image` must be a name",
        "`version` is null, which counts as not written",
    ),
    ('instances: {web: {for_each: "${vars.x}"}}', "`for_each` is null", "write []"),
    ('existing: {firewalls: {a: {name: "${vars.x}"}}}', "name an existing object", "None"),
    ('instances: {web: {name: "a-${vars.x}"}}', "null cannot be inserted", "None"),
    (
        'instances: {web: }\nguard: {admin: "${vars.x}", ports: [22]}',
        "the guard has no `admin`",
        "None",
    ),
]


@pytest.mark.parametrize(("text", "message", "hint"), REQUIRED, ids=range(len(REQUIRED)))
def test_what_is_needed_cannot_be_null(text: str, message: str, hint: str) -> None:
    found = the_problem(TOP + text + "\n")
    assert message in str(found.message) and hint in str(found.hint) and found.place is not None


def test_a_required_field_that_is_null_names_its_expression() -> None:
    from reconciler.config.requirements import demands

    (demand,) = demands(built(TOP + "instances: {web: {flavor: '${vars.x}'}}\n"))
    assert "has no `flavor`" in str(demand.problem.message)
    assert "`${vars.x}` is null" in str(demand.problem.hint)
    assert demand.problem.place is not None and demand.problem.place.line == 5


@pytest.mark.parametrize(
    ("given", "value"),
    [({}, None), ({"n": "7"}, 7), ({"n": "null"}, None)],
)
def test_a_variable_whose_default_is_null(given: dict[str, str], value: Any) -> None:
    text = TOP.replace("integer, default: null", "integer, default: null, minimum: 3")
    assert built(text, inputs=VariableInputs(arguments=given)).variables["n"] == value


def test_a_value_for_a_variable_that_may_be_null_is_checked() -> None:
    text = TOP.replace("integer, default: null", "integer, default: null, minimum: 3")
    for given in ("x", "2"):
        inputs = VariableInputs(arguments={"n": given})
        assert [p.code for p in problems(text, inputs=inputs)] == ["variable-value"]
    # For a string, the command line has no null; no other type has a value that is spelled so.
    for kind in ("cidr", "port", "duration", "list", "map"):
        text = f"{HEAD}variables: {{n: {{type: {kind}, default: null}}}}\n"
        assert built(text, inputs=VariableInputs(arguments={"n": "null"})).variables["n"] is None
    assert built(TOP, inputs=VariableInputs(process={"x": "null"})).variables["x"] == "null"
    assert the_problem(
        HEAD + "variables: {n: {type: integer, default: 1}}\n"
        "environments: {p: {variables: {n: null}}}\n",
        environment="p",
    ).message.startswith("variable `n`: `null` is not a whole number")


PART = """\
version: 1
component: part
parameters:
  a: {type: string, default: null}
  b: {type: string, default: std}
  c: {type: boolean, default: true}
firewalls: {fw: }
instances:
  web:
    name: ${vars.a}
    description: ${vars.b}
    firewall: "${vars.c ? 'fw' : null}"
outputs: {a: {value: "${vars.a == null}"}}
"""


def test_null_in_the_parameters_of_a_component(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "part.yaml").write_text(PART)
    file = tmp_path / "stack.yaml"
    file.write_text(
        TOP
        + "components:\n"
        + "  p: {use: parts/part.yaml, with: {a: '${vars.x}', b: '${vars.x}'}}\n"
        + "  q: {use: parts/part.yaml, with: {a: null, b: null, c: false}}\n"
        + "outputs: {a: {value: '${components.p.outputs.a}'}}\n"
    )
    stack = load_stack(file, environment=None).stack
    p, q = (stack.resources[at(f"instances.{name}_web")].attributes for name in "pq")
    assert "name" not in p and p["description"] == q["description"] == "std"
    assert str(p["firewall"]) == "firewalls.p_fw" and "firewall" not in q
    assert stack.outputs[0].value is True
    file.write_text(file.read_text().replace("b: null", "b: 1.5, c: 5"))
    with pytest.raises(Abort):
        load_stack(file, environment=None)
