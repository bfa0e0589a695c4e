"""Mutants of what is read from stack files: which files, which branches, which moves;
`tests.mutants` tries them with all others.
"""

from __future__ import annotations

from tests.mutation import Mutant

MUTANTS_OF_FILES = (
    Mutant(
        "compare names letter by letter",
        "reconciler/common/suggestions.py",
        '    return text if text.isascii() else unicodedata.normalize("NFC", text)\n',
        "    return text\n",
        ("tests/planner/test_unicode_names.py",),
    ),
    Mutant(
        "report a mistake of a count for each of its objects",
        "reconciler/model/diagnostics.py",
        "groups.setdefault(_of_resource(problem) if shared else problem, [])",
        "groups.setdefault(problem, [])",
        ("tests/planner/test_unicode_names.py",),
    ),
    Mutant(
        "evaluate both branches of a condition",
        "reconciler/config/cel_eval.py",
        "        return self.value(yes if verdict else no)\n",
        "        both = (self.value(no), self.value(yes))\n        return both[verdict]\n",
        ("tests/config/test_branches.py",),
    ),
    Mutant(
        "demand that a branch whose condition is open exists",
        "reconciler/config/cel_eval.py",
        "        except ExpressionError:\n            return ()\n",
        "        except ExpressionError:\n            raise\n",
        ("tests/config/test_branches.py",),
    ),
    Mutant(
        "let a misspelt name stand in a branch that is not taken",
        "reconciler/config/build_context.py",
        "            if self.shaped:\n                wrong:",
        "            if False:\n                wrong:",
        ("tests/config/test_branches.py",),
    ),
    Mutant(
        "count the values in a list as one step",
        "reconciler/config/cel_eval.py",
        "        self._spend(1)\n        if isinstance(value, Mapping):\n",
        "        if isinstance(value, Mapping):\n",
        ("tests/config/test_expression.py",),
    ),
    Mutant(
        "skip a part of the stack whose name ends in .yml",
        "reconciler/config/stack_folder.py",
        "for file in found.alike if _is_part(file)]",
        "for file in found.alike if False]",
        ("tests/config/test_yaml_reader.py",),
    ),
    Mutant(
        "skip a broken link in the stack folder",
        "reconciler/config/stack_folder.py",
        "    if file.is_symlink() and not file.exists():\n        problems.append(_broken(file))\n",
        "    if file.is_symlink() and not file.exists():\n        pass\n",
        ("tests/config/test_yaml_reader.py",),
    ),
    Mutant(
        "let a move to nothing end in a delete",
        "reconciler/planner/compare/moves.py",
        "    problems = tuple(_retired(stack, targets)) or (\n",
        "    problems = (\n",
        ("tests/planner/test_moves.py",),
    ),
    Mutant(
        "apply lines that exchange objects with every plan",
        "reconciler/planner/compare/moves.py",
        "    lines = [line for line in counting if _spelled(line) not in applied]\n",
        "    lines = counting\n",
        ("tests/planner/test_exchanges.py",),
    ),
    Mutant(
        "exchange what a new state has created",
        "reconciler/planner/compare/moves.py",
        "    if set(lines) != noted(state):\n",
        "    if set(lines) != noted(state) and state.entries:\n",
        ("tests/planner/test_exchanges.py",),
    ),
    Mutant(
        "exchange with an object that does not exist",
        "reconciler/planner/compare/moves.py",
        "        owners = owners.without(_incomplete(state, owners, MoveLines((), defined)))\n",
        "",
        ("tests/planner/test_exchanges.py",),
    ),
    Mutant(
        "forget what a removal says of an object that gave up its address",
        "reconciler/planner/compare/moves.py",
        "            start = before if is_left and before != removal.address else None\n",
        "            start = None\n",
        ("tests/planner/test_exchanges.py",),
    ),
    Mutant(
        "exchange what a new state received from another stack",
        "reconciler/commands/relocation/moving.py",
        "    before = [*moves.move(other.stack, taker.state).effects]\n",
        "    before = list[StateChange]()\n",
        ("tests/store/test_hand_over.py",),
    ),
    Mutant(
        "hide where a changed object was before",
        "reconciler/render/plan/change_text.py",
        'reason if edits and kind is ReasonKind.MOVED else ""',
        '""',
        ("tests/planner/test_moves.py",),
    ),
    Mutant(
        "refuse an old move whose target was retired",
        "reconciler/config/moved_removed.py",
        "            found.add(move.source)\n",
        "            found.add(move.source)\n            ctx.report('missing-reference', 'not "
        "defined', move.place)\n",
        ("tests/config/test_moved_removed.py",),
    ),
    Mutant(
        "apply a kept plan whose content is not that of its id",
        "reconciler/commands/saved_plans/kept_plans.py",
        "    if found.id != kept.id:\n",
        "    if False:\n",
        ("tests/cli/test_kept_plans.py",),
    ),
    Mutant(
        "write a kept plan in its place",
        "reconciler/store/plans/folder_plans.py",
        "            write_whole(disk, draft, data)\n            disk.rename(draft, path)\n",
        "            write_whole(disk, path, data)\n",
        ("tests/store/test_kept_plans.py",),
    ),
)
