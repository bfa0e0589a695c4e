"""Every report that was received is a variant of the local cloud."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler.contract import report as reports
from reconciler.contract.decided import decisions
from reconciler.contract.report import ContractReport
from reconciler.simulator.switches import Switches
from reconciler.simulator.worldfile import packaged_world
from tests.contract.checking import checked

FOLDER = Path(__file__).parents[2] / "docs" / "api" / "reports"
OWN = Path(__file__).parent / "reports"
RECEIVED = sorted([*FOLDER.glob("*.json"), *OWN.glob("*.json")])


def switches_of(report: ContractReport) -> dict[str, str]:
    return {each.switch: each.value for each in decisions(report)}


@pytest.mark.parametrize("path", RECEIVED, ids=lambda path: path.name)
def test_the_local_cloud_resembles_a_report(path: Path) -> None:
    report = reports.read(json.loads(path.read_text(encoding="utf-8")))
    wanted = switches_of(report)
    assert wanted

    found = switches_of(checked(packaged_world("company"), switches=wanted)[0])

    shown = {name: value for name, value in wanted.items() if name in found}
    assert Switches.parse({name: found[name] for name in shown}) == Switches.parse(shown)
