"""`recover`: what proof settles by itself, what a person says, what is refused of it, and what is
bound after a lost state.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.commands import context, session
from reconciler.commands import plan as planning
from reconciler.commands import recover as recovering
from reconciler.commands.recover import Answers
from reconciler.model import ports
from reconciler.model.abort import Abort
from reconciler.model.events import Message, StepUnknown
from reconciler.model.resource import Stack
from reconciler.model.state import Intent
from reconciler.planner.compare.assessment import PlanOptions
from reconciler.recovery import manual
from reconciler.recovery.manual import Case, Proposal, Recovered
from reconciler.render import recovery_json, recovery_text
from reconciler.render.run import screen
from reconciler.render.run.screen import Style
from reconciler.simulator.faults import Fault, FaultPlan
from reconciler.simulator.kinds.records import Instance
from reconciler.simulator.world import World
from tests.builders import at
from tests.cloud_harness import CloudHarness, Interrupts, shown
from tests.doubles.memory_store import MemoryStore
from tests.scenarios.world import world_of

STACK = """\
version: 1
stack: shop
instances:
  web:
    zone: kr1-z01
    flavor: std_2.4-g1
    image: {os: ubuntu, version: "22.04"}
    ssh_keys: [deploy]
"""
FENCED = (
    STACK
    + "    firewall: web\nfirewalls:\n  web:\n    rules:\n      ssh: {direction: in, protocol: tcp, ports: 22, cidr: 10.0.0.0/8}\n"
)
LOST = Fault("lost_before", method="POST", route="createInstance", nth=1)
UNSEEN = Fault("answer_lost", method="POST", route="createInstance", nth=1)


def recover(
    harness: CloudHarness,
    stack: Stack,
    words: Answers | None = None,
    *,
    wait: bool = True,
    consents: bool = False,
) -> Recovered:
    """One `recover` in a process of its own. What was proposed is kept in `PROPOSED`, what was told
    in the harness's events.
    """
    PROPOSED.clear()
    run = context.Run(
        id="recovery",
        holder=ports.Holder("tester", "lab", 9, "recover", harness.clock.time()),
        nonce=harness.nonce,
        interrupts=Interrupts(harness),
        again="reconciler recover",
        wait=wait,
    )
    talk = recovering.RecoveryPrompter(
        emit=harness.events.append, show=PROPOSED.append, ask=lambda proposal: consents
    )
    return recovering.recover(
        stack, harness.connection(), harness.store, words or Answers(), run, talk
    )


PROPOSED: list[Proposal] = []


def left_open(tmp: Path, fault: Fault, text: str = STACK) -> tuple[CloudHarness, Stack]:
    """A cloud harness whose first apply lost the answer to its first create of a server, and did
    not wait.
    """
    harness = CloudHarness(faults=(fault,))
    stack = harness.stack(text, tmp)
    harness.apply(stack, wait=False)
    return harness, stack


def said(found: Recovered) -> str:
    """The screen."""
    look = Style(width=None, color=False)
    return screen.text(
        recovery_text.recovered_lines(
            found, look, command="reconciler recover", resume="reconciler apply"
        ),
        look,
    )


def test_a_lost_answer_is_settled_by_the_marker_alone(tmp_path: Path) -> None:
    harness, stack = left_open(
        tmp_path, Fault("executed_late", method="POST", route="createInstance", nth=1, seconds=100)
    )
    assert harness.state is not None and len(harness.state.open) == 1
    harness.clock.advance(120)
    found = recover(harness, stack)
    assert (found.exit_code, [(one.address, one.done, one.by_person) for one in found.settled]) == (
        0,
        [("instances.web", True, False)],
    )
    assert not harness.state.open and "instances.web" in harness.state.entries
    assert "create instance: done (INSTANCE-" in said(found) and "reconciler apply" in said(found)
    assert harness.apply(stack).exit_code == 0 and list(world_of(harness.cloud)["instances"]) == [
        "shop-web"
    ]
    assert "Nothing is unsettled" in said(recover(harness, stack))


def test_without_proof_it_is_shown_what_was_asked_and_what_there_is(tmp_path: Path) -> None:
    """Goal: a server of that name, made by hand in the same minute, is a candidate and never taken
    by itself (invariant 4).
    """
    harness, stack = left_open(tmp_path, LOST)
    harness.cloud.change(lambda world: by_hand(world, "INSTANCE-hand", "shop-web"))
    harness.clock.advance(600)
    found = recover(harness, stack)
    (case,) = found.cases
    assert found.exit_code == 3 and case.candidates == ("INSTANCE-hand",)
    rows = {row.name: (row.asked, row.shown) for row in case.rows}
    assert rows["name"] == ("shop-web", ("shop-web",)) and rows["flavor"] == (
        "std_2.4-g1",
        ("std_1.2-g1",),
    )
    assert rows["marker"][1] == (None,) and str(rows["marker"][0]).startswith("rc-")
    text = said(found)
    assert "asked" in text and "std_1.2-g1" in text
    assert "reconciler recover --adopt instances.web=INSTANCE-hand" in text
    assert "reconciler recover --not-created instances.web" in text
    document = recovery_json.document(found, stack="shop", environment=None)
    assert (
        document["open"][0]["candidates"][0]["id"] == "INSTANCE-hand" and document["exit_code"] == 3
    )
    assert (
        "INSTANCE-hand" not in {entry.id for entry in harness.state.entries.values()}
        if harness.state
        else False
    )


def test_a_delete_that_needs_a_decision_names_its_consent() -> None:
    intent = Intent(
        1,
        "run",
        "key",
        'instances.web["a b"]',
        "instance.delete",
        "INSTANCE-1",
        {},
        None,
        1_767_225_600,
    )
    case = Case(intent, "is not shown", None, (), ())
    look = Style(width=None, color=False)
    text = screen.text(
        recovery_text.case_lines(case, command="reconciler recover", resume="reconciler apply"),
        look,
    )
    assert """it was done:  reconciler apply --accept 'gone=instances.web["a b"]'""" in text
    assert """it was not:   reconciler recover --not-created 'instances.web["a b"]'""" in text


def test_deciding_that_it_was_not_created_lets_the_next_apply_create_it(tmp_path: Path) -> None:
    harness, stack = left_open(tmp_path, LOST)
    harness.clock.advance(600)
    found = recover(harness, stack, Answers(not_created=("instances.web",)))
    assert found.exit_code == 0 and found.settled[0].by_person and not found.settled[0].done
    assert harness.apply(stack).exit_code == 0
    assert list(world_of(harness.cloud)["instances"]) == ["shop-web"]


def test_not_created_cannot_be_decided_before_the_signature_fence(tmp_path: Path) -> None:
    harness, stack = left_open(tmp_path, LOST)
    found = recover(harness, stack, Answers(not_created=("instances.web",)), wait=False)
    assert (
        found.exit_code == 3
        and "can still be taken" in found.problems[0].message
        and len(found.cases) == 1
    )
    begun = harness.clock.time()
    found = recover(harness, stack, Answers(not_created=("instances.web",)))
    assert found.exit_code == 0 and harness.clock.time() - begun > 300
    assert any(
        isinstance(event, Message) and "checking again in" in event.message
        for event in harness.events
    )


def test_deciding_on_an_object_binds_it_with_the_requested_attributes(tmp_path: Path) -> None:
    harness, stack = left_open(tmp_path, LOST)
    harness.cloud.change(lambda world: by_hand(world, "INSTANCE-hand", "shop-web"))
    found = recover(harness, stack, Answers(adopt={"instances.web": "INSTANCE-hand"}))
    assert found.exit_code == 0 and found.settled[0].done and found.settled[0].by_person
    assert (
        harness.state is not None and harness.state.entries["instances.web"].id == "INSTANCE-hand"
    )
    assert harness.state.entries["instances.web"].nonce is None  # it bears no marker of ours
    assert shown(harness.plan(stack)) == ["resize instances.web"]


def test_a_late_object_is_reported_if_another_object_was_named(
    tmp_path: Path,
) -> None:
    # Goal: the request can still be taken when the word is given; what it makes then is the
    # stack's, and found by its nonce.
    harness, stack = left_open(
        tmp_path,
        Fault("executed_late", method="POST", route="createInstance", nth=1, seconds=100.0),
    )
    harness.cloud.change(lambda world: by_hand(world, "INSTANCE-hand", "shop-web"))
    assert (
        recover(
            harness, stack, Answers(adopt={"instances.web": "INSTANCE-hand"}), wait=False
        ).exit_code
        == 0
    )
    harness.clock.advance(200)
    assert len(harness.cloud.snapshot().instances) == 2
    assert [problem.code for problem in harness.plan(stack).problems] == ["doubled"]


def test_an_object_with_the_marker_of_another_request_is_not_the_result_of_this_one(
    tmp_path: Path,
) -> None:
    # Goal: each send has a nonce of its own, so the word cannot be true; the object is another
    # stack's, which would lose it.
    theirs = CloudHarness()
    assert (
        theirs.apply(
            theirs.stack(STACK.replace("stack: shop", "stack: theirs"), tmp_path / "theirs")
        ).exit_code
        == 0
    )
    (id,) = theirs.cloud.snapshot().instances
    harness = CloudHarness()
    harness.cloud, harness.clock, harness.quota, harness._numbers = (
        theirs.cloud,
        theirs.clock,
        theirs.quota,
        theirs._numbers,
    )
    harness.cloud.faults = FaultPlan((LOST,), seed=7)
    stack = harness.stack(STACK, tmp_path)
    harness.apply(stack, wait=False)
    found = recover(harness, stack, Answers(adopt={"instances.web": id}), wait=False)
    assert (
        found.exit_code == 3
        and "carries the marker of another request" in found.problems[0].message
    )
    assert harness.state is not None and harness.state.entries == {}


def test_an_object_in_another_state_is_not_the_result_of_a_lost_request(tmp_path: Path) -> None:
    # Goal: an object without a marker belongs to the state that contains it.
    harness, stack = left_open(tmp_path, LOST)
    harness.cloud.change(lambda world: by_hand(world, "INSTANCE-hand", "shop-web"))
    theirs = CloudHarness(store=MemoryStore(harness.store.disk, folder=Path("/state/theirs")))
    theirs.cloud, theirs.clock, theirs._numbers = harness.cloud, harness.clock, harness._numbers
    text = STACK.replace("stack: shop", "stack: theirs").replace("  web:", "  api:")
    text = text.replace("    zone", "    import: INSTANCE-hand\n    zone")
    accept = ("downtime", "stop")
    theirs.apply(theirs.stack(text, tmp_path / "theirs"), accept=accept)
    found = recover(harness, stack, Answers(adopt={"instances.web": "INSTANCE-hand"}), wait=False)
    assert "shared" in {one.code for one in found.problems}
    assert "the state of theirs contains it" in found.problems[0].message
    assert harness.state is not None and not harness.state.entries


def test_a_late_object_is_reported_after_its_request_was_forgotten(
    tmp_path: Path,
) -> None:
    harness, stack = left_open(
        tmp_path,
        Fault("executed_late", method="POST", route="createInstance", nth=1, seconds=100.0),
    )
    holder = ports.Holder("tester", "lab", 9, "state forget", harness.clock.time())
    with session.Writing(
        harness.store, holder, timeout_seconds=0.0, stack="shop", environment=None
    ) as writer:
        for note in manual.forget(writer.state, "instances.web", "forget") or ():
            writer.append(note)
    harness.clock.advance(200)
    assert "doubled" in [problem.code for problem in harness.plan(stack).problems]


@pytest.mark.parametrize(
    ("name", "address", "id", "code", "wanted"),
    [
        (
            "not there",
            "instances.web",
            "INSTANCE-none",
            "missing-object",
            "the account shows no instance INSTANCE-none",
        ),
        (
            "another kind",
            "instances.web",
            "FIREWALL",
            "missing-object",
            "the account shows no instance FIREWALL",
        ),
        (
            "the object of another address",
            "instances.web",
            "OTHER",
            "bad-combination",
            "already belongs to instances.other",
        ),
        (
            "no such address",
            "instances.nobody",
            "INSTANCE-hand",
            "missing-reference",
            "the stack has no instances.nobody",
        ),
        (
            "an address that has one",
            "instances.other",
            "INSTANCE-hand",
            "bad-combination",
            "instances.other is already bound to INSTANCE-",
        ),
    ],
)
def test_an_impossible_decision_is_refused(
    name: str, address: str, id: str, code: str, wanted: str, tmp_path: Path
) -> None:
    both = STACK + STACK.split("instances:\n")[1].replace("  web:", "  other:")
    harness = CloudHarness(
        faults=(Fault("lost_before", method="POST", route="createInstance", nth=2),)
    )
    stack = harness.stack(both, tmp_path)
    harness.apply(stack, wait=False)
    assert harness.state is not None
    open_one = next(intent.address for intent, _ in harness.state.open.values())
    if open_one != "instances.web":
        pytest.fail("the second create is that of instances.web")
    harness.cloud.change(lambda world: by_hand(world, "INSTANCE-hand", "shop-web"))
    found = recover(
        harness,
        stack,
        Answers(adopt={address: id.replace("OTHER", harness.state.entries["instances.other"].id)}),
        wait=False,
    )
    assert (found.problems[0].code, wanted in found.problems[0].message) == (code, True), name
    assert "INSTANCE-hand" not in {entry.id for entry in harness.state.entries.values()}


def test_an_object_with_the_marker_cannot_be_decided_as_not_created(tmp_path: Path) -> None:
    """Goal: an object with our marker that is not as requested: only a person can tell, and not
    against the marker.
    """
    harness, stack = left_open(tmp_path, LOST)
    assert harness.state is not None
    (nonce,) = [intent.nonce for intent, _ in harness.state.open.values()]
    harness.cloud.change(
        lambda world: by_hand(world, "INSTANCE-odd", "shop-web", description=f"odd rc-{nonce}")
    )
    harness.clock.advance(600)
    found = recover(harness, stack, Answers(not_created=("instances.web",)))
    assert (
        found.exit_code == 3 and "carries the marker of this request" in found.problems[0].message
    )
    assert recover(harness, stack, Answers(adopt={"instances.web": "INSTANCE-odd"})).exit_code == 0


def test_after_a_lost_state_everything_that_proves_to_be_ours_is_bound(tmp_path: Path) -> None:
    """Goal: invariant 1: nothing is made again; the state comes back from the account, on a yes."""
    harness = CloudHarness()
    stack = harness.stack(FENCED, tmp_path)
    assert harness.apply(stack).exit_code == 0
    before = world_of(harness.cloud)
    harness.cloud.change(lambda world: by_hand(world, "INSTANCE-hand", "shop-web"))
    harness.store = MemoryStore()
    lost = harness.apply(stack)
    assert lost.exit_code == 4 and {problem.code for problem in lost.problems} == {"state-missing"}

    with pytest.raises(Abort) as stop:
        recover(harness, stack, Answers(rebuild=True))
    assert stop.value.exit_code == 4 and "--yes" in str(stop.value.problems[0])
    with pytest.raises(Abort) as stop:
        recover(harness, stack, Answers(rebuild=True, terminal=True))
    assert stop.value.exit_code == 4 and not harness.store.read()

    found = recover(harness, stack, Answers(rebuild=True, terminal=True), consents=True)
    assert found.exit_code == 0 and [str(one.address) for one in found.bound] == [
        "firewalls.web",
        "instances.web",
    ]
    assert [str(one.address) for one in PROPOSED[0].bindings] == ["firewalls.web", "instances.web"]
    text = screen.text(recovery_text.proposal_lines(PROPOSED[0], Style(), title="shop"), Style())
    assert text.count(" =  ") == 2
    assert harness.apply(stack).exit_code == 0
    assert not harness.plan(stack).steps
    after = world_of(harness.cloud)
    assert (
        after["firewalls"] == before["firewalls"] and len(harness.cloud.snapshot().instances) == 2
    )


def test_what_is_not_proved_after_a_lost_state_is_left_to_a_person(tmp_path: Path) -> None:
    harness = CloudHarness()
    stack = harness.stack(STACK, tmp_path)
    assert harness.apply(stack).exit_code == 0
    (real,) = harness.cloud.snapshot().instances.values()
    harness.cloud.change(
        lambda world: by_hand(
            world, "INSTANCE-twin", "shop-web", description=real.description, flavor=real.flavor_id
        )
    )
    harness.store = MemoryStore()
    found = recover(harness, stack, Answers(rebuild=True, yes=True))
    assert (
        found.exit_code == 4
        and not found.bound
        and {one.code for one in found.problems} == {"state-missing"}
    )
    found = recover(harness, stack, Answers(adopt={"instances.web": real.instance_id}))
    assert (
        found.exit_code == 0
        and harness.state is not None
        and harness.state.entries["instances.web"].id == real.instance_id
    )


def test_an_object_of_another_stack_is_not_proposed(tmp_path: Path) -> None:
    harness = CloudHarness()
    other = harness.stack(
        STACK.replace("stack: shop", "stack: other").replace(
            "    zone", "    name: shop-web\n    zone"
        ),
        tmp_path / "other",
    )
    assert harness.apply(other).exit_code == 0
    harness.store = MemoryStore()
    stack = harness.stack(STACK, tmp_path / "shop")
    found = recover(harness, stack, Answers(rebuild=True, yes=True))
    assert not found.bound and {one.code for one in found.problems} == {"state-missing"}
    assert harness.plan(stack, accept=(("duplicate", "instances.web"),)).steps


def test_requests_of_a_running_apply_are_not_unsettled_in_a_plan(tmp_path: Path) -> None:
    harness, stack = left_open(tmp_path, LOST)
    assert harness.state is not None
    (run,) = {intent.run for intent, _ in harness.state.open.values()}

    def planned(beside: context.ConcurrentRun | None) -> context.Planned:
        return planning.plan(
            stack, harness.connection(), harness.store, PlanOptions(), lambda: beside
        )

    assert shown(planned(None).plan) == ["decide instances.web"]
    found = planned(context.ConcurrentRun("somebody works on this stack", run))
    assert (
        shown(found.plan) == ["create instances.web"]
        and found.provisional == "somebody works on this stack"
    )
    assert shown(planned(context.ConcurrentRun("somebody else", "another run")).plan) == [
        "decide instances.web"
    ]
    with pytest.raises(Abort) as stop:
        planning.check_recordable(found)
    assert stop.value.exit_code == 6


def by_hand(
    world: World,
    id: str,
    name: str,
    *,
    description: str | None = "made in the console",
    flavor: str = "std_1.2-g1",
) -> None:
    """A server that somebody made in the console just now."""
    image = next(iter(world.images))
    world.put(
        Instance(
            id,
            name,
            description,
            "active",
            "kr1-z01",
            flavor,
            image,
            world.time,
            "203.0.113.99",
            "10.0.0.99",
        )
    )


def test_a_create_that_nothing_proves_is_left_with_the_reason(tmp_path: Path) -> None:
    # Goal: lists were read, and said so: not that none could be.
    harness = CloudHarness(faults=(LOST,))
    result = harness.apply(harness.stack(STACK, tmp_path), wait=False)
    unknown = [event.message for event in harness.events if isinstance(event, StepUnknown)]
    assert result.exit_code == 3 and unknown == [
        "its request could still be accepted until the signature fence"
    ]
    with pytest.raises(Abort) as stop:
        session.entry_of(harness.state, at("instances.web"))
    assert stop.value.problems[0].hint == "a request for it is open: `reconciler recover` shows it"
