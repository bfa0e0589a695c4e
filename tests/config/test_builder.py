"""From text to stack: what the file says becomes objects in normal form."""

from __future__ import annotations

import pytest

from reconciler import resources
from reconciler.config import builder, requirements
from reconciler.config.document import Table
from reconciler.config.variables import VariableInputs
from reconciler.model.diagnostics import Place
from reconciler.model.resource import PROTECT_ALL, Deferred, Existing, Lifecycle, Link, Lookup
from tests.stackfiles import HEAD, at, built, problems, resource, the_problem, told

SERVER = "{zone: kr1-z01, flavor: std_1.2-g1, image: {os: ubuntu, version: '22.04'}}"


def test_an_instance_is_in_normal_form() -> None:
    stack = built(
        HEAD
        + """
firewalls: {web: }
instances:
  web:
    zone: kr1-z01
    flavor: {id: std_2.4-g1}
    image: {os: ubuntu, version: 22.10}
    name: 웹 서버
    description: 3
    ssh_keys: [deploy, {id: SSHKEY-1}]
    user_script: setup
    firewall: web
    power: on
"""
    )
    web = resource(stack, "instances.web")
    assert web.attributes == {
        "zone": Lookup("zones", "any", "kr1-z01"),
        "flavor": Lookup("flavors", "id", "std_2.4-g1"),
        "image": Lookup("images", "os", "ubuntu", "22.10"),
        "name": "웹 서버",
        "description": "3",
        "ssh_keys": (Lookup("ssh_keys", "any", "deploy"), Lookup("ssh_keys", "id", "SSHKEY-1")),
        "user_script": Lookup("user_scripts", "any", "setup"),
        "firewall": Link(at("firewalls.web")),
        "power": "on",
    }
    assert web.at_create == {}
    assert str(web.place) == "stack.yaml:6:3"
    assert str(web.places["image"]) == "stack.yaml:9:12"


def test_a_firewall_and_its_rules_are_objects_of_their_own() -> None:
    stack = built(
        HEAD
        + """
firewalls:
  web:
    icmp: true
    rules:
      https: {direction: in, protocol: tcp, ports: 443, cidr: 0.0.0.0/0}
      range: {direction: out, protocol: udp, ports: 10-20, cidr: 10.0.0.1/8, title: 바깥, description: to all}
      one: {direction: in, protocol: tcp, ports: 80-80, cidr: 1.2.3.4/32}
"""
    )
    assert list(map(str, stack.resources)) == [
        "firewalls.web",
        "firewalls.web.rules.https",
        "firewalls.web.rules.one",
        "firewalls.web.rules.range",
    ]
    assert resource(stack, "firewalls.web").attributes == {"icmp": True}
    assert resource(stack, "firewalls.web").at_create == {"name": "shop-web"}
    assert resource(stack, "firewalls.web.rules.https").attributes == {
        "title": "https",
        "direction": "in",
        "protocol": "tcp",
        "ports": "443",
        "cidr": "0.0.0.0/0",
    }
    assert resource(stack, "firewalls.web.rules.range").attributes == {
        "title": "바깥",
        "direction": "out",
        "protocol": "udp",
        "ports": "10-20",
        "cidr": "10.0.0.1/8",
        "description": "to all",
    }
    assert resource(stack, "firewalls.web.rules.one").attributes["ports"] == "80"


def test_ping_is_off_at_create_unless_the_file_sets_it() -> None:
    assert resource(built(HEAD + "firewalls: {web: {}}"), "firewalls.web").at_create == {
        "name": "shop-web",
        "icmp": False,
    }


def test_a_volume_is_in_normal_form() -> None:
    stack = built(
        HEAD
        + f"instances: {{db: {SERVER}}}\nblock_storages: {{data: {{type: ssd, size: 100, instance: db}}, old: {{instance: none}}}}"
    )
    assert resource(stack, "block_storages.data").attributes == {
        "type": "ssd",
        "size": 100,
        "instance": Link(at("instances.db")),
    }
    assert resource(stack, "block_storages.old").attributes == {"instance": None}


