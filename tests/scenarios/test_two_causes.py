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
from reconciler.store.memory import MemoryDisk, MemoryStore
from tests.builders import at
from tests.lab import Lab, said, shown
from tests.scenarios.test_recover import recover
from tests.scenarios.test_when_things_go_wrong import HEAD

BEFORE = HEAD + "instances:\n  api: {}\n  kept: {}\n"
RESIZED = HEAD + "instances:\n  api: {flavor: std_4.8-g1}\n  kept: {}\n"
MOVED = (
    HEAD
    + "moved: [{from: instances.api, to: instances.web}]\ninstances:\n  web: {flavor: std_4.8-g1}\n  kept: {}\n"
)
COUNTED = HEAD + "instances:\n  api: {count: 1, flavor: std_4.8-g1}\n  kept: {}\n"


def left_at_work(tmp: Path) -> tuple[Lab, str]:
    """A run that was interrupted when the cloud had taken a resize, and the id of the server."""
    lab = Lab()
    lab.apply(lab.stack(BEFORE, tmp))
    lab.interrupted = lambda: (
        lab.state is not None and any(result == "accepted" for _, result in lab.state.open.values())
    )
    assert lab.apply(lab.stack(RESIZED, tmp)).exit_code == 130
    lab.interrupted = lambda: False
    assert lab.state is not None and [result for _, result in lab.state.open.values()] == [
        "accepted"
    ]
    return lab, lab.state.entries["instances.api"].id


def addresses(lab: Lab) -> dict[str, str]:
    """Id to address; fails where an id stands at two."""
    assert lab.state is not None
    counted = Counter(entry.id for entry in lab.state.entries.values())
    assert set(counted.values()) == {1}, lab.state.entries
    return {entry.id: entry.address for entry in lab.state.entries.values()}


@pytest.mark.parametrize(
    ("text", "address"), [(MOVED, "instances.web"), (COUNTED, "instances.api[0]")]
)
def test_an_object_moved_while_the_cloud_works_on_it_does_not_come_back_to_its_old_address(
    text: str, address: str, tmp_path: Path
) -> None:
    # Goal: at the old address it would look like something left out of the file, and the next plan
    # would delete it.
    lab, id = left_at_work(tmp_path)
    stack = lab.stack(text, tmp_path)
    assert lab.apply(stack).exit_code == 0
    assert addresses(lab)[id] == address
    assert shown(lab.plan(stack)) == []


def test_it_does_not_come_back_either_where_the_move_was_recorded_and_the_run_stopped(
    tmp_path: Path,
) -> None:
    # Goal: the same, settled by evidence in a third run.
    lab, id = left_at_work(tmp_path)
    stack = lab.stack(MOVED, tmp_path)
    started = lab.clock.time()
    lab.interrupted = lambda: lab.clock.time() > started + 2
    lab.apply(stack)
    lab.interrupted = lambda: False
    assert lab.state is not None and lab.state.open and "instances.web" in lab.state.entries, (
        "the move is on record, the resize is open"
    )
    lab.clock.advance(900)
    assert lab.apply(stack).exit_code == 0
    assert addresses(lab)[id] == "instances.web"


