"""Protection, doubt and what they hold back; destroy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.model.owners import LaterElsewhere, OtherState
from reconciler.model.plan import Plan
from reconciler.model.resource import PROTECT_ALL, Deferred, Lifecycle, LiveResource, Ref
from reconciler.model.state import Deposed, Intent
from tests.builders import OMIT, Case, at, firewall, nothing, rule, server, settled, told, volume


def kept(*words: str) -> Lifecycle:
    return Lifecycle(protect=tuple(sorted(words)))


FREED = Lifecycle(protect=())


def one(*words: str, **attributes: Any) -> Case:
    return settled(server("web", life=kept(*words), **attributes))


def life(*words: str, **more: Any) -> Lifecycle:
    return Lifecycle(protect=tuple(sorted(words)), **more)


def on_web(*words: str) -> Case:
    return settled(server("web"), server("app"), volume("data", on="web", life=kept(*words)))


NEW = Lifecycle(on_image_change="replace")
STOP_FIRST = life("stop", resize="stop_first")
ROWS: list[tuple[str, Case, str | None]] = [
    ("delete from delete", one("delete").leave_out("instances.web"), "instances.web"),
    ("delete from replace only", one("replace").leave_out("instances.web"), None),
    ("replace from replace", one("replace").edit("instances.web", zone="z2"), "instances.web"),
    ("replace from delete only", one("delete").edit("instances.web", zone="z2"), None),
    ("rebuild from rebuild", one("rebuild").edit("instances.web", image="rocky"), "instances.web"),
    ("resize from resize", one("resize").edit("instances.web", flavor="big"), "instances.web"),
    ("resize from rebuild only", one("rebuild").edit("instances.web", flavor="big"), None),
    ("stop from stop", one("stop", power="on").edit("instances.web", power="off"), "instances.web"),
    ("start from stop", one("stop", power="off").edit("instances.web", power="on"), None),
    (
        "resize beside a rebuild",
        one("resize").edit("instances.web", image="rocky", flavor="big"),
        "instances.web",
    ),
    (
        "stop beside a resize",
        one("stop", power="on").edit("instances.web", flavor="big", power="off"),
        "instances.web",
    ),
    (
        "stop of a resize that stops first",
        one("stop").edit("instances.web", flavor="big", life=STOP_FIRST),
        "instances.web",
    ),
    ("resize as it stands from stop only", one("stop").edit("instances.web", flavor="big"), None),
    (
        "texts of what is wholly protected",
        one(*PROTECT_ALL, "resize", "stop", name="a").edit("instances.web", name="b"),
        None,
    ),
    (
        "detach of a volume",
        on_web("detach").edit("block_storages.data", instance="app"),
        "block_storages.data",
    ),
    (
        "detach for good",
        on_web("detach").edit("block_storages.data", instance=None),
        "block_storages.data",
    ),
    (
        "detach with its server's end",
        on_web("detach").leave_out("instances.web").edit("block_storages.data", instance=OMIT),
        "block_storages.data",
    ),
    (
        "detach with its server's replacement",
        on_web("detach").edit("instances.web", image="rocky", life=NEW),
        "block_storages.data",
    ),
    (
        "firewall from delete",
        settled(firewall("web", life=kept("delete"))).leave_out("firewalls.web"),
        "firewalls.web",
    ),
    (
        "volume from replace",
        on_web("replace").edit("block_storages.data", size=200),
        "block_storages.data",
    ),
]


@pytest.mark.parametrize(("name", "case", "blocked"), ROWS, ids=[row[0] for row in ROWS])
def test_protection_blocks_what_it_names_and_nothing_else(
    name: str, case: Case, blocked: str | None
) -> None:
    # Goal: whatever else happens to the same object at the same time.
    plan = case.plan()
    said = told(plan)
    if blocked is None:
        assert not [p for p in said.problems if "protected" in p]
        assert plan.steps
        return
    assert f"error protected {blocked}" in said.problems
    assert f"blocked {blocked}" in said.changes
    assert not [key for key in said.steps if key.endswith(blocked) or f" {blocked} " in key]
    assert said.consents == []


@pytest.mark.parametrize(
    "case", [row[1] for row in ROWS if row[2]], ids=[row[0] for row in ROWS if row[2]]
)
def test_unprotect_frees_one_run(case: Case) -> None:
    # Goal: named on the command line, for every address; nothing else lifts it.
    plan = case.plan(unprotect=frozenset(case.entries))
    assert not [p for p in told(plan).problems if "protected" in p]
    assert plan.steps
    accepted = case.plan(
        accept=(("delete", None), ("data-loss", None), ("detach", None), ("downtime", None))
    )
    assert "protected" in " ".join(told(accepted).problems)


# Sticky: the stricter of state and file
# ---------------------------------------------------------------------------------------------


def test_protection_is_sticky_when_the_line_is_left_out() -> None:
    # Goal: a line left out changes nothing; the state holds it.
    case = one("delete").edit("instances.web", life=Lifecycle())
    assert case.plan().is_empty and case.plan().records == ()
    assert told(case.leave_out("instances.web").plan()).changes == ["blocked instances.web"]


def test_protect_false_is_recorded_by_an_apply_and_frees_the_following_one() -> None:
    # Goal: shown as a change without a step; blocks this time still; after its record it no longer
    # does.
    case = one("delete", "replace").edit("instances.web", life=FREED)
    plan = case.plan()
    assert told(plan).changes == ["update instances.web"]
    assert told(plan).fields == ["instances.web.lifecycle.protect ('delete', 'replace') -> () you"]
    assert plan.steps == () and not plan.is_empty
    assert [effect.put.protect for effect in plan.records if effect.put] == [()]
    freed = case.remember("instances.web", protect=()).leave_out("instances.web").plan()
    assert told(freed).changes == ["delete instances.web"]


@pytest.mark.parametrize(
    ("name", "case"),
    [
        ("replace", one("replace").edit("instances.web", zone="z2", life=FREED)),
        ("rebuild", one("rebuild").edit("instances.web", image="rocky", life=FREED)),
        ("stop", one("stop", power="on").edit("instances.web", power="off", life=FREED)),
    ],
)
def test_protect_false_is_recorded_also_beside_the_change_it_is_meant_for(
    name: str, case: Case
) -> None:
    # Goal: the change is held back this time, and the next plan does it: nobody is stuck.
    plan = case.plan()
    assert told(plan).changes == ["blocked instances.web"], name
    assert [effect.put.protect for effect in plan.records if effect.put] == [()]
    assert case.remember("instances.web", protect=()).plan().steps


def test_new_protection_counts_at_once() -> None:
    # Goal: the stricter of both holds: what the file adds protects in the same plan.
    plan = settled(server("web")).edit("instances.web", zone="z2", life=kept("replace")).plan()
    assert told(plan).changes == ["blocked instances.web"]


# Holding back
# ------------------------------------------------------------------------------------------------------------------------


def test_what_depends_on_a_protected_change_is_held_back_and_the_rest_is_done() -> None:
    # Goal: whole addresses: the volume that would go to the new server waits, another server does
    # not.
    case = settled(
        server("web", life=kept("replace")), server("app", name="a"), volume("data", on="app")
    )
    plan = (
        case.edit("instances.web", zone="z2")
        .add(volume("logs", on="web"))
        .edit("instances.app", name="b")
        .plan()
    )
    assert told(plan).changes == [
        "blocked block_storages.logs",
        "update instances.app",
        "blocked instances.web",
    ]
    assert told(plan).steps == ["instance.update instances.app"]


def test_a_protected_volume_protects_the_server_it_is_attached_to() -> None:
    # Goal: the server is not deleted while a volume of ours cannot leave it.
    case = settled(server("web"), volume("data", on="web", life=kept("detach"))).leave_out(
        "instances.web"
    )
    plan = case.edit("block_storages.data", instance=OMIT).plan()
    assert told(plan).changes == ["blocked block_storages.data", "blocked instances.web"]
    assert plan.steps == ()


@pytest.mark.parametrize(
    ("name", "case"),
    [
        ("protected", settled(server("web", life=kept("delete")), volume("data", on="web"))),
        (
            "a foreign volume on it",
            settled(server("web"), volume("data", on="web")).foreign_object(
                "block_storages", "x", instance="i-web"
            ),
        ),
    ],
)
@pytest.mark.parametrize("volume_is", ["unmanaged in place", "retained"])
def test_a_volume_stays_on_a_server_whose_end_is_held_back(
    name: str, case: Case, volume_is: str
) -> None:
    # Goal: it would leave only because the server goes; so it does not.
    if volume_is == "retained":
        case = case.remember("block_storages.data", retain=True).leave_out("block_storages.data")
    else:
        case = case.edit("block_storages.data", instance=OMIT)
    plan = case.leave_out("instances.web").plan()
    assert plan.steps == (), name
    assert "blocked instances.web" in told(plan).changes


def test_a_retained_volume_leaves_a_server_that_goes() -> None:
    # Goal: forgotten and kept whole: off the server, proved, before that is deleted.
    case = settled(server("web"), volume("data", on="web", life=Lifecycle(retain=True)))
    plan = case.leave_out("block_storages.data", "instances.web").plan()
    assert told(plan).steps == [
        "block_storage.detach block_storages.data",
        "instance.delete instances.web",
    ]


def intent(text: str, operation: str) -> Intent:
    return Intent(3, "r", f"{operation} {text}", text, operation, None, {}, "n" * 12, 1_767_225_600)


def test_an_unknown_outcome_blocks_its_address_and_what_needs_it() -> None:
    # Goal: the server in doubt and its volume; not the other server.
    case = nothing(
        server("web", image="rocky"), server("app", image="rocky"), volume("data", on="web")
    )
    plan = case.unsettled(intent("instances.web", "instance.create"), "unknown").plan()
    assert told(plan).changes == [
        "blocked block_storages.data",
        "create instances.app",
        "decide instances.web",
    ]
    assert told(plan).steps == ["instance.create instances.app"]


def test_a_value_that_waits_for_a_doubtful_object_holds_its_rule_only() -> None:
    # Goal: the firewall and its other rules go on.
    value = Deferred("${instances.web.private_ip}/32", (Ref(at("instances.web"), "private_ip"),))
    case = nothing(
        server("web", image="rocky"),
        firewall("db"),
        rule("db", "web", cidr=value),
        rule("db", "ssh", ports="22", cidr="10.0.0.0/8"),
    )
    plan = case.unsettled(intent("instances.web", "instance.create"), None).plan()
    assert told(plan).steps == [
        "firewall.create firewalls.db",
        "rule.create firewalls.db.rules.ssh",
    ]


def test_a_rule_in_doubt_is_not_taken_for_a_stranger() -> None:
    # Goal: its create may have happened; the live rule with its traffic is neither removed nor
    # taken over.
    case = settled(firewall("web")).add(rule("web", "https"))
    row = {
        "firewall": "f-web",
        "direction": "in",
        "protocol": "tcp",
        "ports": "443",
        "cidr": "0.0.0.0/0",
        "title": "https",
    }
    plan = (
        case.foreign_object("rules", "r-9", **row)
        .unsettled(intent("firewalls.web.rules.https", "rule.create"), "unknown")
        .plan()
    )
    assert plan.steps == ()
    assert told(plan).changes == ["decide firewalls.web.rules.https"]


def test_a_missing_object_is_never_gone_by_itself() -> None:
    # Goal: a decision; with `gone=` by address a successor is made, without the file it is
    # forgotten.
    case = settled(server("web"), server("app"), server("db")).vanish("instances.web")
    assert told(case.plan()).changes == ["decide instances.web"]
    assert told(case.plan()).problems == ["error missing-object instances.web"]
    accepted = case.edit("instances.web", image="rocky").plan(accept=(("gone", "instances.web"),))
    assert told(accepted).changes == ["create instances.web"]
    forgotten = case.leave_out("instances.web").plan(accept=(("gone", "instances.web"),))
    assert told(forgotten).changes == ["forget instances.web"]
    assert told(case.plan(accept=(("gone", None),))).changes == ["decide instances.web"]


@pytest.mark.parametrize(
    ("name", "count", "missing", "stops"),
    [
        ("one of three", 3, 1, False),
        ("two of three", 3, 2, True),
        ("two of ten", 10, 2, False),
        ("three of ten", 10, 3, True),
        ("the only one: an empty list", 1, 1, True),
    ],
)
def test_mass_absence_stops_before_a_plan(name: str, count: int, missing: int, stops: bool) -> None:
    # Goal: more than max(1, 20 %), or an empty list; each has to be accepted by address.
    case = settled(*(server(f"s{n}") for n in range(count)))
    lost = [f"instances.s{n}" for n in range(missing)]
    plan = case.vanish(*lost).plan()
    assert ("error mass-absence instances.s0" in told(plan).problems) == stops, name
    assert plan.steps == ()
    if stops:
        assert plan.changes == ()
        part = case.vanish(*lost).plan(accept=tuple(("gone", text) for text in lost[1:]))
        assert "error mass-absence instances.s0" in told(part).problems
        whole = case.vanish(*lost).plan(accept=tuple(("gone", text) for text in lost))
        assert "mass-absence" not in " ".join(told(whole).problems)


def test_objects_under_a_delete_of_ours_do_not_count_for_the_brake() -> None:
    # Goal: three deletes without an answer are not a mass absence.
    case = settled(*(server(f"s{n}") for n in range(3)))
    for n in range(3):
        case = case.unsettled(
            Intent(
                n,
                "r",
                "k",
                f"instances.s{n}",
                "instance.delete",
                f"i-s{n}",
                {},
                None,
                1_767_225_600,
            ),
            "unknown",
        )
    plan = case.vanish("instances.s0", "instances.s1", "instances.s2").plan()
    assert "mass-absence" not in " ".join(told(plan).problems)


# Destroy
# -----------------------------------------------------------------------------------------------------------------------------


def shop(**lives: Lifecycle) -> Case:
    return settled(
        server("web", firewall="web", life=lives.get("web")),
        server("db", firewall="db", life=lives.get("db")),
        volume("data", on="db", life=lives.get("data")),
        firewall("web", life=lives.get("firewall")),
        firewall("db"),
        rule("web", "https"),
        rule("db", "mysql", ports="3306", cidr="10.0.0.0/8"),
    )


DESTROYS: list[tuple[str, Case, set[str], set[str]]] = [
    (
        "all of it",
        shop(),
        {"block_storages.data", "firewalls.db", "firewalls.web", "instances.db", "instances.web"},
        set(),
    ),
    (
        "a protected server keeps its firewall with its rules",
        shop(web=kept("delete")),
        {"block_storages.data", "firewalls.db", "instances.db"},
        {"instances.web", "firewalls.web"},
    ),
    (
        "a volume protected from detach keeps its server and that its firewall",
        shop(data=kept(*PROTECT_ALL)),
        {"firewalls.web", "instances.web"},
        {"block_storages.data", "instances.db", "firewalls.db"},
    ),
    (
        "a volume protected from delete alone stays, detached",
        shop(data=kept("delete")),
        {"firewalls.web", "instances.web", "firewalls.db", "instances.db"},
        {"block_storages.data"},
    ),
    (
        "a protected firewall stays alone",
        shop(firewall=kept("delete")),
        {"block_storages.data", "firewalls.db", "instances.db", "instances.web"},
        {"firewalls.web"},
    ),
]


@pytest.mark.parametrize(
    ("name", "case", "gone", "stays"), DESTROYS, ids=[row[0] for row in DESTROYS]
)
def test_destroy_keeps_what_is_protected(
    name: str, case: Case, gone: set[str], stays: set[str]
) -> None:
    # Goal: what goes and what stays; what was kept is listed; nothing is done to what stays, its
    # rules included.
    plan = case.plan(destroy=True)
    said = told(plan)
    assert {line.split(" ", 1)[1] for line in said.changes if line.startswith("delete ")} == gone
    assert {
        line.rsplit(" ", 1)[1] for line in said.problems if line.startswith("error protected")
    } == stays
    assert not [key for key in said.steps if key.startswith("rule.")]
    for text in stays - {"block_storages.data"}:
        assert not [key for key in said.steps if key.endswith(f" {text}")]


def test_a_volume_that_stays_in_a_destroy_leaves_its_server_first() -> None:
    # Goal: kept, detached (proved), and only then the server goes.
    said = told(shop(data=kept("delete")).plan(destroy=True))
    assert said.steps.index("block_storage.detach block_storages.data") < said.steps.index(
        "instance.delete instances.db"
    )
    assert "block_storage.delete block_storages.data" not in said.steps


def test_destroy_looks_nothing_up_that_is_merely_referred_to() -> None:
    # Goal: an existing firewall that is gone from the account does not keep the stack from being
    # destroyed.
    from reconciler.model.resource import Existing

    office = at("existing.firewalls.office")
    case = settled(server("web"))
    missing = Case(
        **{**case.__dict__, "extra": {"existing": {office: Existing(office, "name", "office")}}}
    )
    assert told(missing.plan()).problems == ["error lookup existing.firewalls.office"]
    assert told(missing.plan(destroy=True)).steps == ["instance.delete instances.web"]


def test_destroy_does_not_keep_a_firewall_that_is_missing() -> None:
    # Goal: a kept server needs its firewall, but one that the account does not show is a decision,
    # not something that is kept.
    case = settled(
        server("web", firewall="web", life=Lifecycle(protect=("delete",))),
        firewall("web"),
        firewall("b"),
        firewall("c"),
    )
    said = told(case.vanish("firewalls.web").plan(destroy=True))
    assert (
        "decide firewalls.web" in said.changes
        and "error missing-object firewalls.web" in said.problems
    )


def test_destroy_with_unprotect_takes_what_is_named() -> None:
    # Goal: freed for one run.
    plan = shop(web=kept("delete")).plan(destroy=True, unprotect=frozenset({"instances.web"}))
    assert "instance.delete instances.web" in told(plan).steps
    assert told(plan).problems == []


def test_protection_outside_a_narrowed_plan_does_not_block_it() -> None:
    # Goal: `--only` and `--except` are the way round an object that is held back; its mistake is
    # not theirs.
    case = (
        settled(server("web", life=kept("delete")), server("db"))
        .leave_out("instances.web")
        .edit("instances.db", name="other")
    )
    for narrowed in ({"only": ("instances.db",)}, {"without": ("instances.web",)}):
        plan = case.plan(**narrowed)
        assert plan.problems == () and told(plan).changes == ["update instances.db"]
    assert told(case.plan(only=("instances.web",))).problems == ["error protected instances.web"]


def test_what_waits_for_a_protected_object_keeps_its_reason_when_that_is_left_out() -> None:
    case = settled(server("web", life=kept("delete")), firewall("web")).leave_out(
        "instances.web", "firewalls.web"
    )
    case = case.join("f-web", "i-web")
    plan = case.plan(only=("firewalls.web",))
    assert told(plan).changes == ["blocked firewalls.web"] and plan.problems


def marked(case: Case, text: str, nonce: str) -> Case:
    """The server of a case bears a marker; its entry that of our create, `ours`."""
    live = replace(case.live["instances", "i-web"], marked=text, nonce=nonce)
    return replace(case, live={**case.live, ("instances", "i-web"): live}).remember(
        "instances.web", nonce="ours"
    )


SHARED: list[tuple[str, Case, bool]] = [
    ("another stack made it anew", marked(settled(server("web")), "blog.-.web", "theirs"), True),
    ("another environment", marked(settled(server("web")), "shop.prod.web", "theirs"), True),
    (
        "our marker under a former name of the stack",
        marked(settled(server("web")), "store.-.web", "ours"),
        False,
    ),
    ("our own text", marked(settled(server("web")), "shop.-.web", "theirs"), False),
    ("a text of a person", marked(settled(server("web")), "the shop's web", "theirs"), False),
]


@pytest.mark.parametrize(("name", "case", "held"), SHARED, ids=[row[0] for row in SHARED])
def test_an_object_whose_marker_names_another_stack_is_held_back(
    name: str, case: Case, held: bool
) -> None:
    # Goal: an old copy of a state that was put back would change and delete what is another stack's
    # by now.
    changed, gone = case.edit("instances.web", flavor="big"), case.leave_out("instances.web")
    for plan, action in (
        (changed.plan(), "resize"),
        (gone.plan(), "delete"),
        (case.plan(destroy=True), "delete"),
    ):
        assert told(plan).changes == [
            "blocked instances.web" if held else f"{action} instances.web"
        ]
        assert (
            bool(plan.steps) is not held
            and ("error shared instances.web" in told(plan).problems) is held
        )
    assert told(changed.plan(accept=(("shared", "instances.web"),))).changes == [
        "resize instances.web"
    ]


def test_what_depends_on_a_shared_object_is_held_back_and_the_consent_is_kept() -> None:
    case = marked(
        settled(server("web"), volume("data", on="web"), server("other")), "blog.-.web", "theirs"
    )
    case = case.edit("instances.other", name="renamed").add(volume("more", on="web"))
    assert told(case.plan()).steps == ["instance.update instances.other"]
    agreed = case.plan(accept=(("shared", "instances.web"),))
    assert "block_storage.create block_storages.more" in told(agreed).steps
    assert [effect.fact for effect in agreed.records if effect.fact is not None] == [
        ("shared:i-web", "blog")
    ]
    assert not told(case.with_facts(**{"shared:i-web": "blog"}).plan()).problems
    assert told(case.with_facts(**{"shared:i-web": "news"}).plan()).problems == [
        "error shared instances.web"
    ]


def test_an_old_object_of_a_replacement_that_another_state_holds_is_not_deleted() -> None:
    old = Deposed("instances.web", "instances", "i-old")
    case = settled(server("web")).left_behind(
        old, LiveResource("instances", "i-old", {"id": "i-old", "name": "old"})
    )
    assert told(case.plan()).steps == ["instance.delete instances.web i-old"]
    assert not case.plan(elsewhere={"blog": OtherState({"i-old": "instances.b"})}).steps


def test_the_states_of_a_distant_place_are_read_for_a_plan_that_changes_something() -> None:
    # Goal: a plan without changes takes no needless way to a database or a bucket.
    def plan(case: Case) -> tuple[bool, Plan]:
        others = LaterElsewhere(lambda: {"blog": OtherState({"i-web": "instances.b"})})
        found = case.plan(elsewhere=others)
        return others.is_read, found

    quiet = marked(settled(server("web")), "shop.-.web", "ours")
    is_read, found = plan(quiet)
    assert not is_read and not found.problems
    is_read, found = plan(quiet.edit("instances.web", flavor="big"))
    assert is_read and not found.steps
    is_read, found = plan(marked(settled(server("web")), "blog.-.web", "theirs"))
    assert is_read and told(found).problems == ["error shared instances.web"]