@pytest.mark.parametrize(
    ("repeat", "addresses", "names"),
    [
        ("count: 2", ["instances.a[0]", "instances.a[1]"], ["shop-a-0", "shop-a-1"]),
        ("count: 0", [], []),
        ("count: ${vars.n}", ["instances.a[0]", "instances.a[1]"], ["shop-a-0", "shop-a-1"]),
        ("count: ${locals.m - 1}", ["instances.a[0]", "instances.a[1]"], ["shop-a-0", "shop-a-1"]),
        ("for_each: [b, a]", ['instances.a["a"]', 'instances.a["b"]'], ["shop-a-a", "shop-a-b"]),
        ("for_each: {Seoul 1: x}", ['instances.a["Seoul 1"]'], ["shop-a-seoul-1"]),
        ("for_each: {서울: x}", ['instances.a["서울"]'], ["shop-a-ca6c41"]),
        ("for_each: ${vars.zones}", ['instances.a["k"]'], ["shop-a-k"]),
        ("when: false", [], []),
        ("when: ${vars.n > 1}", ["instances.a"], ["shop-a"]),
        ("when: ${vars.n > 1}, count: 1", ["instances.a[0]"], ["shop-a-0"]),
        ("count: null", ["instances.a"], ["shop-a"]),
    ],
)
def test_a_resource_is_unfolded(repeat: str, addresses: list[str], names: list[str]) -> None:
    key, _, value = repeat.partition(": ")
    body = (
        repeat
        if "," in repeat and "${" not in repeat
        else "\n    ".join(repeat.split(", "))
        if "for_each: [" not in repeat
        else f"{key}: {value}"
    )
    stack = built(
        HEAD
        + f"""
variables:
  n: {{type: integer, default: 2}}
  zones: {{type: map, default: {{k: kr1-z01}}}}
locals: {{m: "${{vars.n + 1}}"}}
instances:
  a:
    {body}
    zone: kr1-z01
"""
    )
    assert list(map(str, stack.resources)) == addresses
    assert [found.at_create["name"] for found in stack.resources.values()] == names


def test_each_object_has_its_own_values_and_shares_the_rest() -> None:
    stack = built(
        HEAD
        + """
instances:
  a: {count: 3, zone: kr1-z01, flavor: f, name: "n${count.index}", description: "of ${stack.name}"}
  b: {for_each: {x: std_1.2-g1, y: std_2.4-g1}, flavor: "${each.value}", name: "${each.key}!"}
"""
    )
    names = [resource(stack, f"instances.a[{n}]").attributes["name"] for n in range(3)]
    assert names == ["n0", "n1", "n2"]
    assert resource(stack, 'instances.b["y"]').attributes == {
        "flavor": Lookup("flavors", "any", "std_2.4-g1"),
        "name": "y!",
    }
    zones = {id(resource(stack, f"instances.a[{n}]").attributes["zone"]) for n in range(3)}
    assert len(zones) == 1


def test_rules_of_a_counted_firewall_belong_to_each_of_it() -> None:
    stack = built(
        HEAD
        + 'firewalls: {a: {count: 2, rules: {x: {direction: in, protocol: tcp, ports: "${8000 + count.index}", cidr: 0.0.0.0/0}}}}'
    )
    assert resource(stack, "firewalls.a[1].rules.x").attributes["ports"] == "8001"


