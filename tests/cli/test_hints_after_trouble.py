"""Situations of hints that need trouble in the cloud or an interrupted run before: `call` pastes
each hint and runs it (`tests/hints.py`), and the test checks what that led to.
"""

from __future__ import annotations

import errno
import os
import types
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from reconciler.commands import password_file
from reconciler.model.state import State
from reconciler.simulator.world import World
from reconciler.store.folder_store import FileStore
from tests import hints
from tests.cli.sessions import WEB, begin, call, write
from tests.cli.steering import PAST_THE_FENCE_SECONDS, Steering, change
from tests.cli.test_hints import stack

WORLD = "state/.simulator/world.json"
Screen = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def cloud(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Steering:
    """A session on a local cloud that the test steers. Another stack lies beside `web.yaml`, so
    that a command without the stack's name fails.
    """
    other = stack("other").replace("stack: shop", "stack: other")
    begin(monkeypatch, tmp_path, {"web.yaml": WEB, "other.yaml": other})
    monkeypatch.setenv("RECONCILER_TIME_SCALE", "3000")
    return Steering(monkeypatch)


def state() -> State:
    found = FileStore(Path("state/.simulator/shop")).read()
    assert found is not None
    return found


def applied(capsys: Screen, text: str) -> None:
    write(text)
    assert call(capsys, "apply", "web.yaml", "--yes")[0] == 0


def left_open(capsys: Screen, cloud: Steering, *instances: str) -> None:
    """The request to create one of these servers never arrives, and the run does not wait."""
    write(stack(*instances))
    with cloud.failing("lost_before", "POST", "createInstance"):
        assert call(capsys, "apply", "web.yaml", "--yes", "--no-wait")[0] == 3
    assert state().open


def led_to(*words: str) -> tuple[int, str]:
    """The exit code and the output of the pasted command with these words, the last of its kind."""
    found = [row for row in hints.pasted if set(words) <= set(row[0].arguments)]
    assert found, [row[0].arguments for row in hints.pasted]
    return found[-1][1:]


def test_plan_with_an_open_request(capsys: Screen, cloud: Steering) -> None:
    left_open(capsys, cloud, "web")
    call(capsys, "plan", "web.yaml")
    code, said = led_to("recover", "web.yaml")
    assert code == 3 and "--not-created instances.web" in said


def test_doctor_with_an_open_request(capsys: Screen, cloud: Steering) -> None:
    left_open(capsys, cloud, "web")
    call(capsys, "doctor", "--stack", "web.yaml")
    assert led_to("recover", "web.yaml")[0] == 3


def test_address_with_only_an_open_request(capsys: Screen, cloud: Steering) -> None:
    left_open(capsys, cloud, "web")
    call(capsys, "show", "instances.web", "--stack", "web.yaml")
    code, said = led_to("recover", "web.yaml")
    assert code == 3 and "instances.web" in said


def test_open_request_that_can_still_be_taken(capsys: Screen, cloud: Steering) -> None:
    left_open(capsys, cloud, "web")
    call(capsys, "recover", "web.yaml", "--no-wait", "--not-created", "instances.web")
    assert led_to("recover", "--not-created", "instances.web")[0] == 0


def test_adopt_of_an_object_of_another_address(capsys: Screen, cloud: Steering) -> None:
    applied(capsys, stack("a"))
    id = state().entries["instances.a"].id
    left_open(capsys, cloud, "a", "b")
    call(capsys, "recover", "web.yaml", "--no-wait", "--adopt", f"instances.b={id}")
    assert led_to("recover", "web.yaml")[0] == 0


def test_not_created_of_an_object_with_the_marker(capsys: Screen, cloud: Steering) -> None:
    write(stack("web"))
    cloud.switches = {"visibility_delay": 3000 * 1000}
    with cloud.failing("answer_lost", "POST", "createInstance"):
        assert call(capsys, "apply", "web.yaml", "--yes", "--no-wait")[0] == 3
    cloud.switches = {}
    cloud.ahead += 2 * PAST_THE_FENCE_SECONDS

    def resize(world: World) -> None:
        for id, server in list(world.instances.items()):
            world.instances[id] = replace(server, flavor_id="std_2.4-g1")

    change(WORLD, resize)
    call(capsys, "recover", "web.yaml", "--no-wait", "--not-created", "instances.web")
    code, said = led_to("recover", "--adopt")
    assert code == 0, said


def test_move_of_an_address_with_an_open_request(capsys: Screen, cloud: Steering) -> None:
    applied(capsys, stack("web"))
    write(stack("web: description: new"))
    with cloud.failing("lost_before", "PUT", ""):
        assert call(capsys, "apply", "web.yaml", "--yes", "--no-wait")[0] == 3
    move = "moved: [{from: instances.web, to: instances.front}]"
    write(stack("front: description: new", more=move))
    assert call(capsys, "plan", "web.yaml")[0] == 1
    assert led_to("recover", "web.yaml")[0] == 0


def test_import_to_an_address_that_has_an_object(capsys: Screen, cloud: Steering) -> None:
    applied(capsys, stack("web"))
    do = ("simulator", "do", "create", "instance", "hand", "--stack", "web.yaml")
    id = call(capsys, *do)[1].split()[-1]
    call(capsys, "import", "instances.web", id, "--stack", "web.yaml")
    code, said = led_to("state", "forget", "instances.web", "--stack", "web.yaml")
    assert code in (0, 4) and "instances.web" in said


def test_delete_that_was_seen_gone_once(capsys: Screen, cloud: Steering) -> None:
    applied(capsys, stack("web", "x"))
    write(stack("x"))
    with cloud.interrupted_at("DELETE"):
        call(capsys, "apply", "web.yaml", "--yes", "--accept", "delete")
    cloud.ahead += 60
    assert call(capsys, "apply", "web.yaml", "--yes", "--no-wait")[0] == 3
    assert led_to("apply", "web.yaml", "gone=instances.web")[0] == 0


def test_destroy_that_saw_its_delete_once_is_run_again_as_destroy(
    capsys: Screen, cloud: Steering
) -> None:
    # An apply would create the instance again.
    applied(capsys, stack("web"))
    with cloud.interrupted_at("DELETE"):
        call(capsys, "destroy", "web.yaml", "--yes", "--accept", "delete")
    cloud.ahead += 60
    code, out, err = call(capsys, "destroy", "web.yaml", "--yes", "--no-wait")
    assert code == 3
    assert "run `reconciler destroy web.yaml" in out + err
    assert "reconciler apply" not in out + err


def test_firewall_that_is_wanted_again_while_it_is_deleted(capsys: Screen, cloud: Steering) -> None:
    firewall = "firewalls: {web: {icmp: true, description: first}}"
    applied(capsys, stack("x", more=firewall))
    shown = Path(WORLD).read_bytes()
    write(stack("x"))
    with cloud.interrupted_at("DELETE"):
        call(capsys, "apply", "web.yaml", "--yes", "--accept", "delete")
    gone = Path(WORLD).read_bytes()
    assert gone != shown
    Path(WORLD).write_bytes(shown)
    write(stack("x", more=firewall))
    assert call(capsys, "plan", "web.yaml")[0] == 3
    Path(WORLD).write_bytes(gone)
    cloud.ahead += 60
    assert call(capsys, "apply", "web.yaml", "--yes")[0] == 0


def test_replaced_server_that_somebody_deleted(capsys: Screen, cloud: Steering) -> None:
    applied(capsys, stack("web"))
    old = state().entries["instances.web"].id
    accepted = ("--accept", "data-loss", "--accept", "address-change")
    with cloud.interrupted_at("POST /v1/instances"):
        call(capsys, "apply", "web.yaml", "--yes", "--replace", "instances.web", *accepted)
    call(capsys, "simulator", "do", "delete", "instance", old, "--stack", "web.yaml")
    assert call(capsys, "plan", "web.yaml")[0] == 3
    assert led_to("plan", "gone=instances.web")[0] == 0


def test_keys_that_are_refused_during_a_run(capsys: Screen, cloud: Steering) -> None:
    write(stack("web"))
    refused = {"status": 401, "code": "CHECK_ACCESS_KEY"}
    with cloud.failing("refused_before", "POST", "createInstance", **refused):
        assert call(capsys, "apply", "web.yaml", "--yes", "--no-wait")[0] == 5
    assert led_to("doctor", "web.yaml")[0] == 0


def test_image_that_the_flavor_does_not_support(capsys: Screen, cloud: Steering) -> None:
    call(capsys, "validate", "web.yaml")
    write(stack("web"))
    call(capsys, "plan", "web.yaml")

    def windows_only(world: World) -> None:
        for flavor in world.flavors.values():
            flavor["supporting_images"] = ["os_windows"]

    change(WORLD, windows_only)
    call(capsys, "plan", "web.yaml", "--no-cache")
    code, said = led_to("catalog", "flavors")
    assert code == 0 and "std_2.4-g1" in said


def test_keys_of_a_server_that_exists(capsys: Screen, cloud: Steering) -> None:
    applied(capsys, stack("web"))
    write(stack("web").replace("deploy", "ops-laptop"))
    call(capsys, "plan", "web.yaml")
    assert "replace: " in led_to("plan", "--replace", "instances.web")[1]


def test_newer_image_of_the_same_name(capsys: Screen, cloud: Steering) -> None:
    applied(capsys, stack("web"))

    def publish(world: World) -> None:
        key, row = next(each for each in world.images.items() if "UbuntuJammy" in each[0])
        newer = key.replace("22", "23")
        system = {**cast("dict[str, Any]", row["os"]), "name": "Ubuntu 22.04.99 LTS"}
        world.images[newer] = {**row, "image_id": newer, "os": system}

    change(WORLD, publish)
    call(capsys, "plan", "web.yaml", "--no-cache")
    assert "replace: " in led_to("plan", "--replace", "instances.web")[1]


def test_outputs_of_a_stack_whose_run_was_interrupted(
    capsys: Screen, cloud: Steering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILER_STATE_DIR", "kept")
    applied(capsys, WEB)
    write(WEB.replace("443", "444"))
    with cloud.interrupted_at("PUT "):
        call(capsys, "apply", "web.yaml", "--yes", "--accept", "exposure")
    reads = "stacks: {web: {path: web.yaml}}"
    text = stack("o: description: '${stacks.web.outputs.ip}'", more=reads)
    Path("other.yaml").write_text(text.replace("stack: shop", "stack: other"), encoding="utf-8")
    call(capsys, "plan", "other.yaml")
    assert led_to("apply", "web.yaml")[0] == 0


def test_first_password_that_cannot_be_written(
    capsys: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))]

    def write_or_fail(descriptor: int, data: bytes) -> int:
        if failures:
            raise failures.pop()
        return os.write(descriptor, data)

    full = types.SimpleNamespace(**{**vars(os), "write": write_or_fail})
    monkeypatch.setattr(password_file, "os", full)
    write(stack("web").replace(", ssh_keys: [deploy]", ""))
    call(capsys, "apply", "web.yaml", "--yes", "--first-passwords", "new.jsonl")
    assert led_to("--replace", "instances.web")[0] in (0, 4)


def test_time_scale_for_an_account(capsys: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RECONCILER_SIMULATE")
    for name in ("ACCESS_KEY", "SECRET_KEY"):
        monkeypatch.setenv(f"IWINV_{name}", "a" * 20)
    assert call(capsys, "plan", "web.yaml", "--time-scale", "5")[0] == 64
    assert led_to("plan", "--simulate")[0] == 0
