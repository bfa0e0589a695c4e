"""What `watch` does outside: notices over HTTP, and files with metrics."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from prometheus_client.parser import text_string_to_metric_families

from reconciler.cli.watching import metrics, notices
from reconciler.config.project.project import Notify
from reconciler.model.abort import Abort
from reconciler.model.watching import Health, Memory, Passed, WatchDecision
from reconciler.render.watch import watch_json, watch_text
from tests.cli.sessions import validator

SECRET = "t0psecret"
PASSED = Passed(
    "shop/prod",
    WatchDecision(
        Health.DRIFTED,
        "2 changed outside",
        Memory(read_at=1e9),
        left={"instances.web": "the rules do not list it under `revert`"},
    ),
    drifted=("firewalls.web.rules.ssh", "instances.web"),
    reverted=("firewalls.web.rules.ssh",),
    calls=7,
    monthly=26400,
)


class Channel(HTTPServer):
    """A service that takes notices and keeps them."""

    def __init__(self) -> None:
        self.taken: list[dict[str, str]] = []
        self.status = 200
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def address(self) -> str:
        return f"json://user:{SECRET}@127.0.0.1:{self.server_port}/hook"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Channel)
        length = int(self.headers["Content-Length"])
        self.server.taken.append(json.loads(self.rfile.read(length)))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def channel() -> Iterator[Channel]:
    server = Channel()
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def notify(*on: str) -> tuple[Notify, ...]:
    return (Notify(frozenset(on), "env:TEAM_WEBHOOK"),)


def test_a_notice_names_the_stack_its_health_and_what_drifted(channel: Channel) -> None:
    title, text = watch_text.notice(PASSED, "infra", command="reconciler drift shop --env prod")
    environ = {"TEAM_WEBHOOK": channel.address}
    assert notices.send(notify("drifted"), environ, "drifted", lambda: (title, text)) == ()
    (taken,) = channel.taken
    assert taken["title"] == "infra: shop/prod is drifted"
    assert taken["message"].splitlines() == [
        "2 changed outside",
        "firewalls.web.rules.ssh  reverted",
        "instances.web  left: the rules do not list it under `revert`",
        "reconciler drift shop --env prod",
    ]


def test_a_notice_has_the_language_that_the_project_gives_it(channel: Channel) -> None:
    wanted = (Notify(frozenset({"drifted"}), "env:TEAM_WEBHOOK", language="ko"),)
    notices.send(
        wanted,
        {"TEAM_WEBHOOK": channel.address},
        "drifted",
        lambda: watch_text.notice(PASSED, "infra", command="reconciler drift"),
    )
    assert channel.taken[0]["title"] == "infra: shop/prod 상태 드리프트"
    assert "되돌림" in channel.taken[0]["message"]
    assert watch_text.notice(PASSED, "infra", command="x")[0] == "infra: shop/prod is drifted"


def test_only_the_healths_that_the_project_names_are_reported(channel: Channel) -> None:
    environ = {"TEAM_WEBHOOK": channel.address}
    sent = notices.send(notify("failed"), environ, "drifted", lambda: ("t", "x"))
    assert sent == () and channel.taken == []


@pytest.mark.parametrize("what", ["refused", "no service", "no address"])
def test_what_cannot_be_sent_is_a_warning_without_the_address(
    what: str, channel: Channel, capfd: pytest.CaptureFixture[str]
) -> None:
    channel.status = 500
    address = {
        "refused": channel.address,
        "no service": f"json://user:{SECRET}@127.0.0.1:9/",
        "no address": f"nothing {SECRET}",
    }[what]
    found = notices.send(
        notify("drifted"), {"TEAM_WEBHOOK": address}, "drifted", lambda: ("t", "x")
    )
    assert [problem.code for problem in found] == ["notify"]
    assert "TEAM_WEBHOOK" in found[0].message
    assert SECRET not in str(found) + "".join(capfd.readouterr())


def test_a_variable_that_is_not_set_is_a_warning_before_the_first_pass() -> None:
    (problem,) = notices.problems(notify("drifted"), {})
    assert problem.code == "notify" and "TEAM_WEBHOOK" in problem.message
    assert notices.send(notify("drifted"), {}, "drifted", lambda: ("t", "x")) == ()


def test_metrics_are_those_of_the_pass(tmp_path: Path) -> None:
    document = watch_json.document([PASSED], "infra", 1e9)
    validator("watch").validate(document)
    for name in ("m.prom", "m.json"):
        metrics.write(tmp_path / name, [PASSED], "infra", document)
    assert json.loads((tmp_path / "m.json").read_text()) == document

    found = {
        (sample.name, sample.labels.get("health", "")): sample.value
        for family in text_string_to_metric_families((tmp_path / "m.prom").read_text())
        for sample in family.samples
        if sample.labels["stack"] == "shop/prod"
    }
    assert found["reconciler_health", "drifted"] == 1 and found["reconciler_health", "clean"] == 0
    assert found["reconciler_drifted_resources", ""] == 2
    assert found["reconciler_last_complete_reading_timestamp_seconds", ""] == 1e9
    assert found["reconciler_pass_api_calls", ""] == 7
    assert found["reconciler_cost_krw_per_month", ""] == 26400
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.json", "m.prom"]


def test_metrics_that_cannot_be_written_stop_with_the_reason(tmp_path: Path) -> None:
    document = watch_json.document([PASSED], "infra", 1e9)
    with pytest.raises(Abort) as stop:
        metrics.write(tmp_path / "none" / "m.prom", [PASSED], "infra", document)
    assert stop.value.problems[0].code == "metrics"