def test_defaults_lie_under_a_resource_and_null_undoes_one() -> None:
    stack = built(
        HEAD
        + """
defaults:
  instances: {zone: kr1-z01, ssh_keys: [deploy], lifecycle: {protect: true, retain: true}, marker: false}
instances:
  a: {}
  b: {zone: kr2-z01, ssh_keys: null, lifecycle: {protect: [stop]}, marker: true}
"""
    )
    a, b = resource(stack, "instances.a"), resource(stack, "instances.b")
    assert a.attributes == {
        "zone": Lookup("zones", "any", "kr1-z01"),
        "ssh_keys": (Lookup("ssh_keys", "any", "deploy"),),
    }
    assert b.attributes == {"zone": Lookup("zones", "any", "kr2-z01")}
    assert a.lifecycle == Lifecycle(protect=PROTECT_ALL, retain=True, marker=False)
    assert b.lifecycle == Lifecycle(protect=("stop",), retain=True)


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("", Lifecycle()),
        ("protect: true", Lifecycle(protect=PROTECT_ALL)),
        ("protect: false", Lifecycle(protect=())),
        ("protect: [stop, delete]", Lifecycle(protect=("delete", "stop"))),
        ("ignore: [name, description]", Lifecycle(ignore=("description", "name"))),
        ("on_image_change: replace", Lifecycle(on_image_change="replace")),
        ("resize: stop_first", Lifecycle(resize="stop_first")),
        ("replace: delete_first, retain: true", Lifecycle(replace="delete_first", retain=True)),
    ],
)
def test_a_lifecycle_is_read(written: str, wanted: Lifecycle) -> None:
    assert (
        resource(
            built(HEAD + f"instances: {{a: {{lifecycle: {{{written}}}}}}}"), "instances.a"
        ).lifecycle
        == wanted
    )


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("web", Link(at("firewalls.web"))),
        ("firewalls.web", Link(at("firewalls.web"))),
        ("many[1]", Link(at("firewalls.many[1]"))),
        ('keyed["a b"]', Link(at('firewalls.keyed["a b"]'))),
        ("existing.firewalls.office", Link(at("existing.firewalls.office"))),
        ('"many[${1 - 1}]"', Link(at("firewalls.many[0]"))),
        ("none", None),
        ("'none'", None),
    ],
)
def test_a_firewall_is_named_by_key_or_address(value: str, wanted: Link | None) -> None:
    stack = built(
        HEAD
        + f"""
existing: {{firewalls: {{office: {{name: office}}}}}}
firewalls: {{web: {{}}, many: {{count: 2}}, keyed: {{for_each: [a b]}}}}
instances:
  a:
    firewall: {value}
"""
    )
    assert resource(stack, "instances.a").attributes["firewall"] == wanted


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("wob", "missing-reference"),
        ("many", "bad-reference"),
        ("many[2]", "missing-reference"),
        ("web[0]", "missing-reference"),
        ('keyed["b"]', "missing-reference"),
        ("instances.a", "bad-reference"),
        ("existing.firewalls.home", "missing-reference"),
        ("web.rules.x", "bad-reference"),
        ("Web", "bad-reference"),
        ("gone", "missing-reference"),
        ("${instances.b.name}", "not-known"),
    ],
)
def test_a_firewall_that_is_not_there_is_reported(value: str, code: str) -> None:
    text = f"""
firewalls: {{web: {{}}, many: {{count: 2}}, keyed: {{for_each: [a]}}, gone: {{when: false}}}}
instances:
  b: {{}}
  a:
    firewall: {value}
"""
    assert told(HEAD + text) == [f"8:15 {code}"]


def test_the_nearest_name_is_offered() -> None:
    found = the_problem(
        HEAD + "firewalls: {web: {}, office: {}}\ninstances: {a: {firewall: offfice}}"
    )
    assert (found.message, found.hint) == (
        "`firewalls.offfice` does not exist",
        "did you mean `office`?",
    )


