"""Acts and views that stand beside plan and apply: reboot, console, bill, graph, unmanaged, undo,
markdown, why.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.sessions import SCALE, WEB, apply, begin, call, validator, write
from tests.report.pages import graphs

AT = ("--stack", "web.yaml")


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    begin(monkeypatch, tmp_path, {"web.yaml": WEB})


def test_a_reboot_asks_for_the_downtime_and_is_done_and_recorded(
    capsys: pytest.CaptureFixture[str],
) -> None:
    apply(capsys)

    code, out, err = call(capsys, "server", "reboot", "instances.web", *AT, "--yes", *SCALE)
    assert (
        code == 4
        and "downtime=instances.web" in out
        and "down for 10-90 s" in out
        and "--accept downtime=instances.web" in err
    )
    code, _, err = call(
        capsys, "server", "reboot", "instances.web", *AT, "--yes", "--accept", "downtime", *SCALE
    )
    assert code == 0 and "reboot instance" in err and "Apply complete: 0 created, 1 changed" in err
    assert call(capsys, "plan", "web.yaml", "--detailed-exitcode")[0] == 0


@pytest.mark.parametrize(
    ("address", "code", "says"),
    [
        ("firewalls.web", 64, "is not an instance"),
        ("instances.wep", 1, "did you mean `instances.web`?"),
        ("nonsense", 64, "not an address"),
    ],
)
def test_only_a_server_of_the_stack_can_be_rebooted(
    address: str, code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    apply(capsys)

    found, _, err = call(
        capsys, "server", "reboot", address, *AT, "--yes", "--accept", "downtime", *SCALE
    )

    assert found == code and says in err


def test_a_server_that_is_off_is_not_rebooted(capsys: pytest.CaptureFixture[str]) -> None:
    apply(capsys)
    assert call(capsys, "simulator", "do", "set", "instance", "shop-web", "status=off", *AT)[0] == 0

    code, _, err = call(
        capsys, "server", "reboot", "instances.web", *AT, "--yes", "--accept", "downtime", *SCALE
    )

    assert code == 1 and "is not running" in err


def test_a_server_protected_from_stop_is_rebooted_only_with_unprotected(
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = Path("web.yaml")
    path.write_text(
        path.read_text(encoding="utf-8").replace(
            "firewall: web\n", "firewall: web\n    lifecycle: {protect: [stop]}\n"
        ),
        "utf-8",
    )
    apply(capsys)
    words = ("server", "reboot", "instances.web", *AT, "--yes", "--accept", "downtime", *SCALE)

    assert call(capsys, *words)[0] == 4
    assert call(capsys, *words, "--unprotect")[0] == 0


def test_the_console_link_is_all_that_stdout_gets_and_is_nowhere_else(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    apply(capsys)

    code, out, err = call(capsys, "server", "console", "instances.web", *AT)

    assert code == 0 and err == "" and re.fullmatch(r"https://\S+\n", out)
    kept = [p for p in tmp_path.rglob("*") if p.is_file() and p.name != "world.json"]
    assert kept and not [p for p in kept if out.strip().encode() in p.read_bytes()]


def test_the_bill_is_shown_and_given_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    apply(capsys)

    shown = call(capsys, "bill", *AT)[1]
    assert re.search(r"\n [\d,]+ KRW so far, without VAT    \d{4}-\d\d-\d\d to ", shown)
    found = json.loads(call(capsys, "bill", *AT, "--format", "json")[1])
    members = {"price", "currency", "vat", "start", "end", "stack"}
    assert set(found) - {"format_version", "type"} == members and found["vat"] == "excluded"


@pytest.mark.parametrize(
    ("form", "wanted"),
    [
        ("text", "  membership of instances.web\n      after firewalls.web\n"),
        ("dot", '  "firewalls.web" -> "membership of instances.web";\n'),
        ("mermaid", '["membership of instances.web"]\n'),
    ],
)
def test_the_graph_has_the_parts_of_objects_as_nodes(
    form: str, wanted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = call(capsys, "graph", "web.yaml", "--format", form)

    assert code == 0 and wanted in out and "power of" not in out


def test_the_graph_as_json_is_nodes_and_edges(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(call(capsys, "graph", "web.yaml", "--format", "json")[1])

    ids = [node["id"] for node in found["nodes"]]
    assert {"from": "instances.web", "to": "membership of instances.web"} in found["edges"]
    assert all(edge["from"] in ids and edge["to"] in ids for edge in found["edges"]) and len(
        set(ids)
    ) == len(ids)


def test_the_graph_as_a_page_has_the_same_nodes_and_edges(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = json.loads(call(capsys, "graph", "web.yaml", "--format", "json")[1])
    code, page, err = call(capsys, "graph", "web.yaml", "--format", "html")

    assert (code, err) == (0, "") and page.startswith("<!DOCTYPE html>")
    (graph,) = graphs(page.encode())
    assert list(graph["nodes"]) == [node["id"] for node in found["nodes"]]
    assert graph["edges"] == [(edge["from"], edge["to"]) for edge in found["edges"]]
    shown = page.partition('<ul class="nodes">')[2].partition("</main>")[0]
    assert all(f"<code>{node['address']}</code>" in shown for node in found["nodes"])
    assert len(page.encode()) < 800_000


def test_names_in_a_graph_break_out_of_no_quotes(capsys: pytest.CaptureFixture[str]) -> None:
    write(
        'version: 1\nstack: shop\ninstances:\n  web:\n    for_each: {"a]-->b;": 1}\n    zone: '
        "kr1-z01\n    flavor: std_2.4-g1\n"
        "    image: {id: X-1}\n    ssh_keys: [deploy]\n"
    )

    assert (
        '"instances.web[\\"a]-->b;\\"]";' in call(capsys, "graph", "web.yaml", "--format", "dot")[1]
    )
    mermaid = call(capsys, "graph", "web.yaml", "--format", "mermaid")[1]
    assert '["instances.web#91;#34;a#93;--#62;b#59;#34;#93;"]' in mermaid
    page = call(capsys, "graph", "web.yaml", "--format", "html")[1]
    assert "<code>instances.web[&quot;a]--&gt;b;&quot;]</code>" in page


def test_what_is_not_managed_is_counted_and_listed_with_its_price(
    capsys: pytest.CaptureFixture[str],
) -> None:
    apply(capsys)
    assert (
        call(
            capsys,
            "simulator",
            "do",
            "create",
            "instance",
            "x",
            "name=남의 서버",
            "flavor_id=std_1.1-g1",
            *AT,
        )[0]
        == 0
    )

    code, out, _ = call(capsys, "plan", "web.yaml", "--unmanaged")
    assert (
        code == 0
        and "UNMANAGED" in out
        and re.search(r'instances  INSTANCE-\w+  "남의 서버"  std_1.1-g1 .* KRW a month', out)
    )
    document = json.loads(call(capsys, "plan", "web.yaml", "--unmanaged", "--format", "json")[1])
    validator("plan").validate(document)
    assert (
        document["unmanaged"]["count"] == 1
        and document["unmanaged"]["objects"][0]["monthly"] == document["unmanaged"]["monthly"]
    )
    assert (
        "objects"
        not in json.loads(call(capsys, "plan", "web.yaml", "--format", "json")[1])["unmanaged"]
    )


def test_an_undo_takes_back_the_last_apply_and_may_be_saved(
    capsys: pytest.CaptureFixture[str],
) -> None:
    apply(capsys)
    before = call(capsys, "simulator", "world", *AT)[1].split("instances:")[1]
    apply(capsys, "--var", "note=second")

    code, out, _ = call(capsys, "plan", "--undo", "web.yaml", "--out", "back.plan")
    assert code == 0 and '"웹 서버 second" -> "웹 서버 first"' in out and "notice[undo]" in out
    assert call(capsys, "apply", "--plan", "back.plan", "web.yaml", "--yes", *SCALE)[0] == 0
    assert call(capsys, "simulator", "world", *AT)[1].split("instances:")[1] == before
    assert call(capsys, "apply", "web.yaml", "--undo", "--yes", *SCALE)[0] == 0
    assert "웹 서버 second" in call(capsys, "simulator", "world", *AT)[1]
    assert call(capsys, "plan", "web.yaml", "--undo", "999")[0] == 64


def test_a_plan_as_markdown_is_all_that_stdout_gets(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, "plan", "web.yaml", "--format", "markdown")

    assert (
        (code, err) == (0, "")
        and out.startswith(
            "### Plan for `shop`: 2 to create, 0 to change, 0 to replace, 0 to delete (simulated)\n"
        )
        and "\n</details>\n\nPlan " in out
    )
    write("version: 1\nstack: shop\ninstancez: {}\n")
    code, out, _ = call(capsys, "plan", "web.yaml", "--format", "markdown")
    assert code == 1 and out.startswith("### No plan: 1 error\n")


def test_why_shows_the_chain_from_the_line_to_the_steps(capsys: pytest.CaptureFixture[str]) -> None:
    apply(capsys)
    text = Path("web.yaml").read_text(encoding="utf-8").replace("std_2.4-g1", "mio_4.16-g1")
    write(text)

    code, out, _ = call(capsys, "show", "instances.web", "--why", *AT)
    found = json.loads(call(capsys, "show", "instances.web", "--why", *AT, "--format", "json")[1])

    assert code == 0 and "the file   web.yaml:13  flavor std_2.4-g1 -> mio_4.16-g1" in out
    assert (
        "the API changes a flavor by a resize only" in out
        and "consent    downtime=instances.web" in out
    )
    assert (
        "or else  if the cloud answers CHECK_PARAM or IN_USE: stop instance, resize instance, "
        "start instance" in out
    )
    assert (
        found["fields"][0]["place"] == {"file": "web.yaml", "line": 13}
        and found["change"]["action"] == "resize"
    )
    assert [step["operation"] for step in found["steps"]] == ["instance.resize"]


def test_why_names_what_a_step_waits_for_and_what_waits_for_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = call(capsys, "show", "instances.web", "--why", *AT)[1]

    assert "step 1     create instance, 1 call\n    before   attach firewall instances.web" in out
    assert (
        "after    " in out
        and "create firewall firewalls.web" in out
        and "create rule firewalls.web.rules.https" in out
    )


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("show", "--why"), 64, "--why needs an address"),
        (("show", "x.plan", "--why"), 64, "--why needs an address"),
        (("show", "instances.wep", "--why"), 1, "did you mean `instances.web`?"),
        (("show", "instances.web", "--format", "markdown"), 64, "for plans"),
    ],
)
def test_why_is_asked_of_what_is_there(
    words: tuple[str, ...], code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found, _, err = call(capsys, *words, *AT)

    assert found == code and says in err


def test_why_shows_the_zone_canary_and_the_cost_of_an_object(
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Goal: that the others wait, until when, and why; and the price of one object.
    text = Path("web.yaml").read_text(encoding="utf-8")
    write(
        text.replace(
            "  web:\n    zone",
            "  api: {zone: kr1-z01, flavor: std_1.1-g1, image: {os: ubuntu, version: '22.04'}}\n  "
            "web:\n    zone",
        )
    )

    first, then = (
        call(capsys, "show", f"instances.{name}", "--why", *AT)[1] for name in ("api", "web")
    )
    found = json.loads(call(capsys, "show", "instances.web", "--why", *AT, "--format", "json")[1])

    assert (
        "create instance instances.web: the first in its zone runs alone until the cloud has "
        "accepted it" in " ".join(first.split())
    )
    assert (
        "once the cloud has accepted create instance instances.api: only then is it known whether"
        in " ".join(then.split())
    )
    assert found["steps"][0]["after_accepted"] == ["instance.create instances.api"]
    assert (
        found["cost"]["before"] == 0
        and f"0 -> {found['cost']['after']:,} KRW a month without VAT" in then
    )


def test_show_states_the_cost_of_an_object_if_the_catalogue_was_kept(
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Goal: asked of nobody: the price of the last apply, from what is kept of the catalogue.
    apply(capsys)

    assert "KRW a month without VAT" in call(capsys, "show", "instances.web", *AT)[1]


def test_a_saved_plan_and_why_state_the_cost_of_each_object(
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Goal: KRW a month, before and after, by object: in -v, in a saved plan, in Markdown and in
    # JSON.
    code, out, _ = call(capsys, "plan", "web.yaml", "-v", "--out", "x.plan")
    (web,) = json.loads(call(capsys, "show", "x.plan", "--format", "json")[1])["cost"]["parts"]
    line = f"     instances.web  0 -> {web['after']:,}"

    assert code == 0 and web["address"] == "instances.web"
    for screen in (out, call(capsys, "show", "x.plan")[1]):
        assert (
            "Cost: KRW a month before and after, without VAT" in screen.splitlines()
            and line in screen.splitlines()
        )
    comment = call(capsys, "plan", "web.yaml", "--format", "markdown")[1].splitlines()
    assert line.strip() in map(str.strip, comment)
    assert "COST" not in call(capsys, "plan", "web.yaml")[1]


def test_show_compares_the_file_with_what_was_applied(
    capsys: pytest.CaptureFixture[str],
) -> None:
    apply(capsys)

    out = call(capsys, "show", "instances.web", *AT)[1]

    assert (
        "as last applied" in out
        and "in the file (web.yaml:11)" in out
        and "flavor        std_2.4-g1   line 13" in out
    )
