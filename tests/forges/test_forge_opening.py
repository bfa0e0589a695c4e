"""Opening a forge: its address, its token and its library."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest

from reconciler.forge import forge_opening
from reconciler.forge.forge_opening import ForgeChoice, ForgeKind, checked_url, open_forge
from reconciler.forge.forge_token import ForgeToken, token_of
from reconciler.forge.github import GitHubForge
from reconciler.model.ports.forge_ports import ForgeError

SECRET = "ghp_4f1d2c3b"
CHOICE = ForgeChoice(ForgeKind.GITHUB, "acme/infra")


def test_github_is_opened_without_a_request() -> None:
    forge = open_forge(CHOICE, {"GITHUB_TOKEN": f" {SECRET}\n"})
    assert isinstance(forge, GitHubForge)
    assert forge.place == "github.com/acme/infra"


def test_github_enterprise_is_at_its_address() -> None:
    url = "https://git.acme.example/api/v3/"
    choice = ForgeChoice(ForgeKind.GITHUB, "acme/infra", url, "ACME_TOKEN")
    forge = open_forge(choice, {"ACME_TOKEN": SECRET})
    assert forge.place == "git.acme.example/acme/infra"
    assert isinstance(forge, GitHubForge)
    assert forge._link.graphql_url == "https://git.acme.example/api/graphql"
    assert SECRET not in repr(choice)


@pytest.mark.parametrize("value", ["", "  ", None])
def test_missing_token_names_its_variable(value: str | None) -> None:
    with pytest.raises(ForgeError, match="GITHUB_TOKEN is not set"):
        open_forge(CHOICE, {} if value is None else {"GITHUB_TOKEN": value})


@pytest.mark.parametrize("value", ["a b", "a\nb", "토큰", "a\x00", "x" * 5000])
def test_text_that_is_no_token_is_refused_without_showing_it(value: str) -> None:
    with pytest.raises(ForgeError, match="GITHUB_TOKEN is not a token") as failure:
        token_of({"GITHUB_TOKEN": value}, "GITHUB_TOKEN")
    assert value not in f"{failure.value} {failure.value.hint}"


@pytest.mark.parametrize(
    "url",
    [
        "http://git.acme.example/api/v3",
        "http://127.0.0.1.acme.example",
        "https://user:password@git.acme.example",
        "https://git.acme.example?x=1",
        "https://git.acme.example#x",
        "https://",
        "https://git.acme.example:port",
        "https://[",
        "ftp://git.acme.example",
        "git.acme.example",
        "https://한글.example",
        "https://git.acme.example/\r\nX: y",
    ],
)
def test_address_that_a_token_is_not_sent_to(url: str) -> None:
    with pytest.raises(ForgeError) as failure:
        checked_url(url)
    assert "password@" not in str(failure.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:80/x", "http://[::1]:80", "http://localhost"])
def test_forge_on_this_machine_may_use_http(url: str) -> None:
    assert checked_url(url + "/") == url


@pytest.mark.parametrize(
    "project", ["", "acme", "acme/", "/infra", "acme/infra/x", "acme/..", "a?/b", "acme/infra\n"]
)
def test_text_that_is_no_repository(project: str) -> None:
    with pytest.raises(ForgeError, match="not a repository"):
        open_forge(ForgeChoice(ForgeKind.GITHUB, project), {"GITHUB_TOKEN": SECRET})


def test_missing_library_gives_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(forge_opening, "find_spec", lambda name: None)
    with pytest.raises(ForgeError, match="pygithub") as failure:
        open_forge(CHOICE, {"GITHUB_TOKEN": SECRET})
    assert "iwinv-reconciler[github]" in str(failure.value.hint)


def test_token_shows_nothing() -> None:
    token = ForgeToken(SECRET, "GITHUB_TOKEN")
    assert SECRET not in f"{token} {token!r} {[token]}"
    assert token.hide(f"x {SECRET} y") == "x (token) y"
    for keep in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            keep(token)


@pytest.mark.parametrize(
    ("kind", "name", "place"),
    [
        (ForgeKind.GITLAB, "GITLAB_TOKEN", "gitlab.com/acme/infra"),
        (ForgeKind.FORGEJO, "FORGEJO_TOKEN", "codeberg.org/acme/infra"),
        (ForgeKind.FORGEJO, "GITEA_TOKEN", "codeberg.org/acme/infra"),
    ],
)
def test_other_forges_are_opened_without_a_request(kind: ForgeKind, name: str, place: str) -> None:
    forge = open_forge(ForgeChoice(kind, "acme/infra"), {name: SECRET})
    assert forge.place == place
    assert SECRET not in repr(forge)


@pytest.mark.parametrize("kind", [ForgeKind.GITLAB, ForgeKind.FORGEJO])
def test_own_instance_is_at_its_address_below_a_path(kind: ForgeKind) -> None:
    path = "/api/v4" if kind is ForgeKind.GITLAB else "/api/v1"
    choice = ForgeChoice(kind, "acme/infra", f"https://acme.example/git{path}/", "ACME_TOKEN")
    forge = open_forge(choice, {"ACME_TOKEN": SECRET})
    assert forge.place == "acme.example/git/acme/infra"


def test_token_of_a_job_of_gitlab_is_not_enough() -> None:
    choice = ForgeChoice(ForgeKind.GITLAB, "acme/infra")
    with pytest.raises(ForgeError, match="GITLAB_TOKEN is not set") as failure:
        open_forge(choice, {"CI_JOB_TOKEN": SECRET})
    assert "project access token" in str(failure.value.hint)
    assert SECRET not in f"{failure.value} {failure.value.hint}"
    with pytest.raises(ForgeError, match="FORGEJO_TOKEN is not set"):
        open_forge(ForgeChoice(ForgeKind.FORGEJO, "acme/infra"), {})


def test_files_need_no_token(tmp_path: Path) -> None:
    choice = ForgeChoice(ForgeKind.FILES, str(tmp_path / "reviews"))
    forge = open_forge(choice, {"RECONCILER_PERSON": "bob"})
    assert forge.place == str(tmp_path / "reviews")
