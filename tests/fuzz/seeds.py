"""Inputs to begin with: whole examples for each decoder, and the words that they are made of."""

from __future__ import annotations

import json
from pathlib import Path

from reconciler.model.plan import Plan, RiskClass
from reconciler.model.state import (
    MADE,
    Deposed,
    Entry,
    Intent,
    Note,
    OpenIntent,
    Outcome,
    Phase,
    Record,
    State,
    StateChange,
)
from reconciler.planner import saved_plan
from reconciler.planner.checks.approval import Acceptance
from reconciler.planner.saved_plan import Made, SavedOptions, SavedPlan
from reconciler.simulator import Cloud
from reconciler.store import journal, state_format
from tests.fuzz import targets
from tests.fuzz.targets import Target
from tests.render.plans import first, mixed, replaced

_EXAMPLES = Path(__file__).parents[2] / "examples" / "stacks"
_YAML_WORDS = """\
version: 1|stack:|variables:|environments:|defaults:|firewalls:|instances:|block_storages:|outputs:|moved:|removed:|guard:|locals:
existing:|count:|for_each:|when:|lifecycle: {protect: true}|import:|${|}|${vars.x}|${instances.web[0].public_ip}|[|]|{|&a|*a|<<:
!!python/object:os.system|null|~|>|- |? |---|...|0.0.0.0/0|1e400|0x10|é|한""".replace(
    "\n", "|"
).split("|")
_YAML_WORDS += ["|", "\t", "\n", "\u202e", "\ufeff"]
_JSON_WORDS = (
    "null",
    "true",
    "-1",
    "1e999",
    "9" * 40,
    '"\\ud800"',
    "[]",
    "{}",
    '""',
    "[" * 50,
    '"(made)"',
    "NaN",
    '"x":',
    ",",
    "\u2028",
)
_WORDS = """\
plan apply destroy drift recover show output state list forget unlock doctor validate completion simulator world do graph explain import
adopt absorb init --env prod --var a=b --var-file stack.yaml --out x.plan --plan --accept delete=instances.web gone --only instances.*
--except --replace instances.web[0] --unprotect --format json markdown --yes --lock-timeout 0 nan --adopt instances.web=A --not-created
instances.web --rebuild --stack . -v --no-color --help --chdir --time-scale -1 1e309 --first-passwords f --undo -- - bash
--detailed-exitcode --no-wait --unmanaged --why"""
_COMMANDS = """\
plan
apply --yes
state list
state forget instances.web --yes
recover --adopt instances.web=A
doctor
validate
show x.plan
output
plan --only instances.* --out x.plan
apply --plan x.plan
completion bash
simulator world"""
_LISTS = (
    "instances",
    "block-storages",
    "security-groups",
    "zones",
    "flavors",
    "images",
    "auth/ssh_key",
)


def all_targets() -> tuple[Target, ...]:
    """The six decoders with their inputs to begin with."""
    json_words = tuple(word.encode() for word in _JSON_WORDS)
    examples = tuple(path.read_bytes() for path in sorted(_EXAMPLES.rglob("*.yaml")))
    commands = tuple(line.replace(" ", "\0").encode() for line in _COMMANDS.splitlines())
    return (
        Target("stack", targets.stack, examples, tuple(word.encode() for word in _YAML_WORDS)),
        Target(
            "state",
            targets.state,
            (state_format.encode_snapshot(state_format.Snapshot(_state())),),
            json_words,
        ),
        Target("journal", targets.log, (_journal(),), json_words),
        Target(
            "plan",
            targets.plan,
            tuple(_plan(made) for made in (mixed(), first(), replaced())),
            json_words,
        ),
        Target("answer", targets.answer, _answers(), json_words),
        Target(
            "arguments",
            targets.arguments,
            commands,
            tuple(b"\0" + word.encode() for word in (*_WORDS.split(), "", "\u202e")),
        ),
    )


def _state() -> State:
    pins = {"image": {"os:ubuntu:22.04": "IMAGE-1"}}
    web = Entry(
        "instances.web",
        "instances",
        "INSTANCE-1",
        {"name": "web", "firewall": "firewalls.web"},
        pins,
    )
    rule = Entry("firewalls.web.rules.a", "rules", "7", parent="FIREWALL-1", protect=("delete",))
    return State(
        lineage="lineage",
        serial=3,
        stack="shop",
        environment="prod",
        account="digest",
        endpoint="https://api-kr.iwinv.kr",
        entries={entry.address: entry for entry in (rule, web)},
        deposed={
            "INSTANCE-0": Deposed(
                "instances.web", "instances", "INSTANCE-0", "abcdefghijkl", Phase.DELETING
            )
        },
        open={9: OpenIntent(_intent(), "unknown")},
        outputs={"ip": (None, "not known"), "list": ((1, "a"), None)},
        facts={"marker": "unproved"},
        sequence=9,
    )


def _intent() -> Intent:
    put = Entry("instances.db", "instances", MADE, nonce="abcdefghijkl", made=1_767_225_600)
    inputs = {"zone": "kr1-z01", "name": "db", "ssh_keys": ("deploy",)}
    key, operation = "instance.create instances.db", "instance.create"
    return Intent(
        9,
        "run",
        key,
        "instances.db",
        operation,
        None,
        inputs,
        "abcdefghijkl",
        1_767_225_600,
        (StateChange(put=put),),
    )


def _journal() -> bytes:
    header = {"format": 1, "lineage": "lineage", "serial": 3, "sequence": 8}
    effects = (
        StateChange(drop="instances.old"),
        StateChange(fact=("attach", "replace")),
        StateChange(output=("ip", "1", None)),
    )
    records: tuple[Record, ...] = (
        _intent(),
        Outcome(10, "run", 9, "accepted", effects, "x"),
        Note(11, "run", "settled", (StateChange(remove_deposed="INSTANCE-0"),), settles=9),
    )
    return b"".join(
        map(
            journal.encode_line,
            [state_format.encode_object(header), *map(state_format.encode_record, records)],
        )
    )


def _plan(made: Plan) -> bytes:
    saved = SavedPlan(
        made,
        account="a",
        endpoint="e",
        simulated=True,
        made=Made(1),
        accept=(Acceptance(RiskClass.DELETE, "instances.web"),),
        options=SavedOptions(replace=frozenset({"instances.web"}), only=("instances.*",)),
    )
    return saved_plan.write(saved).encode()


def _answers() -> tuple[bytes, ...]:
    """Whole answers of the local cloud, one for each list, a receipt and a refusal."""
    cloud = Cloud(switches={"rate_limit": "off"})
    bodies = [cloud.handle(cloud.signed("GET", f"/v1/{name}")).body for name in _LISTS]
    account, address = {"username": "root", "password": "x"}, {"public": {"address": "203.0.113.1"}}
    made = {"instance_id": "INSTANCE-1", "default_account": account, "ip": [address]}
    bodies.append(
        json.dumps(
            {"code": "0x00", "error_code": "SUCCESS", "message": "", "result": [made], "count": 1}
        ).encode()
    )
    bodies.append(
        b'{"code": "0x16", "error_code": "ID_INVALID", "message": "no", "result": "error"}'
    )
    return tuple(bytes((0, place % 9)) + b"0005" + body for place, body in enumerate(bodies))
