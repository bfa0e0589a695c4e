"""The documentation page: its tables are those of the code, its signing function signs, its files
load.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from reconciler.simulator import Cloud, SimulatorServer
from reconciler.simulator.errors import CODES
from reconciler.simulator.faults import DISTORTIONS, INSTANTS, parse_faults
from reconciler.simulator.worldfile import world_from_text
from tests.simulator.harness import table

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "local-cloud.md"


def cell(value: object) -> str:
    text = {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value
    if isinstance(text, list):
        return "none"
    if isinstance(text, dict):
        return ", ".join(f"{name} {seconds}" for name, seconds in text.items())
    return f"`{text}`"


def switches() -> str:
    rows = [
        f"| `{row.name}` | {cell(row.default)} | {row.allowed} | {row.meaning} | {row.section} |"
        for row in table()
    ]
    return "\n".join(
        ["| switch | default | may be | means | contract |", "|---|---|---|---|---|", *rows]
    )


def errors() -> str:
    rows = [
        f"| `{hex(code.number)}` | `{code.name}` | {code.status} | "
        f"{code.provoked_by or '**by fault script only**'} |"
        for code in CODES.values()
    ]
    return "\n".join(["| code | name | HTTP | comes from |", "|---|---|---|---|", *rows])


def faults() -> str:
    rows = [f"| `{name}` | {text} |" for name, text in INSTANTS.items()]
    strange = [f"| `{name}` | {text} |" for name, text in DISTORTIONS.items()]
    return "\n".join(
        [
            "| instant | the request is |",
            "|---|---|",
            *rows,
            "",
            "| strange answer | what is strange |",
            "|---|---|",
            *strange,
        ]
    )


@pytest.mark.parametrize("make", [switches, errors, faults])
def test_the_tables_of_the_page_are_those_of_the_code(make: object) -> None:
    """Renewed by RENEW_GOLDEN=1."""
    assert callable(make)
    name, text = getattr(make, "__name__", ""), PAGE.read_text(encoding="utf-8")
    pattern = re.compile(rf"(<!-- {name}: [^>]*-->\n).*?(<!-- end -->)", re.DOTALL)
    wanted = pattern.sub(lambda found: f"{found[1]}\n{make()}\n\n{found[2]}", text)
    if os.environ.get("RENEW_GOLDEN"):
        PAGE.write_text(wanted, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == wanted
    assert pattern.search(text)


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_files_shown_on_the_page_load() -> None:
    """A short world, and a script of faults."""
    world, script = blocks("yaml")
    assert world_from_text(world).find("web")
    assert len(parse_faults(yaml.safe_load(script))) == 4


@pytest.mark.skipif(
    not all(map(shutil.which, ("bash", "curl", "openssl"))),
    reason="curl, openssl or bash is missing",
)
def test_the_signing_function_of_the_page_signs() -> None:
    """With a query, a form and the Hangul of a real answer."""
    with SimulatorServer(Cloud()) as server:
        script = (
            blocks("sh")[0]
            + 'call GET "/v1/ssh"; call GET "/v1/auth/ssh_key?name=deploy"; call POST /v1/instances -F zone_id=kr1-z01\n'
        )
        done = subprocess.run(
            ["bash", "-c", script],
            env={**os.environ, **server.environment},
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    assert re.findall(r'"error_code": "(\w+)"', done.stdout) == [
        "NOT_FOUND",
        "SUCCESS",
        "REQUIRED_POST_PARAM_MISSING",
    ]


def test_every_request_shown_on_the_page_was_answered_as_today() -> None:
    """The session is pasted from a real run; its answers have today's members and codes."""
    session = blocks("console")[1]
    assert set(re.findall(r'"error_code": "(\w+)"', session)) == {
        "SUCCESS",
        "UNAVAILABLE_COMBINATION",
        "DELETED_OR_WORKING_INSTANCE",
    }
    for name in re.findall(r'"error_code": "(\w+)", "message": "([^"]+)"', session):
        assert name[1].startswith(CODES[name[0]].message)
    assert "Retry-After" in session and "429 Too Many Requests" in session
