"""A state moves from a folder to a database, from there to a bucket, and back."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.commands.relocation.to_place import Relocation, Site, Work
from reconciler.commands.relocation.transfer import Opening
from reconciler.model.ports import Store
from reconciler.store.folder_store import FileStore
from tests.servers import places as servers
from tests.store.builders import HOLDER, created, intent, note
from tests.store.contract.places import on_server


def test_a_state_goes_from_a_folder_to_postgresql_to_s3_and_back(
    places: servers.Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores: dict[str, Store] = {"folder": FileStore(tmp_path / "shop")}
    made = {kind: places.fresh(kind) for kind in ("postgres", "moto")}
    opened = {kind: on_server(each.url, each.environment) for kind, each in made.items()}
    for kind, each in made.items():
        for name, value in each.environment.items():
            monkeypatch.setenv(name, value)
        stores[kind] = opened[kind].store("shop", None)
    writer = stores["folder"].open(HOLDER, timeout_seconds=0.0, stack="shop", environment=None)
    for record in (intent(1), created(2, of=1), intent(3, index=1), note(4)):
        writer.append(record)
    state = writer.commit()
    writer.close()
    way = ("folder", "postgres", "moto", "folder")
    for source, target in itertools.pairwise(way):
        sites = [Site(stores[name], name) for name in (source, target)]
        move = Relocation(sites[0], sites[1], "shop", None)
        assert move.run(Opening(HOLDER)) is Work.ALL and move.run(Opening(HOLDER)) is Work.NONE
        state = replace(state, serial=state.serial + 1)
        assert stores[target].read() == state
    for place in opened.values():
        place.kill()
