"""The forge of files: what a pipeline writes by hand, two processes at once, and damaged files."""

from __future__ import annotations

import json
import multiprocessing
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.forge.files import FilesForge, FolderOutside
from reconciler.forge.folder.folder_opening import open_folder
from reconciler.forge.forge_retry import ForgeWaits
from reconciler.model.ports.forge_ports import CommitStatus, ForgeError, Person, StatusState
from tests.forges.files_scene import FilesScene, files

HEAD = "a" * 40
DONE = CommitStatus("reconciler/shop.prod", StatusState.SUCCESS, "applied")
PULL = f"""\
number: 7
title: yes
author: alice
head: "{HEAD}"
branch: grow
base: main
"""


@pytest.fixture
def scene() -> Iterator[FilesScene]:
    with files() as made:
        yield made


def write(scene: FilesScene, text: str, *parts: str) -> Path:
    path = scene.root.joinpath(*parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_pull_request_that_a_pipeline_wrote(scene: FilesScene) -> None:
    write(scene, PULL, "pulls", "7", "pull.yaml")
    found = scene.forge("bob").pull(7)
    assert (found.title, found.head, found.author) == ("yes", HEAD, Person("alice"))
    assert found.branch == "grow"


def test_commit_of_digits_alone_stays_as_it_is(scene: FilesScene) -> None:
    # YAML would read a number, and drop its zeros.
    commit = "0" * 10 + "1" * 30
    write(scene, PULL.replace(f'"{HEAD}"', commit), "pulls", "7", "pull.yaml")
    assert scene.forge("bob").pull(7).head == commit


def test_pull_request_in_json(scene: FilesScene) -> None:
    value = {"number": 7, "author": "alice", "head": HEAD, "base": "main", "is_fork": True}
    write(scene, json.dumps(value), "pulls", "7", "pull.json")
    found = scene.forge("bob").pull(7)
    assert (found.branch, found.is_fork) == (HEAD, True)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[1]", "not an object"),
        ("{", "not YAML"),
        ("a: &x [1]\nb: *x", "anchors"),
        ("author: a\nauthor: b", "not YAML"),
        (PULL.replace("7", "8", 1), "not that of its folder"),
        (PULL.replace("alice", '""'), "`author` is not a text"),
        (PULL.replace("author: alice\n", ""), "`author` is missing"),
        (PULL.replace(HEAD, "main"), "`head` is not the whole id of a commit"),
        (PULL.replace(HEAD, "../../etc"), "`head` is not the whole id of a commit"),
        (PULL + "state: done\n", "`state` is not one of open, merged, closed"),
        (PULL + "state: merged\n", "`merged_as` belongs to"),
        (PULL + f"merged_as: {HEAD}\n", "`merged_as` belongs to"),
        (PULL + f"state: merged\nmerged_as: {HEAD}\n", "`merged_at` is missing"),
        (PULL + f"state: merged\nmerged_as: {HEAD}\nmerged_at: 2026-01-02\n", "not a time"),
        (PULL + "is_fork: maybe\n", "`is_fork` is neither"),
        ("x" * (1024 * 1024 + 1), "larger than 1 MiB"),
        ("\ud800", "not UTF-8"),
    ],
)
def test_damaged_pull_request_is_an_error_with_its_file(
    scene: FilesScene, text: str, reason: str
) -> None:
    path = scene.root / "pulls" / "7" / "pull.yaml"
    path.parent.mkdir(parents=True)
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ForgeError, match=reason) as failure:
        scene.forge("bob").pull(7)
    assert "7/pull.yaml" in str(failure.value)
    with pytest.raises(ForgeError):
        scene.forge("bob").open_pulls("main")


def test_two_files_of_one_pull_request_are_an_error(scene: FilesScene) -> None:
    write(scene, PULL, "pulls", "7", "pull.yaml")
    write(scene, "{}", "pulls", "7", "pull.json")
    with pytest.raises(ForgeError, match=r"pull\.json is there, too"):
        scene.forge("bob").pull(7)


def test_folder_that_is_no_pull_request_is_left_out(scene: FilesScene) -> None:
    number = scene.open_pull("alice")
    for name in ("templates", "007", "8"):
        (scene.root / "pulls" / name).mkdir()
    assert [one.number for one in scene.forge("bob").open_pulls("main")] == [number]


