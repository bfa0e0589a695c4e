"""The scripts of others in the package: unchanged, of a known version, with their license."""

from __future__ import annotations

import hashlib
import json
import tomllib

from tests.house.test_house_rules import PACKAGE, ROOT

ASSETS = PACKAGE / "render" / "report" / "assets"
VENDORED = json.loads((ASSETS / "vendored.json").read_text("utf-8"))
OWN = {"graph.js"}


def test_every_script_is_listed_and_unchanged() -> None:
    assert {path.name for path in ASSETS.glob("*.js")} == {*VENDORED, *OWN}
    for name, entry in VENDORED.items():
        content = (ASSETS / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"], name
        assert entry["version"] in content.decode("utf-8"), name
        bare = entry["package"].rpartition("/")[2]
        assert entry["source"].endswith(f"/{entry['package']}/-/{bare}-{entry['version']}.tgz")


def test_licenses_are_in_the_package_the_notice_and_the_metadata() -> None:
    notice = (ROOT / "NOTICE").read_text("utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert {"LICENSE", "NOTICE"} <= set(project["license-files"])
    for entry in VENDORED.values():
        license_file = ASSETS / entry["license_file"]
        assert "Permission is hereby granted" in license_file.read_text("utf-8")
        assert str(license_file.relative_to(ROOT)) in notice
        assert entry["license"] in project["license"].split(" AND ")
