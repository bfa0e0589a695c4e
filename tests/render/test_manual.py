"""The manual pages: one for each command, current, and read by roff without a warning."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import click
import pytest

from reconciler.cli.program import program

ROOT = Path(__file__).parents[2]
MAN = ROOT / "man"


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    """The script that writes the pages."""
    spec = importlib.util.spec_from_file_location("make_man", ROOT / "docs" / "make_man.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pages_are_current(maker: ModuleType) -> None:
    # Goal: renewed by `python docs/make_man.py`, never by hand.
    if os.environ.get("RENEW_GOLDEN"):
        maker.main()
    kept = {path.name: path.read_text(encoding="utf-8") for path in MAN.iterdir()}
    assert kept == maker.manual(), "renew them: .venv/bin/python docs/make_man.py"


def test_each_command_has_a_page_with_all_its_options() -> None:
    context = click.Context(program, info_name="reconciler", **program.context_settings)
    names = [name for name, _, _ in commands(program, context)]
    expected = {f"{name.replace(' ', '-')}.1" for name in names}
    assert {path.name for path in MAN.iterdir()} == expected
    for name, command, own in commands(program, context):
        text = (MAN / f"{name.replace(' ', '-')}.1").read_text(encoding="utf-8")
        plain = text.replace("\\-", "-").replace("\\(aq", "'").replace("\\(ga", "`")
        for parameter in command.get_params(own) if command is not program else ():
            shown = parameter.get_help_record(own)
            assert shown is None or (shown[0] in plain and shown[1] in plain), (name, shown)


def commands(
    command: click.Command, context: click.Context
) -> Iterator[tuple[str, click.Command, click.Context]]:
    """A command and all below it, each with its full name and its context."""
    yield context.command_path, command, context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from commands(below, click.Context(below, info_name=name, parent=context))


def test_roff_reads_the_pages_without_a_warning() -> None:
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed")
    done = subprocess.run(
        ["groff", "-man", "-ww", "-z", "-Tutf8", *sorted(map(str, MAN.iterdir()))],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""


def test_an_example_can_be_copied_from_a_page() -> None:
    # Goal: quotes, tildes and hyphens are printed as they are typed.
    if shutil.which("man") is None or shutil.which("groff") is None:
        pytest.skip("man or groff is not installed")
    done = subprocess.run(
        ["man", "-P", "cat", "-l", str(MAN / "reconciler-state-mv.1")],
        stdout=subprocess.PIPE,
        text=True,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "MANWIDTH": "100", "LC_ALL": "C.UTF-8"},
        timeout=60,
        check=True,
    )
    line = """reconciler state mv 'instances.web[0]' 'instances.web["seoul"]' --env prod --yes"""
    assert line in done.stdout
