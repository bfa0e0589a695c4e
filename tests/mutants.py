"""The tests are tested: deliberate breakages of the product, each of which must turn a test red (`python -m tests.mutants`).

Every breakage is made in a copy of the last commit, never in the checkout. The table says which tests saw it; exit 1 where one survives.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SECONDS_MAX = 60


@dataclass(frozen=True)
class Mutant:
    """One breakage: in `file`, `before` (which stands there once) becomes `after`; `tests` are those that should notice."""

    name: str
    file: str
    before: str
    after: str
    tests: tuple[str, ...]


FAULTS = "tests/faults"
WRONG = "tests/scenarios/test_when_things_go_wrong.py"

MUTANTS = (
    Mutant(
        "send a request again that has no answer",
        "apply/writes.py",
        "        if answer.sent:\n            self._unknown",
        "        if False:\n            self._unknown",
        (WRONG,),
    ),
    Mutant(
        "record an intent after its send",
        "apply/writes.py",
        "        self.writer.append(intent)\n        task.intent, task.status, task.sent = intent, Status.SENT, True\n"
        "        self._sent[token] = task\n        self.exchange.send(token, call)\n",
        "        task.intent, task.status, task.sent = intent, Status.SENT, True\n"
        "        self._sent[token] = task\n        self.exchange.send(token, call)\n        self.writer.append(intent)\n",
        (FAULTS,),
    ),
    Mutant(
        "adopt by name",
        "core/evidence.py",
        "if row.nonce == intent.nonce)",
        'if row.nonce == intent.nonce or row.attributes.get("name") == intent.inputs.get("name"))',
        ("tests/core/test_evidence.py", FAULTS),
    ),
    Mutant(
        "skip the fence",
        "core/evidence.py",
        "FENCE_SECONDS = SIGNATURE_SECONDS + CLOCK_MARGIN_SECONDS + LATE_MARGIN_SECONDS",
        "FENCE_SECONDS = 0",
        ("tests/core/test_evidence.py",),
    ),
    Mutant(
        "treat an error as gone",
        "cloud/absence.py",
        "    if not isinstance(answer, Accepted) or not isinstance(answer.result, list):\n        return False\n",
        "    if not isinstance(answer, Accepted) or not isinstance(answer.result, list):\n        return True\n",
        ("tests/contract/test_cloud_lists.py",),
    ),
    Mutant(
        "take an empty list for the truth",
        "core/brakes.py",
        "    return len(missing) > allowed or listed == 0",
        "    return False",
        ("tests/core/test_plan_protection.py", "tests/faults/test_lying_lists.py"),
    ),
    Mutant(
        "skip the sync of the folder",
        "store/files.py",
        '            disk.sync_folder(folder)\n            disk.rename(folder / "journal.new", folder / "journal")\n'
        "            disk.sync_folder(folder)\n",
        '            disk.rename(folder / "journal.new", folder / "journal")\n',
        ("tests/contract/test_store_faults.py",),
    ),
    Mutant(
        "ignore the serial of a saved plan",
        "core/saved.py",
        "    elif saved.serial != plan.serial:",
        "    elif False:",
        ("tests/core/test_saved.py",),
    ),
    Mutant(
        "follow redirects",
        "cloud/transport.py",
        '"allow_redirects": False',
        '"allow_redirects": True',
        ("tests/contract/test_cloud_transport.py", "tests/hostile"),
    ),
    Mutant(
        "tell a header in an error",
        "cloud/transport.py",
        "            raise wire.WireError(_reason(failure), sent=_may_have_left(failure)) from None",
        "            raise wire.WireError(_reason(failure) + str(request.headers), sent=_may_have_left(failure)) from None",
        ("tests/contract/test_cloud_transport.py", "tests/hostile"),
    ),
    Mutant(
        "drop the second look",
        "apply/settle.py",
        "    if not task.step.fingerprint:\n        return None\n    found =",
        "    if task.step is not None:\n        return None\n    found =",
        ("tests/scenarios/test_second_look.py",),
    ),
    Mutant(
        "forget what depends on an object in doubt",
        "core/planning/draft.py",
        "            if not soft and address in self.blocked and",
        "            if False and address in self.blocked and",
        ("tests/core/test_plan_protection.py",),
    ),
    Mutant(
        "believe a delete without proof",
        "apply/settle.py",
        "    if task.first_absence is not None and shown_at >= task.first_absence + pause:",
        "    if task.first_absence is None or shown_at >= task.first_absence + pause:",
        (WRONG,),
    ),
    Mutant(
        "say nothing of a doubled object",
        "core/brakes.py",
        "            if id_of_ours == id or its_kind != kind:",
        "            if id_of_ours == id or its_kind != kind or kind:",
        (FAULTS,),
    ),
)


def main() -> int:
    """Tries every mutant and prints what noticed it; the number of survivors decides the exit code."""
    wanted = sys.argv[1:]
    chosen = [mutant for mutant in MUTANTS if not wanted or any(word in mutant.name for word in wanted)]
    survivors = 0
    with tempfile.TemporaryDirectory() as folder:
        for mutant in chosen:
            noticed = _try(mutant, Path(folder) / "copy")
            survivors += noticed is None
            sys.stdout.write(f"{'SURVIVES' if noticed is None else 'noticed '}  {mutant.name:45}  {noticed or ''}\n")
            sys.stdout.flush()
    sys.stdout.write(f"{len(chosen) - survivors} of {len(chosen)} noticed\n")
    return 1 if survivors else 0


def _try(mutant: Mutant, copy: Path) -> str | None:
    """The first test that fails with the breakage in place, or None."""
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    kept = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, capture_output=True, check=True)
    subprocess.run(["tar", "-x", "-C", str(copy)], input=kept.stdout, check=True)
    path = copy / "reconciler" / mutant.file
    text = path.read_text(encoding="utf-8")
    if text.count(mutant.before) != 1:
        raise SystemExit(f"{mutant.name}: the line to break stands {text.count(mutant.before)} times in {mutant.file}")
    path.write_text(text.replace(mutant.before, mutant.after), encoding="utf-8")
    tests = [test for test in mutant.tests if (copy / test).exists()]
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False, timeout=SECONDS_MAX)
    except subprocess.TimeoutExpired:
        return f"no end within {SECONDS_MAX} s"
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return failed[0].split(" - ")[0].removeprefix("FAILED ")[:110] if failed else None


if __name__ == "__main__":
    sys.exit(main())
