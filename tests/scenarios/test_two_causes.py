"""Two things at once: an object stands at one address, whatever is moved, imported or still open
meanwhile.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.commands import context, import_
from reconciler.commands.recover import Answers
from reconciler.model import http, ports
from reconciler.model.abort import Abort
from reconciler.model.resource import Stack
from reconciler.simulator.cloud import Cloud
from reconciler.simulator.faults import Fault
from tests.builders import at
from tests.cloud_harness import CloudHarness, said, shown
from tests.doubles.memory_store import MemoryDisk, MemoryStore
from tests.scenarios.test_recover import recover
from tests.scenarios.test_when_things_go_wrong import HEAD

BEFORE = HEAD + "instances:\n  api: {}\n  kept: {}\n"
RESIZED = HEAD + "instances:\n  api: {flavor: std_4.8-g1}\n  kept: {}\n"
MOVED = (
    HEAD
    + "moved: [{from: instances.api, to: instances.web}]\ninstances:\n  web: {flavor: std_4.8-g1}\n  kept: {}\n"
)
COUNTED = HEAD + "instances:\n  api: {count: 1, flavor: std_4.8-g1}\n  kept: {}\n"


def left_at_work(tmp: Path) -> tuple[CloudHarness, str]:
    """A run that was interrupted when the cloud had taken a resize, and the id of the server."""
    harness = CloudHarness()
    harness.apply(harness.stack(BEFORE, tmp))
    harness.interrupted = lambda: (
        harness.state is not None
        and any(result == "accepted" for _, result in harness.state.open.values())
    )
    assert harness.apply(harness.stack(RESIZED, tmp)).exit_code == 130
    harness.interrupted = lambda: False
    assert harness.state is not None and [result for _, result in harness.state.open.values()] == [
        "accepted"
    ]
    return harness, harness.state.entries["instances.api"].id


def addresses(harness: CloudHarness) -> dict[str, str]:
    """Id to address; fails where an id stands at two."""
    assert harness.state is not None
    counted = Counter(entry.id for entry in harness.state.entries.values())
    assert set(counted.values()) == {1}, harness.state.entries
    return {entry.id: entry.address for entry in harness.state.entries.values()}


@pytest.mark.parametrize(
    ("text", "address"), [(MOVED, "instances.web"), (COUNTED, "instances.api[0]")]
)
def test_an_object_moved_while_the_cloud_works_on_it_does_not_come_back_to_its_old_address(
    text: str, address: str, tmp_path: Path
) -> None:
    # Goal: at the old address it would look like something left out of the file, and the next plan
    # would delete it.
    harness, id = left_at_work(tmp_path)
    stack = harness.stack(text, tmp_path)
    assert harness.apply(stack).exit_code == 0
    assert addresses(harness)[id] == address
    assert shown(harness.plan(stack)) == []


def test_an_object_whose_move_was_recorded_stays_at_its_new_address(
    tmp_path: Path,
) -> None:
    # Goal: the same, settled by evidence in a third run.
    harness, id = left_at_work(tmp_path)
    stack = harness.stack(MOVED, tmp_path)
    started = harness.clock.time()
    harness.interrupted = lambda: harness.clock.time() > started + 2
    harness.apply(stack)
    harness.interrupted = lambda: False
    assert (
        harness.state is not None
        and harness.state.open
        and "instances.web" in harness.state.entries
    ), "the move is on record, the resize is open"
    harness.clock.advance(900)
    assert harness.apply(stack).exit_code == 0
    assert addresses(harness)[id] == "instances.web"


def imported(harness: CloudHarness, tmp: Path, lines: str) -> Stack:
    """A stack that imports the server `old` of the one applied before."""
    assert harness.state is not None
    return harness.stack(
        HEAD
        + "instances:\n  kept: {}\n"
        + lines.replace("ID", harness.state.entries["instances.old"].id),
        tmp,
    )


@pytest.mark.parametrize(
    "lines",
    ["  new: {import: ID}\n", "  old: {}\n  new: {import: ID}\n"],
    ids=["left out", "still there"],
)
def test_an_object_that_has_an_address_is_not_imported_to_another(
    lines: str, tmp_path: Path
) -> None:
    # Goal: a resource renamed with `import` in place of `moved` was bound, and deleted as what the
    # file had left out.
    harness = CloudHarness()
    harness.apply(harness.stack(HEAD + "instances:\n  kept: {}\n  old: {}\n", tmp_path))
    stack = imported(harness, tmp_path, lines)
    result = harness.apply(stack)
    assert result.exit_code == 1 and "already belongs to instances.old" in said(result.problems)
    assert "moved: [{from: instances.old, to: instances.new}]" in said(result.problems)
    assert sorted(server.name for server in harness.cloud.snapshot().instances.values()) == [
        "shop-kept",
        "shop-old",
    ]


def test_two_addresses_do_not_import_one_object(tmp_path: Path) -> None:
    harness = CloudHarness()
    harness.apply(harness.stack(HEAD + "instances:\n  old: {}\n", tmp_path))
    assert harness.state is not None
    id, other = harness.state.entries["instances.old"].id, CloudHarness()
    other.cloud, other.clock = harness.cloud, harness.clock
    plan = other.plan(
        harness.stack(
            HEAD + f"instances:\n  a: {{import: {id}}}\n  b: {{import: {id}}}\n", tmp_path
        )
    )
    assert not plan.steps and "is imported as instances.a too" in said(plan.problems)


def test_what_an_open_request_has_made_is_not_imported_elsewhere(tmp_path: Path) -> None:
    # Goal: once that request is settled the object would stand at both addresses.
    harness = CloudHarness(
        faults=(Fault("answer_lost", method="POST", route="createInstance", nth=2),)
    )
    harness.apply(harness.stack(HEAD + "instances:\n  first: {}\n", tmp_path))
    stopped = harness.clock.time()
    harness.interrupted = lambda: (
        len(harness.cloud.snapshot().instances) == 2 or harness.clock.time() > stopped + 60
    )
    harness.apply(
        harness.stack(HEAD + "instances:\n  first: {}\n  lost: {}\n", tmp_path), wait=False
    )
    harness.interrupted = lambda: False
    assert harness.state is not None and [
        intent.address for intent, _ in harness.state.open.values()
    ] == ["instances.lost"]
    made = next(
        server.instance_id
        for server in harness.cloud.snapshot().instances.values()
        if server.name == "shop-lost"
    )
    stack = harness.stack(
        HEAD + f"instances:\n  first: {{}}\n  lost: {{}}\n  other: {{import: {made}}}\n", tmp_path
    )
    harness.apply(stack)
    assert addresses(harness)[made] == "instances.lost"
    assert "already belongs to instances.lost" in said(harness.plan(stack).problems)


def held_up(seconds: float) -> CloudHarness:
    """A cloud harness whose machine sleeps once, after an intent was written down and before its
    request leaves.
    """
    slept: list[bool] = []

    def sleep(number: int, name: str, path: Path) -> None:
        if name == "sync" and not slept:
            slept.append(True)
            harness.clock.advance(seconds)

    harness = CloudHarness(store=MemoryStore(disk=MemoryDisk(fault=sleep)))
    return harness


def test_a_request_is_signed_with_the_second_on_record_however_late_it_leaves(
    tmp_path: Path,
) -> None:
    # Goal: the fence counts from the record. Signed at its sending, a request held up past it could
    # be executed after it was settled.
    harness = held_up(600)
    stack = harness.stack(HEAD + "instances:\n  web: {}\n", tmp_path)
    assert harness.apply(stack).exit_code == 0
    sent = [
        (at, int(request.header("X-iwinv-Timestamp") or 0))
        for at, request in harness.sends
        if request.method == "POST"
    ]
    assert [at - signed > 590 for at, signed in sent] == [True, False], (
        "the first came too late and was refused, the second was made anew"
    )
    assert len(harness.cloud.snapshot().instances) == 1 and shown(harness.plan(stack)) == []


@pytest.mark.parametrize("ahead", [0.0, 290.0])
def test_the_fence_is_passed_by_the_clouds_clock_not_by_one_that_is_ahead(
    ahead: float, tmp_path: Path
) -> None:
    # Goal: another machine, whose clock the cloud still accepts, must not take a create for not
    # done that can still be executed.
    harness = CloudHarness()
    late = Fault("executed_late", method="POST", route="createInstance", nth=2, seconds=290)
    harness.cloud = Cloud(clock=harness.clock, faults=(late,), seed=7)
    harness.apply(harness.stack(HEAD + "instances:\n  first: {}\n", tmp_path))
    stack = harness.stack(HEAD + "instances:\n  first: {}\n  second: {}\n", tmp_path)
    harness.apply(stack, wait=False)
    harness.clock.advance(100)
    harness.clock.offset = ahead
    assert harness.apply(stack).exit_code == 0
    harness.clock.advance(300)
    assert sorted(server.name for server in harness.cloud.snapshot().instances.values()) == [
        "shop-first",
        "shop-second",
    ]


def test_a_request_signed_with_a_clock_far_ahead_is_not_waited_for_until_that_time(
    tmp_path: Path,
) -> None:
    # Goal: every run ends; what no evidence proves is left to a person, whose word is taken.
    harness = CloudHarness()
    harness.cloud = Cloud(
        clock=harness.clock,
        faults=(Fault("lost_before", method="POST", route="createInstance", nth=2),),
        seed=7,
    )
    harness.apply(harness.stack(HEAD + "instances:\n  first: {}\n", tmp_path))
    stack = harness.stack(HEAD + "instances:\n  first: {}\n  second: {}\n", tmp_path)
    harness.plans = ClockJumps(harness, 365 * 86_400.0)
    harness.apply(stack)
    assert harness.state is not None and [
        intent.address for intent, _ in harness.state.open.values()
    ] == ["instances.second"]
    harness.plans, harness.clock.offset = [], 0.0
    started = harness.clock.time()
    assert harness.apply(stack).exit_code == 3
    assert harness.clock.time() - started < 2_000
    found = recover(harness, stack, Answers(not_created=("instances.second",)))
    assert found.exit_code == 0 and harness.apply(stack).exit_code == 0
    assert len(harness.cloud.snapshot().instances) == 2


class ClockJumps(list[context.Planned]):
    """Sets the machine's clock ahead when a plan is shown."""

    def __init__(self, harness: CloudHarness, seconds: float) -> None:
        self._lab, self._seconds = harness, seconds

    def append(self, planned: context.Planned) -> None:
        super().append(planned)
        self._lab.clock.offset = self._seconds