def test_pipe_in_place_of_a_file_is_not_waited_for(scene: FilesScene) -> None:
    (scene.root / "pulls" / "7").mkdir(parents=True)
    subprocess.run(["mkfifo", scene.root / "pulls" / "7" / "pull.yaml"], check=True)
    with pytest.raises(ForgeError, match="cannot be read"):
        scene.forge("bob").pull(7)


def test_comment_that_somebody_changed_by_hand_is_edited(scene: FilesScene) -> None:
    number = scene.open_pull("alice")
    bob = scene.forge("bob")
    made = bob.add_comment(number, "looks good")
    write(scene, "/approve 788e4c1d2f90", "pulls", str(number), "comments", f"{made.id}.md")
    (found,) = bob.comments(number)
    assert (found.body, found.is_edited) == ("/approve 788e4c1d2f90", True)


def test_comment_of_a_person_without_a_digest_counts(scene: FilesScene) -> None:
    number = scene.open_pull("alice")
    folder = ("pulls", str(number), "comments")
    write(scene, "/approve 788e4c1d2f90\n", *folder, "0001.md")
    head = {"author": "bob", "created": "2026-11-30T14:05:00+09:00"}
    write(scene, json.dumps(head), *folder, "0001.json")
    (found,) = scene.forge("carol").comments(number)
    assert (found.author.name, found.is_edited, found.is_own) == ("bob", False, False)
    assert found.created == 1796015100.0


@pytest.mark.parametrize("ending", ["md", "json"])
def test_half_of_a_comment_is_none(scene: FilesScene, ending: str) -> None:
    number = scene.open_pull("alice")
    bob = scene.forge("bob")
    made = bob.add_comment(number, "text")
    (scene.root / "pulls" / str(number) / "comments" / f"{made.id}.{ending}").unlink()
    assert bob.comments(number) == ()
    assert bob.add_comment(number, "next").id == "0002"


def test_number_of_a_removed_comment_is_not_given_again(scene: FilesScene) -> None:
    number = scene.open_pull("alice")
    bob = scene.forge("bob")
    made = bob.add_comment(number, "one")
    bob.remove_comment(number, made.id)
    assert bob.add_comment(number, "two").id != made.id


def test_comment_of_somebody_else_is_left_alone(scene: FilesScene) -> None:
    number = scene.open_pull("alice")
    made = scene.forge("bob").add_comment(number, "one")
    with pytest.raises(ForgeError, match="is from bob"):
        scene.forge("carol").edit_comment(number, made.id, "two")
    with pytest.raises(ForgeError, match="is from bob"):
        scene.forge("carol").remove_comment(number, made.id)


@pytest.mark.parametrize("id", ["../1", "1/2", "", "x"])
def test_id_cannot_lead_out_of_the_folder(scene: FilesScene, id: str) -> None:
    number = scene.open_pull("alice")
    forge = scene.forge("bob")
    with pytest.raises(ForgeError):
        forge.edit_comment(number, id, "text")
    with pytest.raises(ForgeError):
        forge.edit_issue(id, title="t", body="b", is_open=True)
    with pytest.raises(ForgeError, match="not the whole id of a commit"):
        forge.set_status(id, DONE)


@pytest.mark.parametrize("name", ["..", "a/../b", ".hidden", "가" * 100, "x" * 300, "a%2Fb", "a/b"])
def test_status_of_any_name(scene: FilesScene, name: str) -> None:
    forge = scene.forge("bob")
    status = CommitStatus(name, StatusState.PENDING, "text")
    forge.set_status(HEAD, status)
    forge.set_status(HEAD, DONE)
    assert forge.statuses(HEAD) == {name: status, DONE.name: DONE}
    assert {path.parent.name for path in scene.root.rglob("*.json")} == {HEAD}


def test_missing_team_says_where_teams_are(scene: FilesScene) -> None:
    write(scene, "infra: [bob]\nbroken: bob\n", "teams.yaml")
    assert scene.forge("bob").team("infra") == {"bob"}
    with pytest.raises(ForgeError, match="is not a list of names"):
        scene.forge("bob").team("broken")
    with pytest.raises(ForgeError) as failure:
        scene.forge("bob").team("ghosts")
    assert "teams.yaml" in str(failure.value.hint)


@pytest.mark.parametrize("call", [
    lambda forge: forge.add_comment(1, "x" * 60_001),
    lambda forge: forge.add_issue("t", "x" * 60_001, "drift"),
    lambda forge: forge.set_status(HEAD, CommitStatus("a", StatusState.PENDING, "x" * 141)),
])  # fmt: skip
def test_what_is_too_long_is_not_written(
    scene: FilesScene, call: Callable[[FilesForge], object]
) -> None:
    scene.open_pull("alice")
    before = sorted(scene.root.rglob("*"))
    with pytest.raises(ForgeError, match="too long"):
        call(scene.forge("bob"))  # type: ignore[arg-type]
    assert sorted(scene.root.rglob("*")) == before