def imported(lab: Lab, tmp: Path, lines: str) -> Stack:
    """A stack that imports the server `old` of the one applied before."""
    assert lab.state is not None
    return lab.stack(
        HEAD
        + "instances:\n  kept: {}\n"
        + lines.replace("ID", lab.state.entries["instances.old"].id),
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
    lab = Lab()
    lab.apply(lab.stack(HEAD + "instances:\n  kept: {}\n  old: {}\n", tmp_path))
    stack = imported(lab, tmp_path, lines)
    result = lab.apply(stack)
    assert result.exit_code == 1 and "already belongs to instances.old" in said(result.problems)
    assert "moved: [{from: instances.old, to: instances.new}]" in said(result.problems)
    assert sorted(server.name for server in lab.cloud.snapshot().instances.values()) == [
        "shop-kept",
        "shop-old",
    ]


def test_two_addresses_do_not_import_one_object(tmp_path: Path) -> None:
    lab = Lab()
    lab.apply(lab.stack(HEAD + "instances:\n  old: {}\n", tmp_path))
    assert lab.state is not None
    id, other = lab.state.entries["instances.old"].id, Lab()
    other.cloud, other.clock = lab.cloud, lab.clock
    plan = other.plan(
        lab.stack(HEAD + f"instances:\n  a: {{import: {id}}}\n  b: {{import: {id}}}\n", tmp_path)
    )
    assert not plan.steps and "is imported as instances.a too" in said(plan.problems)


def test_what_an_open_request_has_made_is_not_imported_elsewhere(tmp_path: Path) -> None:
    # Goal: once that request is settled the object would stand at both addresses.
    lab = Lab(faults=(Fault("answer_lost", method="POST", route="createInstance", nth=2),))
    lab.apply(lab.stack(HEAD + "instances:\n  first: {}\n", tmp_path))
    stopped = lab.clock.time()
    lab.interrupted = lambda: (
        len(lab.cloud.snapshot().instances) == 2 or lab.clock.time() > stopped + 60
    )
    lab.apply(lab.stack(HEAD + "instances:\n  first: {}\n  lost: {}\n", tmp_path), wait=False)
    lab.interrupted = lambda: False
    assert lab.state is not None and [intent.address for intent, _ in lab.state.open.values()] == [
        "instances.lost"
    ]
    made = next(
        server.instance_id
        for server in lab.cloud.snapshot().instances.values()
        if server.name == "shop-lost"
    )
    stack = lab.stack(
        HEAD + f"instances:\n  first: {{}}\n  lost: {{}}\n  other: {{import: {made}}}\n", tmp_path
    )
    lab.apply(stack)
    assert addresses(lab)[made] == "instances.lost"
    assert "already belongs to instances.lost" in said(lab.plan(stack).problems)


def held_up(seconds: float) -> Lab:
    """A laboratory whose machine sleeps once, after an intent was written down and before its
    request leaves.
    """
    slept: list[bool] = []

    def sleep(number: int, name: str, path: Path) -> None:
        if name == "sync" and not slept:
            slept.append(True)
            lab.clock.advance(seconds)

    lab = Lab(store=MemoryStore(disk=MemoryDisk(fault=sleep)))
    return lab


def test_a_request_is_signed_with_the_second_on_record_however_late_it_leaves(
    tmp_path: Path,
) -> None:
    # Goal: the fence counts from the record. Signed at its sending, a request held up past it could
    # be executed after it was settled.
    lab = held_up(600)
    stack = lab.stack(HEAD + "instances:\n  web: {}\n", tmp_path)
    assert lab.apply(stack).exit_code == 0
    sent = [
        (at, int(request.header("X-iwinv-Timestamp") or 0))
        for at, request in lab.sends
        if request.method == "POST"
    ]
    assert [at - signed > 590 for at, signed in sent] == [True, False], (
        "the first came too late and was refused, the second was made anew"
    )
    assert len(lab.cloud.snapshot().instances) == 1 and shown(lab.plan(stack)) == []


@pytest.mark.parametrize("ahead", [0.0, 290.0])
def test_the_fence_is_passed_by_the_clouds_clock_not_by_one_that_is_ahead(
    ahead: float, tmp_path: Path
) -> None:
    # Goal: another machine, whose clock the cloud still accepts, must not take a create for not
    # done that can still be executed.
    lab = Lab()
    late = Fault("executed_late", method="POST", route="createInstance", nth=2, seconds=290)
    lab.cloud = Cloud(clock=lab.clock, faults=(late,), seed=7)
    lab.apply(lab.stack(HEAD + "instances:\n  first: {}\n", tmp_path))
    stack = lab.stack(HEAD + "instances:\n  first: {}\n  second: {}\n", tmp_path)
    lab.apply(stack, wait=False)
    lab.clock.advance(100)
    lab.clock.offset = ahead
    assert lab.apply(stack).exit_code == 0
    lab.clock.advance(300)
    assert sorted(server.name for server in lab.cloud.snapshot().instances.values()) == [
        "shop-first",
        "shop-second",
    ]


def test_a_request_signed_with_a_clock_far_ahead_is_not_waited_for_until_that_time(
    tmp_path: Path,
) -> None:
    # Goal: every run ends; what no evidence proves is left to a person, whose word is taken.
    lab = Lab()
    lab.cloud = Cloud(
        clock=lab.clock,
        faults=(Fault("lost_before", method="POST", route="createInstance", nth=2),),
        seed=7,
    )
    lab.apply(lab.stack(HEAD + "instances:\n  first: {}\n", tmp_path))
    stack = lab.stack(HEAD + "instances:\n  first: {}\n  second: {}\n", tmp_path)
    lab.plans = ClockJumps(lab, 365 * 86_400.0)
    lab.apply(stack)
    assert lab.state is not None and [intent.address for intent, _ in lab.state.open.values()] == [
        "instances.second"
    ]
    lab.plans, lab.clock.offset = [], 0.0
    started = lab.clock.time()
    assert lab.apply(stack).exit_code == 3
    assert lab.clock.time() - started < 2_000
    found = recover(lab, stack, Answers(not_created=("instances.second",)))
    assert found.exit_code == 0 and lab.apply(stack).exit_code == 0
    assert len(lab.cloud.snapshot().instances) == 2


class ClockJumps(list[context.Planned]):
    """Sets the machine's clock ahead when a plan is shown."""

    def __init__(self, lab: Lab, seconds: float) -> None:
        self._lab, self._seconds = lab, seconds

    def append(self, planned: context.Planned) -> None:
        super().append(planned)
        self._lab.clock.offset = self._seconds


class CappedLab(Lab):
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
    lab = CappedLab(
        faults=(Fault("executed_late", method="POST", route="createInstance", nth=2, seconds=100),)
    )
    lab.apply(lab.stack(HEAD + "instances:\n  first: {}\n", tmp_path))
    stack = lab.stack(HEAD + "instances:\n  first: {}\n  second: {}\n", tmp_path)
    lab.apply(stack, wait=False)
    lab.clock.advance(600)
    assert lab.apply(stack).exit_code == 0
    assert sorted(server.name for server in lab.cloud.snapshot().instances.values()) == [
        "shop-first",
        "shop-second",
    ]


class WrongReceiptLab(Lab):
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
    lab = WrongReceiptLab()
    lab.apply(lab.stack(HEAD + "instances:\n  first: {}\n", tmp_path))
    assert lab.state is not None
    lab.named = lab.state.entries["instances.first"].id
    assert (
        lab.apply(lab.stack(HEAD + "instances:\n  first: {}\n  second: {}\n", tmp_path)).exit_code
        == 0
    )
    held = addresses(lab)
    assert held[lab.named] == "instances.first"
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


def lost_create(kind: str, tmp: Path) -> Lab:
    """A run that ended while nobody knows whether its create of `app` was done: it was, and no list
    shows it yet.
    """
    route, text = LOST[kind]
    lab = Lab(
        faults=(Fault("answer_lost", method="POST", route=route, nth=2 if kind == "server" else 1),)
    )
    lab.apply(lab.stack(HEAD + "instances:\n  kept: {}\n", tmp))
    lab.cloud.switches = replace(lab.cloud.switches, visibility_delay=30)
    before = len(made_of(lab, kind))
    lab.interrupted = lambda: len(made_of(lab, kind)) > before
    assert (
        lab.apply(lab.stack(HEAD + text.replace("RULES", RULES), tmp), wait=False).exit_code == 130
    )
    lab.interrupted = lambda: False
    assert lab.state is not None and [intent.address for intent, _ in lab.state.open.values()] == [
        f"{KINDS[kind]}.app"
    ]
    return lab


def made_of(lab: Lab, kind: str) -> list[str]:
    """The names of all objects of a kind."""
    world = lab.cloud.snapshot()
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
    lab = lost_create(kind, tmp_path)
    before = made_of(lab, kind)
    stack = lab.stack(edited(kind, edit), tmp_path)
    held = lab.apply(stack, wait=False)
    assert (held.exit_code, made_of(lab, kind)) == (3, before)
    assert any(p.code == "open-intent" and p.hint == "reconciler recover" for p in held.problems), (
        said(held.problems)
    )
    lab.clock.advance(60)
    # its rules were never made, so it is like any other firewall and goes, with consent
    bare = kind == "firewall"
    settled = lab.apply(stack, accept=("delete",) if bare else ())
    place = KINDS[kind]
    if edit in ("renamed", "of the same name") and not bare:
        assert (
            settled.exit_code == 4
            and f"moved: [{{from: {place}.app, to: {place}.front}}]" in said(settled.problems)
        )
        stack = lab.stack(
            edited(kind, edit) + f"moved: [{{from: {place}.app, to: {place}.front}}]\n", tmp_path
        )
        settled = lab.apply(stack)
    assert settled.exit_code == 0, said(settled.problems)
    assert len(made_of(lab, kind)) == len(before) and shown(lab.plan(stack)) == []


def test_nothing_is_bound_where_the_create_of_an_object_is_in_doubt(tmp_path: Path) -> None:
    # Goal: when the request is settled, two objects would be the one of that address, and one of
    # them nobody's.
    lab = lost_create("server", tmp_path)
    stack = lab.stack(edited("server", "moved"), tmp_path)
    state = lab.state
    with pytest.raises(Abort) as stopped:
        import_.bind(
            stack,
            lab.connection(),
            lab.store,
            at("instances.front"),
            "INSTANCE-other",
            holder=ports.Holder("tester", "lab", 9, "import", lab.clock.time()),
            run="import",
            lock_timeout_seconds=0.0,
            agree=lambda _: None,
        )
    assert [(p.code, p.hint) for p in stopped.value.problems] == [
        ("open-intent", "reconciler recover")
    ]
    found = recover(lab, stack, Answers(adopt={"instances.front": "INSTANCE-other"}), wait=False)
    assert (
        found.problems[0].code == "open-intent"
        and "sent by an earlier run for instances.app" in found.problems[0].message
    )
    assert lab.state is not None and state is not None and lab.state.entries == state.entries


def test_a_rule_whose_create_is_in_doubt_is_not_made_again_under_another_key(
    tmp_path: Path,
) -> None:
    group = "firewalls:\n  web:\n    rules: RULES\n"
    lab = Lab(faults=(Fault("lost_before", method="POST", route="createSecurityGroupRule", nth=1),))
    lab.apply(lab.stack(HEAD + group.replace("RULES", "{}"), tmp_path))
    started = lab.clock.time()
    lab.interrupted = lambda: lab.clock.time() > started + 20
    lab.apply(lab.stack(HEAD + group.replace("RULES", RULES), tmp_path), wait=False)
    lab.interrupted = lambda: False
    assert lab.state is not None and [i.operation for i, _ in lab.state.open.values()] == [
        "rule.create"
    ]
    stack = lab.stack(HEAD + group.replace("RULES", RULES.replace("ssh:", "shell:")), tmp_path)
    sent = len(lab.sends)
    assert lab.apply(stack, wait=False).exit_code == 3
    assert all(request.method == "GET" for _, request in lab.sends[sent:])
    assert lab.apply(stack).exit_code == 0 and shown(lab.plan(stack)) == []
    (firewall,) = lab.cloud.snapshot().firewalls.values()
    assert [rule.port for rule in firewall.rules] == ["22"]