def test_a_text_that_reads_resources_stays_deferred() -> None:
    stack = built(
        HEAD
        + 'instances: {a: {description: "beside ${instances.b.private_ip}"}, b: {}}\noutputs: {x: {value: [1, "${instances.b.id}"]}}'
    )
    value = resource(stack, "instances.a").attributes["description"]
    assert isinstance(value, Deferred)
    assert value.text == "beside ${instances.b.private_ip}"
    assert [str(ref) for ref in value.references] == ["instances.b.private_ip"]
    assert str(value.place) == "stack.yaml:3:30"
    (output,) = stack.outputs
    assert isinstance(output.value, tuple)
    assert isinstance(output.value[1], Deferred)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("count", '"${instances.b.id}"'),
        ("for_each", '["${instances.b.id}"]'),
        ("when", '"${instances.b.power == null}"'),
        ("zone", '"${instances.b.zone}"'),
        ("flavor", '"${locals.f}"'),
        ("image", '{os: ubuntu, version: "${instances.b.name}"}'),
        ("ssh_keys", '["${instances.b.name}"]'),
        ("power", '"${instances.b.status}"'),
    ],
)
def test_what_must_be_known_before_the_plan_may_not_wait(field: str, value: str) -> None:
    if field == "when":
        value = '"${instances.b.status == null}"'
    found = the_problem(
        HEAD
        + f'locals: {{f: "${{instances.b.flavor}}"}}\ninstances:\n  b: {{}}\n  a:\n    {field}: {value}\n'
    )
    assert found.code == "not-known"
    assert "instances.b" in found.message


def test_environments_have_their_own_values() -> None:
    text = (
        HEAD
        + """
variables: {n: {type: integer, default: 1}}
environments:
  staging:
  prod: {variables: {n: 3}, accept: [downtime, delete=instances.a]}
instances: {a: {count: "${vars.n}"}}
"""
    )
    staging, prod = built(text, environment="staging"), built(text, environment="prod")
    assert (staging.title, prod.title) == ("shop/staging", "shop/prod")
    assert (len(staging.resources), len(prod.resources)) == (1, 3)
    assert resource(prod, "instances.a[2]").at_create["name"] == "shop-prod-a-2"
    assert (staging.accept, prod.accept) == ((), ("delete=instances.a", "downtime"))
    for wrong in (None, "live"):
        found = the_problem(text, environment=wrong)
        assert found.code == "environment"
        assert "staging" in str(found.hint)
    assert the_problem(HEAD + "instances: {}", environment="prod").code == "environment"


def test_what_is_read_of_a_stack_beside_its_resources() -> None:
    stack = built(
        HEAD
        + "prices: {ssd: 120}\nexisting: {instances: {old: {id: INSTANCE-1}}}\noutputs: {x: {value: 1, description: one}}"
    )
    assert stack.prices == {"ssd": 120}
    assert stack.existing == {
        at("existing.instances.old"): Existing(
            at("existing.instances.old"),
            "id",
            "INSTANCE-1",
            stack.existing[at("existing.instances.old")].place,
        )
    }
    assert [(output.name, output.value, output.description) for output in stack.outputs] == [
        ("x", 1, "one")
    ]
    assert stack.title == "shop"


def test_imports_bind_ids() -> None:
    stack = built(
        HEAD
        + "instances: {a: {import: INSTANCE-1}, b: {count: 2, import: {1: INSTANCE-2}}, c: {for_each: [x], import: {x: I-3}}}"
    )
    assert {str(a): r.import_id for a, r in stack.resources.items()} == {
        "instances.a": "INSTANCE-1",
        "instances.b[0]": None,
        "instances.b[1]": "INSTANCE-2",
        'instances.c["x"]': "I-3",
    }


