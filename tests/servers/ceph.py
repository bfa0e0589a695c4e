"""A Ceph cluster of one: a monitor, a manager, a storage daemon over a file, and the S3 gateway."""

from __future__ import annotations

import shutil
import signal
import uuid
from collections.abc import Sequence
from pathlib import Path

from tests.servers.process import (
    Process,
    Unavailable,
    free_port,
    run,
    wait_until,
)
from tests.servers.s3 import ACCESS_KEY, SECRET_KEY, Endpoint
from tests.servers.server import Server

START_SECONDS = 90.0
PROGRAMS = ("ceph", "ceph-authtool", "ceph-mgr", "ceph-mon", "ceph-osd", "monmaptool", "radosgw")
STORING = ("ceph-osd", "radosgw")
"""The processes that a write goes through; the others only watch over them."""

SETTINGS = """\
[global]
fsid = {id}
mon host = v2:127.0.0.1:{port}
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind msgr1 = false
keyring = {folder}/keyring
run dir = {folder}
admin socket = {folder}/$name.sock
mon data = {folder}/mon
mgr data = {folder}/mgr
osd data = {folder}/osd
mon data avail crit = 1
mon data avail warn = 1
mgr initial modules =
osd objectstore = bluestore
bluestore block size = 2147483648
bluestore cache autotune = false
bluestore cache size = 67108864
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
rgw run sync thread = false
log file =
mon cluster log file =
log to stderr = true
err to stderr = true
debug bdev = 0
debug bluefs = 0
debug bluestore = 0
debug mgr = 0
debug mon = 0
debug osd = 0
debug paxos = 0
debug rgw = 0
debug rocksdb = 0
"""


class Ceph(Server):
    """A running cluster. It acknowledges what is on its file: that survives `kill`."""

    name = "ceph"

    def __init__(self) -> None:
        missing = [program for program in PROGRAMS if shutil.which(program) is None]
        if missing:
            raise Unavailable(
                f"Ceph is not installed ({', '.join(missing)}): "
                "apt-get install ceph-mon ceph-mgr ceph-osd radosgw"
            )
        self._id = str(uuid.uuid4())
        self._monitor = free_port()
        self._parts: dict[str, Process] = {}
        super().__init__()

    @property
    def endpoint(self) -> Endpoint:
        """The address of the gateway, and the credentials of its only user."""
        return Endpoint(f"http://127.0.0.1:{self.port}")

    @property
    def pid(self) -> int | None:
        """The id of the gateway, None if it does not run."""
        gateway = self._parts.get("radosgw")
        return gateway.pid if gateway and gateway.is_running else None

    @property
    def pids(self) -> list[int]:
        """The ids of all its processes that run."""
        return [part.pid for part in self._parts.values() if part.is_running]

    def start(self) -> None:
        """Starts what does not run of it, on the same ports as before."""
        self.port = self.port or free_port()
        arguments = {
            "ceph-mon": ["-i", "a"],
            "ceph-mgr": ["-i", "x"],
            "ceph-osd": ["-i", "0"],
            "radosgw": [
                "-n",
                "client.admin",
                f"--rgw-frontends=beast endpoint=127.0.0.1:{self.port}",
            ],
        }
        for program, options in arguments.items():
            part = self._parts.get(program)
            if part is not None and part.is_running:
                continue
            if program == "ceph-osd" and part is None:
                self._create_storage()
            if program == "radosgw" and part is None:
                self._create_user()
            self._parts[program] = Process(
                [program, "-f", "-c", self._settings, *options], folder=self.folder
            )
        wait_until(self.endpoint.is_ready, seconds=START_SECONDS, process=self._parts["radosgw"])

    def kill(self) -> None:
        """Ends the gateway and the storage daemon with kill -9."""
        self.resume()
        for program in STORING:
            self._parts[program].kill()

    def restart(self) -> None:
        """Ends the gateway and the storage daemon in an orderly way and starts them again."""
        self.resume()
        for program in reversed(STORING):
            self._parts[program].stop()
        self.start()

    def stop(self) -> None:
        """Ends all its processes and removes its folder."""
        # Nothing of it is used again, and each end in order waits for the others.
        for part in reversed(self._parts.values()):
            part.kill()
        self._is_stalled = False
        super().stop()

    @property
    def _settings(self) -> Path:
        return self.folder / "ceph.conf"

    def _signal(self, number: signal.Signals) -> None:
        for program in STORING:
            self._parts[program].signal(number)

    def _prepare(self) -> None:
        self._settings.write_text(
            SETTINGS.format(id=self._id, port=self._monitor, folder=self.folder), encoding="utf-8"
        )
        for part in ("mon", "mgr", "osd"):
            (self.folder / part).mkdir()
        keyring, monitors = self.folder / "keyring", self.folder / "monitors"
        everything = [word for each in ("mon", "osd", "mgr") for word in ("--cap", each, "allow *")]
        self._run("ceph-authtool", "--create-keyring", keyring)
        for name in ("mon.", "client.admin", "mgr.x", "osd.0"):
            self._run("ceph-authtool", keyring, "--gen-key", "-n", name, *everything)
        address = f"[v2:127.0.0.1:{self._monitor}]"
        self._run("monmaptool", "--create", "--fsid", self._id, "--addv", "a", address, monitors)
        made = ("--mkfs", "--monmap", monitors, "--keyring", keyring)
        self._run("ceph-mon", "-c", self._settings, "-i", "a", *made)

    def _create_storage(self) -> None:
        identity = str(uuid.uuid4())
        self._run("ceph", "-c", self._settings, "osd", "new", identity)
        made = ("--mkfs", "--osd-uuid", identity)
        self._run("ceph-osd", "-c", self._settings, "-i", "0", *made)

    def _create_user(self) -> None:
        user: Sequence[str] = (
            *("user", "create", "--uid=tests", "--display-name=tests"),
            *(f"--access-key={ACCESS_KEY}", f"--secret={SECRET_KEY}"),
        )
        self._run("radosgw-admin", "-c", self._settings, *user)

    def _run(self, *command: str | Path) -> None:
        run(command, folder=self.folder)
