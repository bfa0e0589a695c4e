"""Mutants of states that move to another place or name; `tests.mutants` tries them with all."""

from __future__ import annotations

from tests.mutation import Mutant

_PLACE = "reconciler/commands/relocation/to_place.py"
_MOVING = ("tests/store/shared/test_moving_states.py",)
_RENAMING = ("tests/store/shared/test_renaming.py",)
_CLI = ("tests/cli/test_whole_state.py",)

MUTANTS_OF_MOVING = (
    Mutant(
        "do not read back what arrived",
        _PLACE,
        "            if store.transit() != arrival:\n",
        "            if store.transit() is None:\n",
        _MOVING,
    ),
    Mutant(
        "complete an arrival before the source has departed",
        _PLACE,
        "            writer.depart(Departure(self.target.place, state.lineage, "
        "arrival.state.serial))\n",
        "            store.complete(arrival, opening.holder)\n"
        "            writer.depart(Departure(self.target.place, state.lineage, "
        "arrival.state.serial))\n",
        _MOVING,
    ),
    Mutant(
        "depart before the state has arrived",
        _PLACE,
        "            store = self.target.store\n            store.receive(\n",
        "            store = self.target.store\n"
        "            writer.depart(Departure(self.target.place, state.lineage, "
        "arrival.state.serial))\n"
        "            store.receive(\n",
        _MOVING,
    ),
    Mutant(
        "write a close after a departure",
        "reconciler/store/shared/shared_writer.py",
        "        self._taken.log.is_lost = True  # not even a close may follow\n",
        "",
        _MOVING,
    ),
    Mutant(
        "call a former name empty before the state has the new one",
        "reconciler/store/shared/passage.py",
        "        and found.state.serial == gone.serial\n",
        "        and found.state.serial < 0\n",
        _RENAMING,
    ),
    Mutant(
        "complete a rename whose source took another name",
        "reconciler/store/shared/shared_rename.py",
        "found.folded.renamed != DepartureBody(self.there, mine.state.serial)",
        "found.folded.renamed is None",
        _RENAMING,
    ),
    Mutant(
        "do not find an interrupted rename",
        "reconciler/commands/relocation/rename.py",
        "        if arriving is not None:\n",
        "        if arriving is not None and arriving.serial < 0:\n",
        _RENAMING,
    ),
    Mutant(
        "read the history for a rename only once",
        "reconciler/store/shared/shared_rename.py",
        "            return self.source.again(self._history)\n",
        "            return self._history()\n",
        _RENAMING,
    ),
    Mutant(
        "use a state that did not arrive although its origin has it",
        "reconciler/cli/subcommands/whole_state/arrival_command.py",
        "    _require_lost(session, store, stack, found, yes=yes)\n",
        "",
        _CLI,
    ),
)
