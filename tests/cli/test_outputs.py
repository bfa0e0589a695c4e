"""Outputs in every form, the inventories, and that nothing of them outlives the stack."""

from __future__ import annotations

import configparser
import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli import program
from reconciler.model.address import Address
from reconciler.render import inventory_text
from reconciler.render.inventory import Host
from tests.cli.sessions import SCALE, begin, call
from tests.hostile.hostile_inputs import obeyed

STACK = """\
version: 1
stack: my-shop
defaults:
  instances: {zone: kr1-z01, flavor: std_1.2-g1, image: {os: ubuntu, version: "22.04"}, ssh_keys: [deploy]}
instances:
  web: {count: 2}
  win: {zone: kr1_z02, flavor: std_4.8-g1, image: {os: windows, version: "2022"}}
outputs:
  ips: {value: "${instances.web.map(w, w.public_ip)}"}
  greeting: {value: 안녕 my "shop"}
  nothing: {value: "${instances.web[0].firewall}"}
"""


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    begin(monkeypatch, tmp_path, {"shop.yaml": STACK})


def outputs_of(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        call(capsys, "output", "--stack", "shop.yaml", "--format", "json")[1]
    )["outputs"]
    return found


def inventory(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    form = ("--inventory", "ansible", *options, "--stack", "shop.yaml")
    code, out, _ = call(capsys, "output", *form)
    assert code == 0
    return out


def test_every_format_has_the_same_outputs_and_none_remain_after_a_destroy(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, _, err = call(capsys, "output", "--inventory", "ansible", "--stack", "shop.yaml")
    assert code == 1 and "contains no instance" in err
    assert call(capsys, "apply", "shop.yaml", "--yes", *SCALE)[0] == 0

    outputs = outputs_of(capsys)
    lines = call(capsys, "output", "--stack", "shop.yaml", "--format", "env")[1].splitlines()
    values = dict(shlex.split(line)[0].split("=", 1) for line in lines if not line.startswith("#"))
    assert (
        json.loads(values["IPS"]) == outputs["ips"]["value"]
        and values["GREETING"] == '안녕 my "shop"'
    )
    assert "# NOTHING has no value" in lines
    assert (
        call(capsys, "output", "ips", "--stack", "shop.yaml", "--format", "env")[1].count("\n") == 1
    )

    ansible = call(capsys, "output", "--inventory", "ansible", "--stack", "shop.yaml")[1]
    parsed = configparser.ConfigParser(allow_no_value=True, delimiters=("=",), interpolation=None)
    parsed.read_string(ansible)
    assert parsed.sections() == ["web", "win", "my_shop:children"]
    assert f"my-shop-web-0 ansible_host={outputs['ips']['value'][0]} ansible_user=root" in ansible
    assert "ansible_user=Administrator ansible_connection=winrm" in ansible

    ssh = call(capsys, "output", "--inventory", "ssh-config", "--stack", "shop.yaml")[1]
    assert f"Host my-shop-web-1\n  HostName {outputs['ips']['value'][1]}\n  User root\n" in ssh
    assert "# my-shop-win runs Windows" in ssh

    found = json.loads(inventory(capsys, "--list"))
    assert found["web"] == {"hosts": ["my-shop-web-0", "my-shop-web-1"]}
    assert found["my_shop"] == {"children": ["web", "win"]}
    variables = found["_meta"]["hostvars"]["my-shop-web-0"]
    assert variables["ansible_host"] == outputs["ips"]["value"][0]
    assert json.loads(inventory(capsys, "--host", "my-shop-web-0")) == variables
    assert json.loads(inventory(capsys, "--host", "nobody")) == {}

    renamed = ("set", "instance", "my-shop-web-0", "name=frontend", "--stack", "shop.yaml")
    stopped = ("set", "instance", "my-shop-web-1", "status=off", "--stack", "shop.yaml")
    for change in (renamed, stopped):
        assert call(capsys, "simulator", "do", *change)[0] == 0
    assert "\nfrontend ansible_host=" in inventory(capsys)
    assert "\n# my-shop-web-1 is stopped\n" in inventory(capsys)
    assert json.loads(inventory(capsys, "--list"))["web"] == {"hosts": ["frontend"]}

    assert call(capsys, "destroy", "shop.yaml", "--yes", "--accept", "delete", *SCALE)[0] == 0
    assert json.loads(inventory(capsys, "--list")) == {"_meta": {"hostvars": {}}}
    assert outputs_of(capsys) == {}


def test_an_output_that_the_file_no_longer_has_goes(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "apply", "shop.yaml", "--yes", *SCALE)[0] == 0
    Path("shop.yaml").write_text(STACK.partition("  greeting")[0], encoding="utf-8")
    assert call(capsys, "plan", "shop.yaml", "--detailed-exitcode")[0] == 2
    assert call(capsys, "apply", "shop.yaml", "--yes", *SCALE)[0] == 0
    assert list(outputs_of(capsys)) == ["ips"]
    assert call(capsys, "plan", "shop.yaml", "--detailed-exitcode")[0] == 0


def test_an_inventory_is_a_file_of_its_own() -> None:
    assert (
        program.run(
            ["output", "--inventory", "ansible", "--format", "json", "--stack", "shop.yaml"]
        )
        == 64
    )


def test_groups_of_ansible_itself_are_no_children() -> None:
    made = [
        Host(Address("instances", name), name, name, "1", "203.0.113.9", None)
        for name in ("all", "ungrouped", "web")
    ]
    dynamic = json.loads(inventory_text.dynamic(made, title="shop"))
    assert dynamic["all"] == {"hosts": ["all"]}
    assert dynamic["shop"] == {"children": ["web"]}
    text = inventory_text.inventory("ansible", made, title="shop")
    assert text.endswith("\n[shop:children]\nweb\n")


def test_an_inventory_holds_nothing_that_its_reader_would_obey() -> None:
    odd = Host(
        Address("instances", "web"),
        "shop-web",
        "x",
        "i-1\nProxyCommand rm",
        "203.0.113.1\n  ProxyCommand rm",
        None,
    )
    without = Host(Address("instances", "db"), "shop-db", None, "i-2", None, None)
    for form in inventory_text.FORMS:
        text = inventory_text.inventory(form, (odd, without), title="shop/prod\n[x]")
        assert "shop-db has no address" in text and "\n[x]" not in text
        assert not any(line.strip().startswith("ProxyCommand") for line in text.splitlines())


HOSTILE = {
    "a second line": "x\nADMIN=yes",
    "escape": "x\x1b[2Jy",
    "direction": "x\u202egnp.exe",
    "a command of CI": "::set-env name=PATH::/tmp",
    "a command of CI on a later line": "x\n::set-env name=PATH::/tmp",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_text_that_a_program_would_obey_leaves_only_escaped(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = json.dumps(
        {"note": {"value": text}, "list": {"value": [text]}, "ok": {"value": "plain"}}
    )
    Path("shop.yaml").write_text(f"version: 1\nstack: shop\noutputs: {outputs}\n", encoding="utf-8")
    assert call(capsys, "apply", "shop.yaml", "--yes", *SCALE)[0] == 0

    code, out, err = call(capsys, "output", "--stack", "shop.yaml", "--format", "env")
    assert (
        sorted(line.partition("=")[0] for line in out.splitlines() if not line.startswith("#"))[-1]
        == "OK"
    )
    assert not obeyed(out) and "ADMIN" not in out.replace("\\nADMIN", "")
    assert code == 1 and "# NOTE is left out" in out
    assert (
        json.loads(call(capsys, *shlex.split(err.split("hint: ")[1])[1:])[1])["outputs"]["note"][
            "value"
        ]
        == text
    )

    code, out, err = call(capsys, "output", "note", "--stack", "shop.yaml")
    assert not obeyed(out)
    if text == "x\nADMIN=yes":
        assert (code, out) == (0, f"{text}\n")
    else:
        assert (code, out) == (1, "")
        assert (
            json.loads(call(capsys, *shlex.split(err.split("hint: ")[1])[1:])[1])["outputs"][
                "note"
            ]["value"]
            == text
        )
    code, out, _ = call(capsys, "output", "list", "--stack", "shop.yaml")
    assert not obeyed(out)
    assert code == 1 if "::" in text else json.loads(out) == [text]
