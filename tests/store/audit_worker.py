"""A process that appends to an audit log, for the tests with several: `PLACE NAME TIMES`. It prints
the run of each entry that it was told is there.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from reconciler.model.ports.audit_ports import AuditLog
from reconciler.store.audit.object_audit import ObjectAudit
from reconciler.store.objects import connection, place_url
from reconciler.store.place import FolderPlace
from reconciler.store.shared.runtime import StoreRuntime
from tests.store.audits import entry


def _log(place: str) -> AuditLog:
    if "://" not in place:
        return FolderPlace(Path(place)).audit
    address = place_url.parse(place)
    return ObjectAudit(lambda: connection.connect(address, os.environ), "p/", StoreRuntime())


def main(place: str, name: str, times: str) -> None:
    """Appends entries one after the other."""
    log = _log(place)
    for number in range(int(times)):
        found = log.append(entry(number, name=name))
        print(found.entry.run.id, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