class CappedLab(CloudHarness):
    """A cloud that gives one server a page, whatever is asked, and does not say so: the largest
    page is not known (contract#limits).
    """

    def _send(self, request: http.Request) -> http.Response:
        if (request.method, request.path) != ("GET", "/v1/instances"):
            return super()._send(request)
        query = dict(request.query)
        whole = super()._send(
            replace(request, query=tuple({**query, "page_no": "1", "page_size": "100"}.items()))
        )
        body = json.loads(whole.body)
        page = int(query["page_no"]) - 1
        body |= {
            "result": body["result"][page : page + 1],
            "page_no": page + 1,
            "page_size": int(query["page_size"]),
        }
        return replace(whole, body=json.dumps({**body, "count": len(body["result"])}).encode())


def test_a_create_on_a_page_that_the_cloud_left_out_is_not_made_again(tmp_path: Path) -> None:
    # Goal: a first page that is shorter than asked for looked like the whole list, and what stood
    # behind it like never made.
    harness = CappedLab(
        faults=(Fault("executed_late", method="POST", route="createInstance", nth=2, seconds=100),)
    )
    harness.apply(harness.stack(HEAD + "instances:\n  first: {}\n", tmp_path))
    stack = harness.stack(HEAD + "instances:\n  first: {}\n  second: {}\n", tmp_path)
    harness.apply(stack, wait=False)
    harness.clock.advance(600)
    assert harness.apply(stack).exit_code == 0
    assert sorted(server.name for server in harness.cloud.snapshot().instances.values()) == [
        "shop-first",
        "shop-second",
    ]