MISTAKES = [
    (
        "two equal rules",
        "firewalls: {w: {rules: {a: {direction: in, protocol: tcp, ports: 80, cidr: 0.0.0.0/0}, "
        "b: {direction: in, protocol: tcp, ports: '80', cidr: 0.0.0.0/0, title: x}}}}",
        "3:88 duplicate-rule",
    ),
    (
        "ports that descend",
        "firewalls: {w: {rules: {a: {direction: in, protocol: tcp, ports: 90-80, cidr: 0.0.0.0/0}}}}",
        "3:66 out-of-bounds",
    ),
    (
        "a port too large",
        "firewalls: {w: {rules: {a: {direction: in, protocol: tcp, ports: 65536, cidr: 0.0.0.0/0}}}}",
        "3:66 out-of-bounds",
    ),
    (
        "a range without mask",
        "firewalls: {w: {rules: {a: {direction: in, protocol: tcp, ports: 80, cidr: 10.0.0.1}}}}",
        "3:76 bad-format",
    ),
    (
        "IPv6",
        "firewalls: {w: {rules: {a: {direction: in, protocol: tcp, ports: 80, cidr: '::/0'}}}}",
        "3:76 bad-format",
    ),
    (
        "a rule without range",
        "firewalls: {w: {rules: {a: {direction: in, protocol: tcp, ports: 80}}}}",
        "3:28 missing-key",
    ),
    ("count and for_each", "instances: {a: {count: 1, for_each: [x]}}", "3:27 bad-combination"),
    ("count below zero", "instances: {a: {count: -1}}", "3:24 out-of-bounds"),
    (
        "count of a text",
        'variables: {t: {type: string, default: x}}\ninstances: {a: {count: "${vars.t}"}}',
        "4:24 wrong-type",
    ),
    (
        "for_each of numbers",
        'variables: {n: {type: integer, default: 3}}\ninstances: {a: {for_each: "${vars.n}"}}',
        "4:27 wrong-type",
    ),
    ("a long for_each key", "instances: {a: {for_each: [abcdefghijklmnopq]}}", "3:27 bad-format"),
    ("an empty for_each key", "instances: {a: {for_each: ['']}}", "3:27 bad-format"),
    ("a key twice in for_each", "instances: {a: {for_each: [x, x]}}", "3:31 yaml-duplicate-key"),
    ("a resource named none", "firewalls: {none: {}}", "3:13 not-allowed"),
    ("for_each of mappings", "instances: {a: {for_each: [{x: 1}]}}", "3:28 wrong-type"),
    ("ignore of no field", "instances: {a: {lifecycle: {ignore: [nme]}}}", "3:38 not-allowed"),
    (
        "depends_on of nothing",
        "instances: {a: {depends_on: [instances.b]}}",
        "3:30 missing-reference",
    ),
    ("depends_on of a key", "instances: {a: {depends_on: [b]}, b: {}}", "3:30 bad-reference"),
    (
        "depends_on of a rule that is not there",
        "firewalls: {w: {}}\ninstances: {a: {depends_on: [firewalls.w.rules.x]}}",
        "4:13 missing-reference",
    ),
    ("import under count", "instances: {a: {count: 1, import: I-1}}", "3:35 wrong-type"),
    (
        "import of no index",
        "instances: {a: {count: 1, import: {1: I-1}}}",
        "3:36 missing-reference",
    ),
    ("an id with a slash", "instances: {a: {image: {id: a/b}}}", "3:24 bad-format"),
    ("an expression within a text", "locals:\n  a: x ${vars.q}\n", "4:10 missing-reference"),
    ("an expression broken", 'outputs:\n  x: {value: "é ${1 + }"}', "4:23 expression"),
    ("locals in a circle", 'locals: {a: "${locals.b}", b: "${locals.a}"}', "3:10 cycle"),
    (
        "an output of nothing",
        'outputs: {x: {value: "${instances.a.id}"}}',
        "3:25 missing-reference",
    ),
    ("icmp by a text", 'locals: {t: x}\nfirewalls: {w: {icmp: "${locals.t}"}}', "4:23 wrong-type"),
]


@pytest.mark.parametrize(
    ("text", "wanted"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES]
)
def test_a_mistake_is_reported_once_at_its_place(text: str, wanted: str) -> None:
    assert told(HEAD + text) == [wanted]


