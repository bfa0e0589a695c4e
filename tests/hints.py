"""Every hint that a command prints is pasted and run, in a copy of the folder in which it was
printed.

`tests/cli/sessions.call` gives each output here. A hint is pasted as a person would: a command as
it stands, an option after the command that printed it. It has to be accepted, and what it was
printed for is not printed again.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

USAGE = 64
TIMES_MAX = 2
"""How often one hint is pasted in a process; addresses and ids aside, hints are printed again and
again.
"""

BYTES_MAX = 4 << 20
"""Larger folders are not copied."""

COMMANDS = (
    "absorb", "adopt", "apply", "audit", "catalog", "ci", "destroy", "doctor", "drift", "explain", "freeze", "graph", "import", "init", "output", "plan", "recover",
    "server", "show", "simulator", "state", "validate",
)  # fmt: skip
HINTS = "tests/cli/test_hints.py"
REPAIR = "tests/cli/test_repair_commands.py"
DAMAGE = "tests/scenarios/test_recovery_page.py::test_a_failure_is_reported_as_documented_and_its_fix_works"
TROUBLE = "tests/cli/test_hints_after_trouble.py"
WHOLE = "tests/cli/test_whole_state.py"
KEPT = "tests/cli/test_kept_plans.py"
COPIES = "tests/scenarios/test_two_copies.py"
ACTS = "tests/cli/test_server_acts.py"
PULLS = "tests/review/test_ci_commands.py"
SITUATIONS = {
    "name a folder that can be written with --out": (
        f"{PULLS}::test_a_folder_that_cannot_be_written_stops_before_anything_is_planned"
    ),
    "write one and merge it first: `reconciler init --project`": f"{PULLS}::test_a_base_without_a_project_is_refused",
    "set RECONCILER_STATE to a place that all jobs share (docs/how-to/share.md), or `state:` in the reconciler.yaml of the base branch": (
        f"{PULLS}::test_states_that_would_be_lost_with_the_job_are_refused"
    ),
    "wait until it is unfrozen; in an emergency, add --accept frozen --reason TEXT": (
        "tests/cli/test_freezes.py::test_a_frozen_stack_is_shown_as_that_and_not_changed"
    ),
    "start it with `reconciler server start {}`": f"{ACTS}::test_what_is_not_as_an_act_needs_it_is_refused",
    "wait until the cloud has finished, or run `reconciler plan`": f"{ACTS}::test_what_is_not_as_an_act_needs_it_is_refused",
    "give a whole file, as `reconciler state pull` writes it": f"{WHOLE}::test_a_copy_that_does_not_continue_the_state_is_refused",
    "settle them first: `reconciler recover`": f"{WHOLE}::test_a_copy_that_does_not_continue_the_state_is_refused",
    "to return to what an older state describes: `reconciler apply --undo SERIAL`": (
        f"{WHOLE}::test_a_copy_that_does_not_continue_the_state_is_refused"
    ),
    "be ready to log in at the console: `reconciler server console {}`": f"{ACTS}::test_a_rebuild_empties_the_disk_and_changes_nothing_else",
    "start it with `reconciler server start {}`, or write `power: on` in the file and apply": (
        f"{ACTS}::test_a_stop_lasts_until_a_start_and_the_next_plan_reports_it"
    ),
    "name it with --base BRANCH": "tests/review/test_ci_drift.py::test_the_branch_to_merge_into_has_to_be_known",
    "name another file with --out FILE": "tests/cli/test_contract_command.py::test_a_report_that_cannot_be_written",
    "run `reconciler doctor --contract --yes`": "tests/cli/test_contract_command.py::test_nobody_who_could_be_asked_is_no_consent",
    "allow it with --budget {}": "tests/cli/test_contract_command.py::test_a_server_beyond_the_budget_is_not_created",
    "create one with `reconciler doctor --contract`": "tests/cli/test_contract_command.py::test_a_file_that_is_not_a_report_is_refused",
    "run `reconciler doctor` for details": "tests/cli/test_contract_command.py::test_an_endpoint_that_cannot_be_reached_ends_with_a_hint",
    "save the script in the iwinv console, and write its name or id here: `reconciler catalog scripts` lists them": (
        "tests/cli/test_script_text.py::test_a_script_is_answered_with_the_way_to_name_it"
    ),
    "correct the condition or what it reads; to replace the object, add --replace {}": (
        f"{HINTS}::test_a_condition_that_an_object_does_not_meet"
    ),
    "add --unprotect to lift the protection for this run": "tests/cli/test_acts.py::test_a_server_protected_from_stop_is_rebooted_only_with_unprotected",
    "run `reconciler plan` to see what can be done": f"{HINTS}::test_a_server_to_reboot_that_is_missing",
    "take it out of {} first, by `removed: [{from: {}, keep: true}]` in its file and an apply; if both stacks should own it: --accept {}": f"{HINTS}::test_an_import_of_what_another_stack_owns",
    "if {} took it over, replace it here by `removed: [{from: {}, keep: true}]` and apply; if both stacks should own it: --accept {}": f"{HINTS}::test_what_another_stack_took_over",
    "if it is the right object: reconciler import {} {} --accept {}": f"{HINTS}::test_an_object_of_another_stack_that_a_recovery_names",
    "add --yes to {}": f"{REPAIR}::test_an_object_is_forgotten_on_a_yes_and_stays_in_the_cloud",
    "create a new one with `plan --out FILE`": f"{HINTS}::test_a_saved_plan_that_cannot_be_read",
    "make a new one: `reconciler plan --save`": f"{KEPT}::test_what_cannot_be_applied_is_refused_and_nothing_is_sent",
    "`reconciler state plans` lists the saved plans": f"{KEPT}::test_what_cannot_be_applied_is_refused_and_nothing_is_sent",
    "check the console; if it is gone: --accept {}": f"{HINTS}::test_the_only_server_that_is_missing",
    "choose one with --env: {}": f"{REPAIR}::test_what_is_asked_of_a_stack_with_environments_names_one",
    "leave out --env, or define `environments:`": f"{HINTS}::test_an_environment_of_a_stack_without_any",
    "If this is intended, add --allow-empty; to remove the whole stack, use `reconciler destroy`.": (
        "tests/cli/test_simulated_sessions.py::test_a_file_that_no_longer_asks_for_anything_is_refused_without_allow_empty"
    ),
    "Read the plan, then add --yes.": f"{HINTS}::test_a_plan_that_nobody_is_asked_about",
    "if it is gone: --accept {}, or reconciler state forget {}": f"{HINTS}::test_one_server_of_six_that_is_missing",
    "the API does not say whether a disk can shrink; --replace {} creates a new instance instead": f"{HINTS}::test_a_flavor_with_a_smaller_disk",
    "add `{}`, or run `reconciler apply --first-passwords FILE`": f"{REPAIR}::test_a_lost_state_is_rebuilt_from_the_command_line",
    "if you renamed {}, rename its state as well:\n{}\nor write its name in the file; if {} is a different stack, confirm that with:\nreconciler apply {}": (
        "tests/scenarios/test_former_names.py::test_another_name_stops_everything_until_the_state_is_moved"
    ),
    "to delete its objects:\nreconciler destroy": (
        "tests/scenarios/test_former_names.py::test_an_environment_that_left_the_file_is_listed_shown_and_destroyed"
    ),
    "it is no longer in the file, and its state remains; to delete its objects:\nreconciler destroy": (
        "tests/scenarios/test_former_names.py::test_an_environment_that_left_the_file_is_listed_shown_and_destroyed"
    ),
    "restore the state of {} and the environments of the file; if it is not yours: --accept {}": (
        "tests/scenarios/test_former_names.py::test_marked_objects_of_a_former_environment_stop_a_run_without_any_state"
    ),
    "restore the state, or run `reconciler recover --rebuild`; if it is not yours: --accept {}": (
        "tests/scenarios/test_recovery_page.py::test_a_lost_state_is_brought_back_as_the_page_says"
    ),
    "restore the state, or run `reconciler recover --adopt {}`; if it is not yours: --accept {}": (
        f"{COPIES}::test_an_emptied_store_is_rebuilt_also_for_objects_that_the_file_does_not_name"
    ),
    "reconciler recover --adopt {}\nor, if it is not yours: reconciler apply --accept {}": (
        f"{COPIES}::test_a_person_decides_what_a_rebuild_cannot_prove"
    ),
    "remove the line from `moved`, delete the other object with removed: [{from: '{}', keep: false}], "
    "or forget one of them: reconciler state forget '{}'": (
        f"{HINTS}::test_an_object_that_is_moved_to_an_occupied_address"
    ),
    "remove the protection in the file, or --unprotect {}": f"{HINTS}::test_a_protected_server_that_would_be_destroyed",
    "--unprotect {} lifts it for this run; `protect: false` and an apply lift it for later runs": (
        "tests/cli/test_first_week.py::test_blocked_steps_are_reported_again_at_the_end"
    ),
    "remove --replace {}": f"{HINTS}::test_a_firewall_that_cannot_be_replaced",
    "set it with --var {}=VALUE, RECONCILER_VAR_{}, or a default": f"{HINTS}::test_a_variable_without_a_value",
    "--var-file needs a file with one `NAME: VALUE` per line": "tests/cli/test_first_week.py::test_a_file_of_variables_is_recognized_as_one",
    "read what would be bound, then add --yes": f"{HINTS}::test_a_lost_state_that_nobody_is_asked_about",
    "use the version of reconciler that wrote it, or a newer one": f"{DAMAGE}[a newer version]",
    "put back state.json and journal of one time; or see `reconciler recover --rebuild`": f"{DAMAGE}[an older copy]",
    "put back state.json and journal from one copy; without one, move the journal away: "
    "`reconciler recover` then "
    "searches the account for what it recorded since the state's serial (docs/how-to/recover.md)": f"{DAMAGE}[a scratched journal]",
    "wait (--lock-timeout SECONDS), or, if that run does not respond or its machine is gone, `reconciler state unlock`": (
        "tests/cli/test_simulated_sessions.py::test_another_run_of_the_stack_is_reported_and_exits_6"
    ),
    "create a key pair in the iwinv console and export both, or try the local cloud first with --simulate": (
        f"{REPAIR}::test_the_doctor_works_with_nothing_and_without_a_stack"
    ),
    "reconciler recover": f"{TROUBLE}::test_plan_with_an_open_request",
    "a request for it is open: `reconciler recover` shows it": f"{TROUBLE}::test_address_with_only_an_open_request",
    "run `{}` again, or confirm it yourself: --accept {}": f"{TROUBLE}::test_delete_that_was_seen_gone_once",
    "settle it first: reconciler recover": f"{TROUBLE}::test_move_of_an_address_with_an_open_request",
    "if it is gone: --accept {}": f"{TROUBLE}::test_replaced_server_that_somebody_deleted",
    "if that is no longer its object: reconciler state forget {}": f"{TROUBLE}::test_import_to_an_address_that_has_an_object",
    "`reconciler recover` shows what was asked and what there is": f"{TROUBLE}::test_adopt_of_an_object_of_another_address",
    "run it again then, or without --no-wait": f"{TROUBLE}::test_open_request_that_can_still_be_taken",
    "reconciler recover --adopt {}": f"{TROUBLE}::test_not_created_of_an_object_with_the_marker",
    "the next apply settles what it can; otherwise run `reconciler recover`": f"{TROUBLE}::test_doctor_with_an_open_request",
    "`reconciler doctor` shows the reason": f"{TROUBLE}::test_keys_that_are_refused_during_a_run",
    "choose a flavor for this image type: `reconciler catalog flavors` lists them": f"{TROUBLE}::test_image_that_the_flavor_does_not_support",
    "lifecycle.ignore: [{}], or --replace {}": f"{TROUBLE}::test_keys_of_a_server_that_exists",
    "to use it: --replace {}": f"{TROUBLE}::test_newer_image_of_the_same_name",
    "finish that run first: `reconciler apply {}{}`": f"{TROUBLE}::test_outputs_of_a_stack_whose_run_was_interrupted",
    "add --simulate, or leave out --time-scale": f"{TROUBLE}::test_time_scale_for_an_account",
    "the instance is recorded; set a new password in the console, or replace it with --replace {}": f"{TROUBLE}::test_first_password_that_cannot_be_written",
    "write one: `reconciler init --project`": "tests/cli/test_many_stacks.py::test_all_needs_a_project_that_lists_stacks",
    "`reconciler init{}` writes a first stack\n`reconciler init{} --example web-tier` writes an example": (
        "tests/cli/test_catalog_and_init.py"
        "::test_an_empty_folder_is_no_place_in_a_file_and_the_hint_begins_a_stack"
    ),
}
"""Each hint of the source with a command or an option, and the test that prints it: `call` pastes
it there.
"""

NOT_PASTED = {
    "look it up, and run `reconciler ci apply --pull {} --before COMMIT`": "it names no commit: "
    "tests/review/test_attacks_on_reviews.py runs it",
    "name an earlier commit with --before": "it names no command: tests/review/test_attacks_on_reviews.py",
    "name a stack of the project, or add --all for every stack that it lists": "it names no command: "
    "tests/cli/test_first_project.py",
    'run: eval "$(aws configure export-credentials --profile {} --format env)"': "the program of AWS is not installed",
    "complete it first: reconciler apply": "a replacement has to be interrupted: tests/store/test_hand_over.py",
    "run that command again first: RECONCILER_STATE={} reconciler state move --to {}": "a move has to "
    "be interrupted, and another one to follow: tests/store/test_relocation.py",
    "if nobody is moving it now, run that command again: RECONCILER_STATE={} reconciler state move --to {}": (
        "it names another place: tests/cli/test_whole_state.py pastes it"
    ),
    "{}\nor, only if {} is lost: reconciler state unlock --origin-lost": (
        "it follows the hint of an interrupted move: tests/cli/test_whole_state.py runs it"
    ),
    "make {} readable, or answer the question yourself, without --yes": "the other place has to be mended first",
    "run that command again: reconciler state {} {} {}": "a rename has to be interrupted: tests/store/shared/test_renaming.py",
    "choose another address with --as": "which address is free is for the user to say",
    "write it there first, or choose another address with --as": "the other file has to change",
    "start it with `reconciler server start {}`, or finish the earlier change with an apply": "a run "
    "has to be killed between a stop and a start; tests/cli/test_server_acts.py pastes the command",
    "settle it with `reconciler recover`": "a plan gives the same command: "
    "tests/cli/test_hints_after_trouble.py pastes it",
    "run `absorb` again": "a file has to change within a run",
    "run `plan` again: applying this file would no longer do what was reviewed\n{}": "tests/cli/test_simulated_sessions.py does it",
    "run `plan` again when that run has ended": "two runs have to be active",
    "reconciler apply": "a run has to be killed: tests/processes/test_left_exposed.py pastes it",
    "take one side whole: git checkout --ours -- {}\nthen bind what only the other side made: reconciler recover --rebuild": (
        "it takes a Git merge: tests/processes/test_ci_ways.py runs both commands"
    ),
}
"""Hints that no session at the command line prints, and why."""


def situations_of(test: str) -> list[str]:
    """The hints that a test is to print, by its id."""
    return [template for template, where in SITUATIONS.items() if where == test]


printed: list[str] = []
"""The hints that the test has printed so far."""

pasted: list[tuple[Paste, int, str]] = []
"""What the test has pasted so far, with its exit code and its whole output."""

KEYS = ("state mv", "import", "output", "init", "server", "state", "catalog", "simulator")
"""Alone they take arguments, or are keys of a stack file or groups of commands, not commands to
paste.
"""

_COMMAND = re.compile(
    rf"`(?:reconciler )?((?:{'|'.join(COMMANDS)})(?: [^`]*)?)`|\breconciler ((?:{'|'.join(COMMANDS)})(?: \S+)*)"
)
_OPTION = re.compile(
    r"(?<![\w`-])(--(?:accept|unprotect|replace|allow-empty|yes|adopt|not-created|simulate)\b)(?:[ =]('[^']*'|[^\s,;]+))?"
)
_PLACEHOLDER = re.compile(r"\b[A-Z]{4,}\b(?!-)|\.\.\.|<|\|")
_ADDRESS = re.compile(r"^(?:[a-z-]+=)?(?:firewalls|instances|block_storages)\.")
_COMMAND_TITLES = ("To continue:", "To apply this plan:", "To apply it anyway:")
"""Lines above the command that a plan or a run ends with; it may go over several lines."""
_CONTINUED = " \\"
_FLAGS = ("--allow-empty", "--yes", "--unprotect", "--simulate")
_NAMES = re.compile(
    r"(?:firewalls|instances|block_storages)\.[^\s`',:]+|[A-Z]+-[A-Za-z0-9]{22}|\d+"
)


@dataclass(frozen=True, slots=True)
class Paste:
    """A hint as it stood, and the arguments that come of pasting it; `is_option`: added to the
    command that printed it.
    """

    hint: str
    arguments: tuple[str, ...]
    is_option: bool

    @property
    def template(self) -> str:
        """The hint without addresses, ids and numbers."""
        return _NAMES.sub("*", self.hint)


def hints_in(text: str) -> Iterator[str]:
    """The hints of an output, with the lines that go on below them, and the commands that a run
    ends with.
    """
    lines = iter([*text.splitlines(), ""])
    line = next(lines)
    for following in lines:
        before, found, hint = line.partition("hint: ")
        if found and not before.strip():
            while following.startswith(before + " " * len("hint: ")):
                hint, following = f"{hint}\n{following.strip()}", next(lines, "")
            yield hint.strip()
        elif line.strip() in _COMMAND_TITLES:
            title = line.strip()
            while following.startswith("  "):
                title, following = (
                    f"{title} {following.strip().rstrip(_CONTINUED)}",
                    next(lines, ""),
                )
            yield title
        elif line.startswith((" To do what is left:", " Nothing is unsettled. To do the rest:")):
            yield line.strip()
        line = following


def pastes(arguments: Sequence[str], text: str) -> Iterator[Paste]:
    """What a person could paste of an output; words in capitals stand for something that the person
    has to fill in.
    """
    for hint in dict.fromkeys(hints_in(text)):
        for found in _COMMAND.finditer(hint):
            command = (found[1] or found[2]).rstrip(".,;:)")
            if not _PLACEHOLDER.search(command) and command not in KEYS:
                yield Paste(hint, tuple(shlex.split(command)), is_option=False)
        if "without --no-wait" in hint and "--no-wait" in arguments:
            waiting = tuple(word for word in arguments if word != "--no-wait")
            yield Paste(hint, waiting, is_option=True)
        for found in _OPTION.finditer(rest := _COMMAND.sub("", hint)):
            values = shlex.split((found[2] or "").rstrip(".,;:)"))
            if values and rest[: found.start()].endswith("remove "):
                at = list(arguments).index(found[1])
                yield Paste(hint, (*arguments[:at], *arguments[at + 2 :]), is_option=True)
            elif values and _ADDRESS.search(values[0]) and not _PLACEHOLDER.search(values[0]):
                yield Paste(hint, (*arguments, found[1], *values), is_option=True)
            elif found[1] in _FLAGS:
                yield Paste(hint, (*arguments, found[1]), is_option=True)


_pasted: Counter[str] = Counter()


def begin(*, is_situation: bool) -> None:
    """Begins a test. The situation of a hint pastes it however often it was pasted before."""
    printed.clear()
    pasted.clear()
    if is_situation:
        _pasted.clear()


def paste_all(
    arguments: Sequence[str], text: str, run: Callable[[Sequence[str]], tuple[int, str]]
) -> None:
    """Pastes each hint of an output and runs it. `run` gives the exit code and the whole output of
    a command.
    """
    printed.extend(hints_in(text))
    for paste in pastes(arguments, text):
        if _pasted[paste.template] >= TIMES_MAX or not _is_copied():
            continue
        _pasted[paste.template] += 1
        with _copy():
            code, said = run(paste.arguments)
        pasted.append((paste, code, said))
        shown = shlex.join(("reconciler", *paste.arguments))
        assert code != USAGE, (
            f"the hint {paste.hint!r} of `{shlex.join(arguments)}` cannot be pasted: `{shown}` "
            f"says\n{said}"
        )
        again = paste.is_option and paste.hint in list(hints_in(said))
        assert not again, (
            f"the hint {paste.hint!r} of `{shlex.join(arguments)}` does nothing: `{shown}` "
            f"says\n{said}"
        )


def _is_copied() -> bool:
    """Whether all that a command works on lies in the current folder, and little enough to be
    copied.
    """
    places = map(os.environ.get, ("RECONCILER_STATE_DIR", "RECONCILER_STATE"))
    if any(place is not None and ("://" in place or Path(place).is_absolute()) for place in places):
        return False
    return (
        sum(
            path.stat().st_size
            for path in Path.cwd().rglob("*")
            if path.is_file() and not path.is_symlink()
        )
        < BYTES_MAX
    )


class _copy:
    """Works in a copy of the current folder for the length of a block."""

    def __enter__(self) -> None:
        self._before = Path.cwd()
        self._folder = tempfile.TemporaryDirectory()
        copy = Path(self._folder.name) / self._before.name
        shutil.copytree(self._before, copy, symlinks=True, ignore=_sockets)
        os.chdir(copy)

    def __exit__(self, *failure: object) -> None:
        os.chdir(self._before)
        self._folder.cleanup()


def _sockets(folder: str, names: list[str]) -> list[str]:
    return [
        name
        for name in names
        if not ((path := Path(folder) / name).is_file() or path.is_dir() or path.is_symlink())
    ]
