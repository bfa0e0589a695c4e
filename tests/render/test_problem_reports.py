"""Problems for CI systems: whatever a file is called and contains, it stays data in the report."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import jsonschema
import pytest

from reconciler.common.text import msg
from reconciler.locale import language
from reconciler.model import diagnostics
from reconciler.model.diagnostics import Place, Problem
from reconciler.render import escape
from reconciler.render.problems import github_commands, junit, report_paths, sarif

HOSTILE = (
    "plain.yaml",
    "a,b: 100%.yaml",
    "x::error file=y::z.yaml",
    "line\nbreak\r\n::stop-commands::token.yaml",
    '<failure type="x">&amp;]]>.yaml',
    "한글 파일.yaml",
    "\x1b[31mred\x00\ufffe\u202e.yaml",
    "../outside.yaml",
    "a b#c?d.yaml",
    "##vso[task.setvariable variable=x]y.yaml",
)
SARIF_OF_GITHUB = {
    "type": "object",
    "required": ["$schema", "version", "runs"],
    "properties": {
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["tool", "results"],
                "properties": {
                    "tool": {
                        "properties": {
                            "driver": {
                                "required": ["name", "rules"],
                                "properties": {
                                    "rules": {
                                        "items": {
                                            "required": [
                                                "id",
                                                "shortDescription",
                                                "fullDescription",
                                                "help",
                                                "helpUri",
                                            ],
                                            "properties": {
                                                "id": {"maxLength": 255},
                                                "helpUri": {"pattern": "^https://"},
                                            },
                                        }
                                    }
                                },
                            }
                        }
                    },
                    "results": {
                        "items": {
                            "required": ["ruleId", "message", "locations"],
                            "properties": {
                                "level": {"enum": ["note", "warning", "error"]},
                                "message": {"required": ["text"]},
                                "locations": {
                                    "items": {
                                        "properties": {
                                            "physicalLocation": {
                                                "required": ["artifactLocation", "region"],
                                                "properties": {
                                                    "artifactLocation": {
                                                        "required": ["uri"],
                                                        "properties": {
                                                            "uri": {
                                                                "pattern": r"^[!-~]+$",
                                                            }
                                                        },
                                                    },
                                                    "region": {
                                                        "properties": {
                                                            "startLine": {"minimum": 1},
                                                            "startColumn": {"minimum": 1},
                                                        }
                                                    },
                                                },
                                            }
                                        }
                                    }
                                },
                            },
                        }
                    },
                },
            },
        },
    },
}
"""What code scanning of GitHub requires of SARIF 2.1.0."""


def problems_with(text: str) -> list[Problem]:
    """An error, a warning and a notice that contain the text everywhere."""
    place = Place(f"/repo/{text}", 4, 5)
    message = msg("`{value}` is wrong", value=text)
    return [
        diagnostics.error("lookup", message, place=place, address="instances.web", hint=text),
        diagnostics.warning("not-offered", message, place=place),
        diagnostics.notice("billed", message, hint="one\ntwo"),
    ]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_workflow_command_is_one_line_with_its_own_properties_only(text: str) -> None:
    lines = github_commands.text(problems_with(text), "/repo").splitlines()
    assert len(lines) == 3
    for line, severity in zip(lines, ("error", "warning", "notice"), strict=True):
        assert line.startswith(f"::{severity} ")
        properties, separator, message = line.removeprefix(f"::{severity} ").partition("::")
        names = [part.partition("=")[0] for part in properties.split(",")]
        assert names in (["file", "line", "col", "title"], ["title"])
        assert separator
        assert "%0A%0A" not in message
        assert escape.outside(line.removeprefix("::")) == line.removeprefix("::")


def test_a_workflow_command_escapes_what_github_reads() -> None:
    assert github_commands.text(problems_with("a,b: 100%.yaml")[:1], "/repo") == (
        "::error file=a%2Cb%3A 100%25.yaml,line=4,col=5,title=lookup::"
        "instances.web: `a,b: 100%25.yaml` is wrong%0Ahint: a,b: 100%25.yaml\n"
    )


def test_a_workflow_command_is_in_one_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "_lookup", {"{n} is wrong": "{n} 오류"}.get)
    found = diagnostics.error("lookup", msg("{n} is wrong", n=1), hint=msg("{n} is wrong", n=2))
    assert github_commands.text([found], "/repo") == (
        "::error title=lookup::1 오류%0Ahint: 2 오류\n"
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_sarif_has_the_form_that_github_reads(text: str) -> None:
    document = json.loads(escape.json_text(sarif.document(problems_with(text), "/repo")))
    jsonschema.Draft202012Validator(SARIF_OF_GITHUB).validate(document)
    run = document["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
    assert [result["level"] for result in run["results"]] == ["error", "warning", "note"]


def test_sarif_names_files_relative_to_the_checkout() -> None:
    inside, outside = (
        sarif.document([diagnostics.error("lookup", msg("x"), place=Place(file, 1, 2))], "/repo")
        for file in ("/repo/한글 a.yaml", "/other/b.yaml")
    )

    def artifact(document: dict[str, object]) -> object:
        found = json.loads(json.dumps(document))["runs"][0]["results"][0]["locations"][0]
        return found["physicalLocation"]["artifactLocation"]

    assert artifact(inside) == {
        "uri": "%ED%95%9C%EA%B8%80%20a.yaml",
        "uriBaseId": "%SRCROOT%",
    }
    assert artifact(outside) == {"uri": "file:///other/b.yaml"}


@pytest.mark.parametrize("text", HOSTILE)
def test_a_junit_report_has_one_case_for_each_problem(text: str) -> None:
    root = ElementTree.fromstring(junit.text(problems_with(text), [text], "/repo"))
    suite = root[0]
    assert suite.attrib["failures"] == "1"
    assert [case.attrib["classname"] for case in suite] == ["lookup", "not-offered", "billed"]
    assert [case[0].tag for case in suite] == ["failure", "system-out", "system-out"]
    assert escape.outside(suite[0][0].attrib["message"]) == suite[0][0].attrib["message"]


def test_a_junit_report_without_errors_has_a_case_for_each_stack() -> None:
    suite = ElementTree.fromstring(junit.text([], ["shop", "shop/prod"], "/repo"))[0]
    assert [case.attrib["name"] for case in suite] == ["shop", "shop/prod"]
    assert suite.attrib["tests"] == "2"


def test_the_root_is_the_checkout_of_the_ci_system() -> None:
    assert report_paths.root_of({"GITHUB_WORKSPACE": "/repo"}) == "/repo"
    assert report_paths.root_of({"CI_PROJECT_DIR": "/build"}) == "/build"
    assert report_paths.relative("stack.yaml", report_paths.root_of({})) == "stack.yaml"
