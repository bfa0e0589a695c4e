"""Backups in the local cloud: created and deleted in the background, edited at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from reconciler.simulator.errors import found, refuse_if
from reconciler.simulator.kinds.call import OperationCall, Reply, required, whole_number
from reconciler.simulator.kinds.instance_view import at_rest
from reconciler.simulator.kinds.records import PendingWork
from reconciler.simulator.kinds.registry import Kind, Route


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup, with the members of the API."""

    kind: ClassVar[str] = "backup"
    backup_id: str
    instance_id: str
    name: str | None
    description: str | None
    tier: str
    keep_days: int
    status: str = "active"
    pending: PendingWork | None = None


def _table(call: OperationCall) -> dict[str, Backup]:
    return call.world.table("backup")


def _row(call: OperationCall, backup: Backup) -> dict[str, object]:
    call.seen.append(("backup", backup.backup_id))
    members = ("backup_id", "instance_id", "name", "description", "tier", "keep_days", "status")
    return {member: getattr(backup, member) for member in members}


def _list(call: OperationCall) -> Reply:
    return Reply([_row(call, backup) for backup in _table(call).values()])


def _get(call: OperationCall) -> Reply:
    return Reply([_row(call, found(_table(call).get(call.ids[0]), "NOT_FOUND"))])


def _create(call: OperationCall) -> Reply:
    form = call.form()
    required(form, "instance_id", "tier", "keep_days")
    backup = Backup(
        backup_id=call.world.new_id("backup"),
        instance_id=at_rest(call, form["instance_id"]).instance_id,
        name=form.get("name"),
        description=form.get("description"),
        tier=form["tier"],
        keep_days=found(whole_number(form["keep_days"]), "CHECK_PARAM", "keep_days"),
        status="pending",
        pending=call.begin("create", tick="volume"),
    )
    call.world.put(backup)
    return Reply([{"backup_id": backup.backup_id}])


def _edit(call: OperationCall) -> Reply:
    backup = found(_table(call).get(call.ids[0]), "NOT_FOUND")
    refuse_if(backup.pending is not None, "DELETED_OR_WORKING_INSTANCE")
    form: dict[str, Any] = dict(call.form())
    if "keep_days" in form:
        form["keep_days"] = found(whole_number(form["keep_days"]), "CHECK_PARAM", "keep_days")
    call.world.put(replace(backup, **form))
    return _get(call)


def _delete(call: OperationCall) -> Reply:
    backup = found(_table(call).get(call.ids[0]), "NOT_FOUND")
    pending = call.begin("delete", tick="volume")
    call.world.put(replace(backup, status="deleting", pending=pending))
    return Reply([{"backup_id": backup.backup_id}])


_ONE = "/v1/backups/{backup_id}"
BACKUP = Kind(
    name="backup",
    section="backups",
    key="backup_id",
    prefix="BACKUP-",
    record=Backup,
    routes=(
        Route("GET", "/v1/backups", "listBackups", _list),
        Route("POST", "/v1/backups", "createBackup", _create, 202, 202),
        Route("GET", _ONE, "getBackup", _get),
        Route("PUT", _ONE, "editBackup", _edit),
        Route("DELETE", _ONE, "deleteBackup", _delete, 202, 202),
    ),
    words={"instance": "instance_id"},
    refers={"instance_id": "instance"},
)
