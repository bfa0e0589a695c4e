"""A plan that finds nothing to do in Terraform or OpenTofu, of as many `terraform_data` resources,
where such a program is on the PATH.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from bench import processes
from bench.processes import Cost

_PROVIDER = 'provider["terraform.io/builtin/terraform"]'


def program() -> str | None:
    """The program that is there, or None."""
    return shutil.which("tofu") or shutil.which("terraform")


def version(found: str) -> str:
    """Its name and version."""
    said = subprocess.run((found, "version"), capture_output=True, text=True, check=False).stdout
    return said.splitlines()[0] if said else found


def empty_plan(found: str, objects: int, folder: Path, *, runs: int) -> Cost:
    """What its plan takes. The state is laid down as an apply would have left it, which takes long
    to make by itself.
    """
    folder.mkdir(parents=True)
    lines = [
        f'resource "terraform_data" "r{number}" {{\n  input = "r{number}"\n}}\n'
        for number in range(objects)
    ]
    (folder / "main.tf").write_text("".join(lines), encoding="utf-8")
    (folder / "terraform.tfstate").write_text(json.dumps(_state(objects)), encoding="utf-8")
    subprocess.run(
        (found, f"-chdir={folder}", "init", "-no-color"),
        capture_output=True,
        check=True,
        env=_environment(),
    )
    command = (found, f"-chdir={folder}", "plan", "-no-color", "-detailed-exitcode")
    return processes.cost(command, runs=runs, environment=_environment())


def _environment() -> dict[str, str]:
    return {**os.environ, "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}


def _state(objects: int) -> dict[str, object]:
    def resource(number: int) -> dict[str, object]:
        text = {"value": f"r{number}", "type": "string"}
        attributes = {"id": f"id-{number}", "input": text, "output": text, "triggers_replace": None}
        instance = {"schema_version": 0, "attributes": attributes, "sensitive_attributes": []}
        return {
            "mode": "managed",
            "type": "terraform_data",
            "name": f"r{number}",
            "provider": _PROVIDER,
            "instances": [instance],
        }

    return {
        "version": 4,
        "terraform_version": "1.5.0",
        "serial": 1,
        "lineage": "bench",
        "outputs": {},
        "resources": [resource(number) for number in range(objects)],
    }
