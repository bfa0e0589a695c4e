"""One run shows the mistakes of every stage: a mistake of one stage neither hides one of another
stage nor causes one.
"""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import pytest

from reconciler.config import loader, requirements
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem


class Mistake(NamedTuple):
    """A line of the stack below, what is written instead, and the text of the one message."""

    line: str
    wrong: str
    message: str


STACK = """\
version: 1
stack: shop
variables:
  size: {type: string, default: std_2.4-g1}
  replicas: {type: integer, default: 2}
environments:
  prod: {variables: {size: std_4.8-g1}}
locals:
  label: ${vars.size}
  team: backend
defaults:
  instances: {zone: kr1-z01, image: {os: ubuntu, version: "22.04"}, flavor: std_2.4-g1}
existing:
  instances:
    bastion: {id: INSTANCE-1}
firewalls:
  web:
    icmp: true
    rules:
      https: {direction: in, protocol: tcp, ports: 443, cidr: 0.0.0.0/0}
      ssh: {direction: in, protocol: tcp, ports: 22, cidr: 203.0.113.0/24}
      admin: {direction: in, protocol: tcp, ports: 8443, cidr: 203.0.113.0/24}
      dns: {direction: out, protocol: udp, ports: 53, cidr: 0.0.0.0/0}
  office: {}
instances:
  web:
    count: ${vars.replicas}
    firewall: web
    ssh_keys: [ops]
    flavor: ${vars.size}
  app: {description: "${locals.label}", firewall: web}
  db:
    firewall: office
    lifecycle: {protect: [delete], replace: create_first}
    power: on
  first: {description: "${locals.team}"}
  second: {description: "${instances.first.private_ip}"}
  late: {depends_on: [firewalls.web.rules.ssh]}
  spare: {zone: kr1-z01}
  plain: {}
block_storages:
  data: {size: 10, instance: db, type: ssd}
  logs: {size: 20, instance: "web[0]", type: ssd}
guard: {admin: [203.0.113.7/32], ports: [22], servers: [db]}
moved:
  - {from: instances.old, to: instances.app}
removed:
  - {from: instances.gone, keep: true}
outputs:
  ip: {value: "${instances.app.public_ip}"}
  web: {value: "${instances.web.map(w, w.public_ip)}"}
"""

