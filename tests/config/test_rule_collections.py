"""Rules that the file writes once for several addresses, ports or keys."""

from __future__ import annotations

import pytest

from reconciler.model import address
from reconciler.model.resource import Deferred
from tests.stackfiles import at, built, problems, told

HEAD = """\
version: 1
stack: shop
variables:
  office: {type: list, default: [203.0.113.7/32, 203.0.113.8/32]}
  extra: {type: list, default: []}
  open: {type: boolean, default: false}
locals:
  webs: ${instances.web.map(w, w.private_ip + "/32")}
instances:
  web: {count: 2, zone: z, flavor: f, image: i}
  app: {for_each: {a: 1, b: 2}, zone: z, flavor: f, image: i}
firewalls:
"""
RULE = "direction: in, protocol: tcp"
PORT = f"{RULE}, ports: 22"


def rules(text: str) -> dict[str, tuple[object, object]]:
    """Ports and range of each rule, by key; a range that is not known by what it waits for."""
    found: dict[str, tuple[object, object]] = {}
    for one, resource in built(HEAD + text).resources.items():
        if one.rule is not None:
            cidr: object = resource.attributes["cidr"]
            if isinstance(cidr, Deferred):
                cidr = [str(ref) for ref in cidr.references]
            found[f"{one.owner.name}{one.index or ''}.{one.rule}"] = (
                resource.attributes["ports"],
                cidr,
            )
            assert address.parse(str(one)) == one
            assert resource.attributes["title"] == one.rule_key
    return found


WEBS = {
    "w.r[0]": ("22", ["instances.web[0].private_ip"]),
    "w.r[1]": ("22", ["instances.web[1].private_ip"]),
}
APPS = {
    "w.r[0]": ("22", ['instances.app["a"].private_ip']),
    "w.r[1]": ("22", ['instances.app["b"].private_ip']),
}

UNFOLDED = [
    ("one element", "cidr: [10.0.0.0/8]", {'w.r["10.0.0.0/8"]': ("22", "10.0.0.0/8")}),
    (
        "a variable among texts",
        'cidr: [10.0.0.0/8, "${vars.office[0]}"]',
        {
            'w.r["10.0.0.0/8"]': ("22", "10.0.0.0/8"),
            'w.r["203.0.113.7/32"]': ("22", "203.0.113.7/32"),
        },
    ),
    (
        "a list among texts, and nulls",
        'cidr: [null, "${vars.office}", "${vars.open ? \'0.0.0.0/0\' : null}"]',
        {
            'w.r["203.0.113.7/32"]': ("22", "203.0.113.7/32"),
            'w.r["203.0.113.8/32"]': ("22", "203.0.113.8/32"),
        },
    ),
    (
        "an expression that gives one text",
        'cidr: "${vars.office[0]}"',
        {"w.r": ("22", "203.0.113.7/32")},
    ),
    ("an empty list", 'cidr: "${vars.extra}"', {}),
    (
        "attributes of counted instances",
        "cidr: \"${instances.web.map(w, w.private_ip + '/32')}\"",
        WEBS,
    ),
    ("the same by a local", 'cidr: "${locals.webs}"', WEBS),
    ("a part of a local", 'cidr: "${[locals.webs[1]]}"', {"w.r[0]": WEBS["w.r[1]"]}),
    (
        "attributes of keyed instances",
        "cidr: \"${instances.app.map(k, instances.app[k].private_ip + '/32')}\"",
        APPS,
    ),
    ("their values", "cidr: \"${values(instances.app).map(a, a.private_ip + '/32')}\"", APPS),
    (
        "a filter on keys",
        "cidr: \"${instances.app.filter(k, k != 'a').map(k, instances.app[k].private_ip + '/32')}\"",
        {"w.r[0]": APPS["w.r[1]"]},
    ),
    (
        "what is known and what is not",
        "cidr: \"${['10.0.0.0/8'] + locals.webs}\"",
        {'w.r["10.0.0.0/8"]': ("22", "10.0.0.0/8"), **WEBS},
    ),
    (
        "count",
        'count: 2, cidr: "${vars.office[count.index]}"',
        {"w.r[0]": ("22", "203.0.113.7/32"), "w.r[1]": ("22", "203.0.113.8/32")},
    ),
    (
        "for_each with a list",
        'for_each: {a: 10.0.0.0/8}, cidr: ["${each.value}", 0.0.0.0/0]',
        {
            'w.r["a"]["0.0.0.0/0"]': ("22", "0.0.0.0/0"),
            'w.r["a"]["10.0.0.0/8"]': ("22", "10.0.0.0/8"),
        },
    ),
    ("when", 'when: "${vars.open}", cidr: 10.0.0.0/8', {}),
    (
        "keys with digits of other scripts",
        'for_each: {"\u0663": 10.0.0.0/8, a: 9.0.0.0/8}, cidr: "${each.value}"',
        {'w.r["\u0663"]': ("22", "10.0.0.0/8"), 'w.r["a"]': ("22", "9.0.0.0/8")},
    ),
    ("a comment at the end", 'cidr: "${locals.webs // all}"', WEBS),
]


