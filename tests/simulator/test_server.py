"""HTTP: a real socket, real cuts, steering, signals (local-cloud#the-local-cloud). Loopback and
free ports only.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from reconciler.simulator import Cloud, Fault, SimulatorServer, commands
from reconciler.simulator.server import ServerError, is_loopback
from reconciler.simulator.worldfile import load_world
from tests.cli.sessions import call
from tests.simulator.harness import FLAVOR, IMAGE, ZONE, multipart, signature

TRIO = {"zone_id": ZONE, "flavor_id": FLAVOR, "image_id": IMAGE, "name": "웹 1"}


def serve(*faults: Fault, **options: Any) -> SimulatorServer:
    """A server without a quota, its background work a hundred times faster."""
    return SimulatorServer(
        Cloud(switches={"rate_limit": "off"}, time_scale=100, faults=faults), **options
    )


@pytest.fixture
def server() -> Iterator[SimulatorServer]:
    with serve() as running:
        yield running


class Client:
    """One keep-alive connection with signed requests."""

    def __init__(self, server: SimulatorServer) -> None:
        self.server = server
        host, _, port = server.endpoint.removeprefix("http://").rpartition(":")
        self.connection = http.client.HTTPConnection(host, int(port), timeout=10)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *problem: object) -> None:
        self.connection.close()

    def headers(self, path: str) -> dict[str, str]:
        timestamp = str(int(time.time()))
        sent = signature(self.server.secret_key, timestamp, path)
        return {
            "X-iwinv-Timestamp": timestamp,
            "X-iwinv-Credential": self.server.access_key,
            "X-iwinv-Signature": sent,
        }

    def raw(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        target = path + ("?" + urlencode(query) if query else "")
        self.connection.request(method, target, body, {**self.headers(path), **(headers or {})})
        return self.connection.getresponse()

    def call(
        self, method: str, path: str, *, form: Mapping[str, object] | None = None, **query: object
    ) -> tuple[int, Any]:
        kind = {"Content-Type": "multipart/form-data; boundary=b0undary"} if form else {}
        response = self.raw(
            method, path, query=query, body=multipart(form) if form else None, headers=kind
        )
        return response.status, json.loads(response.read())

    def steer(self, method: str, noun: str, body: object = None) -> tuple[int, Any]:
        text = None if body is None else json.dumps(body)
        self.connection.request(method, f"/_simulator/{noun}", text)
        response = self.connection.getresponse()
        content = response.read().decode()
        return response.status, json.loads(content) if content.startswith(("{", "[")) else content


@pytest.fixture
def client(server: SimulatorServer) -> Iterator[Client]:
    with Client(server) as one:
        yield one


def test_a_server_is_made_and_becomes_active_over_http(client: Client) -> None:
    """One connection, kept alive, texts decoded, statuses in real time."""
    status, body = client.call("POST", "/v1/instances", form=TRIO)
    assert (status, body["result"][0]["name"]) == (202, "웹 1")
    port = client.connection.sock.getsockname()[1]
    deadline = time.monotonic() + 60
    while client.call("GET", "/v1/instances", fields=9)[1]["result"][0]["status"] != "active":
        assert time.monotonic() < deadline
    assert client.connection.sock.getsockname()[1] == port
    assert client.call("GET", "/v1/instances", fields=2, name="웹")[1]["count"] == 1


@pytest.mark.parametrize("method", ["PATCH", "OPTIONS", "TRACE", "QUERY", "FOO", "HEAD"])
def test_strange_methods_are_405_like_everywhere(client: Client, method: str) -> None:
    """Also those that the library has not heard of; HEAD has no body."""
    response = client.raw(method, "/v1/zones")
    body = response.read()
    assert response.status == 405 and (body == b"") == (method == "HEAD")
    assert client.call("GET", "/v1/zones")[0] == 200


def test_chunked_bodies_and_odd_lengths_are_handled(client: Client) -> None:
    """curl sends uploads in chunks; a length that is none is 400."""
    body = json.dumps({"title": "web-policy", "content": "x"}).encode()
    path = "/v1/security-groups"
    client.connection.request(
        "POST",
        path,
        iter([body[:5], body[5:]]),
        {**client.headers(path), "Content-Type": "application/json"},
    )
    response = client.connection.getresponse()
    assert response.status == 200 and json.loads(response.read())["count"] == 1
    response = client.raw("POST", path, body=b"", headers={"Content-Length": "lots"})
    assert response.status == 400


@pytest.mark.parametrize(
    ("fault", "made"),
    [
        (Fault("lost_before", method="POST"), 0),
        (Fault("answer_lost", method="POST"), 1),
        (Fault("executed_late", seconds=60, method="POST"), 0),
    ],
)
def test_a_cut_connection_is_really_cut(fault: Fault, made: int) -> None:
    """The client sees the end of the stream without a byte; others are served on."""
    with serve(fault) as server, Client(server) as client:
        with pytest.raises(http.client.RemoteDisconnected):
            client.call("POST", "/v1/instances", form=TRIO)
        assert len(server.cloud.world.instances) == made
        with Client(server) as other:
            assert other.call("GET", "/v1/zones")[0] == 200


def test_half_an_answer_is_really_half() -> None:
    """The length promised does not come."""
    with serve(Fault("answer_cut", method="GET")) as server, Client(server) as client:
        response = client.raw("GET", "/v1/flavors")
        with pytest.raises(http.client.IncompleteRead) as problem:
            response.read()
        assert 0 < len(problem.value.partial) < int(response.headers["Content-Length"])


def test_a_slow_answer_is_slow_and_blocks_nobody() -> None:
    """Others are answered meanwhile, and closing does not wait for it."""
    with serve(Fault("answer_slow", seconds=30, route="listImages")) as server:
        slow = Client(server)
        slow.connection.request("GET", "/v1/images", headers=slow.headers("/v1/images"))
        with Client(server) as other:
            begun = time.monotonic()
            assert other.call("GET", "/v1/zones")[0] == 200
            assert time.monotonic() - begun < 25
    slow.connection.close()
    with serve(Fault("answer_slow", seconds=0.2)) as server, Client(server) as client:
        begun = time.monotonic()
        assert client.call("GET", "/v1/zones")[0] == 200
        assert time.monotonic() - begun >= 0.2


def test_garbled_answers_keep_the_connection() -> None:
    """The length is right, the content is not."""
    with serve(Fault("answer_garbled", times=1)) as server, Client(server) as client:
        response = client.raw("GET", "/v1/zones")
        assert response.status == 200 and response.read().startswith(b"<html>")
        assert client.call("GET", "/v1/zones")[0] == 200


def test_an_internal_error_is_a_500_and_not_a_hung_connection(
    server: SimulatorServer, client: Client, capsys: Any
) -> None:
    """And it is told on the server's own output."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("for the test")

    server.cloud.exchange = broken  # type: ignore[assignment]
    assert client.call("GET", "/v1/zones")[0] == 500
    assert "for the test" in capsys.readouterr().err


