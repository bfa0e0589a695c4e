"""Which quota is in force, with which priority, and what `doctor` says of it (quota#quota)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.cli.quota import quota_choice
from reconciler.config.project import project_file
from reconciler.config.project.project import Project, QuotaKind, QuotaSharing
from reconciler.iwinv.quota.quota_record import Priority
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem
from tests.servers import places

DATABASE = "postgresql://db.internal/infra"
Share = Callable[[QuotaSharing], None]


@pytest.fixture
def share(monkeypatch: pytest.MonkeyPatch) -> Share:
    """Lets the project share the quota in that way."""

    def shared(sharing: QuotaSharing) -> None:
        project = Project("infra", Path("reconciler.yaml"), quota=sharing)
        monkeypatch.setattr(project_file, "load", lambda stack: project)

    return shared


def chosen(folder: Path, environ: dict[str, str] | None = None, *, simulated: bool = False) -> str:
    choice = quota_choice.choose(
        folder / "stack.yaml",
        {"RECONCILER_PRIORITY": "ci", **(environ or {})},
        folder,
        simulated=simulated,
    )
    return str(quota_choice.described(choice, "FOLDER"))


def refused(folder: Path, environ: dict[str, str] | None = None) -> Problem:
    with pytest.raises(Abort) as stop:
        chosen(folder, environ)
    return stop.value.problems[0]


def test_without_a_project_all_runs_on_a_machine_share_the_quota(tmp_path: Path) -> None:
    assert chosen(tmp_path) == "FOLDER, for all runs on this machine, as CI"


def test_a_share_is_that_of_the_machine(tmp_path: Path, share: Share) -> None:
    share(QuotaSharing(QuotaKind.SHARE, share=20))
    text = "FOLDER, 20 of 60 requests per minute for this machine, as CI"
    assert chosen(tmp_path) == text


def test_a_shared_quota_is_in_the_database_of_the_states(tmp_path: Path, share: Share) -> None:
    share(QuotaSharing(QuotaKind.SHARED))
    text = f"{DATABASE}, shared by all machines, as CI"
    assert chosen(tmp_path, {"RECONCILER_STATE": DATABASE}) == text


def test_another_database_can_be_named(tmp_path: Path, share: Share) -> None:
    share(QuotaSharing(QuotaKind.SHARED, url=DATABASE))
    environ = {"RECONCILER_STATE": "s3://bucket/states"}
    assert chosen(tmp_path, environ) == f"{DATABASE}, shared by all machines, as CI"


def test_the_local_cloud_has_a_quota_of_its_own(tmp_path: Path, share: Share) -> None:
    share(QuotaSharing(QuotaKind.SHARED, url=DATABASE))
    assert chosen(tmp_path, simulated=True) == "FOLDER, for all runs on this machine, as CI"


@pytest.mark.parametrize("state", ["", "states", "s3://bucket/states"])
def test_a_shared_quota_without_a_database_is_refused_with_the_ways_out(
    state: str, tmp_path: Path, share: Share
) -> None:
    share(QuotaSharing(QuotaKind.SHARED))
    problem = refused(tmp_path, {"RECONCILER_STATE": state})
    assert (problem.code, problem.message) == (
        "quota",
        "reconciler.yaml shares the quota, and the states are not in PostgreSQL",
    )
    assert problem.hint is not None
    assert "`quota: postgresql://host/database`" in problem.hint
    assert "`quota: {share: 20}`" in problem.hint


def test_a_password_in_the_url_is_refused_and_not_shown(tmp_path: Path, share: Share) -> None:
    share(QuotaSharing(QuotaKind.SHARED, url="postgresql://me:hunter2@db/infra"))
    problem = refused(tmp_path)
    assert "hunter2" not in problem.message + str(problem.hint)


@pytest.mark.parametrize(
    ("environ", "priority"),
    [
        ({}, Priority.CI),
        ({"CI": "true"}, Priority.CI),
        ({"CI": "true", "RECONCILER_PRIORITY": "person"}, Priority.PERSON),
        ({"RECONCILER_PRIORITY": "WATCH"}, Priority.WATCH),
    ],
)
def test_the_variables_name_the_priority(environ: dict[str, str], priority: Priority) -> None:
    assert quota_choice.priority_of(environ) is priority


@pytest.mark.parametrize(
    ("environ", "priority"),
    [({}, Priority.PERSON), ({"CI": "false"}, Priority.PERSON), ({"CI": "1"}, Priority.CI)],
)
def test_whoever_has_a_terminal_is_a_person(
    environ: dict[str, str], priority: Priority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quota_choice, "_is_terminal", lambda number: number == 2)
    assert quota_choice.priority_of(environ) is priority


def test_an_unknown_priority_is_refused(tmp_path: Path) -> None:
    problem = refused(tmp_path, {"RECONCILER_PRIORITY": "persno"})
    assert problem.message == "RECONCILER_PRIORITY is 'persno', which is not a priority"
    assert problem.hint == "did you mean `person`?"


@places.each("postgres")
def test_a_database_that_refuses_stops_the_command(
    place: places.Place, tmp_path: Path, share: Share, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**place.environment, "PGPASSWORD": "wrong"}.items():
        monkeypatch.setenv(name, value)
    share(QuotaSharing(QuotaKind.SHARED, url=place.url))
    choice = quota_choice.choose(tmp_path, {}, tmp_path, simulated=False)
    with (
        pytest.raises(Abort) as stop,
        quota_choice.opened(choice, "d" * 64, time_scale=1.0, problems=[]),
    ):
        pass
    assert stop.value.exit_code == 5
    assert "refuses the password" in stop.value.problems[0].message


def test_a_database_that_is_away_stops_nothing(tmp_path: Path, share: Share) -> None:
    share(QuotaSharing(QuotaKind.SHARED, url="postgresql://127.0.0.1:9/infra"))
    choice = quota_choice.choose(tmp_path, {}, tmp_path, simulated=False)
    with quota_choice.opened(choice, "d" * 64, time_scale=1.0, problems=[]) as log:
        assert 0.0 < log.reserve(1000.0) <= 60.0
