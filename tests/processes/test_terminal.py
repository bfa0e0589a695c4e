"""The real program at a pseudo-terminal, beside a cloud that a process died on."""

from __future__ import annotations

from pathlib import Path

from tests.cli.sessions import Terminal
from tests.processes.bridge import LAUNCHER, RATE, STACK, Killer, desk, ended, wait_for
from tests.processes.test_interrupted import At
from tests.scenarios.world import world_of

BESIDE = """\
  api:
    zone: kr1-z01
    flavor: std_2.4-g1
    image: {os: ubuntu, version: "22.04"}
    ssh_keys: [deploy]
    firewall: web
"""
NEARLY_THE_FENCE_SECONDS = 330.0


def test_the_live_table_is_gone_when_a_question_is_asked(tmp_path: Path) -> None:
    """Goal: what an earlier run left open is waited for, and the question about the rest stays on
    the screen as it was written.
    """
    with desk(tmp_path, rate=RATE) as place:
        assert place.apply().code == 0  # the server that shows that the lists are whole
        place.write(STACK + BESIDE)
        place.cloud.strike = killer = Killer("write", 1, done=False)
        assert ended(killer.aim(place.start("apply", "shop.yaml", "--yes"))).code == -9
        place.cloud.strike = None
        place.advance(NEARLY_THE_FENCE_SECONDS)

        terminal = Terminal(
            "apply",
            "shop.yaml",
            program=(str(LAUNCHER),),
            environ=place.environment,
            folder=place.folder,
        )
        terminal.until("or no to cancel:", seconds=60.0)
        assert "checking again in" in terminal.text, terminal.text
        asked = len(terminal.text)
        terminal.type("shop\n")

        assert terminal.end() == 0, terminal.text
        assert terminal.text[asked:].lstrip().startswith("shop"), terminal.text[asked:]
        assert sorted(world_of(place.cloud)["instances"]) == ["shop-api", "shop-web"]


def test_a_terminal_closed_during_a_run_is_not_an_internal_error(
    tmp_path: Path, hangups: None
) -> None:
    """Goal: the live table writes to a terminal that is gone; the run ends in order all the same,
    and its answer is recorded.
    """
    with desk(tmp_path) as place:
        place.cloud.strike = at = At("POST", "/v1/instances", slow_seconds=1.0)
        terminal = Terminal(
            "apply",
            "shop.yaml",
            "--yes",
            program=(str(LAUNCHER),),
            environ=place.environment,
            folder=place.folder,
        )
        terminal.until("Plan: ")
        assert at.came.wait(60)
        assert terminal.hang_up() == 130
        wait_for(
            lambda: any(entry.kind == "instances" for entry in place.state.entries.values()),
            "the server on record",
        )