# Steering
# --------------------------------------------------------------------------------------------------------------------


def test_the_world_is_shown_and_replaced(client: Client) -> None:
    """As YAML, or JSON when asked; PUT goes on with another."""
    assert client.steer("GET", "world")[1].startswith("format: 1")
    status, world = client.steer("GET", "world?format=json")
    assert (status, len(world["flavors"])) == (200, 15)
    assert client.steer("PUT", "world", {"instances": [{"name": "put"}]})[0] == 200
    assert client.call("GET", "/v1/instances")[1]["result"][0]["name"] == "put"
    assert client.steer("PUT", "world", {"instances": [{"nam": "put"}]})[0] == 400


def test_objects_are_changed_from_outside(server: SimulatorServer, client: Client) -> None:
    """`do` takes action, kind, object and values; the command line's helpers do the same."""
    client.call("POST", "/v1/instances", form={**TRIO, "name": "web"})
    done = client.steer(
        "POST",
        "do",
        {"action": "set", "kind": "instance", "object": "web", "values": {"name": "next"}},
    )
    assert done[0] == 200 and done[1]["object"].startswith("INSTANCE-")
    assert (
        commands.do(server.endpoint, "set", "instance", "next", {"description": "손으로"})
        == done[1]["object"]
    )
    assert "손으로" in commands.fetch_world(server.endpoint)
    commands.do(server.endpoint, "delete", "instance", "next")
    assert server.cloud.world.instances == {}
    with pytest.raises(commands.SteeringError, match="no instance next"):
        commands.do(server.endpoint, "delete", "instance", "next")
    wrong: list[object] = [
        {"action": "set"},
        {"verb": "set"},
        [],
        {"action": "set", "kind": "instance", "values": [1]},
    ]
    for body in wrong:
        assert client.steer("POST", "do", body)[0] == 400