def test_all_mistakes_are_reported_together() -> None:
    text = """
instances:
  a: {flavr: x, firewall: web, count: no}
  b: {zone: "${var.z}", name: "${vars.q}"}
block_storages:
  c: {size: big}
"""
    assert told(HEAD + text) == [
        "5:7 unknown-key",
        "5:27 missing-reference",
        "5:39 wrong-type",
        "6:16 bad-reference",
        "6:34 missing-reference",
        "8:13 wrong-type",
    ]


def test_what_is_wrong_with_a_count_hides_nothing_else_and_starts_no_other_mistakes() -> None:
    text = """
instances:
  a: {count: many, name: "a${count.index}", flavor: "${vars.q}", import: {0: I-1}}
  b: {depends_on: ["instances.a[0]"], name: "${instances.a[1].id}"}
"""
    assert told(HEAD + text) == ["5:14 wrong-type", "5:56 missing-reference"]


def test_a_missing_variable_is_reported_once_and_not_again_where_it_is_used() -> None:
    text = 'variables: {n: {type: integer}}\ninstances: {a: {count: "${vars.n}", name: "x${vars.n + 1}"}}'
    assert told(HEAD + text) == ["3:13 variable-missing"]


def test_a_document_that_is_not_whole_is_not_asked_for_what_it_lacks() -> None:
    assert told("instances: {a: {firewall: web}}\nb: [") == ["2:5 yaml-syntax"]


def test_equal_names_of_a_kind_are_reported() -> None:
    stack = built(
        HEAD
        + "instances: {a: {name: x}, b: {name: x}, c: {name: shop-d}, d: {}, e: {name: '${instances.a.id}'}}\nfirewalls: {x: {name: x}}"
    )
    assert [problem.message for problem in builder.equal_names(stack)] == [
        "instances.c and instances.d have the same name 'shop-d'",
        "instances.a and instances.b have the same name 'x'",
    ]


DEMANDS = [
    (
        "a name too long",
        f"instances: {{a: {{name: {'x' * 33}, zone: z, flavor: f, image: i}}}}",
        [("name", "send")],
    ),
    (
        "a name that fits",
        f"instances: {{a: {{name: {'가' * 32}, zone: z, flavor: f, image: i}}}}",
        [],
    ),
    (
        "a default name too long",
        "instances: {abcdefghijklmnopqrstuvwx: {count: 1001, zone: z, flavor: f, image: i}}",
        [("name", "create")],
    ),
    ("a firewall's name too short", "firewalls: {a: {name: web}}", [("name", "send")]),
    (
        "a description too long",
        f"firewalls: {{a: {{description: {'x' * 35}}}}}",
        [("description", "send")],
    ),
    ("a description that fits", f"firewalls: {{a: {{description: {'x' * 34}}}}}", []),
    (
        "a long one without marker",
        f"firewalls: {{a: {{description: {'x' * 50}, marker: false}}}}",
        [],
    ),
    (
        "a too long one without marker",
        f"firewalls: {{a: {{description: {'x' * 51}, marker: false}}}}",
        [("description", "send")],
    ),
    ("a server without image", "instances: {a: {zone: z, flavor: f}}", [("image", "create")]),
    ("an imported server", "instances: {a: {import: I-1}}", []),
    (
        "a volume on no server",
        "block_storages: {a: {type: ssd, size: 10, instance: none}}",
        [("instance", "create")],
    ),
    (
        "a volume without server",
        "block_storages: {a: {type: ssd, size: 10}}",
        [("instance", "create")],
    ),
    (
        "a rule's title too long",
        f"firewalls: {{w: {{rules: {{a: {{direction: in, protocol: tcp, ports: 1, cidr: 0.0.0.0/0, title: {'x' * 26}}}}}}}}}",
        [("title", "send")],
    ),
    (
        "a control character",
        'instances: {a: {name: "a\\nb", zone: z, flavor: f, image: i}}',
        [("name", "send")],
    ),
]