SCHEMA = (
    Mistake("stack: shop", "stack: Shop", "`Shop` is not a valid `stack`"),
    Mistake("stack: shop", "stack: shop\ncolour: red", "`colour` is not a known key"),
    Mistake("    icmp: true", "    icmp: yes", "`icmp` must be"),
    Mistake("    power: on", "    power: maybe", "`power` must be"),
    Mistake("[delete], replace: create_first", "[delte], replace: create_first", "`delte`"),
    Mistake("replace: create_first", "replace: sideways", "`sideways`"),
    Mistake("size: 10, instance: db", "size: big, instance: db", "`size` must be"),
    Mistake("{zone: kr1-z01, image", "{region: kr1-z01, image", "`region` is not a known key"),
    Mistake("type: ssd}\n  logs", "typ: ssd}\n  logs", "`typ` is not a known key"),
    Mistake("web: {value:", "web: {valeu:", "`valeu` is not a known key"),
    Mistake("dns: {direction: out,", "dns: {", "`dns` has no"),
    Mistake("  spare: {zone: kr1-z01}", "  Spare: {zone: kr1-z01}", "`Spare`"),
)
SECTIONS = (
    Mistake(
        "  size: {type: string, default: std_2.4-g1}\n  replicas: {type: integer, default: 2}",
        "  - size",
        "`variables` must be",
    ),
    Mistake("  label: ${vars.size}\n  team: backend", "  - label", "`locals` must be"),
    Mistake("  prod: {variables: {size: std_4.8-g1}}", "  - prod", "`environments` must be"),
    Mistake(
        '  instances: {zone: kr1-z01, image: {os: ubuntu, version: "22.04"}, flavor: std_2.4-g1}',
        "  instances: [zone]",
        "`instances` must be",
    ),
    Mistake("    bastion: {id: INSTANCE-1}", "    - bastion", "`instances` must be"),
    Mistake("  data: {size: 10, instance: db, type: ssd}", "  data: [10]", "`data` must be"),
)
MEANING = (
    Mistake("default: 2}", "default: two}", "variable `replicas`"),
    Mistake("{size: std_4.8-g1}", "{sice: std_4.8-g1}", "no variable `sice`"),
    Mistake("label: ${vars.size}", "label: ${vars.nope}", "`vars.nope` does not exist"),
    Mistake("label: ${vars.size}", "label: ${1 +}", "the expression cannot be read"),
    Mistake("label: ${vars.size}", "label: ${locals.label}", "dependency cycle between locals"),
    Mistake("count: ${vars.replicas}", "count: many", "`count` must be"),
    Mistake("count: ${vars.replicas}", "count: ${1 / 0}", "zero"),
    Mistake("    flavor: ${vars.size}", "    flavor: ${vars.sice}", "`vars.sice` does not exist"),
    Mistake(
        "instance: db, type: ssd}", "instance: bd, type: ssd}", "`instances.bd` does not exist"
    ),
    Mistake("office\n    life", "offic\n    life", "`firewalls.offic` does not exist"),
    Mistake("ports: 8443, cidr: 203.0.113.0/24", "ports: 443, cidr: 0.0.0.0/0", "same traffic"),
    Mistake("ports: 22, cidr: 203", "ports: 99999, cidr: 203", "99999"),
    Mistake("cidr: 203.0.113.0/24}\n      admin", "cidr: 300.0.113.0/24}\n      admin", "300.0"),
    Mistake("rules.ssh]", "rules.shs]", "`firewalls.web.rules.shs` does not exist"),
    Mistake('"${locals.team}"', '"${instances.second.private_ip}"', "dependency cycle"),
    Mistake("id: INSTANCE-1", 'id: "../x"', "is not an id"),
    Mistake("[203.0.113.7/32]", "[203.0.113.7]", "has no mask"),
    Mistake("servers: [db]", "servers: [dbb]", "`instances.dbb` does not exist"),
    Mistake("from: instances.old", "from: instances.app", "`instances.app` moves"),
    Mistake("from: instances.gone", "from: instances.db", "`instances.db` is removed"),
    Mistake("app.public_ip}", "app.public_pi}", "no attribute `public_pi`"),
    Mistake("plain: {}", "plain: {description: " + "x" * 60 + "}", "has 60 characters"),
    Mistake("size: 20, instance", "instance", "has no `size`"),
)
YAML = (
    Mistake("    firewall: web\n", "    firewall: web\n    firewall: office\n", "duplicate key"),
    Mistake("  team: backend", "  team: !!str backend", "the tag"),
)
ALL = (*SCHEMA, *SECTIONS, *MEANING, *YAML)


def _with(*mistakes: Mistake) -> str | None:
    """The stack with these mistakes; None if they are of one line."""
    text = STACK
    for mistake in mistakes:
        if text.count(mistake.line) != 1:
            return None
        text = text.replace(mistake.line, mistake.wrong)
    return text


def _problems(folder: Path, text: str) -> tuple[Problem, ...]:
    path = folder / "stack.yaml"
    path.write_text(text)
    found, _ = loader.validate(path, environment=None)
    return found


def test_the_stack_is_valid(tmp_path: Path) -> None:
    assert _problems(tmp_path, STACK) == ()


@pytest.mark.parametrize("mistake", ALL, ids=lambda mistake: mistake.wrong[:40])
def test_one_mistake_is_one_message(tmp_path: Path, mistake: Mistake) -> None:
    text = _with(mistake)
    assert text is not None, mistake
    found = _problems(tmp_path, text)
    assert [mistake.message in problem.message for problem in found] == [True], found


def test_all_mistakes_are_shown_together(tmp_path: Path) -> None:
    # Each mistake that is not of a line that another one changes already.
    taken: list[Mistake] = []
    for mistake in (*SCHEMA, *MEANING, *YAML):
        if _with(*taken, mistake) is not None:
            taken.append(mistake)
    found = _problems(tmp_path, _with(*taken) or "")
    messages = [problem.message for problem in found]
    assert len(taken) > 25
    assert len(found) == len(taken)
    for mistake in taken:
        assert any(mistake.message in message for message in messages), mistake


