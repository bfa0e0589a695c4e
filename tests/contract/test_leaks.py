"""A report of an account of canaries shows none of them, whatever the cloud answers."""

from __future__ import annotations

import dataclasses
import json
from functools import cache

import pytest

from reconciler.contract import report as reports
from reconciler.contract.check import SECRET_BITS, CheckRead, UnsafeRead
from reconciler.contract.report import ContractReport
from reconciler.contract.report_values import CatalogCode, Fact, IdForm, MemberTypes
from reconciler.model import http
from reconciler.model.resource_type import Call
from reconciler.render.documents import contract_text
from reconciler.render.run import screen
from reconciler.render.run.screen import Style
from reconciler.simulator import World
from reconciler.simulator.switches import Switches
from reconciler.simulator.worldfile import world_to_yaml
from tests.clouds import Middle
from tests.contract.canaries import CANARY, canaries_in, canary_world, strange
from tests.contract.checking import checked


@cache
def account() -> World:
    return canary_world()


def everything(report: ContractReport) -> str:
    """All that a report becomes, in both languages."""
    lines = [*contract_text.result_lines(report), *contract_text.difference_lines(report)]
    shown = screen.text(lines, Style(width=None, color=False, verbose=True, ascii=False))
    document = reports.members(report)
    return "\n".join([shown, json.dumps(document), repr(report), contract_text.summary(report)])


VALUES = {
    each.name: values
    for each in dataclasses.fields(Switches)
    for values in [each.metadata["allowed"].split(", ")]
}


def settings() -> list[tuple[str, str]]:
    """Every switch with each of its words, and numbers for those that take one."""
    found = []
    for name, words in VALUES.items():
        for word in words:
            try:
                Switches.parse({name: word})
            except ValueError:
                continue
            found.append((name, word))
    return [*found, ("page_size_cap", "3"), ("default_fields", "131071"), ("default_fields", "15")]


def test_the_account_is_full_of_canaries() -> None:
    assert len(canaries_in(world_to_yaml(account()))) > 200


@pytest.mark.parametrize(("switch", "value"), settings())
def test_no_switch_lets_a_canary_out(switch: str, value: str) -> None:
    if switch in ("allowlist", "restricted_zones"):
        value = "none"
    report, side = checked(account().copy(), switches={switch: value})

    assert canaries_in(everything(report)) == []
    assert_harmless(side.requests)


@pytest.mark.parametrize(("name", "middle"), list(strange()))
def test_no_strange_answer_lets_a_canary_out(name: str, middle: Middle) -> None:
    report, side = checked(account().copy(), middle=middle)

    assert canaries_in(everything(report)) == []
    assert_harmless(side.requests)


def assert_harmless(requests: list[http.Request]) -> None:
    assert {request.method for request in requests} == {"GET"}
    assert not [request for request in requests if "console" in request.path]
    masks = [
        int(value)
        for request in requests
        if request.path.startswith("/v1/instances")
        for name, value in request.query
        if name == "fields"
    ]
    assert not [mask for mask in masks if mask & SECRET_BITS]


@pytest.mark.parametrize(
    "call",
    [
        Call("POST", "/v1/zones"),
        Call("GET", "/v1/instances/INSTANCE-1/remote-console"),
        Call("GET", "/v1/instances", (("fields", "128"),)),
        Call("GET", "/v1/instances", (("fields", "16387"),)),
        Call("GET", "/v1/instances", (("fields", "all"),)),
    ],
)
def test_an_unsafe_read_cannot_be_made(call: Call) -> None:
    with pytest.raises(UnsafeRead):
        CheckRead("x", call)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Fact("status", CANARY),
        lambda: Fact("status", 987_654_321),
        lambda: Fact("status", -1),
        lambda: Fact(f"{CANARY} x", "null"),
        lambda: Fact("rows", ("null", CANARY)),
        lambda: Fact("rows", 1.5),  # type: ignore[arg-type]
        lambda: IdForm(CANARY, 3, "base62"),
        lambda: IdForm("INSTANCE-", 3, CANARY),
        lambda: CatalogCode(CANARY),
        lambda: MemberTypes(((CANARY, ("null",)),)),
        lambda: MemberTypes((("name", (CANARY,)),)),
    ],
)
def test_no_value_of_a_report_can_carry_a_text(make: object) -> None:
    with pytest.raises(ValueError, match="not"):
        make()  # type: ignore[operator]


def test_a_report_reads_as_it_was_written() -> None:
    report, _ = checked(account().copy())
    document = {"type": "contract", "format_version": "1.0", **reports.members(report)}

    assert reports.read(json.loads(json.dumps(document))) == report


HOSTILE = {"type": "contract", "format_version": "1.0", "version": "1.0", "contract": "2026-11"}
GOOD = {"check": "zones", "verdict": "differs", "facts": {"status": 200}}


@pytest.mark.parametrize(
    "document",
    [
        [CANARY],
        {},
        {"type": CANARY},
        {**HOSTILE, "format_version": "2.0"},
        {**HOSTILE, "day": CANARY, "checks": []},
        {**HOSTILE, "day": "2026-11-30", "version": "\x1b[31m", "checks": []},
        {**HOSTILE, "day": "2026-11-30", "checks": CANARY},
        {**HOSTILE, "day": "2026-11-30", "checks": [GOOD] * 101},
        *(
            {**HOSTILE, "day": "2026-11-30", "checks": [{**GOOD, **wrong}]}
            for wrong in (
                {"check": f"{CANARY}\x1b"},
                {"verdict": CANARY},
                {"facts": [CANARY]},
                {"facts": {"status": CANARY}},
                {"facts": {"status": 1e99}},
                {"facts": {"status": True, CANARY: 1}},
                {"facts": {"status": {"members": {CANARY: []}, "others": 0}}},
                {"facts": {"status": {"members": {"name": [[]]}, "others": 0}}},
                {"facts": {"status": {"members": [], "others": 0}}},
                {"facts": {"status": {"prefix": CANARY, "length": 1, "alphabet": "hex"}}},
                {"facts": {"status": {"prefix": [], "length": 1, "alphabet": "hex"}}},
                {"facts": {"status": {"catalog_code": CANARY}}},
                {"facts": {"status": {"catalog_code": ["kr1-z01"]}}},
                {"facts": {"status": ["hex"] * 65}},
                {"facts": {"status": [["hex"]]}},
                {"facts": {"status": None}},
            )
        ),
    ],
)
def test_a_hostile_report_is_refused_without_its_content(document: object) -> None:
    with pytest.raises(reports.NotAReport) as refused:
        reports.read(document)

    assert canaries_in(str(refused.value)) == []
    assert "\x1b" not in str(refused.value)
