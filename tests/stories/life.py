"""One story as it is lived: the bench with a file that is edited, machines with states of their
own, and what must hold after every act.

The invariants at each request and at each process end are those of `tests/faults/checks.py`; here
are those that need to know what the file said before, what somebody changed between the plan and a
write, and which machine knows what.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from reconciler.commands import apply as applying
from reconciler.commands import context, recover, session
from reconciler.commands import plan as planning
from reconciler.commands.recover import Answers
from reconciler.model import http, marker, ports
from reconciler.model.abort import Abort
from reconciler.model.address import parse
from reconciler.model.diagnostics import Problem
from reconciler.model.events import ProblemFound
from reconciler.model.plan import Action, RiskClass
from reconciler.model.resource import Stack
from reconciler.model.state import Note, Phase, State
from reconciler.planner.checks.approval import Acceptance, GivenConsent
from reconciler.planner.compare.assessment import PlanOptions
from reconciler.recovery import addresses
from reconciler.simulator.world import World
from tests.cloud_harness import EVERYTHING, Interrupts, said
from tests.doubles.memory_store import MemoryDisk, MemoryStore
from tests.faults import foreign_objects
from tests.faults.bench import Bench, Ended
from tests.faults.faults import Boundary, Break
from tests.faults.operator import Operator
from tests.stories.desired import AdoptRequest
from tests.stories.looks import exposed_servers, fingerprints, records
from tests.stories.processes import (
    FIXED,
    GONE,
    MOVED,
    PATIENT_RUNS,
    PLACES,
    RISKY,
    RULE,
    How,
    Machine,
    StorySends,
)

RUNS_MAX = 8
"""Runs that a story may take to come to its end when nothing is broken any more."""

BESIDE = ("duplicate-name",)
"""Codes of problems that name an object for its name alone."""


class Life(Bench):
    """The bench of a story."""

    def __init__(
        self, desired: AdoptRequest, *, switches: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(switches=switches)
        self.given: set[str] = set()
        self._sends_check = StorySends(self)
        self._sends_check.life = self
        self.check = self._sends_check
        self.machine = Machine("the first machine")
        self.machines = [self.machine]
        self.desired, self.how, self.operator = desired, How(), Operator()
        self.stands_for: dict[str, str] = {}
        self.missing: dict[str, str] = {}
        self.used: set[str] = set()
        self.tried: dict[tuple[str, str | None, str | None], int] = {}
        self.meddled: dict[str, tuple[str, bool]] = {}
        self.former: list[tuple[str, str | None]] = []
        self.to_take_back: str | None = None
        self.unsaid: set[str] = set()
        self._planned_at = 0.0
        self.only_walls: set[str] = set()
        self.aims: set[str] = set()
        self.is_patient = False
        self._since_plan = 0
        self._counts: Counter[str] = Counter()
        self._is_planned = False
        self._stacks: dict[str, Stack] = {}
        self.lines: list[str] = []
        foreign_objects.settle_in(self.cloud)
        model = self.cloud.world.find("theirs")
        blog = replace(
            model,
            instance_id=self.cloud.world.new_id("instance"),
            name="blog-web",
            description=f"blog.-.web rc-{'a' * 12}",
        )
        self.cloud.change(lambda world: world.put(blog))
        self._take(self.machine)

    @property
    def ids(self) -> set[str]:
        """Every id that the state holds."""
        state = self.state
        return (
            set()
            if state is None
            else {entry.id for entry in state.entries.values()} | set(state.deposed)
        )

    @property
    def title(self) -> str:
        """The name of the state that the commands work on."""
        return (
            self.desired.stack
            if self.desired.environment is None
            else f"{self.desired.stack}.{self.desired.environment}"
        )

    # The file
    # ---------------------------------------------------------------------------------------------------------------------

    @property
    def stack_now(self) -> Stack:
        """What the file says, built once for each text."""
        text = self.desired.file()
        if text not in self._stacks:
            with tempfile.TemporaryDirectory() as folder:
                self._stacks[text] = self.stack(
                    text, Path(folder), environment=self.desired.environment
                )
        return self._stacks[text]

    def edit(
        self, desired: AdoptRequest, *, same: Mapping[str, str] | None = None, said: bool = True
    ) -> None:
        """Another file; `same` maps new addresses to those that they had before, `said` whether the
        file says so.

        Each state has a folder by stack and environment.
        """
        for new, old in (same or {}).items():
            self.stands_for[new] = self.stands_for.get(old, old)
            said_of_it = said and old not in self.unsaid  # a `moved` from what the state never had
            self.unsaid = self.unsaid - {new} if said_of_it else self.unsaid | {new}
        self.unsaid &= desired.addresses
        known = (
            {address.split("[")[0] for address in desired.addresses}
            | desired.addresses
            | {old for old, _ in desired.moved}
        )
        self.desired = replace(
            desired, moved=tuple(pair for pair in desired.moved if pair[1] in known)
        )
        self._take(self.machine)

    def object_of(self, address: str) -> str:
        """What an address stands for, whatever it was called before."""
        return self.stands_for.get(address, address)

    # Machines
    # ---------------------------------------------------------------------------------------------------------------------

    def _take(self, machine: Machine) -> None:
        self.machine = machine
        store = MemoryStore(machine.disk, folder=Path("/state") / self.title)
        if store.folder != self.store.folder or self.store.disk is not machine.disk:
            self._sends_check.fresh()
        self.store = store
        machine.disk.fault = self._at_deed

    def another_machine(self) -> str:
        """A copy of this machine's disk, or the other machine where there are two already."""
        if len(self.machines) == 1:
            copy = Machine(
                "the second machine",
                self.store.disk.after_crash(names=True),
                dict(self.machine.made),
            )
            self.machines.append(copy)
        other = next(machine for machine in self.machines if machine is not self.machine)
        self._take(other)
        return f"works on {other.name}, with the state as it is there"

    def both_at_once(self) -> str:
        """Two machines with the same state apply at the same time: neither sees what the other
        makes before it has planned.
        """
        self.cloud.set_switches({"visibility_delay": 45})
        line = self.another_machine() if len(self.machines) == 1 else ""
        other = next(machine for machine in self.machines if machine is not self.machine)
        for machine in (self.machine, other):
            self._take(machine)
            self.process(How(wait=False))
        self.cloud.set_switches({"visibility_delay": 0})
        self.clock.advance(100.0)
        for machine in (other, self.machine):
            self._take(machine)
            self.look(killed=False)
        return "lets both machines apply at the same time" + (
            ", the second with a copy of the state" if line else ""
        )

    def put_back(self, disk: MemoryDisk) -> None:
        """The disk as it was once; what was made since is on no record of this machine."""
        self.machine.disk = disk.after_crash(names=True)
        self.machine.made = {}
        self._take(self.machine)

    def nonce(self) -> str:
        """A new nonce, which this machine knows."""
        made = super().nonce()
        self.machine.made[made] = self.title
        return made

    # One process
    # ------------------------------------------------------------------------------------------------------------------

    def process(self, how: How | None = None) -> Ended | None:
        """One apply, with what a person has said since the last one; then the person is asked what
        is left open.
        """
        self.how = how or How()
        self._counts.clear()
        self._since_plan = 0
        self._is_planned = False
        self.meddled.clear()
        self.only_walls.clear()
        self.meanwhile = self._meddles if self.how.meddle is not None else None
        armed = (
            None
            if self.how.fault is None
            else Break(Boundary(self._place(), -1, "as the story says"), self.how.fault)
        )
        operator, self.operator = self.operator, Operator()
        self.machine.kept.append(self.store.disk.after_crash(names=True))
        try:
            ended = self.run(
                self.stack_now,
                armed=armed,
                gone=operator.accept,
                duplicates=operator.duplicates,
                destroy=self.how.destroy,
            )
        except Exception as failure:  # nothing may end with a traceback
            self.violations.append(f"12: {type(failure).__name__}: {failure}")
            return None
        finally:
            self.meanwhile = None
        if ended.exit_code is None:
            self._take(self.machine)
        if self.how.typed is not None and self.how.typed != self.title and self._counts["write"]:
            self.violations.append(
                f"8: {self._counts['write']} requests left although {self.how.typed!r} was typed"
            )
        self._after(ended, operator)
        return ended

    def _place(self) -> str:
        return "deed" if self.how.place == "deed" else "send"

    def _apply(
        self, stack: Stack, accepted: tuple[tuple[str, str], ...], *, wait: bool, destroy: bool
    ) -> tuple[int, tuple[Problem, ...]]:
        how = self.how
        number = next(self._runs)
        holder = ports.Holder("tester", "lab", number, "apply", self.clock.time())
        run = context.Run(
            f"run-{number}",
            holder,
            self.nonce,
            Interrupts(self),
            "reconciler apply",
            wait=wait and how.wait,
        )
        talk = context.Prompter(
            show=lambda planned, _: self._show(planned),
            ask=how.consents,
            emit=self.events.append,
        )
        words = tuple(Acceptance(RiskClass(name)) for name in EVERYTHING if how.typed is None)
        words += tuple(Acceptance(RiskClass(name), address) for name, address in accepted)
        typed = how.typed is not None
        given = GivenConsent(
            accept=words, yes=not typed, terminal=typed, allow_empty=True, destroy=destroy
        )
        options = PlanOptions(destroy=destroy, accept=accepted, only=how.only)
        execution = context.Execution(run, given, talk)
        applied = applying.apply(stack, self.connection(), self.store, options, execution)
        found = () if applied.result is None else applied.result.problems
        return applied.exit_code, (*found, *self._said())

    def _show(self, planned: context.Planned) -> None:
        self.plans.append(planned)
        self.meddled.clear()
        self.only_walls.clear()
        self._is_planned, self._since_plan, self._planned_at = True, 0, planned.at
        if self.how.meddle is not None and self.how.meddle_at == 0:
            self._somebody_acts(seen=True)

    def _meddles(self) -> None:
        if self._is_planned:
            self._since_plan += 1
            if self._since_plan == self.how.meddle_at:
                self._somebody_acts(seen=False)

    def _somebody_acts(self, *, seen: bool) -> None:
        how, meddle = self.how, self.how.meddle
        assert meddle is not None
        before = fingerprints(self.cloud.world)
        self.aims = self._risked()
        line = meddle()
        self.aims = set()
        self.how = replace(how, meddle=None)
        after = fingerprints(self.cloud.world)
        for id in before.keys() & after.keys():
            if before[id] != after[id]:
                self.meddled[id] = (line or "changed", seen)
                if before[id][:-1] == after[id][:-1]:
                    self.only_walls.add(id)
        self.lines.append(
            f"    meanwhile somebody {line}"
            if line
            else "    meanwhile nobody finds anything to change"
        )

    def _risked(self) -> set[str]:
        """The ids of what the plan shown is going to change in a way that cannot be taken back."""
        state = self.state
        at = {
            str(step.address)
            for step in self.plans[-1].plan.steps
            if step.deposes or step.operation.rpartition(".")[2] in RISKY
        }
        entries = () if state is None else state.entries.items()
        return {entry.id for address, entry in entries if address in at}

    def leaving(self, number: int, request: http.Request) -> None:
        """Aims the fault at a request by its number among those of its place, then looks on."""
        for name, counts in PLACES.items():
            self._counts[name] += counts(request)
        place = self.how.place
        if (
            self.armed is not None
            and place in PLACES
            and PLACES[place](request)
            and self._counts[place] == self.how.number
        ):
            self.armed.one = Break(
                Boundary("send", number, f"{request.method} {request.path}"), self.armed.one.fault
            )
        super().leaving(number, request)

    def _at_deed(self, number: int, name: str, path: Path) -> Any:
        if self.armed is not None and self.how.place == "deed":
            self.armed.one = Break(
                Boundary("deed", self.how.number, "as the story says"), self.armed.one.fault
            )
        return super()._at_deed(number, name, path)

    def arrived(self, number: int, request: http.Request, arrival: Any) -> None:
        """A list that was answered after somebody acted shows what was done, but not to a rule."""
        if request.method == "GET":
            self.meddled = {
                id: (line, seen or not id.isdigit()) for id, (line, seen) in self.meddled.items()
            }
        super().arrived(number, request, arrival)

    # What holds
    # -------------------------------------------------------------------------------------------------------------------

    def before_write(self, request: http.Request) -> None:
        """No second object is made of what is there; nothing is destroyed that is not as it was
        shown.
        """
        found = FIXED.fullmatch(request.path)
        if found is not None and (request.method == "DELETE" or found[2]):
            line, seen = self.meddled.get(found[1], ("", False))
            # a look before these reads no members of firewalls
            unread = found[2] in ("rebuild", "resize", "shutdown") and found[1] in self.only_walls
            if seen and not unread:
                self.violations.append(
                    f"8: {request.method} {request.path} leaves although somebody {line} since the plan"
                )
        rule = RULE.fullmatch(request.path)
        line, seen = self.meddled.get(rule[1], ("", False)) if rule is not None else ("", False)
        if seen:
            self.violations.append(
                f"8: {request.method} {request.path} leaves although somebody {line} since the plan"
            )
        if request.method == "POST" and found is None:
            self._no_second(request)

    def _no_second(self, request: http.Request) -> None:
        state = self.durable()
        if state is None or not state.open:
            return
        intent = state.open[max(state.open)][0]
        deposed = set(state.deposed) | {
            effect.depose.id for effect in intent.effects if effect.depose is not None
        }
        for effect in intent.effects:
            old = effect.depose.id if effect.depose is not None else ""
            line, seen = self.meddled.get(old, ("", False))
            if seen and intent.operation.endswith(".create"):
                self.violations.append(
                    f"8: {intent.step} is to replace {old} although somebody {line} since the plan"
                )
        entries = {entry.id for entry in state.entries.values() if entry.phase is Phase.DELETING}
        if self.to_take_back is not None and intent.address.startswith(
            f"instances.{self.to_take_back}"
        ):
            self.violations.append(
                f"3: {request.method} {request.path} leaves for instances.{self.to_take_back}, which cannot be imported"
            )
        live = self.ours_by_object(before=self._planned_at - 1.0)
        others = [
            id for id in live.get(self.object_of(intent.address), ()) if id not in deposed | entries
        ]
        if intent.address in self.unsaid:
            others = [id for id in others if self._is_alike(id, intent.address, intent.inputs)]
        others += [
            f"an open create of {other.address}"
            for other, result in state.open.values()
            if other.sequence != intent.sequence
            and other.operation == intent.operation
            and (result == "unknown" or other.run != intent.run)
            and self.object_of(other.address) == self.object_of(intent.address)
            and all(
                other.inputs.get(name) == intent.inputs.get(name)
                for name in ("flavor", "image", "size")
            )
        ]
        if (
            others
            and intent.operation.endswith(".create")
            and not (intent.address in self.unsaid and self.missing)
        ):
            self.violations.append(
                f"1: {intent.operation} {intent.address} leaves, and there is {', '.join(others)} already"
            )

    def _is_alike(self, id: str, address: str, inputs: Mapping[str, Any]) -> bool:
        """Whether a delete and a create would look like a rename that nobody said; otherwise the
        consents cover both.
        """
        world = self.cloud.world
        if id in world.instances:
            key = self.object_of(address).split("[")[0]
            likes = [
                each
                for name, ids in self.ours_by_object(before=world.time).items()
                if name.split("[")[0] == key
                for each in ids
            ]
            made = [
                each
                for each in self.unsaid
                if each.split("[")[0] == address.split("[", maxsplit=1)[0]
            ]
            if len(made) != len(likes):
                return False
            wanted = (inputs.get("flavor"), inputs.get("image"), inputs.get("zone"))
            return all(
                (server.flavor_id, server.image_id, server.zone_id) == wanted
                for server in map(world.instances.__getitem__, likes)
            )
        if id in world.block_storages:
            return world.block_storages[id].size == inputs.get("size")
        ports = {
            f"firewalls.{wall.key}": {str(port) for _, port in wall.rules}
            for wall in self.desired.walls
        }
        return {rule.port for rule in world.firewalls[id].rules} == ports.get(address)

    def ours_by_object(self, *, before: float) -> dict[str, list[str]]:
        """The live objects that a marker of ours stands on, by what they are; those of another
        machine if they could be seen by then.
        """
        found: dict[str, list[str]] = {}
        for id, record, text in records(self.cloud.world):
            nonce = marker.split(text)[1]
            address = self.nonces.get(nonce or "")
            if address and (
                nonce in self.machine.made
                or max(record.visible_from, getattr(record, "created", 0.0)) <= before
            ):
                found.setdefault(self.object_of(address), []).append(id)
        return found

    def _after(self, ended: Ended, operator: Operator) -> None:
        state = self.state
        for address, id in list(self.missing.items()):
            entry = None if state is None else state.entries.get(address)
            if self.object_of(address) in {
                self.object_of(accepted) for accepted in operator.accept
            }:
                del self.missing[address]
            elif entry is not None and entry.id != id:
                self.violations.append(
                    f"5: {id} of {address} was taken as gone, and nobody had said so"
                )
        if ended.exit_code is None:
            return
        self._ways_out(ended, operator)
        self._decisions(state)
        left = () if state is None or self.how.only else tuple(state.deposed)
        if ended.exit_code == 0 and left:
            self.violations.append(f"3: exit 0, and the state still holds {', '.join(left)}")
        if ended.exit_code != 0:
            if not self.is_patient:
                self.operator.answer(self, self.stack_now, ended, destroy=self.how.destroy)
            self._paste(ended)
            self._take_back(ended)

    def _ways_out(self, ended: Ended, operator: Operator) -> None:
        """What a person was told to say, and said, is not asked for again."""
        for problem in ended.problems:
            for address in GONE.findall(problem.hint or ""):
                if address in operator.accept:
                    self.violations.append(
                        f"3: --accept gone={address} was said, and {problem.code} asks for it again: {problem.message}"
                    )

    def _decisions(self, state: State | None) -> None:
        """A rule of a firewall whose create is in doubt is held back by it, and is no decision of
        its own.
        """
        doubts = (
            {
                intent.address
                for intent, _ in state.open.values()
                if intent.operation == "firewall.create"
            }
            if state is not None
            else set()
        )
        for change in self.plans[-1].plan.changes if self.plans and doubts else ():
            firewall, _, rule = str(change.address).partition(".rules.")
            if rule and firewall in doubts and change.action is Action.DECIDE:
                self.violations.append(
                    f"3: {change.address} asks for a decision, and {firewall} is in doubt"
                )

    def move_state(self, source: str, target: str) -> str:
        """`state mv`: nothing that the state holds may be lost by it."""
        before = self.ids
        number = next(self._runs)
        holder = ports.Holder("tester", "lab", number, "state mv", self.clock.time())
        old, new = parse(source), parse(target)
        assert old is not None and new is not None
        if self.state is None:
            return "does not find a state to move in"
        with session.Writing(
            self.store,
            holder,
            timeout_seconds=0,
            stack=self.desired.stack,
            environment=self.desired.environment,
        ) as writer:
            found = addresses.rename(writer.state, old, new)
            if not found.problems and found.places:
                writer.append(
                    Note(
                        writer.state.sequence + 1,
                        f"run-{number}",
                        f"moved {source} to {target}",
                        found.effects,
                    )
                )
                writer.commit()
        forms: dict[str, set[type]] = {}
        for address in map(parse, self.state.entries):
            if address is not None and address.rule is None:
                name = f"{address.kind}.{address.name}"
                forms.setdefault(name, set()).add(type(address.index))
        mixed = sorted(name for name, found_forms in forms.items() if len(found_forms) > 1)
        if mixed:
            self.violations.append(
                f"2: `state mv {source} {target}` gives {', '.join(mixed)} two forms of index"
            )
        lost = sorted(before - self.ids)
        if lost:
            self.violations.append(
                f"2: `state mv {source} {target}` takes {', '.join(lost)} out of the state"
            )
        return f"runs `state mv {source} {target}`{': ' + said(found.problems) if found.problems else ''}"

    def _paste(self, ended: Ended) -> None:
        """The lines that a message says to put into the file: `moved` where it is a rename, else
        `removed`.
        """
        for problem in dict.fromkeys(ended.problems):
            for old, _ in MOVED.findall(problem.hint or "") if problem.code == "rename" else ():
                new = [
                    address
                    for address in sorted(self.unsaid)
                    if self.object_of(address).startswith(self.object_of(old))
                ]
                moves = [
                    (old, address)
                    for address in new
                    if self.object_of(address) == self.object_of(old)
                ]
                moves = moves or [(old, address.split("[")[0]) for address in new[:1]]
                if moves:
                    self.edit(
                        replace(self.desired, moved=(*self.desired.moved, *moves)),
                        same={moves[0][1]: old},
                    )
                else:
                    self.edit(replace(self.desired, removed=(*self.desired.removed, old)))
                self.lines.append(
                    f"    writes {f'{old} -> {moves[0][1]} into `moved`' if moves else f'{old} into `removed`'}"
                )

    def _take_back(self, ended: Ended) -> None:
        """What the file asked for and cannot have: an import of no object, another name for a stack
        that has objects.
        """
        key, self.to_take_back = self.to_take_back, None
        if key is not None:
            self.edit(
                replace(
                    self.desired,
                    servers=tuple(each for each in self.desired.servers if each.key != key),
                    imports=(),
                )
            )
            self.lines.append(f"    takes instances.{key} out of the file again")
        if self.former and any(problem.code == "former-name" for problem in ended.problems):
            stack, environment = self.former[0]
            self.former.clear()
            self.edit(replace(self.desired, stack=stack, environment=environment))
            self.lines.append(f"    calls the stack {self.title} again")

    def look(self, *, killed: bool) -> None:
        """What a plan says after a process: everything of ours that no entry holds, and servers
        that run without their firewall.
        """
        try:
            planned = planning.plan(self.stack_now, self.connection(), self.store, PlanOptions())
            problems = (*planned.plan.problems, *planned.problems)
            told = tuple(each for each in problems if each.code not in BESIDE)
            text = "\n".join([said(told), *(str(change) for change in planned.plan.changes)])
        except Abort:
            return
        except Exception as failure:  # nothing may end with a traceback
            self.violations.append(f"12: plan: {type(failure).__name__}: {failure}")
            return
        if killed:
            self.violations += exposed_servers(self, problems)
        state = self.state
        held = (
            {entry.id for entry in state.entries.values()} | set(state.deposed)
            if state is not None
            else set()
        )
        sent = {intent.nonce for intent, _ in state.open.values()} if state is not None else set()
        for id, record, mark in records(self.cloud.world):
            nonce, seen = marker.split(mark)[1], record.visible_from <= self.cloud.world.time
            if (
                seen
                and self.nonces.get(nonce or "")
                and id not in held
                and id not in text
                and nonce not in sent
            ):
                self.violations.append(
                    f"8: {id} bears a marker of the stack, and the plan says nothing of it"
                )

    def _unsettled_deletes(self) -> None:
        """A delete whose object is gone settles by the looks of two runs that do not wait."""
        state = self.state
        if state is None:
            return
        there = {id for id, _, _ in records(self.cloud.world)}
        deleting = {e.id for e in state.entries.values() if e.phase is Phase.DELETING}
        deleting |= {old.id for old in state.deposed.values() if old.phase is Phase.DELETING}
        left = sorted(id for id in deleting - there if not id.isdigit())
        if left:
            self.violations.append(
                f"3: {PATIENT_RUNS} runs with --no-wait do not settle the delete of"
                f" {', '.join(left)}"
            )

    def come_to_the_end(self, *, wait: bool) -> None:
        """Nothing is broken any more: a few runs and a person's answers bring everything to what
        the file says.
        """
        self.cloud.set_switches({"visibility_delay": 0})
        self.cloud.set_faults([])
        self.lies = None
        ended: Ended | None = None
        patient = 0 if wait else PATIENT_RUNS
        for number in range(RUNS_MAX + patient):
            self.clock.advance(600.0 if not wait or number == 0 else 200.0)
            self.is_patient = number < patient
            ended = self.process(How(wait=wait))
            if number == patient - 1 and ended is not None:
                self._unsettled_deletes()
            if self.violations or ended is None or ended.exit_code == 0:
                break
            self._clear_away(ended)
        if ended is None or self.violations:
            return
        if ended.exit_code != 0:
            self.violations.append(
                f"3: the last run ended with {ended.exit_code}: {said(ended.problems)}"
            )
            return
        self._is_as_the_file_says()

    def _clear_away(self, ended: Ended) -> None:
        """What a person does about objects that the messages name and the state does not know:
        `recover --rebuild`, then the console.
        """
        told = " ".join(problem.message for problem in ended.problems)
        if any(problem.code == "state-missing" for problem in ended.problems):
            self._rebuild()
        for problem in dict.fromkeys(ended.problems):
            if problem.code == "foreign-volume":
                self._detach_foreign(problem.message)
        held = self.ids
        for id, _, text in records(self.cloud.world):
            if id in told and id not in held and self.nonces.get(marker.split(text)[1] or ""):
                self.remove(id)
                self.lines.append(f"    deletes {id} in the console")

    def _detach_foreign(self, message: str) -> None:
        volumes = self.cloud.world.block_storages
        for id in [id for id in volumes if id in message and id not in self.ids]:
            self.given.add(id)
            self.cloud.world.put(replace(volumes[id], instance_id=None))
            self.lines.append(f"    detaches {id} in the console")

    def _rebuild(self) -> None:
        number = next(self._runs)
        holder = ports.Holder("tester", "lab", number, "recover", self.clock.time())
        run = context.Run(
            f"run-{number}", holder, self.nonce, Interrupts(self), "reconciler recover"
        )
        talk = recover.RecoveryPrompter(
            emit=self.events.append, show=lambda _: None, ask=lambda _: False
        )
        try:
            found = recover.recover(
                self.stack_now,
                self.connection(),
                self.store,
                Answers(rebuild=True, yes=True),
                run,
                talk,
            )
        except Abort as stop:
            self.lines.append(f"    recover --rebuild stops: {said(stop.problems)}")
        else:
            self.lines.append(f"    recover --rebuild: exit {found.exit_code}")

    def remove(self, id: str) -> None:
        """Somebody deletes an object in the console."""
        now = self.cloud.world.time
        self.given |= set(
            self.cloud.world.block_storages_by_instance().get(id, [])
        )  # the cloud detaches them

        def act(world: World) -> None:
            if id in world.instances:
                world.remove("instance", id, now)
            elif id in world.block_storages:
                world.remove("block_storage", id, now)
            else:
                world.remove("firewall", id)

        self.cloud.change(act)

    def _is_as_the_file_says(self) -> None:
        planned = planning.plan(self.stack_now, self.connection(), self.store, PlanOptions())
        if planned.has_changes or planned.plan.records:
            rows = [
                f"{change.action.value} {change.address}"
                for change in planned.plan.changes
                if change.action.value != "none"
            ]
            self.violations.append(
                f"3: the plan is not empty: {rows} {planned.outputs} {planned.plan.records}"
            )
        state, world = self.state, self.cloud.world
        entries = {} if state is None else dict(state.entries)
        if entries.keys() != self.desired.addresses:
            self.violations.append(
                f"3: the state holds {sorted(entries.keys() ^ self.desired.addresses)} more or less than the file asks for"
            )
        rules = {str(rule.rule_id) for wall in world.firewalls.values() for rule in wall.rules}
        there = {id for id, _, _ in records(world)} | rules
        dead = sorted(entry.address for entry in entries.values() if entry.id not in there)
        if dead:
            self.violations.append(f"3: {', '.join(dead)} is in the state and not in the account")
        if state is not None and (state.open or state.deposed):
            self.violations.append(
                f"3: the state still holds {[intent.operation for intent, _ in state.open.values()]} {list(state.deposed)}"
            )
        self.look(killed=False)
        held = {entry.id for entry in entries.values()}
        extra = [
            id
            for id, _, text in records(world)
            if marker.split(text)[1] in self.machine.made and id not in held
        ]
        if extra and len(self.machines) == 1:
            self.violations.append(f"1: {', '.join(extra)} is left over")

    def emitted(self) -> tuple[Problem, ...]:
        """Problems of the last process."""
        return tuple(event.problem for event in self.events if isinstance(event, ProblemFound))
