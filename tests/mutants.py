"""The tests are tested: the program is broken on purpose, one mutant at a time, and each has to
turn a test red.

python -m tests.mutants            # all of them; exit 1 where one survives python -m tests.mutants
fence      # those with that word in their name

Nothing is changed here: each mutant is a copy of the package, in a folder of its own, with one text
put in the place of another.
"""

from __future__ import annotations

import sys

from tests.mutants_of_commands import MUTANTS_OF_COMMANDS
from tests.mutants_of_doubts import MUTANTS_OF_DOUBTS
from tests.mutants_of_files import MUTANTS_OF_FILES
from tests.mutants_of_moving import MUTANTS_OF_MOVING
from tests.mutants_of_shared_states import MUTANTS_OF_SHARED_STATES
from tests.mutants_of_taking_over import MUTANTS_OF_TAKING_OVER
from tests.mutation import Mutant, of_story, run

FORMER = "tests/scenarios/test_former_names.py"
MACHINES = "tests/faults/test_two_machines.py"
PROCESSES_MACHINES = "tests/processes/test_two_machines.py"
EXPOSED = "tests/processes/test_left_exposed.py"
FOUND = "tests/faults/test_found.py"
EVIDENCE = "tests/recovery/test_evidence.py"
NO_WAIT = "tests/faults/test_no_wait.py"
LYING = "tests/faults/test_lying_lists.py"
LOOK = "tests/faults/test_second_look.py"
AS_PLANNED = "tests/faults/test_as_planned.py"
TRANSPORT = "tests/iwinv/test_transport.py"
SIMULATOR = "tests/simulator/test_server.py"
TLS = "tests/iwinv/test_tls.py"
STORE = "tests/store/test_store.py"
WRONG = "tests/scenarios/test_when_things_go_wrong.py"
TWO_CAUSES = "tests/scenarios/test_two_causes.py"
OUTPUTS_AT_THE_END = "tests/scenarios/test_outputs_at_the_end.py"
STORE_FAULTS = "tests/store/test_faults.py"
INTERRUPTED = "tests/processes/test_interrupted.py"

