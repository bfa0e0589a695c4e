"""Mutants of what is taken over from an account: imports, objects of other stacks, absorbed drift;
`tests.mutants` tries them with all.
"""

from __future__ import annotations

from tests.mutation import Mutant

COPIES = "tests/scenarios/test_two_copies.py"

MUTANTS_OF_TAKING_OVER = (
    Mutant(
        "create again what a marker names and another copy of the state created",
        "reconciler/planner/checks/lost_state.py",
        " or target or renamed\n",
        " or renamed\n",
        (COPIES,),
    ),
    Mutant(
        "leave out untracked objects beside a lost state",
        "reconciler/planner/planner.py",
        "by_account(assessment), *found)",
        "by_account(assessment), *(() if is_lost else found))",
        ("tests/properties/test_copies_of_a_state.py",),
    ),
    Mutant(
        "bind nothing to an address whose object a newer state replaced",
        "reconciler/planner/checks/lost_state.py",
        "item.disposition is Disposition.CREATE or _is_replaced(assessment, item)",
        "item.disposition is Disposition.CREATE",
        (COPIES,),
    ),
    Mutant(
        "do not ask whether another stack owns an object",
        "reconciler/planner/planner.py",
        "    shared_objects.hold(builder)\n",
        "",
        ("tests/scenarios/test_imports.py", "tests/planner/test_protection.py"),
        fault=9,
    ),
    Mutant(
        "do not look at what other states hold",
        "reconciler/model/owners.py",
        "        if live.id in other.addresses:\n",
        "        if live.id == title:\n",
        ("tests/scenarios/test_imports.py",),
        fault=9,
    ),
    Mutant(
        "do not look whom a marker names",
        "reconciler/model/owners.py",
        "    if title in elsewhere:\n",
        "    if title:\n",
        ("tests/scenarios/test_imports.py",),
        fault=9,
    ),
    Mutant(
        "import at the command line what another stack owns",
        "reconciler/commands/import_.py",
        "        if sharer is not None and not options.accepts(",
        "        if sharer is None and not options.accepts(",
        ("tests/cli/test_refactoring_sessions.py",),
        fault=9,
    ),
    Mutant(
        "forget the consent to an object of two stacks",
        "reconciler/planner/checks/shared_objects.py",
        "        if address not in held:\n",
        "        if address in held:\n",
        ("tests/scenarios/test_imports.py",),
    ),
    Mutant(
        "count drift that the file states already",
        "reconciler/planner/compare/field_diff.py",
        "        stated = bool(desired[name] == live)\n",
        "        stated = False\n",
        ("tests/scenarios/test_absorbed.py",),
    ),
    Mutant(
        "call a rule that was absorbed an import",
        "reconciler/planner/steps/change_builder.py",
        "    return Action.IMPORT if known else Action.NONE\n",
        "    return Action.IMPORT\n",
        ("tests/scenarios/test_absorbed.py",),
    ),
    Mutant(
        "report no drift where a rule was removed",
        "reconciler/planner/steps/change_builder.py",
        "    if item.entry is not None:\n        before = item.entry.applied\n",
        "    if item.entry is None and wanted is None:\n        before = item.entry.applied\n",
        ("tests/scenarios/test_absorbed.py",),
    ),
    Mutant(
        "add entries to an empty mapping one by one",
        "reconciler/config/text_edits.py",
        '    if table.kind != "table" or not names:\n',
        "    if not names and len(entries) == 1:\n",
        ("tests/properties/test_absorb_styles.py",),
    ),
    Mutant(
        "add an entry behind a trailing comma",
        "reconciler/config/text_edits.py",
        "    at = table.ends[kept]\n    tail = table.ends[-1] if",
        "    at = table.end - 1\n    tail = table.ends[-1] if",
        ("tests/properties/test_absorb_styles.py",),
    ),
    Mutant(
        "lose an anchor that others refer to",
        "reconciler/config/text_edits.py",
        "    edits += _anchors_kept(text, pieces, edits)\n",
        "",
        ("tests/properties/test_absorb_styles.py",),
    ),
    Mutant(
        "blame the file for an edit that does not read back",
        "reconciler/commands/absorb.py",
        '        raise Abort(error("absorb", message, hint=msg("write it by hand"))) from stop\n',
        "        raise\n",
        ("tests/scenarios/test_absorb.py",),
    ),
    Mutant(
        "plan an import of an id that the account does not show",
        "reconciler/planner/compare/classify.py",
        "                self.problems.append(\n                    data_sources.unknown_import(",
        "                self.problems.count(\n                    data_sources.unknown_import(",
        ("tests/scenarios/test_imports.py",),
        fault=3,
    ),
    Mutant(
        "make a path without an id",
        "reconciler/resources/_operations.py",
        "        if not decoding.can_stand_in_path(part):\n",
        "        if part == 0:\n",
        ("tests/resources/test_operations.py",),
        fault=3,
    ),
    Mutant(
        "make a request without the ids in it",
        "reconciler/resources/_operations.py",
        "    if not isinstance(found, str) or not found.strip():\n",
        "    if found == 0:\n",
        ("tests/resources/test_operations.py",),
        fault=3,
    ),
    Mutant(
        "take the first of several objects that a name fits",
        "reconciler/importing/named_objects.py",
        "        if len(found) == 1:\n",
        "        if found:\n",
        ("tests/cli/test_refactoring_sessions.py",),
    ),
    Mutant(
        "adopt what another stack owns if it is named",
        "reconciler/commands/adopt.py",
        "        if address not in desired.accept\n",
        "        if False\n",
        ("tests/cli/test_adopt_sessions.py",),
    ),
    Mutant(
        "settle a lost request with an object of another state",
        "reconciler/commands/recover.py",
        "                    decided = self._foreign(address, id) or decided\n",
        "                    pass\n",
        ("tests/scenarios/test_recover.py",),
    ),
    Mutant(
        "hold back all drift for one line that cannot be written",
        "reconciler/commands/absorb.py",
        "            if len(groups) == 1 or any(",
        "            if groups or any(",
        ("tests/scenarios/test_absorb.py",),
    ),
)
