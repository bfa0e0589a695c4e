"""Mutants of the protocol of shared states; `tests.mutants` tries them with all."""

from __future__ import annotations

from tests.mutation import Mutant

_FOLDER = "reconciler/store/shared/"
_LIFE = ("tests/store/shared/test_shared_life.py",)
_DAMAGE = ("tests/store/shared/test_shared_damage.py",)
_FAULTS = ("tests/store/shared/test_shared_faults.py",)

MUTANTS_OF_SHARED_STATES = (
    Mutant(
        "do not look again after a fence",
        _FOLDER + "taking.py",
        "            if self.again(lambda: self._is_last(log.position)):\n",
        "            if log.position:\n",
        _LIFE,
    ),
    Mutant(
        "count the beat of a former holder as life",
        _FOLDER + "beat.py",
        "beat is not None and (beat.epoch, beat.token) == (self.epoch, self.token)",
        "beat is not None",
        _LIFE,
    ),
    Mutant(
        "do not notice the beat of a later epoch",
        _FOLDER + "beat.py",
        "        return found.epoch >= self._last.epoch and found.token != self._last.token\n",
        "        return found.epoch > self._last.epoch + 9\n",
        _LIFE,
    ),
    Mutant(
        "wait anew for a holder that recorded something while it was watched",
        _FOLDER + "taking.py",
        "                position = last.header.position\n",
        "                return None\n",
        _LIFE,
    ),
    Mutant(
        "keep no outcome on this machine after an interrupt",
        _FOLDER + "shared_writer.py",
        "        except BaseException:  # an interrupt as well\n",
        "        except StoreError:\n",
        _FAULTS,
    ),
    Mutant(
        "remove the former snapshot after one that was not put",
        _FOLDER + "shared_writer.py",
        "            if objects.create(key, data, after=keys.log(position)):\n",
        "            if (objects.create(key, data, after=keys.log(position)), True)[1]:\n",
        _FAULTS,
    ),
    Mutant(
        "do not look at the log after a long silence",
        _FOLDER + "log/log_writer.py",
        "GUARD_SECONDS = 60.0\n",
        "GUARD_SECONDS = 6e9\n",
        _LIFE,
    ),
    Mutant(
        "take every object at the position for our own",
        _FOLDER + "log/log_writer.py",
        "_Found.OURS if found[key] == data else _Found.ANOTHER",
        "_Found.OURS",
        ("tests/store/shared/test_shared_store.py",),
    ),
    Mutant(
        "take our own object for another one",
        _FOLDER + "log/log_writer.py",
        "_Found.OURS if found[key] == data else _Found.ANOTHER",
        "_Found.ANOTHER",
        _FAULTS,
    ),
    Mutant(
        "write past a tail that was lost",
        _FOLDER + "log/log_writer.py",
        "_Found.NOTHING if before is None or before in found else _Found.NO_TAIL",
        "_Found.NOTHING",
        _FAULTS,
    ),
    Mutant(
        "do not check the chain of the log",
        _FOLDER + "log/log_fold.py",
        "    if header.previous != before.digest:\n",
        "    if not header.previous:\n",
        _DAMAGE,
    ),
    Mutant(
        "do not check who wrote an object",
        _FOLDER + "log/log_fold.py",
        "    if not is_new_epoch and _writer_of(header) != _writer_of(last):\n",
        "    if not is_new_epoch and header.epoch < 1:\n",
        _DAMAGE,
    ),
    Mutant(
        "remove fences in the clean-up",
        _FOLDER + "clean_up.py",
        "            if each.header.began != each.header.position:\n",
        "            if each.header.began:\n",
        _DAMAGE,
    ),
    Mutant(
        "remove what is younger than thirty days",
        _FOLDER + "clean_up.py",
        "            if each.header.at > before:\n",
        "            if each.header.at < 0:\n",
        _DAMAGE,
    ),
    Mutant(
        "add a kept outcome to another request",
        _FOLDER + "shared_store.py",
        "        if found is not None and found.intent == kept.intent:\n",
        "        if found is not None:\n",
        _FAULTS,
    ),
)