MUTANTS = (
    *MUTANTS_OF_DOUBTS,
    *MUTANTS_OF_FILES,
    *MUTANTS_OF_COMMANDS,
    *MUTANTS_OF_TAKING_OVER,
    *MUTANTS_OF_MOVING,
    *MUTANTS_OF_SHARED_STATES,
    Mutant(
        "plan under a new name although the state of the former one stands",
        "reconciler/commands/session.py",
        "        if found:\n            raise Abort(*found)\n",
        "",
        (FORMER,),
        fault=5,
    ),
    Mutant(
        "take over the state of a folder that was copied",
        "reconciler/store/folder_store.py",
        '            and name not in self._used()\n            and "state.json" not in '
        "self._names(self.folder.parent / name)\n",
        "            and name not in self._used()\n",
        (FORMER,),
        fault=5,
    ),
    Mutant(
        "take over the folder of an environment that the file still has",
        "reconciler/store/folder_store.py",
        '            and name not in self._used()\n            and "state.json"',
        '            and "state.json"',
        ("tests/cli/test_other_stacks.py",),
    ),
    Mutant(
        "hand over objects before the target has announced them",
        "reconciler/commands/relocation/moving.py",
        '    record(taker, run, "hand-over announced", (*before, *made.announce()))\n',
        "",
        ("tests/store/test_hand_over.py",),
    ),
    Mutant(
        "leave the former name in a state that was moved",
        "reconciler/store/folder_store.py",
        "max(found.records, 1), found.torn",
        "found.records, found.torn",
        (FORMER,),
    ),
    Mutant(
        "say nothing of objects that no state tracks",
        "reconciler/planner/planner.py",
        "(*unprotected.by_account(assessment), *found)",
        "tuple(unprotected.by_account(assessment))",
        (MACHINES,),
        fault=8,
    ),
    Mutant(
        "overlook untracked objects whose description is the user's",
        "reconciler/planner/checks/untracked.py",
        "            yield Untracked(live, at, sure=False)\n",
        "            pass\n",
        (PROCESSES_MACHINES,),
        fault=8,
    ),
    Mutant(
        "report what a person has forgotten on purpose",
        "reconciler/recovery/manual.py",
        "StateChange(drop=text), left(entry.id, text)",
        "StateChange(drop=text)",
        (PROCESSES_MACHINES,),
    ),
    Mutant(
        "forget the consent to leave an object alone",
        "reconciler/planner/planner.py",
        "        *untracked.records(builder.assessment),\n",
        "",
        (PROCESSES_MACHINES,),
    ),
    Mutant(
        "say nothing of servers that stand without their firewall",
        "reconciler/planner/planner.py",
        "return (*unprotected.by_account(assessment), *",
        "return (*(), *",
        (EXPOSED,),
        fault=7,
    ),
    Mutant(
        "show a state without the servers that it leaves exposed",
        "reconciler/planner/checks/unprotected.py",
        "and entry.applied.get(instance_kind.FIREWALL) is None",
        "and entry.applied.get(instance_kind.FIREWALL) is False",
        (EXPOSED,),
        fault=7,
    ),
    Mutant(
        "overlook the markers of a former environment",
        "reconciler/planner/checks/lost_state.py",
        "named or former or renamed",
        "named or renamed",
        (FORMER,),
        fault=5,
    ),
    Mutant(
        "resend a POST whose answer is lost",
        "reconciler/executor/sender.py",
        "            self.waiter.answer_lost(task, "
        "Failure(answer.reason, http_status=answer.status))\n            return\n",
        "",
        (of_story("one server"),),
    ),
    Mutant(
        "let the library resend",
        "reconciler/iwinv/transport.py",
        "max_retries=0",
        "max_retries=2",
        (TRANSPORT,),
    ),
    Mutant(
        "let pages of other origins steer the simulator",
        "reconciler/simulator/server.py",
        "        if not self._is_of_our_own():\n",
        "        if False:\n",
        (SIMULATOR,),
    ),
    Mutant(
        "advance the simulator's time without an end",
        "reconciler/simulator/cloud.py",
        "        if not 0 <= seconds <= ADVANCE_SECONDS_MAX:\n",
        '        if not 0 <= seconds < float("inf"):\n',
        (SIMULATOR,),
    ),
    Mutant(
        "fail over deep JSON on the simulator's control path",
        "reconciler/simulator/control.py",
        "    except RecursionError:\n",
        "    except ZeroDivisionError:\n",
        (SIMULATOR,),
    ),
    Mutant(
        "take any number for a world's time",
        "reconciler/simulator/worldfile.py",
        "        if not 0 <= value <= TIME_MAX:\n",
        "        if False:\n",
        (SIMULATOR,),
    ),
    Mutant(
        "count a request that never left",
        "reconciler/iwinv/client.py",
        "        if isinstance(arrival, http.WireError) and not arrival.sent:\n",
        "        if False:\n",
        ("tests/iwinv/test_client.py",),
    ),
    Mutant(
        "count a request whose connection broke in the handshake",
        "reconciler/iwinv/transport.py",
        "                _stage.connecting = True\n",
        "                _stage.connecting = False\n",
        (TRANSPORT,),
    ),
    Mutant(
        "take half the quota without a shared log",
        "reconciler/iwinv/quota/quota_log.py",
        "self._limit // ALONE_PARTS",
        "self._limit // 2",
        ("tests/iwinv/test_quota.py",),
    ),
    Mutant(
        "trust the certificates of one variable only",
        "reconciler/iwinv/transport.py",
        'BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")',
        'BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")',
        (TLS,),
    ),
    Mutant(
        "call every certificate not accepted",
        "reconciler/iwinv/transport.py",
        "    if number == _EXPIRED:\n",
        '    if True:\n        return "the endpoint\'s certificate was not accepted"\n    if '
        "number == _EXPIRED:\n",
        (TLS,),
    ),
    Mutant(
        "name a dead proxy with its password",
        "reconciler/iwinv/transport.py",
        '        return f"{parts.hostname}:{parts.port}" if parts.port is not None else '
        "parts.hostname\n",
        "        return proxy\n",
        (TLS,),
    ),
    Mutant(
        "read a list without an end",
        "reconciler/iwinv/list_reader.py",
        "        self._stop_if_endless(now)\n",
        "",
        ("tests/iwinv/test_list_reader.py",),
    ),
    Mutant(
        "send what drips five times",
        "reconciler/iwinv/reading.py",
        " or now - since >= UNANSWERED_SECONDS_MAX:",
        ":",
        ("tests/iwinv/test_list_reader.py",),
    ),
    Mutant(
        "send an unknown key twice",
        "reconciler/iwinv/reading.py",
        " and self._refusals < 1 and not errors.is_unknown_key(answer)",
        " and self._refusals < 1",
        ("tests/iwinv/test_list_reader.py",),
    ),
    Mutant(
        "do not wait until the date of a 429",
        "reconciler/iwinv/envelope.py",
        "        if until is None or now is None\n",
        "        if until is not None or now is None\n",
        ("tests/iwinv/test_envelope.py",),
    ),
    Mutant(
        "record after the send",
        "reconciler/executor/sender.py",
        "        intent = self.journal.intend(\n            task,\n            asked,\n           "
        " nonce=task.write.nonce if create else None,\n            signed=signed,\n            "
        "effects=self.operations.if_done(task, signed),\n        )\n        "
        "task.note(intent=intent, sent=True)\n        task.advance(StepEvent.SENT, InFlight())\n  "
        "      self._in_flight[token] = task\n        # The signature has the second of the record, from which the signature fence counts. If this\n        # process was held up since, the cloud refuses the request.\n        client.send(token, call, signed=signed)\n",
        "        client.send(token, call, signed=signed)\n        intent = self.journal.intend(\n "
        "           task,\n            asked,\n            nonce=task.write.nonce if create else "
        "None,\n            signed=signed,\n            effects=self.operations.if_done(task, "
        "signed),\n        )\n        task.note(intent=intent, sent=True)\n        "
        "task.advance(StepEvent.SENT, InFlight())\n        self._in_flight[token] = task\n",
        (of_story("one server"),),
    ),
    Mutant(
        "take an answer at once for nothing that was read",
        "reconciler/executor/sender.py",
        "            self.operations.answered(task)\n",
        "",
        (OUTPUTS_AT_THE_END,),
    ),
    Mutant(
        "do not mark outputs as stale while a run is at work",
        "reconciler/executor/executor.py",
        "        if plan.steps and self.inputs.stack.digest:\n",
        "        if False:\n",
        (OUTPUTS_AT_THE_END,),
    ),
    Mutant(
        "keep the mark of stale outputs that are right",
        "reconciler/commands/apply.py",
        "made.records or is_stale(writer.state.outputs)",
        "made.records",
        (OUTPUTS_AT_THE_END,),
    ),
    Mutant(
        "compute outputs at the end of a run that was broken off",
        "reconciler/executor/executor.py",
        "if not stack.digest or self._stop_at is not None:",
        "if not stack.digest:",
        (OUTPUTS_AT_THE_END,),
        fault=12,
    ),
    Mutant(
        "call an output that cannot be computed a change for ever",
        "reconciler/planner/steps/outputs.py",
        "            same = reason == after.reason\n",
        "            same = False\n",
        ("tests/planner/test_output_changes.py",),
        fault=12,
    ),
    Mutant(
        "plan an output with a name that cannot change any more",
        "reconciler/planner/compare/resolver.py",
        "field.edit is Edit.CREATE_ONLY",
        "field.edit is Edit.POWER",
        (OUTPUTS_AT_THE_END,),
    ),
    Mutant(
        "sign with the second of the send",
        "reconciler/executor/sender.py",
        "        client.send(token, call, signed=signed)\n",
        "        client.send(token, call)\n",
        (TWO_CAUSES,),
    ),
    Mutant(
        "put what was moved back to its old address",
        "reconciler/recovery/evidence.py",
        "kept = replace(entry, address=now.address, ",
        "kept = replace(entry, ",
        (TWO_CAUSES,),
    ),
    Mutant(
        "do not look at what hangs on an object",
        "reconciler/planner/compare/fingerprint.py",
        "        if any(others) and label not in left:\n",
        "        if False:\n",
        ("tests/scenarios/test_second_look.py",),
        fault=2,
    ),
    Mutant(
        "do not look at a rule before it is edited",
        "reconciler/resources/rule.py",
        "common.edited_in_place(_FIELDS)),\n        recheck=_rechecked,\n",
        "common.edited_in_place(_FIELDS)),\n",
        ("tests/scenarios/test_second_look.py",),
        fault=2,
    ),
    Mutant(
        "write over a text that somebody has changed since the plan",
        "reconciler/planner/steps/step_builder.py",
        "        fingerprint=shown_fields(builder, item.live, inputs),\n",
        "",
        ("tests/scenarios/test_second_look.py",),
    ),
    Mutant(
        "take back the name that somebody gave a firewall since the plan",
        "reconciler/planner/steps/step_builder.py",
        "shown_fields(builder, item.live, inputs)",
        "shown_fields(builder, item.live, changed)",
        ("tests/scenarios/test_second_look.py",),
    ),
    Mutant(
        "attach a block storage without a look at where it is",
        "reconciler/planner/kinds/plan_block_storages.py",
        "        fingerprint=shown_fields(builder, item.live, asked),\n",
        "",
        ("tests/scenarios/test_second_look.py",),
    ),
    Mutant(
        "take an object for gone because one list misses it",
        "reconciler/schedule/rechecks.py",
        "        return not self.is_shown(kind, id) and self.lists.kinds[kind].detail is not "
        "None\n",
        "        return False\n",
        ("tests/scenarios/test_moved_rows.py",),
    ),
    Mutant(
        "wait for the lists of a firewall that is gone",
        "reconciler/schedule/rechecks.py",
        "            elif not (failed and self.is_gone(what, since)):\n",
        "            else:\n",
        ("tests/scenarios/test_second_look.py",),
    ),
    Mutant(
        "read the address of a rule as it comes",
        "reconciler/resources/rule.py",
        '_rule_rows.masked(decoding.text(row.get("ip")))',
        'decoding.text(row.get("ip"))',
        ("tests/scenarios/test_bare_addresses.py", "tests/resources/test_decode.py"),
    ),
    Mutant(
        "look at what an object is, not at what it says",
        "reconciler/planner/compare/fingerprint.py",
        "        if live.ready\n        else [name for name in _STEADY",
        "        if False\n        else [name for name in _STEADY",
        (AS_PLANNED,),
        fault=2,
    ),
    Mutant(
        "take what our own steps changed for an edit of others",
        "reconciler/executor/precondition.py",
        "        left = self._left(task, id)\n",
        "        left: Mapping[str, tuple[Any, ...]] = {}\n",
        (AS_PLANNED,),
    ),
    Mutant(
        "make a successor without a look at the old object",
        "reconciler/planner/steps/step_builder.py",
        "        fingerprint=fingerprint(builder, item.live) if deposes else EMPTY,\n",
        "",
        ("tests/scenarios/test_second_look.py",),
        fault=2,
    ),
    Mutant(
        "take a server for stopped by us that somebody else has stopped",
        "reconciler/executor/operations.py",
        '        if task.step.operation == STOP and "power" not in task.step.applies:\n',
        "        if False:\n",
        (AS_PLANNED,),
    ),
    Mutant(
        "do not look at a rule before it goes",
        "reconciler/resources/rule.py",
        "common.gone(NAME),\n        recheck=_rechecked,\n",
        "common.gone(NAME),\n",
        ("tests/scenarios/test_second_look.py",),
        fault=2,
    ),
    Mutant(
        "forget the first look between two runs",
        "reconciler/commands/settle.py",
        "        if first:\n",
        "        if False:\n",
        (NO_WAIT,),
        fault=10,
    ),
    Mutant(
        "believe a look from before the request",
        "reconciler/model/state.py",
        '            self.missing_since.pop(record.target or "", None)\n',
        "",
        (EVIDENCE,),
        fault=10,
    ),
    Mutant(
        "do not take a word for what is being deleted",
        "reconciler/commands/settle.py",
        'options.accepts("gone", addresses[id])',
        "False",
        (NO_WAIT,),
        fault=10,
    ),
    Mutant(
        "do not report an old object that is not proved gone",
        "reconciler/planner/kinds/plan_deposed.py",
        "        builder.problems.append(\n            unsettled.not_proved_gone(",
        "        print(\n            unsettled.not_proved_gone(",
        ("tests/planner/test_unsettled.py",),
        fault=10,
    ),
    Mutant(
        "adopt by name",
        "reconciler/recovery/evidence.py",
        "tuple(row for row in self.rows if row.nonce == self.intent.nonce)",
        "self._of_that_name()",
        (EVIDENCE, of_story("one server")),
    ),
    Mutant(
        "skip the fence",
        "reconciler/recovery/evidence.py",
        "        if self.now < limit:\n",
        "        if False:\n",
        (EVIDENCE,),
    ),
    Mutant(
        "one list past the fence is enough",
        "reconciler/recovery/evidence.py",
        "    if usable and first is not None and usable[-1].at - first >= LISTS_APART_SECONDS:\n",
        "    if usable:\n",
        (EVIDENCE,),
    ),
    Mutant(
        "need no control",
        "reconciler/recovery/evidence.py",
        "    if usable and not all(",
        "    if False and not all(",
        (EVIDENCE,),
    ),
    Mutant(
        "take the first of two bearers",
        "reconciler/recovery/evidence.py",
        "        if len(marked) > 1:\n",
        "        if False:\n",
        (EVIDENCE,),
    ),
    Mutant(
        "treat 500 as gone",
        "reconciler/iwinv/single_reader.py",
        "    if isinstance(answer, Refused):\n"
        "        return answer.error_code in kind.absent_errors and "
        "errors.is_about_the_call(answer)\n",
        "    if not isinstance(answer, Accepted):\n        return answer.error_code in "
        "kind.absent_errors\n",
        (
            "tests/iwinv/test_list_reader.py",
            "tests/iwinv/test_every_operation.py",
            "tests/iwinv/test_refresh.py",
        ),
    ),
    Mutant(
        "take an empty list for truth",
        "reconciler/planner/compare/safety_stops.py",
        "    return len(missing) > allowed or listed == 0\n",
        "    return False\n",
        (EVIDENCE, LYING),
    ),
    Mutant(
        "take one list without it for gone",
        "reconciler/recovery/evidence.py",
        "        if self.kind.detail is not None and intent.target not in "
        "self.observations[-1].gone:\n",
        "        if False:\n",
        (EVIDENCE,),
    ),
    Mutant(
        "believe a delete without proof",
        "reconciler/schedule/polling.py",
        "        is_second = shown_at >= again\n",
        "        is_second = True\n",
        (WRONG,),
    ),
    Mutant(
        "believe a list without a control",
        "reconciler/schedule/polling.py",
        "        if not all(look.has_control for look in pair):\n",
        "        if False:\n",
        ("tests/scenarios/test_proof_of_deletion.py",),
    ),
    Mutant(
        "believe the lists of an object without a marker",
        "reconciler/schedule/polling.py",
        "        return not self.controls.is_marked(kind, id, str(task.step.address))\n",
        "        return False\n",
        ("tests/scenarios/test_proof_of_deletion.py",),
    ),
    Mutant(
        "leave a delete that is held back out of the report of an interrupt",
        "reconciler/executor/executor.py",
        "            elif isinstance(task.state, Pending | Rechecking) and not task.write.sent:\n",
        "            elif task.started is None:\n",
        ("tests/scenarios/test_proof_of_deletion.py",),
    ),
    Mutant(
        "believe lists of several pages after an interrupt",
        "reconciler/recovery/absence.py",
        "        if kind in account.paged:\n",
        "        if False:\n",
        ("tests/scenarios/test_proof_of_deletion.py",),
    ),
    Mutant(
        "drop what is missing",
        "reconciler/planner/compare/classify.py",
        "        return Disposition.UNSETTLED, missing\n",
        '        return accepted, "gone"\n',
        (LYING, "tests/planner/test_plan_instances.py"),
    ),
    Mutant(
        "skip the folder sync",
        "reconciler/store/folder_writer.py",
        '            disk.sync_folder(folder)\n            disk.rename(folder / "journal.new", '
        'folder / "journal")\n'
        "            disk.sync_folder(folder)\n",
        '            disk.rename(folder / "journal.new", folder / "journal")\n',
        (STORE_FAULTS,),
    ),
    Mutant(
        "put the journal in place before the state is there",
        "reconciler/store/folder_writer.py",
        '            disk.rename(folder / "state.json.new", folder / "state.json")\n            '
        "disk.sync_folder(folder)\n",
        '            disk.rename(folder / "state.json.new", folder / "state.json")\n',
        (STORE_FAULTS,),
    ),
    Mutant(
        "skip the sync of the journal",
        "reconciler/store/journal.py",
        "        self.file.write(self.end, line + blank)\n        self.file.sync()\n",
        "        self.file.write(self.end, line + blank)\n",
        (STORE_FAULTS,),
    ),
    Mutant(
        "ignore the serial",
        "reconciler/store/folder_reader.py",
        "        if header.serial > state.serial:\n",
        "        if False:\n",
        (STORE,),
    ),
    Mutant(
        "take the record of another writer for ours",
        "reconciler/store/shared/log/log_writer.py",
        "            case _Found.ANOTHER:\n                self._lose()\n",
        "            case _Found.ANOTHER:\n                return\n",
        ("tests/store/contract/test_one_writer.py",),
    ),
    Mutant(
        "ignore the serial of a saved plan",
        "reconciler/planner/saved_plan.py",
        "    elif saved.serial != plan.serial:\n",
        "    elif False:\n",
        ("tests/planner/test_saved_plan.py",),
    ),
    Mutant(
        "follow redirects",
        "reconciler/iwinv/transport.py",
        '"allow_redirects": False',
        '"allow_redirects": True',
        (TRANSPORT,),
    ),
    Mutant(
        "log one header",
        "reconciler/iwinv/transport.py",
        "                _reason(failure, self._endpoint), sent=_may_have_left(failure)\n",
        "                f'{failure} {request.headers}', sent=_may_have_left(failure)\n",
        (TRANSPORT, "tests/hostile/test_canaries.py"),
    ),
    Mutant(
        "state a time that the run does not keep",
        "reconciler/planner/steps/change_builder.py",
        "round(timing.POLL_SECONDS)",
        "5",
        ("tests/scenarios/test_figures_shown_are_used.py",),
        fault=27,
    ),
    Mutant(
        "drop the second look",
        "reconciler/executor/precondition.py",
        "        if not lists:\n            return None\n",
        "        if True:\n            return None\n",
        (LOOK,),
        fault=2,
    ),
    Mutant(
        "forget the dependants of a doubtful object",
        "reconciler/planner/steps/plan_builder.py",
        "            if not soft and address in self.blocked and",
        "            if False and address in self.blocked and",
        ("tests/planner/test_unsettled.py",),
        fault=11,
    ),
    Mutant(
        "go on at an address in doubt",
        "reconciler/schedule/scheduler.py",
        "        if isinstance(ended.state, Unsettled):\n            self._leave_alone(ended)\n",
        "",
        (f"{FOUND}::test_an_earlier_failure_now_ends_like_the_undisturbed_run",),
    ),
    Mutant(
        "forget that a server was stopped",
        "reconciler/executor/effects.py",
        "    return (StateChange(put=replace(entry, stopped=True)),)\n",
        "    return ()\n",
        (f"{FOUND}::test_an_earlier_failure_now_ends_like_the_undisturbed_run",),
    ),
    Mutant(
        "keep silent about doubles",
        "reconciler/planner/compare/safety_stops.py",
        "            if id_of_ours == id or its_kind != kind:\n",
        "            if True:\n",
        (of_story("one server"),),
    ),
    Mutant(
        "forget the nonce of a lost create",
        "reconciler/recovery/settlement_records.py",
        "(StateChange(fact=(LOST + intent.nonce, intent.address)),)",
        "()",
        (EVIDENCE,),
    ),
    Mutant(
        "use one nonce for all sends",
        "reconciler/executor/operations.py",
        "            return self.inputs.nonce() if marked else None\n",
        '            return "a" * 12\n',
        (of_story("three servers"),),
    ),
    Mutant(
        "do not end at a record that failed",
        "reconciler/commands/apply.py",
        "{exit_codes.INTERRUPTED, exit_codes.NOT_RECORDED, exit_codes.ACCOUNT, exit_codes.LOCKED}",
        "{exit_codes.INTERRUPTED}",
        (f"{FOUND}::test_an_earlier_failure_in_a_recovery_now_ends_like_the_undisturbed_run",),
    ),
)


if __name__ == "__main__":
    sys.exit(run(MUTANTS, about=__doc__))