def test_full_disk_leaves_no_half_file(scene: FilesScene) -> None:
    number = scene.open_pull("alice")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    outside = FolderOutside(Person("bob"), str, ForgeWaits(), sync=full)
    with pytest.raises(ForgeError, match="No space left on device"):
        FilesForge(scene.root, "x", outside).add_comment(number, "text")
    assert scene.forge("bob").comments(number) == ()
    assert not [path for path in scene.root.rglob("*") if path.name.startswith(".new")]


def test_lock_of_another_process_is_waited_for(scene: FilesScene) -> None:
    number = scene.open_pull("alice")
    waited: list[float] = []
    outside = FolderOutside(Person("bob"), str, ForgeWaits(wait=waited.append))
    forge = FilesForge(scene.root, "x", outside)
    with forge._folder.locked(), pytest.raises(ForgeError, match="locked by another process"):
        forge.add_comment(number, "text")
    assert sum(waited) == pytest.approx(10.0)
    assert forge.add_comment(number, "text").id == "0001"


def _write_many(root: str, name: str, count: int) -> None:
    outside = FolderOutside(Person(name), str, ForgeWaits(), sync=lambda descriptor: None)
    forge = FilesForge(Path(root), "x", outside)
    for index in range(count):
        forge.add_comment(1, f"{name} {index}")
        forge.set_status(HEAD, CommitStatus(f"{name}/{index}", StatusState.SUCCESS))
        forge.add_issue(f"{name} {index}", "text", "drift")


def test_two_processes_at_once_lose_nothing(scene: FilesScene) -> None:
    scene.open_pull("alice")
    context = multiprocessing.get_context("fork")
    names, count = ("bob", "carol"), 25
    processes = [
        context.Process(target=_write_many, args=(str(scene.root), name, count)) for name in names
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    wanted = {f"{name} {index}" for name in names for index in range(count)}
    forge = scene.forge("bob")
    assert {one.body for one in forge.comments(1)} == wanted
    assert {one.title for one in forge.issues("drift")} == wanted
    assert len(forge.statuses(HEAD)) == len(wanted)


def test_folder_in_the_repository_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = tmp_path / "infra"
    (repository / ".git").mkdir(parents=True)
    (repository / "stacks").mkdir()
    monkeypatch.chdir(repository / "stacks")
    (tmp_path / "link").symlink_to(repository)
    given = {"RECONCILER_PERSON": "bob"}
    for folder in ("reviews", "../reviews", str(tmp_path / "link" / "reviews")):
        with pytest.raises(ForgeError, match="is in the repository whose changes"):
            open_folder(folder, given)
    assert open_folder("../../reviews", given).place == str(tmp_path / "reviews")


def test_person_is_named_or_the_user_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("getpass.getuser", lambda: "dora")
    folder = str(tmp_path / "reviews")
    for given, name in (({"RECONCILER_PERSON": "bob"}, "bob"), ({}, "dora")):
        forge = open_folder(folder, given)
        made = forge.add_issue("Drift", "text", "drift")
        assert made.is_own
        written = json.loads((tmp_path / "reviews" / "issues" / f"{made.id}.json").read_text())
        assert written["author"] == name
    with pytest.raises(ForgeError, match="who writes"):
        open_folder(folder, {"RECONCILER_PERSON": "a\nb"})


def test_head_of_a_branch_is_from_the_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = tmp_path / "infra"
    for arguments in (
        ["init", "-q", "-b", "main", str(repository)],
        ["-C", str(repository), "-c", "user.name=a", "-c", "user.email=a@example.com", "commit",
         "-q", "--allow-empty", "-m", "first"],
    ):  # fmt: skip
        subprocess.run(["git", *arguments], check=True)
    monkeypatch.chdir(repository)
    forge = open_folder(str(tmp_path / "reviews"), {"RECONCILER_PERSON": "bob"})
    made = forge.add_pull("main", "release", "Absorb", "text")
    head = subprocess.run(
        ["git", "rev-parse", "main"], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert made.head == head
    with pytest.raises(ForgeError, match="the branch --all is not in this repository"):
        forge.add_pull("--all", "release", "Absorb", "text")