def test_faults_switches_time_and_the_log_are_steered(
    server: SimulatorServer, client: Client
) -> None:
    """PUT replaces, POST adds, DELETE clears; advance jumps; requests are listed."""
    fault = {"instant": "refused_before", "status": 418, "route": "listZones", "times": 1}
    assert client.steer("PUT", "faults", {"faults": [fault], "seed": 3})[0] == 200
    assert client.steer("POST", "faults", [{**fault, "route": "listImages"}])[0] == 200
    assert [client.call("GET", path)[0] for path in ("/v1/zones", "/v1/images", "/v1/zones")] == [
        418,
        418,
        200,
    ]
    assert [each["struck"] for each in client.steer("GET", "faults")[1]["faults"]] == [1, 1]
    assert client.steer("DELETE", "faults")[0] == 200
    assert client.steer("GET", "faults")[1] == {"faults": []}
    commands.set_faults(server.endpoint, "- instant: answer_lost\n  nth: 99\n")
    assert client.steer("PUT", "faults", [{"instant": "never"}])[0] == 400
    assert client.steer("PUT", "switches", {"strict_power": True})[1]["strict_power"] is True
    assert client.steer("PUT", "switches", {"strict_flower": True})[0] == 400
    assert client.steer("GET", "switches")[1] == {"rate_limit": "off", "strict_power": True}
    client.call("POST", "/v1/instances", form=TRIO)
    commands.advance(server.endpoint, 3_600)
    assert client.call("GET", "/v1/instances", fields=8)[1]["result"] == [{"status": "active"}]
    assert client.steer("POST", "advance", {"seconds": "x"})[0] == 400
    log = client.steer("GET", "requests")[1]["requests"]
    assert (log[0]["operation"], log[0]["status"], log[0]["faults"]) == (
        "listZones",
        418,
        ["refused_before"],
    )
    assert client.steer("GET", "nothing")[0] == 404
    assert client.steer("DELETE", "world")[0] == 405
    assert "world" in client.steer("GET", "")[1]["paths"]


def test_steering_is_outside_quota_and_signature() -> None:
    """An account out of quota is steered all the same."""
    with SimulatorServer(Cloud(switches={"rate_limit": 1})) as server, Client(server) as client:
        assert [client.call("GET", "/v1/zones")[0] for _ in range(2)] == [200, 429]
        assert [client.steer("GET", "switches")[0] for _ in range(5)] == [200] * 5
        assert [each.status for each in server.cloud.entries()] == [200, 429]


