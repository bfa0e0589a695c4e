"""The second look: before a destructive write its object must still be the one that the plan was about (SPEC 4)."""

from __future__ import annotations

from pathlib import Path

from reconciler import app
from tests.lab import Lab
from tests.scenarios.test_when_things_go_wrong import HEAD

ONE = HEAD + "instances:\n  kept: {}\n  old: {}\n"


class _Meanwhile(list[app.Planned]):
    """Does something between the plan that is shown and its first write."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def append(self, planned: app.Planned) -> None:
        super().append(planned)
        server = self._lab.cloud.world.find("shop-old").instance_id
        self._lab.cloud.change(lambda world: world.remove_instance(server, world.time))


def test_a_server_that_is_not_as_planned_any_more_is_not_deleted(tmp_path: Path) -> None:
    # Goal: nothing is sent for it, the run ends with exit 3, and the state still knows of it.
    lab = Lab()
    assert lab.apply(lab.stack(ONE, tmp_path)).exit_code == 0
    lab.plans = _Meanwhile(lab)
    sends = len(lab.sends)
    result = lab.apply(lab.stack(ONE.replace("  old: {}\n", ""), tmp_path))
    assert result.exit_code == 3 and list(result.failed) == ["instance.delete instances.old"]
    assert "nothing was sent" in result.failed["instance.delete instances.old"].message
    assert not [request for _, request in lab.sends[sends:] if request.method == "DELETE"]
    assert lab.state is not None and "instances.old" in lab.state.entries
