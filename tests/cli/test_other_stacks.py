"""Stacks that read others, and what `validate` knows from earlier runs, at the command line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.sessions import SCALE, begin, call

NETWORK = """\
version: 1
stack: network
environments: {staging: , prod: }
firewalls: {gate: {rules: {ssh: {direction: in, protocol: tcp, ports: 22, cidr: 203.0.113.7/32}}}}
outputs: {range: {value: "10.${env.name == 'prod' ? 1 : 2}.0.0/16"}, gate: {value: "${firewalls.gate.id}"}}
"""
APP = """\
version: 1
stack: app
environments: {prod: }
stacks: {network: {path: ../network, env: "${env.name}"}}
firewalls: {app: {rules: {in: {direction: in, protocol: tcp, ports: 80, cidr: "${stacks.network.outputs.range}"}}}}
"""


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    begin(monkeypatch, tmp_path, {"network/stack.yaml": NETWORK, "app/stack.yaml": APP})
    monkeypatch.setenv("RECONCILER_STATE_DIR", str(tmp_path / "state"))


def test_a_stack_reads_what_another_gave_at_its_last_apply(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, _ = call(capsys, "validate", "app")
    assert code == 0 and "warning[output]" in out and "has no state yet" in out
    code, _, err = call(capsys, "plan", "app", "--env", "prod")
    assert (
        code == 1
        and "error[output]" in err
        and "hint: apply it first: reconciler apply network --env prod --simulate" in err
    )

    assert call(capsys, "apply", "network", "--env", "prod", "--yes", *SCALE)[0] == 0
    assert call(capsys, "validate", "app")[1] == "app/prod: no errors\n"
    assert call(capsys, "apply", "app", "--env", "prod", "--yes", *SCALE)[0] == 0
    assert "10.1.0.0/16" in call(capsys, "simulator", "world", "--stack", "app")[1]

    Path("network/stack.yaml").write_text(NETWORK.replace("10.$", "172.$"), encoding="utf-8")
    assert call(capsys, "apply", "network", "--env", "prod", "--yes", *SCALE)[0] == 0
    code, out, _ = call(capsys, "plan", "app", "--env", "prod", "--detailed-exitcode")
    assert code == 2 and "10.1.0.0/16 -> 172.1.0.0/16" in out


def test_outputs_of_a_destroyed_stack_are_not_reported_as_undefined(
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Goal: the way out is at the other stack, not in this file.
    assert call(capsys, "apply", "network", "--env", "prod", "--yes", *SCALE)[0] == 0
    assert (
        call(capsys, "destroy", "network", "--env", "prod", "--yes", "--accept", "delete", *SCALE)[
            0
        ]
        == 0
    )
    code, _, err = call(capsys, "plan", "app", "--env", "prod")
    assert code == 1 and "hint: the stack has no outputs; apply it again" in err


def test_a_state_in_the_folder_of_another_environment_is_not_planned_with(
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Goal: a plan from a copied folder showed the objects of the one environment as those of the
    # other, which an apply then refused.
    assert call(capsys, "apply", "network", "--env", "prod", "--yes", *SCALE)[0] == 0
    found = next(Path("state").rglob("network.prod/state.json"))
    found.parent.rename(found.parent.with_name("network.staging"))
    for command in ("plan", "drift"):
        code, _, err = call(capsys, command, "network", "--env", "staging")
        assert (
            code == 1
            and "error[state-damaged]  this folder contains the state of network/prod" in err
        )


def test_a_path_to_a_missing_stack_is_reported_at_its_place(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for edit, says in (("../network", "../net"), ('"${env.name}"', "dev")):
        Path("app/stack.yaml").write_text(APP.replace(edit, says), encoding="utf-8")
        code, _, err = call(capsys, "plan", "app", "--env", "prod")
        assert code in (1, 64) and ("net does not exist" in err or "no environment `dev`" in err)


def test_validate_knows_the_catalogue_that_an_earlier_run_has_kept(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = (
        NETWORK
        + "instances: {jump: {zone: kr1-z01, flavor: std_9, image: {os: ubuntu, version: '22.04'}, ssh_keys: [deploy]}}\n"
    )
    Path("network/stack.yaml").write_text(text, encoding="utf-8")
    assert call(capsys, "validate", "network")[1].endswith("no errors\n")
    assert call(capsys, "plan", "network", "--env", "prod")[0] == 1
    code, out, _ = call(capsys, "validate", "network", "--env", "prod")
    assert (
        code == 0
        and "warning[lookup]" in out
        and "stack.yaml:6" in out
        and "std_9" in out
        and "as it was seen last" in out
    )


def test_the_shell_is_offered_the_addresses_of_file_and_state(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from reconciler.cli.completion import answer
    from reconciler.cli.program import program

    def offered(*words: str) -> list[str]:
        items = answer.offered(program, words[:-1], words[-1], os.environ)
        return [item.value for item in items]

    assert offered("state", "forget", "fire") == [] and offered(
        "absorb", "--stack", "network", "fire"
    ) == ["firewalls.gate"]
    assert call(capsys, "apply", "network", "--env", "prod", "--yes", *SCALE)[0] == 0
    found = offered("absorb", "--stack", "network", "--env", "prod", "firewalls.gate")
    assert found == ["firewalls.gate", "firewalls.gate.rules.ssh"]
    assert offered("absorb", "--stack", "nowhere", "") == []


def test_a_graph_reads_them_too(capsys: pytest.CaptureFixture[str]) -> None:
    # Goal: the local cloud's state counts here as everywhere.
    assert call(capsys, "apply", "network", "--env", "prod", "--yes", *SCALE)[0] == 0
    code, out, _ = call(capsys, "graph", "app", "--env", "prod")
    assert code == 0 and "firewalls.app" in out


def test_two_local_clouds_are_reported_with_a_hint_to_share_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Goal: an id from a cloud beside another folder leads nowhere, and nobody finds out why by
    # himself.
    monkeypatch.delenv("RECONCILER_STATE_DIR")
    reads = APP + 'existing: {firewalls: {gate: {id: "${stacks.network.outputs.gate}"}}}\n'
    Path("app/stack.yaml").write_text(reads, encoding="utf-8")
    assert call(capsys, "apply", "network", "--env", "prod", "--yes", *SCALE)[0] == 0
    code, out, _ = call(capsys, "plan", "app", "--env", "prod")
    assert (
        code == 1
        and "error[lookup]  existing.firewalls.gate: no firewall of this account has the id 'FIREWALL-"
        in out
    )
    assert (
        "warning[simulator]  stack `network` has a local cloud of its own" in out
        and "RECONCILER_STATE" in out
    )