@pytest.mark.parametrize(
    ("text", "wanted"), [row[1:] for row in DEMANDS], ids=[row[0] for row in DEMANDS]
)
def test_limits_that_bind_only_what_is_sent_are_kept_apart(
    text: str, wanted: list[tuple[str, str]]
) -> None:
    found = requirements.demands(built(HEAD + text))
    assert list(dict.fromkeys((demand.field, demand.when) for demand in found)) == wanted


def test_a_name_that_is_too_long_is_reported_with_the_excess() -> None:
    (demand,) = requirements.demands(
        built(HEAD + f"instances: {{a: {{name: {'x' * 40}, zone: z, flavor: f, image: i}}}}")
    )
    assert demand.problem.message == "the name has 40 characters; the maximum is 32"
    assert str(demand.problem.place) == "stack.yaml:3:23"


DIGESTS = [
    (
        "order of keys",
        "instances: {a: {zone: z, flavor: f}, b: {}}",
        "instances: {b: {}, a: {flavor: f, zone: z}}",
        True,
    ),
    (
        "comments and spelling",
        "instances: {a: {zone: z}}",
        "instances: # here\n  a:\n    zone: 'z'\n",
        True,
    ),
    (
        "an alias",
        "instances: {a: {image: &i {os: u, version: '1'}}, b: {image: *i}}",
        "instances: {a: {image: {os: u, version: '1'}}, b: {image: {os: u, version: '1'}}}",
        True,
    ),
    (
        "defaults or written out",
        "defaults: {instances: {zone: z}}\ninstances: {a: {}}",
        "instances: {a: {zone: z}}",
        True,
    ),
    ("another value", "instances: {a: {zone: z}}", "instances: {a: {zone: y}}", False),
    ("a number or its text as count", "instances: {a: {count: 1}}", "instances: {a: {}}", False),
    (
        "another lifecycle",
        "instances: {a: {}}",
        "instances: {a: {lifecycle: {retain: true}}}",
        False,
    ),
    (
        "a link or a text",
        "firewalls: {web: {}}\ninstances: {a: {firewall: web}}",
        "firewalls: {web: {}}\ninstances: {a: {firewall: none}}",
        False,
    ),
    (
        "another local behind a text",
        'locals: {x: 1}\ninstances: {b: {}, a: {name: "${locals.x}${instances.b.id}"}}',
        'locals: {x: 2}\ninstances: {b: {}, a: {name: "${locals.x}${instances.b.id}"}}',
        False,
    ),
    ("another output", "outputs: {x: {value: 1}}", "outputs: {x: {value: '1'}}", False),
    (
        "a variable's default",
        "variables: {n: {type: integer, default: 1}}",
        "variables: {n: {type: integer, default: 2}}",
        False,
    ),
]


@pytest.mark.parametrize(
    ("first", "second", "equal"), [row[1:] for row in DIGESTS], ids=[row[0] for row in DIGESTS]
)
def test_the_digest_is_over_the_meaning(first: str, second: str, equal: bool) -> None:
    assert (built(HEAD + first).digest == built(HEAD + second).digest) is equal


def test_values_given_from_outside_are_part_of_the_meaning() -> None:
    text = HEAD + "variables: {n: {type: integer, default: 1}}\ninstances: {a: {}}"
    given = built(text, inputs=VariableInputs(arguments={"n": "2"}))
    assert given.variables == {"n": 2}
    assert given.digest != built(text).digest
    assert given.digest == built(text, inputs=VariableInputs(process={"n": "2"})).digest


