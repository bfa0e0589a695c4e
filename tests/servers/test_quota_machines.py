"""The four-machine test of the quota in small: `python -m bench.quota` runs it with processes and
at full length.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from bench import quota
from tests.servers import places


@places.each("postgres")
def test_machines_with_wrong_clocks_stay_within_one_quota(
    place: places.Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in place.environment.items():
        monkeypatch.setenv(name, value)
    setting, end = quota.Setting(place, machines=3, scale=60.0), threading.Event()
    server = quota.CountingServer(setting.scale)
    with server.running():
        threads = [
            threading.Thread(
                target=quota.machine,
                args=(setting.of_machine(number, server.port, tmp_path), end),
            )
            for number in range(setting.machines)
        ]
        for each in threads:
            each.start()
        time.sleep(2.5 * setting.window)
        end.set()
        for each in threads:
            each.join()
    names = [name for _, name in server.arrivals]
    assert quota.most_in(sorted(at for at, _ in server.arrivals), setting.window) <= 60
    assert len(names) > 60
    assert min(map(names.count, "012")) > 0
