"""Mutants of what a request in doubt holds back, and of moves and renames beside it;
`tests.mutants` tries them with all others.
"""

from __future__ import annotations

from tests.mutation import Mutant, of_story

TWO_CAUSES = "tests/scenarios/test_two_causes.py"

MUTANTS_OF_DOUBTS = (
    Mutant(
        "create again what a create in doubt may have made under another address",
        "reconciler/planner/compare/classify.py",
        "            same = self.unsettled.same_object(resource, wanted, self.state)\n",
        "            same = None\n",
        ("tests/planner/test_unsettled.py",),
        fault=1,
    ),
    Mutant(
        "leave a create in doubt at an address that the file has moved",
        "reconciler/planner/compare/unsettled.py",
        "        place = intent.address if options.destroy else moves.place(stack, state, "
        "intent.address)\n",
        "        place = intent.address\n",
        ("tests/planner/test_unsettled.py", of_story("moved before the next run")),
        fault=1,
    ),
    Mutant(
        "create a rule again under another key",
        "reconciler/planner/compare/rule_matching.py",
        "        if wanted is not None and wanted in sent:\n",
        "        if False:\n",
        ("tests/planner/test_unsettled.py",),
        fault=1,
    ),
    Mutant(
        "let an unknown element of a list keep the rule that a known one needs",
        "reconciler/planner/compare/rule_matching.py",
        "        if wanted is None and resource.address.rule != resource.address.rule_key:\n",
        "        if False:\n",
        ("tests/planner/test_plan_firewalls.py",),
    ),
    Mutant(
        "take the rule that a shorter list leaves behind for a stranger's",
        "reconciler/planner/compare/rule_matching.py",
        "            if left[text].id in self.rows and left[text].id not in self.free and spare:\n",
        "            if False:\n",
        ("tests/planner/test_plan_firewalls.py",),
    ),
    Mutant(
        "bind an object to an address whose create is in doubt",
        "reconciler/planner/checks/lost_state.py",
        "    if item.entry is not None or known:\n",
        "    if True:\n",
        (TWO_CAUSES,),
        fault=1,
    ),
    Mutant(
        "list what a create in doubt has made as unmanaged",
        "reconciler/planner/estimate/unmanaged.py",
        " and live.nonce not in sent]\n",
        "]\n",
        ("tests/planner/test_unsettled.py",),
    ),
    Mutant(
        "move all of a resource but what is in doubt",
        "reconciler/recovery/addresses.py",
        "        *(intent.address for intent, result in state.open.values() if result != "
        '"accepted"),\n',
        "",
        ("tests/planner/test_moves.py",),
        fault=1,
    ),
    Mutant(
        "change the rules of a firewall in doubt",
        "reconciler/planner/plan_objects.py",
        "            held_by(builder, item.address, owner.address)\n",
        "            pass\n",
        ("tests/planner/test_unsettled.py",),
        fault=11,
    ),
    Mutant(
        "take a rename of what is in doubt for a new object",
        "reconciler/planner/checks/implied_renames.py",
        "item.disposition not in (Disposition.DELETE, Disposition.UNSETTLED)",
        "item.disposition is not Disposition.DELETE",
        ("tests/planner/test_moves.py",),
        fault=1,
    ),
    Mutant(
        "take another shape of a resource for new objects",
        "reconciler/planner/checks/implied_renames.py",
        "    return address.kind, address.name, type(address.index)\n",
        "    return address.kind, address.name, type(None)\n",
        ("tests/planner/test_moves.py",),
        fault=15,
    ),
    Mutant(
        "move an object to where it is",
        "reconciler/recovery/addresses.py",
        "    if source == target:\n",
        "    if False:\n",
        ("tests/planner/test_moves.py",),
        fault=4,
    ),
    Mutant(
        "put an object beside another form of index",
        "reconciler/recovery/addresses.py",
        "            if other_form is not None:\n",
        "            if False:\n",
        ("tests/planner/test_moves.py",),
        fault=4,
    ),
)