class WrongReceiptLab(CloudHarness):
    """A cloud whose receipt of a server names one that was there before."""

    named: str | None = None

    def _send(self, request: http.Request) -> http.Response:
        answer = super()._send(request)
        if self.named is None or (request.method, request.path) != ("POST", "/v1/instances"):
            return answer
        body = json.loads(answer.body)
        body["result"] = [{**body["result"][0], "instance_id": self.named}]
        return replace(answer, body=json.dumps(body).encode())


def test_an_object_that_was_there_before_does_not_become_ours_by_a_receipt(tmp_path: Path) -> None:
    # Goal: receipts of creates were never seen (contract#instances); what was made is found by its
    # marker, and the other one is left alone.
    harness = WrongReceiptLab()
    harness.apply(harness.stack(HEAD + "instances:\n  first: {}\n", tmp_path))
    assert harness.state is not None
    harness.named = harness.state.entries["instances.first"].id
    assert (
        harness.apply(
            harness.stack(HEAD + "instances:\n  first: {}\n  second: {}\n", tmp_path)
        ).exit_code
        == 0
    )
    held = addresses(harness)
    assert held[harness.named] == "instances.first"
    assert sorted(held.values()) == ["instances.first", "instances.second"]


LOST = {
    "server": ("createInstance", "instances:\n  kept: {}\n  app: {}\n"),
    "volume": (
        "createBlockStorage",
        "instances:\n  kept: {}\nblock_storages:\n  app: {type: ssd, size: 50, instance: kept}\n",
    ),
    "firewall": (
        "createSecurityGroup",
        "instances:\n  kept: {}\nfirewalls:\n  app:\n    rules: RULES\n",
    ),
}
RULES = "{ssh: {direction: in, protocol: tcp, ports: 22, cidr: 203.0.113.7/32}}"
KINDS = {"server": "instances", "volume": "block_storages", "firewall": "firewalls"}


