"""Accounts as people make them, taken over: the plan of what adopt writes is nothing but binds, and
empty after the next apply.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.commands import adopt
from reconciler.commands.adopt import AdoptSelection
from reconciler.importing import adopt_writer, yaml_writer
from reconciler.importing.adopt import Adoption
from reconciler.model.diagnostics import Severity
from reconciler.model.plan import Action
from reconciler.model.resource import Stack
from reconciler.simulator.worldfile import packaged_world, world_from_data
from tests import extent
from tests.cloud_harness import CloudHarness, said, shown
from tests.scenarios.world import world_of

# What a person may have typed in the console, the nasty included; the API gives these texts back as
# they are.
TEXTS = st.one_of(
    st.sampled_from(
        [
            "web-01",
            "web-02",
            "web-1",
            "web",
            "none",
            "on",
            "1.5",
            "0x1f",
            "null",
            "~",
            "a: b",
            "# x",
            "- a",
            "${vars.x}",
            "$${",
            "{a}",
        ]
    ),
    st.sampled_from(
        [
            "웹-01",
            "웹-02",
            "디비",
            "'",
            '"',
            "\\",
            "*a",
            "&a",
            "!t",
            "a b  c",
            " lead",
            "@",
            "`",
            "%",
            "?",
            "|",
            ">",
            "..",
            "a, b",
            "[0]",
        ]
    ),
    st.text(
        st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]),
        min_size=1,
        max_size=12,
    ),
)
LONG = st.one_of(st.none(), TEXTS, st.text("가나다라 abc:#&<>", min_size=1, max_size=50))
ZONES = {
    "kr1-z01": ["std_1.1-g1", "std_2.4-g1", "mio_4.16-g1"],
    "kr1_z02": ["std_1.1-g1", "hpa_4.8-g2"],
}
IMAGES = [
    "PIMAGE-0Ex1UbuntuJammy22LTS0a",
    "PIMAGE-0Ex1RockyLinux9Blue00c",
    "PIMAGE-0Ex1CentOS7EndOfLife0g",
    "UIMAGE-0Ex1MyGoldenImage0000j",
    "PIMAGE-gone",
]


@st.composite
def servers(draw: Any) -> dict[str, Any]:
    zone = draw(st.sampled_from(sorted(ZONES)))
    return {
        "name": draw(TEXTS),
        "description": draw(LONG),
        "zone_id": zone,
        "flavor_id": draw(st.sampled_from(ZONES[zone])),
        "image_id": draw(st.sampled_from(IMAGES)),
        "status": draw(st.sampled_from(["active", "active", "active", "off", "error"])),
    }


@st.composite
def rules(draw: Any) -> dict[str, Any]:
    return {
        "bound": draw(st.sampled_from(["IN", "OUT"])),
        "protocol": draw(st.sampled_from(["TCP", "UDP"])),
        "port": draw(st.sampled_from(["22", "443", "1-65535", "8080-8089", "80-80"])),
        "ip": draw(
            st.sampled_from(
                ["0.0.0.0/0", "0.0.0.0", "10.200.0.7/16", "203.0.113.7/32", "203.0.113.7"]
            )
        ),
        "title": draw(TEXTS),
        "content": draw(st.one_of(st.none(), TEXTS)),
    }


@st.composite
def worlds(draw: Any) -> dict[str, Any]:
    machines = draw(st.lists(servers(), max_size=6))
    names = [f"INSTANCE-{number}" for number in range(len(machines))]
    for machine, id in zip(machines, names, strict=True):
        machine["instance_id"] = id
    groups = []
    free = list(names)
    for number in range(draw(st.integers(0, 3))):
        members = draw(st.lists(st.sampled_from(free), unique=True, max_size=3)) if free else []
        free = [name for name in free if name not in members]
        lines = draw(
            st.lists(
                rules(),
                max_size=4,
                unique_by=lambda rule: (
                    rule["bound"],
                    rule["protocol"],
                    rule["port"],
                    rule["ip"].partition("/")[0],
                ),
            )
        )
        groups.append(
            {
                "firewall_id": f"FIREWALL-{number}",
                "title": draw(TEXTS),
                "content": draw(LONG),
                "icmp": draw(st.sampled_from("YN")),
                "rules": lines,
                "members": members,
            }
        )
    volumes = [
        {
            "name": draw(TEXTS),
            "description": draw(LONG),
            "type": "ssd",
            "size": draw(st.sampled_from([10, 55, 2000])),
            "instance_id": owner,
        }
        for owner in draw(st.lists(st.sampled_from([*names, None]), max_size=3, unique=True))
    ]
    return {
        "format": 1,
        "seed": 3,
        "instances": machines,
        "firewalls": groups,
        "block_storages": volumes,
    }


ALL = AdoptSelection(everything=True)


def taken_over(
    harness: CloudHarness, desired: AdoptSelection = ALL, *, name: str = "taken"
) -> tuple[Adoption, str, Stack]:
    found, account, _ = adopt.adopt(harness.connection(), desired, stack=name)
    text = adopt_writer.text(found, account)
    with tempfile.TemporaryDirectory() as folder:
        return found, text, harness.stack(text, Path(folder))


def must_only_bind(harness: CloudHarness, text: str, stack: Stack) -> None:
    before = world_of(harness.cloud)
    plan = harness.plan(stack)
    assert {change.action for change in plan.changes} <= {Action.IMPORT}, (
        f"{text}\n{shown(plan)} {said(plan.problems)}"
    )
    assert plan.steps == () and plan.drift == ()
    assert not [p for p in plan.problems if p.severity is Severity.ERROR], (
        f"{text}\n{said(plan.problems)}"
    )
    assert harness.apply(stack).exit_code == 0
    again = harness.plan(stack)
    assert again.is_empty and not again.records and not again.drift, (
        f"{text}\n{shown(again)} {again.records}"
    )
    assert world_of(harness.cloud) == before


@settings(max_examples=extent.examples(150), suppress_health_check=[HealthCheck.too_slow])
@given(data=worlds())
def test_any_account_is_taken_over_without_a_change(data: dict[str, Any]) -> None:
    harness = CloudHarness()
    harness.cloud.replace_world(world_from_data(data))
    found, text, stack = taken_over(harness)
    must_only_bind(harness, text, stack)
    assert found.count("instances") == sum(
        machine["status"] != "error" for machine in data["instances"]
    )
    assert found.count("firewalls") == len(data["firewalls"]) and found.count(
        "block_storages"
    ) == len(data["block_storages"])


def test_a_companys_account_is_taken_over_folded_and_named() -> None:
    harness = CloudHarness()
    harness.cloud.replace_world(packaged_world("company"))
    found, text, stack = taken_over(harness)
    must_only_bind(harness, text, stack)
    assert stack.cardinalities["instances", "web"] == ("01", "02", "03") and stack.cardinalities[
        "instances", "api"
    ] == ("01", "02")
    assert "  dibi_jeongchaeg:  # 디비-정책\n    name: 디비-정책\n" in text
    assert [(live.attributes["name"], reason) for _, live, reason in found.left] == [
        ("archive-01", "the cloud reports it as failed: a plan would replace it")
    ]
    assert "#   KR1-Z02: 3 instances, 1 block storage" in text and "are not listed" in text


def test_what_another_stack_made_is_written_as_comments(tmp_path: Path) -> None:
    harness = CloudHarness()
    made = harness.stack(
        """
