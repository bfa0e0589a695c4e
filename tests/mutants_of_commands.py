"""Mutants of the command line, of terminals and streams, and of the files around a run."""

from __future__ import annotations

from tests.mutation import Mutant

NOT_SHOWN = "tests/processes/test_not_shown.py"
LOST_OUTPUT = "tests/cli/test_lost_output.py"
OUTPUTS = "tests/cli/test_outputs.py"
SURROUNDINGS = "tests/processes/test_surroundings.py"
INTERRUPTED = "tests/processes/test_interrupted.py"
PROMPT = "tests/cli/test_prompt.py"
TERMINAL = "tests/processes/test_terminal.py"

CONTRACT = "tests/cli/test_contract_command.py"
LEAKS = "tests/contract/test_leaks.py"
VERDICTS = "tests/contract/test_verdicts.py"

MUTANTS_OF_COMMANDS = (
    Mutant(
        "let any text into a report",
        "reconciler/contract/report_values.py",
        "            right = part in WORDS\n",
        "            right = True\n",
        (f"{LEAKS}::test_no_value_of_a_report_can_carry_a_text",),
    ),
    Mutant(
        "ask for first passwords in a check of the contract",
        "reconciler/contract/check.py",
        '        if self.call.method != "GET" or "console" in self.call.path or secret:\n',
        '        if self.call.method != "GET" or "console" in self.call.path:\n',
        (f"{LEAKS}::test_an_unsafe_read_cannot_be_made",),
    ),
    Mutant(
        "keep the catalog of an observed account on the disk",
        "reconciler/cli/run_context.py",
        "options.uses_cache() and self.observe is None, self.observe",
        "options.uses_cache(), self.observe",
        (f"{CONTRACT}::test_no_canary_reaches_screen_or_disk",),
    ),
    Mutant(
        "replace a file by a report without a question",
        "reconciler/cli/contract/contract_check.py",
        "    if os.path.lexists(path) and (choices.yes",
        "    if False and (choices.yes",
        (f"{CONTRACT}::test_a_report_never_replaces_a_file_without_a_question",),
    ),
    Mutant(
        "take the mask of the contract for the one that came",
        "reconciler/contract/instance_checks.py",
        "        not wrong and not unasked,",
        "        not unasked,",
        (f"{VERDICTS}::test_a_bit_of_the_mask_that_moved_is_named",),
    ),
    Mutant(
        "take typed-ahead text for consent",
        "reconciler/cli/console.py",
        "        termios.tcflush(sys.stdin, termios.TCIFLUSH)\n",
        "        pass\n",
        (f"{PROMPT}::test_text_typed_before_the_question_is_not_an_answer",),
        fault=6,
    ),
    Mutant(
        "apply a plan that could not be shown",
        "reconciler/cli/apply.py",
        "        console.begin()\n",
        "        console.begun = True\n",
        (f"{NOT_SHOWN}::test_what_cannot_be_shown_is_not_done",),
    ),
    Mutant(
        "change a state that could not be shown",
        "reconciler/cli/asking.py",
        "    console.begin()\n",
        "",
        (f"{NOT_SHOWN}::test_what_cannot_be_shown_is_not_done",),
    ),
    Mutant(
        "end with 1 after all was done",
        "reconciler/cli/run_context.py",
        "    return code if console.begun else exit_codes.worst((code, exit_codes.ERROR))\n",
        "    return exit_codes.worst((code, exit_codes.ERROR))\n",
        (f"{LOST_OUTPUT}::test_the_exit_code_is_right_even_if_the_end_of_the_result_is_lost",),
    ),
    Mutant(
        "write hostile outputs into an environment file",
        "reconciler/cli/subcommands/output_command.py",
        "        elif not _fits_a_line(value):\n",
        "        elif False:\n",
        (f"{OUTPUTS}::test_text_that_a_program_would_obey_leaves_only_escaped",),
    ),
    Mutant(
        "write a hostile output raw into a pipe",
        "reconciler/cli/subcommands/output_command.py",
        "        if not console.out.is_terminal and not escape.is_inert(raw):\n",
        "        if False:\n",
        (f"{OUTPUTS}::test_text_that_a_program_would_obey_leaves_only_escaped",),
    ),
    Mutant(
        "repeat a whole script in a message",
        "reconciler/planner/compare/lookup.py",
        '    return repr(text if text == line[:_QUOTED_MAX] else f"{line[:_QUOTED_MAX]}...")\n',
        "    return repr(text)\n",
        (
            "tests/planner/test_lookup.py::test_a_script_written_inline_is_not_repeated_in_the_message",
        ),
    ),
    Mutant(
        "write a state through a link",
        "reconciler/store/disk.py",
        "        if folder.is_symlink():",
        "        if False:",
        (f"{SURROUNDINGS}::test_no_state_is_written_through_a_link",),
    ),
    Mutant(
        "wait for a named pipe",
        "reconciler/common/paths.py",
        "        if not stat.S_ISREG(os.fstat(descriptor).st_mode):\n",
        "        if False:\n",
        (
            f"{SURROUNDINGS}::test_a_named_pipe_in_the_place_of_a_file_is_refused_and_not_waited_for",
        ),
    ),
    Mutant(
        "obey a umask of 0",
        "reconciler/__main__.py",
        "    os.umask(os.umask(0o077) | 0o002)\n",
        "",
        (f"{SURROUNDINGS}::test_a_generous_umask_makes_no_file_that_everybody_may_write",),
    ),
    Mutant(
        "read whatever a stack file names",
        "reconciler/common/paths.py",
        "        return root is not None and not path.resolve().is_relative_to(root)\n",
        "        return False\n",
        ("tests/config/test_paths.py",),
    ),
    Mutant(
        "leave line breaks out of the endpoint",
        "reconciler/iwinv/endpoint.py",
        "    if not text.isprintable():",
        "    if False:",
        ("tests/iwinv/test_signing.py::test_keys_go_nowhere_but_to_https_or_this_machine",),
    ),
    Mutant(
        "die with the terminal",
        "reconciler/cli/interrupts.py",
        "signal.SIGTERM, signal.SIGHUP)",
        "signal.SIGTERM)",
        (f"{INTERRUPTED}::test_a_terminal_that_goes_ends_the_run_in_order",),
    ),
    Mutant(
        "take a second hangup for a second request to end",
        "reconciler/cli/interrupts.py",
        "            if number != signal.SIGHUP:",
        "            if True:",
        ("tests/cli/test_interrupts.py::test_a_lost_terminal_counts_as_one_interrupt",),
    ),
    Mutant(
        "say nothing of what Git did to a state",
        "reconciler/store/damage.py",
        "    if _CONFLICT.search(data):\n",
        "    if False:\n",
        (
            "tests/store/test_state_format.py::test_what_git_did_to_a_state_or_journal_is_named_with_the_way_back",
        ),
    ),
    Mutant(
        "adopt into the folder of another stack",
        "reconciler/cli/subcommands/adopt_commands.py",
        "    return found.pop() if len(found) == 1 else None\n",
        "    return None\n",
        (
            "tests/cli/test_refactoring_sessions.py::test_adopt_writes_no_file_into_the_folder_of_another_stack",
        ),
    ),
    Mutant(
        "draw the live table over a question",
        "reconciler/cli/apply.py",
        "        elif self._view is None and isinstance(event, (ProblemFound, Message)):\n",
        "        elif False:\n",
        (f"{TERMINAL}::test_the_live_table_is_gone_when_a_question_is_asked",),
    ),
)