def lost_create(kind: str, tmp: Path) -> CloudHarness:
    """A run that ended while nobody knows whether its create of `app` was done: it was, and no list
    shows it yet.
    """
    route, text = LOST[kind]
    harness = CloudHarness(
        faults=(Fault("answer_lost", method="POST", route=route, nth=2 if kind == "server" else 1),)
    )
    harness.apply(harness.stack(HEAD + "instances:\n  kept: {}\n", tmp))
    harness.cloud.switches = replace(harness.cloud.switches, visibility_delay=30)
    before = len(made_of(harness, kind))
    harness.interrupted = lambda: len(made_of(harness, kind)) > before
    assert (
        harness.apply(harness.stack(HEAD + text.replace("RULES", RULES), tmp), wait=False).exit_code
        == 130
    )
    harness.interrupted = lambda: False
    assert harness.state is not None and [
        intent.address for intent, _ in harness.state.open.values()
    ] == [f"{KINDS[kind]}.app"]
    return harness


def made_of(harness: CloudHarness, kind: str) -> list[str]:
    """The names of all objects of a kind."""
    world = harness.cloud.snapshot()
    if kind == "server":
        return sorted(server.name for server in world.instances.values())
    if kind == "volume":
        return sorted(volume.name or "" for volume in world.block_storages.values())
    return sorted(group.title for group in world.firewalls.values())


def edited(kind: str, edit: str) -> str:
    """The file after an edit that gives `app` another address."""
    text, place = HEAD + LOST[kind][1].replace("RULES", RULES), KINDS[kind]
    if edit == "counted":
        return (
            text.replace("app:\n", "app:\n    count: 1\n")
            .replace("app: {}", "app: {count: 1}")
            .replace("app: {t", "app: {count: 1, t")
        )
    renamed = text.replace("  app:", "  front:")
    if edit == "moved":
        return renamed + f"moved: [{{from: {place}.app, to: {place}.front}}]\n"
    if edit == "of the same name":
        named = renamed.replace("front:\n", "front:\n    name: shop-app\n").replace(
            "front: {}", "front: {name: shop-app}"
        )
        return named.replace("front: {t", "front: {name: shop-app, t")
    return renamed