def test_steering_is_for_this_machine_only(server: SimulatorServer, client: Client) -> None:
    """A page in a browser that resolves its own name to loopback is turned away."""
    client.connection.putrequest("GET", "/_simulator/world", skip_host=True)
    client.connection.putheader("Host", "evil.example:80")
    client.connection.endheaders()
    response = client.connection.getresponse()
    assert response.status == 403
    response.read()
    assert [
        is_loopback(host)
        for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost", "[::1]", "::ffff:127.0.0.1")
    ] == [True] * 6
    assert [is_loopback(host) for host in ("0.0.0.0", "192.0.2.1", "::", "example.org", "")] == [
        False
    ] * 5
    with pytest.raises(commands.SteeringError, match="not a simulator on this machine"):
        commands.fetch_world("http://192.0.2.1:80")
    with pytest.raises(commands.SteeringError, match="no simulator answers"):
        free = socket.create_server(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        commands.fetch_world(f"http://127.0.0.1:{port}")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize(
    ("method", "noun"), [("POST", "advance"), ("PUT", "faults"), ("GET", "world")]
)
def test_a_page_of_another_origin_does_not_steer(
    client: Client, method: str, noun: str, headers: dict[str, str]
) -> None:
    client.connection.request(
        method, f"/_simulator/{noun}", '{"seconds": 1}', {**headers, "Content-Type": "text/plain"}
    )
    response = client.connection.getresponse()
    assert response.status == 403 and b"origin" in response.read()


def test_the_simulators_own_origin_steers(server: SimulatorServer, client: Client) -> None:
    client.connection.request(
        "POST",
        "/_simulator/advance",
        '{"seconds": 1}',
        {"Origin": server.endpoint, "Sec-Fetch-Site": "same-origin"},
    )
    response = client.connection.getresponse()
    assert response.status == 200
    response.read()


@pytest.mark.parametrize("noun", ["do", "world", "faults", "switches", "advance"])
@pytest.mark.parametrize(
    "deep",
    ["[" * 100_000, '{"a":' * 100_000, '{"seconds": 1, "a": ' + "[" * 3_000 + "]" * 3_000 + "}"],
)
def test_a_body_that_is_nested_too_deeply_is_refused(
    client: Client, noun: str, deep: str, capfd: pytest.CaptureFixture[str]
) -> None:
    client.connection.request(
        "PUT" if noun in ("world", "switches") else "POST", f"/_simulator/{noun}", deep
    )
    response = client.connection.getresponse()
    assert response.status == 400
    response.read()
    assert "Traceback" not in capfd.readouterr().err
    assert client.call("GET", "/v1/zones")[0] == 200


@pytest.mark.parametrize("seconds", [1e308, 1e12, -1, 3.2e9])
def test_time_is_not_advanced_beyond_what_can_be_printed(client: Client, seconds: float) -> None:
    assert client.steer("POST", "advance", {"seconds": seconds})[0] == 400
    assert client.call("GET", "/v1/zones")[0] == 200


@pytest.mark.parametrize("member", ["time", "month_end", "serial"])
@pytest.mark.parametrize("value", [1e308, -1.0, "Infinity", "NaN"])
def test_a_world_with_an_impossible_number_is_refused(
    client: Client, member: str, value: object
) -> None:
    text = json.dumps({member: value}).replace('"Infinity"', "Infinity").replace('"NaN"', "NaN")
    client.connection.request("PUT", "/_simulator/world", text)
    response = client.connection.getresponse()
    assert response.status == 400
    response.read()
    assert client.call("GET", "/v1/zones")[0] == 200


def test_a_server_for_everybody_is_not_steered() -> None:
    """Bound to all addresses, the path is closed even for loopback callers."""
    with serve(host="0.0.0.0") as server, Client(server) as client:
        client.connection.host = "127.0.0.1"
        assert client.steer("GET", "world")[0] == 403
        assert client.call("GET", "/v1/zones")[0] == 200


# Life of a server
# ------------------------------------------------------------------------------------------------------------


def test_a_port_in_use_is_named(server: SimulatorServer) -> None:
    """And what to do about it."""
    port = int(server.endpoint.rpartition(":")[2])
    with pytest.raises(ServerError, match=f"port {port} on 127.0.0.1 is in use .*--port 0"):
        serve(port=port)
    with pytest.raises(ServerError, match="not one"):
        serve(port=70_000)
    with pytest.raises(ServerError, match="cannot listen"):
        serve(host="192.0.2.1")


def test_closing_cuts_idle_connections_and_frees_the_port(tmp_path: Path) -> None:
    """Twice is harmless; the kept world is there."""
    server = serve(world_file=tmp_path / "world.json")
    with Client(server) as client:
        client.call("POST", "/v1/instances", form=TRIO)
        port = int(server.endpoint.rpartition(":")[2])
        server.close()
        server.close()
        with pytest.raises((http.client.HTTPException, OSError)):
            client.call("GET", "/v1/zones")
    with serve(port=port, world_file=tmp_path / "world.json") as again, Client(again) as client:
        assert client.call("GET", "/v1/instances")[1]["count"] == 1


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_the_server_listens_on_ipv6_loopback() -> None:
    """The endpoint is written with brackets."""
    try:
        server = serve(host="::1")
    except ServerError:
        pytest.skip("no IPv6 loopback here")
    with server:
        assert server.endpoint.startswith("http://[::1]:")
        assert "format: 1" in commands.fetch_world(server.endpoint)


def test_fifty_clients_at_once_break_neither_the_world_nor_each_other() -> None:
    """Each makes, uses and deletes its own; nobody sees an error that is not its own, and the world
    holds together.
    """
    with SimulatorServer(
        Cloud(
            switches={
                "rate_limit": "off",
                "ticks": dict.fromkeys(("create", "volume", "delete"), 0),
            }
        )
    ) as server:
        problems: list[object] = []
        start = threading.Barrier(50)

        def run(number: int) -> None:
            try:
                with Client(server) as client:
                    start.wait()
                    live(client, number)
            except Exception as problem:
                problems.append(problem)

        threads = [threading.Thread(target=run, args=(number,)) for number in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert problems == []
        world = server.cloud.world
        assert (len(world.instances), len(world.block_storages), len(world.gone)) == (50, 50, 50)
        assert sorted(each.name for each in world.instances.values()) == sorted(
            f"kept-{number}" for number in range(50)
        )
        assert (
            len({each.public_address for each in [*world.instances.values(), *world.gone.values()]})
            == 100
        )
        assert len({each.instance_id for each in world.block_storages.values()}) == 50
        assert not world.working


def live(client: Client, number: int) -> None:
    kept, gone = (
        client.call("POST", "/v1/instances", form={**TRIO, "name": f"{word}-{number}"})[1][
            "result"
        ][0]["instance_id"]
        for word in ("kept", "gone")
    )
    status, _ = client.call(
        "POST", "/v1/block-storages", form={"instance_id": kept, "type": "ssd", "size": 10}
    )
    assert status == 202
    assert client.call("GET", f"/v1/instances/{kept}", fields=2)[1]["result"] == [
        {"name": f"kept-{number}"}
    ]
    assert client.call("DELETE", f"/v1/instances/{gone}")[0] == 202
    assert client.call("GET", f"/v1/instances/{gone}")[1]["error_code"] == "ID_INVALID"


# The command
# -----------------------------------------------------------------------------------------------------------------


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    keys = {name: value for name, value in os.environ.items() if not name.startswith("IWINV_")}
    command = [sys.executable, "-m", "reconciler", "simulator", *arguments]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**keys, **environment},
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_prints_three_lines_to_paste_and_stops_cleanly(
    number: signal.Signals, tmp_path: Path
) -> None:
    """local-cloud#the-local-cloud: the environment first, the keys of the environment when set;
    then ready, until a signal.
    """
    kept = tmp_path / "world.yaml"
    with start(
        "serve",
        "--keep",
        str(kept),
        "--set",
        "rate_limit=off",
        IWINV_ACCESS_KEY="mine",
        IWINV_SECRET_KEY="geheim",
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in range(4)]
        names = [line.partition("=")[0] for line in lines[:3]]
        assert names == [
            "export IWINV_ENDPOINT",
            "export IWINV_ACCESS_KEY",
            "export IWINV_SECRET_KEY",
        ]
        assert lines[1:3] == ["export IWINV_ACCESS_KEY=mine", "export IWINV_SECRET_KEY=geheim"]
        endpoint = lines[0].partition("=")[2]
        commands.do(endpoint, "create", "instance", "by-hand")
        assert "by-hand" in kept.read_text(encoding="utf-8")
        process.send_signal(number)
        out, err = process.communicate(timeout=10)
        assert (process.returncode, out, err) == (0, "# stopped\n", "")
    assert load_world(kept).find("by-hand")


@pytest.mark.parametrize(
    ("arguments", "code", "hint"),
    [
        (["serve", "--set", "nonsense=1"], 1, "nonsense: no such switch"),
        (["serve", "--world", "no/such/file.yaml"], 1, "no/such/file.yaml"),
        (["serve", "--faults", "no/such/file.yaml"], 1, "no/such/file.yaml"),
        (["serve", "--time-scale", "0"], 64, "--time-scale"),
        (["serve", "--port", "x"], 64, "not a valid integer"),
        (["do", "set", "instance", "web", "name"], 1, "write MEMBER=VALUE"),
        (["world"], 1, "no simulator answers"),
        ([], 64, "Usage"),
    ],
)
def test_the_command_reports_a_mistake_in_one_line(
    arguments: list[str], code: int, hint: str, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No traceback."""
    monkeypatch.setenv("IWINV_ENDPOINT", "http://127.0.0.1:9")
    status, _, err = call(capsys, "simulator", *arguments)
    assert status == code
    assert hint in err


def test_only_a_simulator_on_this_machine_is_steered() -> None:
    """Steering needs no key, so it never leaves the machine."""
    with pytest.raises(commands.SteeringError, match="not a simulator on this machine"):
        commands.fetch_world("https://api-kr.iwinv.kr")


def test_the_command_shows_and_changes_a_world(
    server: SimulatorServer, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`world` and `do`, by endpoint."""
    monkeypatch.setenv("IWINV_ENDPOINT", server.endpoint)
    do = ("simulator", "do")
    assert call(capsys, *do, "create", "instance", "web", "flavor=std_4.8-g1")[0] == 0
    code, out, _ = call(capsys, *do, "set", "instance", "web", "name=007")
    assert code == 0 and "set instance INSTANCE-" in out
    assert "name: '007'" in call(capsys, "simulator", "world")[1]


def test_a_cloud_is_made_from_files(tmp_path: Path) -> None:
    """Switches, faults with their seed, a packaged world; settings win over the file."""
    switches, faults = tmp_path / "switches.yaml", tmp_path / "faults.yaml"
    switches.write_text("rate_limit: off\nstrict_power: on\n", encoding="utf-8")
    faults.write_text("seed: 5\nfaults: [{instant: answer_lost, nth: 3}]\n", encoding="utf-8")
    cloud = commands.make_cloud(
        world="company",
        settings=["strict_power=off"],
        switches_file=switches,
        faults_file=faults,
        time_scale=2,
    )
    assert (cloud.switches.rate_limit, cloud.switches.strict_power, cloud.time_scale) == (
        None,
        False,
        2,
    )
    assert cloud.faults.faults == [Fault("answer_lost", nth=3)]
    assert len(cloud.world.instances) == 16
    switches.write_text("[x]", encoding="utf-8")
    with pytest.raises(ValueError, match="mapping"):
        commands.make_cloud(switches_file=switches)
