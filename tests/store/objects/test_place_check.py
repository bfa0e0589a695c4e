"""`state check`: places that cannot keep a shared state are refused, with the reason."""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from reconciler.store.objects import connection, place_url, probe
from reconciler.store.objects.port import AccessRefused
from tests.cli import sessions
from tests.doubles.memory_objects import MemoryMachine, MemoryObjects
from tests.servers import places


@places.each("postgres", "moto")
def test_state_check_passes_a_good_place(
    place: places.Place,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Goal: a person sees that the place is good; nothing but the result of the check is left.
    _use(place, tmp_path, monkeypatch)
    assert sessions.call(capsys, "state", "check", "--place", place.url)[0] == 0
    monkeypatch.setenv("RECONCILER_STATE", place.url)
    code, out, _ = sessions.call(capsys, "state", "check")
    assert (code, out) == (0, f" {place_url.parse(place.url).location}: all checks passed.\n")
    store = connection.connect(place_url.parse(place.url), place.environment)
    assert list(store.names("")) == [probe.PROBE_KEY]
    store.close()


@places.each(*places.BAD_PLACES)
def test_state_check_refuses_a_bucket_that_ignores_conditions(
    place: places.Place,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Goal: a store that answers as if all were well is found out before a state is in it.
    _use(place, tmp_path, monkeypatch)
    code, out, err = sessions.call(capsys, "state", "check", "--place", place.url)
    assert (code, out) == (5, "")
    assert "If-None-Match, so two runs could write over each other" in err
    assert "hint: use PostgreSQL, AWS S3 or Ceph" in err
    store = connection.connect(place_url.parse(place.url), place.environment)
    assert list(store.names("")) == []
    store.close()


def test_a_folder_needs_no_check_and_a_wrong_url_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Goal: the default is the place of the stack; a password is refused and not repeated.
    sessions.begin(monkeypatch, tmp_path)
    assert sessions.call(capsys, "state", "check")[:2] == (0, " state: a folder needs no check.\n")
    code, _, err = sessions.call(capsys, "state", "check", "--place", "postgresql://k:hunter2@h/d")
    assert code == 5
    assert "~/.pgpass" in err
    assert "hunter2" not in err


class _Wrong(MemoryObjects):
    """A place with one defect."""

    def __init__(self, machine: MemoryMachine, defect: str) -> None:
        super().__init__(machine)
        self.defect = defect

    def create(self, key: str, data: bytes, *, after: str | None = None) -> bool:
        if self.defect == "races" and "/race/" in key:
            super().replace(key, data)
            return True
        if self.defect == "replaces":
            is_first = key not in self.machine.place.objects
            super().replace(key, data)
            return is_first
        return super().create(key, data.strip() if self.defect == "bytes" else data)

    def read(self, *keys: str) -> Mapping[str, bytes]:
        found = super().read(*keys)
        return {key: data[:50_000] for key, data in found.items()} if self._is("short") else found

    def names(self, prefix: str, *, after: str = "", limit: int = 1000) -> Sequence[str]:
        found = super().names(prefix, after=after, limit=limit)
        if self._is("order"):
            return sorted(found, key=str.casefold, reverse=True)
        return [] if self._is("empty") else found

    def remove(self, *keys: str) -> None:
        if not self._is("keeps"):
            super().remove(*keys)

    def _is(self, defect: str) -> bool:
        return self.defect == defect


@pytest.mark.parametrize(
    ("defect", "message"),
    [
        ("races", "let 8 writers create the same object at once"),
        ("replaces", "replaced an object that was to be created only if there is none"),
        ("bytes", "does not return the bytes"),
        ("short", "does not return the bytes"),
        ("order", "in the order of their names"),
        ("empty", "does not list the objects"),
        ("keeps", "still shows an object that was removed"),
    ],
)
def test_each_defect_of_a_place_is_found(defect: str, message: str) -> None:
    # Goal: every property that the shared state relies on is tried out; none passes by luck.
    machine = MemoryMachine()
    with pytest.raises(probe.PlaceRefused) as failure:
        probe.check(probe.Probing(lambda: _Wrong(machine, defect), token="t", now=0.0))
    assert message in str(failure.value)
    assert probe.PROBE_KEY not in machine.place.objects


@pytest.mark.parametrize(
    ("url", "module", "line"),
    [
        ("postgresql://db/infra", "psycopg", "uv tool install 'iwinv-reconciler[postgres]'"),
        ("s3://bucket", "obstore", "pip install 'iwinv-reconciler[s3]'"),
    ],
)
def test_a_missing_extra_is_reported_with_the_install_line(
    url: str, module: str, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Goal: without the extra, one error says what to run.
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith(
            (module, "reconciler.store.objects.postgres", "reconciler.store.objects.s3")
        ):
            raise ModuleNotFoundError(f"No module named {module!r}", name=module)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(AccessRefused) as failure:
        connection.connect(place_url.parse(url), {})
    assert module in str(failure.value)
    assert line in str(failure.value.hint)


def _use(place: places.Place, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sessions.begin(monkeypatch, folder)
    for name, value in place.environment.items():
        monkeypatch.setenv(name, value)