@pytest.mark.parametrize(
    ("kind", "field", "value", "fits"),
    [
        ("rules", "cidr", "0.0.0.0/0", True),
        ("rules", "cidr", "192.0.2.1/24", True),
        ("rules", "cidr", "192.0.2.1", False),
        ("rules", "cidr", "192.0.2.1/33", False),
        ("rules", "cidr", "192.0.2.256/32", False),
        ("rules", "cidr", "192.0.02.1/32", False),
        ("rules", "cidr", "192.0.2.1/032", False),
        ("rules", "cidr", "192.0.2.1/255.255.255.0", False),
        ("rules", "cidr", "١.0.2.1/32", False),
        ("rules", "cidr", "None/32", False),
        ("rules", "cidr", 3, False),
        ("rules", "ports", "1", True),
        ("rules", "ports", "65535", True),
        ("rules", "ports", "0", False),
        ("rules", "ports", "0-65535", False),
        ("rules", "ports", "10-9", False),
        ("rules", "ports", "080", False),
        ("rules", "direction", "inbound", False),
        ("rules", "protocol", "icmp", False),
        ("rules", "title", "", False),
        ("rules", "title", "가" * 25, True),
        ("rules", "description", "x" * 26, False),
        ("instances", "name", "", False),
        ("instances", "name", "x", True),
        ("instances", "power", "on", True),
        ("instances", "power", True, False),
        ("instances", "zone", "anything", True),
        ("firewalls", "icmp", "Y", False),
        ("block_storages", "size", 10, True),
        ("block_storages", "size", 0, False),
        ("block_storages", "size", True, False),
        ("block_storages", "size", 1.5, False),
        ("instances", "name", None, True),
    ],
)
def test_a_value_filled_in_late_is_checked_like_one_in_the_file(
    kind: str, field: str, value: object, fits: bool
) -> None:
    assert (resources.problem_with(kind, field, value) is None) is fits  # type: ignore[arg-type]


def test_an_unknown_count_reports_only_the_mistake_that_caused_it() -> None:
    text = (
        HEAD
        + """
variables: {n: {type: integer, default: 2}}
firewalls:
  db: {rules: {sql: {direction: in, protocol: tcp, ports: 3306, cidr: "${instances.web[0].private_ip}/32"}}}
instances:
  web: {count: "${vars.n}"}
  app: {depends_on: [instances.web, instances.db]}
block_storages: {data: {type: ssd, size: 10, instance: "web[1]"}}
outputs: {ips: {value: "${instances.web.map(w, w.public_ip)}"}}
"""
    )
    found = problems(text, inputs=VariableInputs(arguments={"n": "abc"}))
    assert [p.code for p in found] == ["variable-value", "missing-reference"]
    assert found[1].hint == "use one of `app`, `web`"


def test_a_text_that_reads_an_object_left_out_by_when_is_reported_with_an_alternative() -> None:
    # Goal: not that there is no such thing in the file, which it is plain to see there is.
    text = (
        HEAD
        + f"instances: {{a: {SERVER[:-1]}, when: false}}, b: {SERVER}}}\noutputs: {{ip: {{value: '${{instances.a.public_ip}}'}}}}\n"
    )
    found = the_problem(text)
    assert (
        found.message == "`instances.a` is left out by its `when`"
        and "count: ${CONDITION ? 1 : 0}" in (found.hint or "")
    )
    counted = text.replace("when: false", "count: '${false ? 1 : 0}'").replace(
        "instances.a.public_ip", "instances.a.map(s, s.public_ip)"
    )
    assert problems(counted) == ()


def test_no_mapping_is_searched_for_the_place_of_each_of_its_keys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Goal: the time to build grows with the number of rules and variables, not with its square.
    asked: list[str] = []

    def key_place(table: Table, key: str) -> Place:
        asked.append(key)
        return table.place

    monkeypatch.setattr(Table, "key_place", key_place)
    rules = ", ".join(
        f"r{n}: {{direction: in, protocol: tcp, ports: {n}, cidr: 10.0.0.0/8}}" for n in range(1, 9)
    )
    built(
        HEAD
        + "variables: {a: {type: integer, default: 1}, b: {type: integer, default: 2}}\nfirewalls: {w: {rules: {"
        + rules
        + "}}}\n"
    )
    assert len(asked) <= 1
