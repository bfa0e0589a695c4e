"""Random drift: nothing outside the table is sent, whatever was changed and however lists lie.
`python -m bench.watch` makes a thousand of them.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler.model import http
from reconciler.model.watching import Health
from tests.faults.bench import lie
from tests.watch import drifts
from tests.watch.watcher import Watcher


def test_random_drift_is_reverted_only_as_the_table_says(tmp_path: Path) -> None:
    reverted = 0
    for seed in range(14):
        whats, count, bad = drifts.trial(seed, tmp_path / str(seed))
        assert not bad, (seed, whats, bad)
        reverted += count
    assert reverted >= 3


LISTS = ("/v1/instances", "/v1/block-storages", "/v1/security-groups")
LIES = ("emptied", "shortened", "404", "500")


@pytest.mark.parametrize("how", LIES)
@pytest.mark.parametrize("path", LISTS)
def test_nothing_is_sent_while_a_list_lies(how: str, path: str, tmp_path: Path) -> None:
    watcher = Watcher(tmp_path)
    honest = watcher.harness._send

    def lying(request: http.Request) -> http.Response:
        response = honest(request)
        if request.method != "GET" or request.path != path:
            return response
        if how.isdigit():
            body = json.dumps({"message": "storm"}).encode()
            return http.Response(int(how), (("Content-Type", "application/json"),), body)
        return lie(response, how)

    watcher.change("set", "rule", "shop-web/ssh", ip="0.0.0.0/0")
    watcher.look()
    watcher.wait(6)
    watcher.harness._send = lying  # type: ignore[method-assign]
    for _ in range(2):
        passed = watcher.look()
        assert watcher.writes == [] and passed.health is not Health.CLEAN, passed
        watcher.wait(6)
    watcher.harness._send = honest  # type: ignore[method-assign]
    after = watcher.look()
    if how.isdigit():
        assert after.reverted == (), "what was seen before the storm has to be seen twice again"
