"""`apply` and `destroy` of several stacks at the local cloud: the world after it, and what is shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli import composition
from reconciler.cli.many import many_plans
from reconciler.simulator.worldfile import load_world
from reconciler.store.folder_store import FileStore
from tests.cli.sessions import SCALE, begin, call, validator
from tests.cli.steering import Steering

SERVER = (
    '{zone: kr1-z01, flavor: std_1.1-g1, image: {os: ubuntu, version: "22.04"}, ssh_keys: [deploy]'
)
PROJECT = """\
version: 1
project: shop-infra
stacks:
  network: {path: network}
  shop: {path: shop}
  monitoring: {path: monitoring}
"""
NETWORK = f"""\
version: 1
stack: network
instances:
  bastion: {SERVER}, firewall: web}}
firewalls:
  web:
    rules:
      https: {{direction: in, protocol: tcp, ports: 443, cidr: 0.0.0.0/0}}
outputs:
  bastion: {{value: "${{instances.bastion.private_ip}}"}}
"""
SHOP = """\
version: 1
stack: shop
stacks: {network: {path: ../network}}
firewalls:
  web:
    rules:
      ssh: {direction: in, protocol: tcp, ports: 22, cidr: "${stacks.network.outputs.bastion + '/32'}"}
"""
MONITORING = """\
version: 1
stack: monitoring
firewalls:
  agents:
    rules:
      agent: {direction: in, protocol: tcp, ports: 9100, cidr: 10.0.0.0/8}
