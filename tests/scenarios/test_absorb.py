"""Drift taken into the file in place: comments, order and spelling of everything else stay; then
the plan has nothing to change.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler.commands import absorb
from reconciler.commands import plan as planning
from reconciler.config import loader
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem
from tests.cloud_harness import CloudHarness

STACK = """\
# the shop, as Kim left it
version: 1
stack: shop
variables:
  note: {type: string, default: hello}
defaults:
  instances: {zone: kr1-z01, image: {os: ubuntu, version: "22.04"}, ssh_keys: [deploy], flavor: std_1.2-g1}   # for all

firewalls:
  web:
    icmp: true    # ping is fine
    rules:
      # the web
      https: {direction: in, protocol: tcp, ports: 443, cidr: 0.0.0.0/0}   # everybody
      ssh:
        direction: in
        protocol: tcp
        ports: 22
        cidr: 203.0.113.7/32   # the office

  # one that is not used
  db: {name: shop-db, rules: {mysql: {direction: in, protocol: tcp, ports: 3306, cidr: 10.0.0.0/8}}}

instances:
  web:
    count: 2
    firewall: web   # all of them
    description: 웹
  db: {flavor: "std_2.4-g1", description: "${vars.note} db", power: on, name: "shop-db"}   # 디비
  app:
    # nothing but defaults
    firewall: none

block_storages:
  data: {type: ssd, size: 10, instance: db}
