"""A taken-over stack as the text of its file: one resource a block, rules one a line, comments
where something cannot be said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.importing.adopt import Adopted, Adoption
from reconciler.importing.yaml_writer import flow, key, scalar
from reconciler.model.resource import EMPTY, Account, LiveResource
from reconciler.resources import BUILD_ORDER

_TITLES = {
    "firewalls": (),
    "instances": (
        (
            "# ssh_keys and user_script are only set at creation, and the API does not "
            "return them: add them before you create or replace an instance."
        ),
    ),
    "block_storages": (),
}


def text(adoption: Adoption, account: Account) -> str:
    """The file. It is read by `validate` as it stands, and its plan is nothing but binds."""
    return "".join(f"{line}\n" for line in _lines(adoption, account))


def seen_lines(adoption: Adoption, account: Account) -> Iterator[str]:
    """What was seen, zone by zone, and what the API does not show."""
    instances = Counter(
        str(row.attributes.get("zone")) for row in account.objects.get("instances", EMPTY).values()
    )
    block_storages = Counter(
        str(row.attributes.get("zone"))
        for row in account.objects.get("block_storages", EMPTY).values()
    )
    names = {
        str(row["id"]): str(row.get("name") or row["id"]) for row in account.catalogue.zones or ()
    }
    for zone in sorted({*instances, *block_storages, *names}):
        yield f"{names.get(zone, zone)}: {_count(instances[zone], 'instances')}, {_count(block_storages[zone], 'block_storages')}"
    yield f"{_count(len(account.objects.get('firewalls', EMPTY)), 'firewalls')} of the account"
    yield (
        "Instances in zones that the API does not cover are not listed: compare with the console."
    )
    bound = ", ".join(
        _count(adoption.count(kind), kind) for kind in BUILD_ORDER if adoption.count(kind)
    )
    yield f"Taken over: {bound or 'nothing'}" + (
        f"; not taken over: {len(adoption.left)}, at the end of this file" if adoption.left else ""
    )


def _count(number: int, kind: str) -> str:
    noun = kind.removesuffix("s").replace("_", " ")
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _lines(adoption: Adoption, account: Account) -> Iterator[str]:
    yield (
        "# Written from the account. The plan of this file only binds objects (=); "
        "after the next apply it is empty."
    )
    for line in seen_lines(adoption, account):
        yield f"#   {_comment(line)}"
    yield "version: 1"
    yield f"stack: {adoption.stack}"
    if adoption.defaults:
        yield ""
        yield "defaults:"
        for kind, body in adoption.defaults.items():
            yield f"  {kind}: {flow(body)}"
    for kind in BUILD_ORDER:
        yield from _section(kind, [one for one in adoption.resources if one.kind == kind])
    yield from _existing(adoption.existing)
    yield from _left(adoption.left)


def _section(kind: str, resources: list[Adopted]) -> Iterator[str]:
    if not resources:
        return
    yield ""
    yield from _TITLES.get(kind, ())
    yield f"{kind}:"
    for one in resources:
        for note in one.notes:
            yield f"  # {_comment(note)}"
        yield f"  {one.key}:"
        for name, value in one.body.items():
            if name == "import":
                yield from _rules(one)
            remark = one.remarks.get(name)
            yield f"    {name}: {_value(value)}" + (f"  # {_comment(remark)}" if remark else "")


def _value(value: Any) -> str:
    return flow(value) if isinstance(value, Mapping | list | tuple) else scalar(value)


def _rules(one: Adopted) -> Iterator[str]:
    if not one.rules.written and not one.rules.left:
        return
    yield "    rules:"
    for name, members in one.rules.written.items():
        yield f"      {key(name)}: {flow(members)}"
    for said, reason in one.rules.left:
        yield f"      # {_comment(said)}: {_comment(reason)}; left alone by `ignore: [rules]`"


def _existing(found: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    if not found:
        return
    yield ""
    yield "existing:  # referenced, not owned"
    for kind, objects in found.items():
        yield f"  {kind}:"
        for name, id in objects.items():
            yield f"    {name}: {flow({'id': id})}"


def _left(left: tuple[tuple[str, LiveResource, str], ...]) -> Iterator[str]:
    if not left:
        return
    yield ""
    yield "# Not taken over:"
    for kind, live, reason in left:
        yield f"#   {kind}: {_comment(str(live.attributes.get('name')))} ({live.id}): {_comment(reason)}"


def _comment(text: str) -> str:
    """A text that stays on its line."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