"""
FILES = {
    "reconciler.yaml": PROJECT,
    "network/stack.yaml": NETWORK,
    "shop/stack.yaml": SHOP,
    "monitoring/stack.yaml": MONITORING,
}
DELETE = ("--yes", "--accept", "delete")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    begin(monkeypatch, tmp_path, FILES)
    return tmp_path


@pytest.fixture
def steering(monkeypatch: pytest.MonkeyPatch) -> Steering:
    return Steering(monkeypatch)


def apply(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str, str]:
    return call(capsys, "apply", "--all", "--yes", *SCALE, *options)


def events(out: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in out.splitlines()]
    schema = validator("event")
    for each in found:
        schema.validate(each)
    return found


def ends(out: str) -> Mapping[str, str]:
    """How each stack ended, by the last line."""
    return {each["title"]: each["end"] for each in events(out)[-1]["stacks"]}


def spans(found: list[dict[str, Any]]) -> dict[str, tuple[int, int]]:
    """The first and the last position of the steps of each stack."""
    steps = [(number, each["stack"]) for number, each in enumerate(found) if "key" in each]
    return {
        title: (
            min(number for number, of in steps if of == title),
            max(number for number, of in steps if of == title),
        )
        for _, title in steps
    }


def objects(project: Path) -> dict[str, int]:
    """How many objects of each kind the local cloud has."""
    world = load_world(project / "state" / ".simulator" / "world.json")
    return {"instances": len(world.instances), "firewalls": len(world.firewalls)}


def test_a_stack_is_planned_again_when_what_it_reads_is_applied(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = apply(capsys, "--format", "json")
    found = events(out)
    assert (code, err) == (0, "")
    assert ends(out) == {"network": "done", "monitoring": "done", "shop": "done"}
    assert objects(project) == {"instances": 1, "firewalls": 3}
    where = spans(found)
    assert where["network"][1] < where["shop"][0]
    assert {each["run"] for each in found} == {found[0]["run"]}
    again = apply(capsys)
    assert again[0] == 0 and "network     no changes, 2 resources" in again[1] and again[2] == ""


def test_a_failed_stack_stops_only_what_depends_on_it(
    project: Path, capsys: pytest.CaptureFixture[str], steering: Steering
) -> None:
    with steering.failing("refused_before", "POST", "createInstance", code="CHECK_PARAM"):
        code, _, err = apply(capsys)
    assert code == 3
    assert "  FAILED   network     not finished, exit code 3\n" in err
    assert "  ok       monitoring\n" in err
    assert "  skipped  shop        needs network\n" in err
    assert "Apply incomplete: 1 stack applied; 1 failed; 1 skipped." in err
    assert "reconciler apply --all --simulate" in err
    assert objects(project) == {"instances": 0, "firewalls": 2}
    code, _, err = apply(capsys)
    assert code == 0 and "Apply complete: 2 stacks applied, 1 unchanged." in err, err
    assert objects(project) == {"instances": 1, "firewalls": 3}


def test_ctrl_c_ends_all_stacks_and_the_next_run_continues(
    project: Path, capsys: pytest.CaptureFixture[str], steering: Steering
) -> None:
    with steering.interrupted_at("POST /v1/instances"):
        code, out, _ = apply(capsys, "--format", "json")
    assert code == 130
    found = ends(out)
    assert found["network"] == "failed" and found["shop"] in ("not-started", "skipped")
    code, out, _ = apply(capsys, "--format", "json")
    assert code == 0 and set(ends(out).values()) <= {"done", "unchanged"}
    assert objects(project) == {"instances": 1, "firewalls": 3}


def test_a_destroy_goes_backwards_and_leaves_nothing(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert apply(capsys)[0] == 0
    code, out, _ = call(capsys, "destroy", "--all", *DELETE, *SCALE, "--format", "json")
    assert code == 0 and set(ends(out).values()) == {"done"}
    where = spans(events(out))
    assert where["shop"][1] < where["network"][0]
    assert objects(project) == {"instances": 0, "firewalls": 0}
    code, out, _ = call(capsys, "destroy", "--all", *DELETE)
    assert (code, out) == (0, "Nothing to destroy.\n")


def test_consent_is_asked_once_for_all_stacks_before_anything_is_sent(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert apply(capsys)[0] == 0
    before = objects(project)
    code, _, err = call(capsys, "destroy", "--all", "--yes", *SCALE)
    assert code == 4 and "--accept delete=network:instances.bastion" in err
    partly = ("--accept", "delete=network:instances.bastion")
    code, _, err = call(capsys, "destroy", "--all", "--yes", *partly, *SCALE)
    assert code == 4 and "delete=shop:firewalls.web" in err and "network:instances" not in err
    assert objects(project) == before
    code, out, _ = call(capsys, "destroy", "--all", *SCALE, "--format", "json")
    problem = next(each["problem"] for each in events(out) if each["type"] == "problem")
    assert code == 4 and problem["hint"].endswith(" --yes")


@pytest.mark.parametrize(
    ("accept", "message"),
    [
        ("delete=instances.bastion", "does not name a stack"),
        ("delete=netwrk:instances.bastion", "netwrk is not a stack of this run"),
    ],
)
def test_consent_for_one_object_names_its_stack(
    project: Path, capsys: pytest.CaptureFixture[str], accept: str, message: str
) -> None:
    code, out, err = call(capsys, "destroy", "--all", "--yes", "--accept", accept)
    assert code == 64 and out == "" and message in err


def test_a_plan_that_needs_more_consent_than_was_shown_is_not_applied(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = SHOP + f"instances:\n  web: {SERVER}, firewall: web}}\n"
    (project / "shop" / "stack.yaml").write_text(shop, encoding="utf-8")
    assert apply(capsys)[0] == 0
    # The address of a new instance decides whether SSH is opened to everybody.
    network = NETWORK.replace("firewalls:\n", f"  second: {SERVER}, firewall: web}}\nfirewalls:\n")
    network += '  second: {value: "${instances.second.private_ip}"}\n'
    (project / "network" / "stack.yaml").write_text(network, encoding="utf-8")
    decided = "${stacks.network.outputs.second.startsWith('10.') ? '0.0.0.0/0' : '10.9.9.9/32'}"
    before = "${stacks.network.outputs.bastion + '/32'}"
    (project / "shop" / "stack.yaml").write_text(shop.replace(before, decided), encoding="utf-8")
    code, out, err = apply(capsys)
    assert code == 4, (out, err)
    assert "shop: the plan now needs consent that was not shown before: exposure=" in err
    assert "  ok         network" in err and "  FAILED     shop" in err
    world = load_world(project / "state" / ".simulator" / "world.json")
    assert len(world.instances) == 3
    assert apply(capsys, "--accept", "exposure")[0] == 0


def test_a_locked_stack_stops_only_what_depends_on_it(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = FileStore(project / "state" / ".simulator" / "network")
    other = composition.holder("reconciler apply")
    writer = store.open(other, timeout_seconds=0, stack="network", environment=None)
    code, _, err = apply(capsys)
    writer.close()
    assert code == 6 and "network     error[locked]" in err and "skipped  shop" in err
    assert "ok       monitoring" in err


def test_files_that_changed_after_the_plan_was_shown_stop_their_stack(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    show = many_plans.show

    def edited(*shown: Any) -> None:
        show(*shown)
        more = f"instances:\n  one: {SERVER}}}\n  two: {SERVER}}}\n"
        (project / "monitoring" / "stack.yaml").write_text(MONITORING + more)

    monkeypatch.setattr(many_plans, "show", edited)
    code, _, err = apply(capsys)
    assert code == 4 and "monitoring: the plan now has changes that were not shown before" in err
    assert objects(project) == {"instances": 1, "firewalls": 2}


def test_a_state_that_cannot_be_read_stops_its_own_stack_only(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert apply(capsys)[0] == 0
    (project / "state" / ".simulator" / "monitoring" / "state.json").write_text("{")
    shop = SHOP.replace("ports: 22", "ports: 2222")
    (project / "shop" / "stack.yaml").write_text(shop)
    code, out, _ = apply(capsys, "--format", "json")
    assert code == 1
    assert ends(out) == {"network": "unchanged", "monitoring": "failed", "shop": "done"}
    code, out, _ = call(capsys, "destroy", "--all", *SCALE, *DELETE, "--format", "json")
    assert code == 1
    assert ends(out) == {"network": "done", "monitoring": "failed", "shop": "done"}