"""


@pytest.fixture
def harness(tmp_path: Path) -> CloudHarness:
    made = CloudHarness()
    assert made.apply(made.stack(STACK, tmp_path)).exit_code == 0
    made.cloud.forget_quota()
    return made


def send(
    harness: CloudHarness, method: str, path: str, body: Mapping[str, Any] | None = None
) -> None:
    assert harness.cloud.handle(harness.cloud.signed(method, path, body=body)).status < 300
    harness.clock.advance(600)
    harness.cloud.forget_quota()


def ids(harness: CloudHarness) -> dict[str, str]:
    state = harness.state
    assert state is not None
    return {text: entry.id for text, entry in state.entries.items()}


def absorbed(
    harness: CloudHarness, folder: Path, *addresses: str
) -> tuple[str, tuple[Problem, ...]]:
    """The file after the drift of these addresses was taken into it, and what could not be."""
    stack = folder / "stack.yaml"

    def load(texts: Mapping[str, str]) -> loader.Loaded:
        return loader.load_stack(stack, environment=None, instead=texts)

    wanted = load({}).stack
    found = absorb.absorb(wanted, addresses, harness.connection(), harness.store, load)
    absorb.write(found)
    plan = harness.plan(load({}).stack)
    if not found.problems:
        assert not any(
            field
            for change in plan.changes
            for field in change.fields
            if str(change.address) in addresses
        ), found
    return stack.read_text(encoding="utf-8"), found.problems


def test_a_value_is_changed_in_place(harness: CloudHarness, tmp_path: Path) -> None:
    send(
        harness,
        "PUT",
        f"/v1/security-groups/{ids(harness)['firewalls.web']}",
        {"title": "shop-web", "icmp": "N"},
    )
    text, problems = absorbed(harness, tmp_path, "firewalls.web")
    assert problems == ()
    assert text == STACK.replace("icmp: true    # ping is fine", "icmp: false    # ping is fine")


def test_rules_are_added_removed_and_changed_in_place(
    harness: CloudHarness, tmp_path: Path
) -> None:
    found = ids(harness)
    group = f"/v1/security-groups/{found['firewalls.web']}/rules"
    send(
        harness,
        "POST",
        group,
        {
            "bound": "IN",
            "protocol": "TCP",
            "port": "8080",
            "ip": "10.0.0.0/8",
            "title": "관리 화면",
        },
    )
    send(harness, "PUT", f"{group}/{found['firewalls.web.rules.ssh']}", {"ip": "198.51.100.0/24"})
    send(harness, "DELETE", f"{group}/{found['firewalls.web.rules.https']}")
    text, problems = absorbed(harness, tmp_path, "firewalls.web")
    assert problems == ()
    expected = STACK.replace(
        "      https: {direction: in, protocol: tcp, ports: 443, cidr: 0.0.0.0/0}   # everybody\n",
        "",
    )
    expected = expected.replace(
        "        cidr: 203.0.113.7/32   # the office\n",
        "        cidr: 198.51.100.0/24   # the office\n"
        "      gwanri-hwamyeon: {direction: in, protocol: tcp, ports: 8080, cidr: 10.0.0.0/8, title: 관리 화면}\n",
    )
    assert text == expected


def test_the_last_rule_leaves_an_empty_set(harness: CloudHarness, tmp_path: Path) -> None:
    found = ids(harness)
    send(
        harness,
        "DELETE",
        f"/v1/security-groups/{found['firewalls.db']}/rules/{found['firewalls.db.rules.mysql']}",
    )
    text, _ = absorbed(harness, tmp_path, "firewalls.db")
    assert text == STACK.replace(
        "rules: {mysql: {direction: in, protocol: tcp, ports: 3306, cidr: 10.0.0.0/8}}", "rules: {}"
    )


def test_several_fields_of_one_line_and_a_value_of_the_defaults(
    harness: CloudHarness, tmp_path: Path
) -> None:
    found = ids(harness)
    send(
        harness,
        "POST",
        f"/v1/instances/{found['instances.db']}/resize",
        {"flavor_id": "std_4.8-g1"},
    )
    send(harness, "POST", f"/v1/instances/{found['instances.db']}/shutdown")
    send(harness, "PUT", f"/v1/instances/{found['instances.db']}", {"name": "디비: 주"})
    send(
        harness,
        "POST",
        f"/v1/instances/{found['instances.app']}/resize",
        {"flavor_id": "std_2.4-g1"},
    )
    text, problems = absorbed(harness, tmp_path, "instances.db", "instances.app")
    assert problems == ()
    expected = STACK.replace('flavor: "std_2.4-g1", desc', "flavor: std_4.8-g1, desc").replace(
        "power: on,", 'power: "off",'
    )
    expected = expected.replace('name: "shop-db"}', 'name: "디비: 주"}')
    expected = expected.replace(
        "    firewall: none\n", "    firewall: none\n    flavor: std_2.4-g1\n"
    )
    assert text.replace("power: off,", 'power: "off",') == expected


def test_a_membership_and_an_owner_are_written_by_key(
    harness: CloudHarness, tmp_path: Path
) -> None:
    found = ids(harness)
    send(
        harness,
        "POST",
        f"/v1/security-groups/{found['firewalls.db']}/attach",
        {"instance_id": found["instances.app"]},
    )
    send(harness, "POST", f"/v1/block-storages/{found['block_storages.data']}/detach")
    send(
        harness,
        "POST",
        f"/v1/block-storages/{found['block_storages.data']}/attach/{found['instances.web[1]']}",
    )
    text, problems = absorbed(harness, tmp_path, "instances.app", "block_storages.data")
    assert problems == ()
    assert text == STACK.replace("    firewall: none\n", "    firewall: db\n").replace(
        "instance: db}", 'instance: "web[1]"}'
    )


def test_what_an_expression_computes_is_not_written_over(
    harness: CloudHarness, tmp_path: Path
) -> None:
    send(
        harness, "PUT", f"/v1/instances/{ids(harness)['instances.db']}", {"description": "changed"}
    )
    text, problems = absorbed(harness, tmp_path, "instances.db")
    assert text == STACK
    assert (
        [p.code for p in problems] == ["absorb"]
        and "computed by an expression" in problems[0].message
        and problems[0].place is not None
    )


def test_a_line_that_several_objects_share_is_not_written(
    harness: CloudHarness, tmp_path: Path
) -> None:
    found = ids(harness)
    send(harness, "PUT", f"/v1/instances/{found['instances.web[0]']}", {"description": "첫째"})
    with pytest.raises(Abort) as stop:
        absorbed(harness, tmp_path, "instances.web[0]")
    assert "would also change instances.web[1]" in stop.value.problems[0].message
    send(harness, "PUT", f"/v1/instances/{found['instances.web[1]']}", {"description": "둘째"})
    with pytest.raises(Abort) as stop:
        absorbed(harness, tmp_path, "instances.web")
    assert "different values" in stop.value.problems[0].message
    send(harness, "PUT", f"/v1/instances/{found['instances.web[1]']}", {"description": "첫째"})
    text, problems = absorbed(harness, tmp_path, "instances.web")
    assert problems == () and text == STACK.replace("description: 웹", "description: 첫째")


def test_all_that_can_be_written_is_absorbed_and_the_rest_is_reported(
    harness: CloudHarness, tmp_path: Path
) -> None:
    # Goal: one line that cannot be written does not hold back the others.
    found = ids(harness)
    for address in ("instances.web[0]", "instances.db"):
        send(harness, "PUT", f"/v1/instances/{found[address]}", {"description": "changed"})
    group, app = found["firewalls.db"], found["instances.app"]
    send(harness, "POST", f"/v1/security-groups/{group}/attach", {"instance_id": app})
    text, problems = absorbed(harness, tmp_path)
    assert text == STACK.replace("    firewall: none\n", "    firewall: db\n")
    assert [(p.code, p.address) for p in problems] == [
        ("absorb", "instances.db"),
        ("absorb", "instances.web"),
    ]
    assert "would also change instances.web[1]" in problems[1].message


def test_absorb_without_drift_writes_nothing_and_reports_an_unknown_address(
    harness: CloudHarness, tmp_path: Path
) -> None:
    before = (tmp_path / "stack.yaml").stat().st_mtime_ns
    assert absorbed(harness, tmp_path, "instances.db") == (STACK, ())
    assert (tmp_path / "stack.yaml").stat().st_mtime_ns == before
    with pytest.raises(Abort) as stop:
        absorbed(harness, tmp_path, "instances.dbb")
    assert stop.value.problems[0].hint == "did you mean `instances.db`?"


def test_line_ends_of_another_system_stay(tmp_path: Path) -> None:
    harness = CloudHarness()
    file = tmp_path / "stack.yaml"
    stack = harness.stack(STACK, tmp_path)
    assert harness.apply(stack).exit_code == 0
    file.write_bytes(STACK.replace("\n", "\r\n").encode())
    harness.cloud.forget_quota()
    group = f"/v1/security-groups/{ids(harness)['firewalls.web']}/rules"
    send(
        harness,
        "POST",
        group,
        {"bound": "IN", "protocol": "TCP", "port": "80", "ip": "10.0.0.0/8", "title": "http"},
    )
    absorbed(harness, tmp_path, "firewalls.web")
    after = file.read_bytes()
    assert after.count(b"\r\n") == after.count(b"\n") == STACK.count("\n") + 1
    assert b"\r\n      http: {direction: in" in after


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_byte_order_mark_stays(ends: str, harness: CloudHarness, tmp_path: Path) -> None:
    # Goal: a file of an editor that writes one is read, so it can be absorbed into; nothing but the
    # value changes.
    file, text = tmp_path / "stack.yaml", "\ufeff" + STACK.replace("\n", ends)
    file.write_bytes(text.encode())
    send(
        harness,
        "PUT",
        f"/v1/security-groups/{ids(harness)['firewalls.web']}",
        {"title": "shop-web", "icmp": "N"},
    )
    _, problems = absorbed(harness, tmp_path, "firewalls.web")
    assert (
        problems == ()
        and file.read_bytes()
        == text.replace("icmp: true    # ping", "icmp: false    # ping").encode()
    )


def test_a_linked_file_is_changed_at_its_target(harness: CloudHarness, tmp_path: Path) -> None:
    # Goal: the link was replaced by a copy, and the file that others read did not say what was
    # absorbed.
    link, file = tmp_path / "stack.yaml", tmp_path / "shared" / "shop.yaml"
    file.parent.mkdir()
    link.rename(file)
    link.symlink_to(file)
    send(
        harness,
        "PUT",
        f"/v1/security-groups/{ids(harness)['firewalls.web']}",
        {"title": "shop-web", "icmp": "N"},
    )
    absorbed(harness, tmp_path, "firewalls.web")
    assert link.is_symlink() and file.read_text(encoding="utf-8") == STACK.replace(
        "icmp: true    # ping", "icmp: false    # ping"
    )


def test_an_earlier_mistake_does_not_block_the_edit(harness: CloudHarness, tmp_path: Path) -> None:
    # Goal: one server that may not be deleted keeps nobody from taking in the drift of another, nor
    # from looking at it.
    app_of = "  app:\n    # nothing but defaults\n    firewall: none\n"
    assert (
        harness.apply(
            harness.stack(
                STACK.replace(app_of, app_of + "    lifecycle: {protect: true}\n"), tmp_path
            )
        ).exit_code
        == 0
    )
    harness.stack(STACK.replace(app_of, ""), tmp_path)
    send(
        harness,
        "PUT",
        f"/v1/security-groups/{ids(harness)['firewalls.web']}",
        {"title": "shop-web", "icmp": "N"},
    )
    seen = planning.drift(
        loader.load_stack(tmp_path / "stack.yaml", environment=None).stack,
        harness.connection(),
        harness.store,
    )
    assert [str(change.address) for change in seen.plan.drift] == [
        "firewalls.web"
    ] and seen.exit_code == 0
    text, problems = absorbed(harness, tmp_path, "firewalls.web")
    assert problems == () and "icmp: false    # ping is fine" in text


def test_two_fields_go_into_an_empty_resource_and_an_only_rule_is_replaced(tmp_path: Path) -> None:
    # Goal: the new text was not YAML, and the message blamed the user's file.
    harness = CloudHarness()
    stack = STACK.partition("\ninstances:\n")[0].replace("0/8}}}", "0/8},},}")
    assert harness.apply(harness.stack(stack + "\ninstances:\n  b:\n", tmp_path)).exit_code == 0
    harness.cloud.forget_quota()
    found = ids(harness)
    send(
        harness, "POST", f"/v1/instances/{found['instances.b']}/resize", {"flavor_id": "std_2.4-g1"}
    )
    harness.stack(stack + "\ninstances:\n  b: ~  # nothing yet\n", tmp_path)
    group = f"/v1/security-groups/{found['firewalls.db']}/rules"
    send(harness, "DELETE", f"{group}/{found['firewalls.db.rules.mysql']}")
    send(
        harness,
        "POST",
        group,
        {"bound": "IN", "protocol": "TCP", "port": "5432", "ip": "10.0.0.0/8", "title": "pg"},
    )
    text, problems = absorbed(harness, tmp_path, "firewalls.db", "instances.b")
    assert (
        problems == ()
        and "rules: {pg: {direction: in, protocol: tcp, ports: 5432, cidr: 10.0.0.0/8}},}" in text
    )


def test_an_edit_that_would_not_read_back_is_refused(harness: CloudHarness, tmp_path: Path) -> None:
    # Goal: nobody looks for a mistake in a file that has none.
    send(
        harness,
        "PUT",
        f"/v1/security-groups/{ids(harness)['firewalls.web']}",
        {"title": "shop-web", "icmp": "N"},
    )

    def load(texts: Mapping[str, str]) -> loader.Loaded:
        broken = {file: text + "  : [\n" for file, text in texts.items()}
        return loader.load_stack(tmp_path / "stack.yaml", environment=None, instead=broken)

    with pytest.raises(Abort) as stop:
        absorb.absorb(load({}).stack, ("firewalls.web",), harness.connection(), harness.store, load)
    problem = stop.value.problems[0]
    assert (
        problem.code == "absorb"
        and "the edited stack would not be valid" in problem.message
        and problem.place is None
    )


MERGED = """\
version: 1
stack: shop
x-server: &server
  zone: kr1-z01
  image: {os: ubuntu, version: "22.04"}
  ssh_keys: [deploy]
  flavor: std_1.2-g1
  description: both