version: 1
stack: other
firewalls: {web: {rules: {https: {direction: in, protocol: tcp, ports: 443, cidr: 0.0.0.0/0}}}}
instances: {web: {zone: kr1-z01, flavor: std_1.2-g1, image: {os: ubuntu, version: "22.04"}, ssh_keys: [deploy], firewall: web}}
block_storages: {data: {type: ssd, size: 10, instance: web, description: mine}}
""",
        tmp_path,
    )
    assert harness.apply(made).exit_code == 0
    found, text, stack = taken_over(harness)
    assert [str(address) for address in stack.resources] == ["block_storages.other_data"]
    assert "existing" in text and "belongs to the stack other (its marker names other)" in text
    assert {kind for kind, _, _ in found.left} == {"firewalls", "instances"}


@pytest.mark.parametrize(
    ("desired", "wanted"),
    [
        (AdoptSelection(texts=("web-01",)), ["instances.web_01"]),
        (
            AdoptSelection(texts=("db-main-data", "디비-정책")),
            ["block_storages.db_main_data", "firewalls.dibi_jeongchaeg"],
        ),
        (
            AdoptSelection(everything=True, zones=frozenset({"KR1-z02"})),
            ["firewalls.wongyeogdeseukeutob", "instances.batch_01", "instances.win_erp"],
        ),
    ],
    ids=["a server", "a volume and a firewall", "a zone by its console name in any case"],
)
def test_a_part_of_an_account_refers_to_the_rest(
    desired: AdoptSelection, wanted: list[str]
) -> None:
    # Goal: what is not taken over stays as it is, and what is refers to it as an existing object.
    harness = CloudHarness()
    harness.cloud.replace_world(packaged_world("company"))
    _, text, stack = taken_over(harness, desired)
    must_only_bind(harness, text, stack)
    assert set(wanted) <= {str(address) for address in stack.resources if address.rule is None}


@given(
    st.one_of(TEXTS, st.text(max_size=20), st.integers(-(10**9), 10**9), st.booleans(), st.none())
)
def test_every_value_is_read_back_as_it_was_written(value: Any) -> None:
    from reconciler.config import document, expression, yaml_reader

    if isinstance(value, str) and any(0xD800 <= ord(letter) <= 0xDFFF for letter in value):
        return
    for line in (
        f"a: {yaml_writer.scalar(value)}",
        f"a: {yaml_writer.flow({'b': value})}",
        f"a: {yaml_writer.flow([value])}",
    ):
        read, problems = yaml_reader.read(line + "\n", "x.yaml")
        assert problems == (), (line, problems)
        found: Any = document.plain(read.root.entries["a"])
        found = (
            found["b"]
            if isinstance(found, dict)
            else found[0]
            if isinstance(found, tuple)
            else found
        )
        node: Any = read.root.entries["a"]
        text = (
            found if not isinstance(found, str) else expression.compute(expression.parse(found), {})
        )
        assert text == value and type(text) is type(value), (line, node)