@pytest.mark.parametrize("edit", ["moved", "renamed", "counted", "of the same name"])
@pytest.mark.parametrize("kind", list(LOST))
def test_an_object_whose_create_is_in_doubt_is_not_made_again_under_another_address(
    kind: str, edit: str, tmp_path: Path
) -> None:
    # Goal: one object, whatever the file calls it while nobody knows whether it exists; and the
    # plan comes to an end.
    harness = lost_create(kind, tmp_path)
    before = made_of(harness, kind)
    stack = harness.stack(edited(kind, edit), tmp_path)
    held = harness.apply(stack, wait=False)
    assert (held.exit_code, made_of(harness, kind)) == (3, before)
    assert any(p.code == "open-intent" and p.hint == "reconciler recover" for p in held.problems), (
        said(held.problems)
    )
    harness.clock.advance(60)
    # its rules were never made, so it is like any other firewall and goes, with consent
    bare = kind == "firewall"
    settled = harness.apply(stack, accept=("delete",) if bare else ())
    place = KINDS[kind]
    if edit in ("renamed", "of the same name") and not bare:
        assert (
            settled.exit_code == 4
            and f"moved: [{{from: {place}.app, to: {place}.front}}]" in said(settled.problems)
        )
        stack = harness.stack(
            edited(kind, edit) + f"moved: [{{from: {place}.app, to: {place}.front}}]\n", tmp_path
        )
        settled = harness.apply(stack)
    assert settled.exit_code == 0, said(settled.problems)
    assert len(made_of(harness, kind)) == len(before) and shown(harness.plan(stack)) == []


def test_nothing_is_bound_while_the_create_of_an_object_is_unsettled(tmp_path: Path) -> None:
    # Goal: when the request is settled, two objects would be the one of that address, and one of
    # them nobody's.
    harness = lost_create("server", tmp_path)
    stack = harness.stack(edited("server", "moved"), tmp_path)
    state = harness.state
    with pytest.raises(Abort) as stopped:
        import_.bind(
            stack,
            harness.connection(),
            harness.store,
            import_.ImportRequest(at("instances.front"), "INSTANCE-other", agree=lambda _: None),
            ports.Holder("tester", "lab", 9, "import", harness.clock.time(), run="import"),
            lock_timeout_seconds=0.0,
        )
    assert [(p.code, p.hint) for p in stopped.value.problems] == [
        ("open-intent", "reconciler recover")
    ]
    found = recover(
        harness, stack, Answers(adopt={"instances.front": "INSTANCE-other"}), wait=False
    )
    assert (
        found.problems[0].code == "open-intent"
        and "sent by an earlier run for instances.app" in found.problems[0].message
    )
    assert (
        harness.state is not None and state is not None and harness.state.entries == state.entries
    )


def test_a_rule_whose_create_is_in_doubt_is_not_made_again_under_another_key(
    tmp_path: Path,
) -> None:
    group = "firewalls:\n  web:\n    rules: RULES\n"
    harness = CloudHarness(
        faults=(Fault("lost_before", method="POST", route="createSecurityGroupRule", nth=1),)
    )
    harness.apply(harness.stack(HEAD + group.replace("RULES", "{}"), tmp_path))
    started = harness.clock.time()
    harness.interrupted = lambda: harness.clock.time() > started + 20
    harness.apply(harness.stack(HEAD + group.replace("RULES", RULES), tmp_path), wait=False)
    harness.interrupted = lambda: False
    assert harness.state is not None and [i.operation for i, _ in harness.state.open.values()] == [
        "rule.create"
    ]
    stack = harness.stack(HEAD + group.replace("RULES", RULES.replace("ssh:", "shell:")), tmp_path)
    sent = len(harness.sends)
    assert harness.apply(stack, wait=False).exit_code == 3
    assert all(request.method == "GET" for _, request in harness.sends[sent:])
    assert harness.apply(stack).exit_code == 0 and shown(harness.plan(stack)) == []
    (firewall,) = harness.cloud.snapshot().firewalls.values()
    assert [rule.port for rule in firewall.rules] == ["22"]
