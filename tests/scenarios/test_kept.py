"""What the file says is to be kept stays in the account, whichever command comes first."""

from __future__ import annotations

from pathlib import Path

from tests.lab import Lab
from tests.scenarios.test_second_look import id_of
from tests.scenarios.test_when_things_go_wrong import HEAD


def test_a_destroy_forgets_what_the_file_keeps_although_no_apply_has_done_so_yet(tmp_path: Path) -> None:
    # Goal: "forget, do not destroy" is said of the server, not of one command (SPEC 2, removed).
    lab = Lab()
    assert lab.apply(lab.stack(HEAD + "instances:\n  a: {}\n  b: {}\n", tmp_path)).exit_code == 0
    a = id_of(lab, "instances.a")
    stack = lab.stack(HEAD + "instances:\n  b: {}\nremoved: [{from: instances.a, keep: true}]\n", tmp_path)
    assert lab.apply(stack, destroy=True).exit_code == 0
    assert lab.state is not None and lab.state.entries == {} and list(lab.cloud.snapshot().instances) == [a]