x-rules: &rules
  ssh: {direction: in, protocol: tcp, ports: 22, cidr: 203.0.113.7/32}
firewalls:
  web: {<<: {rules: *rules}}
  db: {rules: {<<: *rules}}
instances:
  web: {<<: *server, firewall: web}
  db: {<<: *server, firewall: db}
"""


@pytest.fixture
def merged(tmp_path: Path) -> CloudHarness:
    made = CloudHarness()
    assert made.apply(made.stack(MERGED, tmp_path)).exit_code == 0
    made.cloud.forget_quota()
    return made


def test_a_merged_value_is_written_into_the_mapping_itself(
    merged: CloudHarness, tmp_path: Path
) -> None:
    path = f"/v1/instances/{ids(merged)['instances.web']}"
    send(merged, "POST", f"{path}/resize", {"flavor_id": "std_4.8-g1"})
    text, problems = absorbed(merged, tmp_path, "instances.web")
    assert problems == ()
    assert text == MERGED.replace(
        "{<<: *server, firewall: web}", "{<<: *server, firewall: web, flavor: std_4.8-g1}"
    )


def test_rules_of_an_anchor_are_not_changed_for_its_other_users(
    merged: CloudHarness, tmp_path: Path
) -> None:
    found = ids(merged)
    path = f"/v1/security-groups/{found['firewalls.web']}/rules"
    send(merged, "PUT", f"{path}/{found['firewalls.web.rules.ssh']}", {"ip": "198.51.100.0/24"})
    with pytest.raises(Abort, match=r"would also change firewalls\.db\.rules\.ssh"):
        absorbed(merged, tmp_path, "firewalls.web")
    body = {"bound": "IN", "protocol": "TCP", "port": "8080", "ip": "10.0.0.0/8", "title": "x"}
    merged.cloud.forget_quota()
    send(merged, "PUT", f"{path}/{found['firewalls.web.rules.ssh']}", {"ip": "203.0.113.7/32"})
    send(merged, "POST", path, body)
    text, problems = absorbed(merged, tmp_path, "firewalls.web")
    assert text == MERGED
    assert [problem.message for problem in problems] == ["its rules come from a merge key (`<<`)"]
    merged.cloud.forget_quota()
    send(
        merged,
        "POST",
        f"/v1/security-groups/{found['firewalls.db']}/rules",
        body,
    )
    text, problems = absorbed(merged, tmp_path, "firewalls.db")
    assert problems == ()
    assert "  db: {rules: {<<: *rules, x: {" in text