@pytest.mark.parametrize(
    ("written", "wanted"), [row[1:] for row in UNFOLDED], ids=[row[0] for row in UNFOLDED]
)
def test_a_written_rule_stands_for_the_elements_of_its_collections(
    written: str, wanted: dict[str, object]
) -> None:
    assert rules(f"  w: {{rules: {{r: {{{PORT}, {written}}}}}}}\n") == wanted


def test_two_lists_give_every_combination_in_the_order_of_numbers() -> None:
    text = f'  w: {{rules: {{r: {{{RULE}, ports: [443, 80, "8000-8010"], cidr: [10.0.0.0/8, 9.0.0.0/8]}}}}}}\n'
    assert list(rules(text)) == [
        'w.r["8000-8010"]["9.0.0.0/8"]',
        'w.r["8000-8010"]["10.0.0.0/8"]',
        'w.r[80]["9.0.0.0/8"]',
        'w.r[80]["10.0.0.0/8"]',
        'w.r[443]["9.0.0.0/8"]',
        'w.r[443]["10.0.0.0/8"]',
    ]


def test_each_firewall_of_a_count_has_its_own_elements() -> None:
    text = f'  w: {{count: 2, rules: {{r: {{{PORT}, cidr: ["10.${{count.index}}.0.0/16"]}}}}}}\n'
    assert list(rules(text)) == ['w.r["10.0.0.0/16"]', 'w1.r["10.1.0.0/16"]']


def test_an_address_of_a_written_rule_means_all_of_its_rules() -> None:
    text = f"  w: {{rules: {{r: {{{PORT}, cidr: [10.0.0.0/8, 9.0.0.0/8]}}, e: {{{PORT}, cidr: []}}}}}}\n"
    stack = built(
        HEAD.replace(
            "image: i}", "image: i, depends_on: [firewalls.w.rules.r, firewalls.w.rules.e]}"
        )
        + text
    )
    assert [str(one) for one in stack.rules(at("firewalls.w.rules.r"))] == [
        'firewalls.w.rules.r["9.0.0.0/8"]',
        'firewalls.w.rules.r["10.0.0.0/8"]',
    ]
    assert stack.rules(at("firewalls.w.rules.e")) == ()


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("firewalls.w.rules.r[10.0.0.0/8]", 'firewalls.w.rules.r["10.0.0.0/8"]'),
        (
            "firewalls.w[a].rules.r[0][8000-8010][80]",
            'firewalls.w["a"].rules.r[0]["8000-8010"][80]',
        ),
    ],
)
def test_quotes_that_a_shell_removed_are_not_needed(typed: str, wanted: str) -> None:
    assert str(address.typed(typed)) == wanted


MISTAKES = [
    ("twice", "cidr: [10.0.0.0/8, 10.0.0.0/8]", ["duplicate-rule"]),
    ("twice in an expression", 'cidr: "${vars.office + vars.office}"', ["duplicate-rule"] * 2),
    ("an element that is no range", "cidr: [10.0.0.0]", ["bad-format"]),
    ("a list in a list", "cidr: [[10.0.0.0/8]]", ["wrong-type"]),
    ("whole objects", 'cidr: "${instances.web}"', ["wrong-type"] * 2),
    (
        "ports that are not known",
        'ports: "${instances.web.map(w, w.name)}", cidr: 10.0.0.0/8',
        ["not-known"] * 2,
    ),
    ("count and for_each", "count: 1, for_each: [a], cidr: 10.0.0.0/8", ["bad-combination"]),
]


@pytest.mark.parametrize(
    ("written", "codes"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES]
)
def test_a_mistake_in_a_collection_is_reported(written: str, codes: list[str]) -> None:
    ports = "" if "ports:" in written else ", ports: 22"
    found = told(HEAD + f"  w: {{rules: {{r: {{{RULE}{ports}, {written}}}}}}}\n")
    assert [line.split()[1] for line in found] == codes


def test_a_number_of_elements_that_is_not_known_is_refused_with_its_source() -> None:
    filtered = (
        "${values(instances.app).filter(a, a.status == 'active').map(a, a.private_ip + '/32')}"
    )
    (found,) = problems(HEAD + f'  w: {{rules: {{r: {{{PORT}, cidr: "{filtered}"}}}}}}\n')
    assert found.code == "not-known"
    assert 'it reads instances.app["a"].status, instances.app["b"].status' in str(found.message)


def test_rules_of_one_written_rule_are_limited() -> None:
    ports = '["${1 + count.index}", "${9001 + count.index}"]'
    text = f"  w: {{rules: {{r: {{count: 5001, {RULE}, ports: {ports}, cidr: 10.0.0.0/8}}}}}}\n"
    assert [line.split()[1] for line in told(HEAD + text)] == ["out-of-bounds"]


@pytest.mark.parametrize(
    ("key", "fits"), [("255.255.255.255/32", True), ("a" * 18, True), ("a" * 19, False)]
)
def test_a_range_is_a_key_of_a_loop_on_a_rule(key: str, fits: bool) -> None:
    rule = f'{{for_each: ["{key}"], direction: in, protocol: tcp, ports: 22, cidr: 10.0.0.0/8}}'
    text = f"version: 1\nstack: shop\nfirewalls: {{web: {{rules: {{ssh: {rule}}}}}}}\n"
    assert [p.code for p in problems(text)] == ([] if fits else ["bad-format"])
    if fits:
        assert address.parse(f'firewalls.web.rules.ssh["{key}"]') in built(text).resources