def test_two_mistakes_of_different_stages_are_both_shown_and_nothing_else(tmp_path: Path) -> None:
    # Every eighth of the pairs, so that the test is fast; all were tried.
    for number, (one, other) in enumerate(combinations(ALL, 2)):
        text = _with(one, other) if number % 8 == 0 else None
        if text is None:
            continue
        found = _problems(tmp_path, text)
        shown = {problem.message for problem in found}
        for mistake in (one, other):
            # what an unreadable section would contain is not known
            unknown = (one in SECTIONS or other in SECTIONS) and mistake in (*MEANING, *YAML)
            assert unknown or any(mistake.message in message for message in shown), (one, other)
        assert len(found) <= 2, (one, other, found)


def test_a_file_that_is_not_yaml_does_not_hide_mistakes_of_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("version: 1\nstack: shop\nlocals: {a: ${x}\n")
    (tmp_path / "b.yaml").write_text(
        "instances:\n  web: {flavour: x, power: maybe, firewall: elsewhere}\n"
        "outputs:\n  a: {value: '${1 +}'}\n  b: {value: '${locals.a}'}\n"
    )
    found, _ = loader.validate(tmp_path, environment=None)
    shown = [(Path(p.place.file).name, p.place.line, p.code) for p in found if p.place]
    assert shown == [
        ("a.yaml", 3, "yaml-quote"),
        ("b.yaml", 2, "unknown-key"),
        ("b.yaml", 2, "not-allowed"),
        ("b.yaml", 4, "expression"),
    ]


def test_a_wrong_environment_does_not_hide_mistakes(tmp_path: Path) -> None:
    path = tmp_path / "stack.yaml"
    path.write_text(
        STACK.replace("default: std_2.4-g1}", "minimum: 1}").replace("power: on", "power: maybe")
    )
    with pytest.raises(Abort) as stop:
        loader.load_stack(path, environment="staging")
    assert [problem.code for problem in stop.value.problems] == ["environment", "not-allowed"]


def test_a_broken_file_of_variables_does_not_cause_other_mistakes(tmp_path: Path) -> None:
    path, values = tmp_path / "stack.yaml", tmp_path / "values.yml"
    path.write_text("version: 1\nstack: shop\nvariables: {size: {type: string}}\n")
    values.write_text("size: [\n")
    found, _ = loader.validate(
        path, environment=None, variables=loader.VariableSources(files=[values])
    )
    assert [problem.code for problem in found] == ["yaml-syntax"]


def test_each_wrong_name_of_a_text_is_reported_once(tmp_path: Path) -> None:
    text = STACK.replace("label: ${vars.size}", "label: ${vars.a}-${vars.b}-${vars.a}")
    assert [problem.message for problem in _problems(tmp_path, text)] == [
        "`vars.a` does not exist",
        "`vars.b` does not exist",
    ]


def test_what_a_plan_would_report_next_is_reported_with_the_mistakes_of_the_file(
    tmp_path: Path,
) -> None:
    path = tmp_path / "stack.yaml"
    path.write_text(STACK.replace("size: 20, ", "").replace("power: on", "power: maybe"))
    with pytest.raises(Abort) as stop:
        loader.load_stack(
            path,
            environment="prod",
            check=lambda stack: [demand.problem for demand in requirements.demands(stack)],
        )
    assert [problem.code for problem in stop.value.problems] == ["not-allowed", "missing-key"]


def test_equal_names_are_reported_without_an_account(tmp_path: Path) -> None:
    path = tmp_path / "stack.yaml"
    path.write_text(
        "version: 1\nstack: shop\nfirewalls:\n  a: {name: same}\n  b:\n    name: same\n",
        encoding="utf-8",
    )
    found, _ = loader.validate(path, environment=None)
    assert [
        f"{each.place} {each.severity.value}[{each.code}] {each.message}" for each in found
    ] == [
        f"{path}:6:11 warning[duplicate-name] firewalls.a and firewalls.b have the same name 'same'"
    ]
