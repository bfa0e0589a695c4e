"""An adopted stack as the text of its file: one resource per block, one rule per line, and comments
where the file cannot say something.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler import resources
from reconciler.common.suggestions import pasted
from reconciler.common.text import joined, msg
from reconciler.importing.adopt import Adopted, Adoption
from reconciler.importing.examples import SCHEMA_LINE
from reconciler.importing.yaml_writer import flow, key, scalar
from reconciler.locale.language import translated
from reconciler.model.resource import EMPTY, Account, LiveResource
from reconciler.model.resource_type import ResourceType

_NAMES_SHOWN_MAX = 3


def text(adoption: Adoption, account: Account, *, for_editors: bool = False) -> str:
    """The file. `validate` reads it as it is, and its plan only binds objects. `for_editors`: it
    names the schema beside it.
    """
    head = SCHEMA_LINE if for_editors else ""
    return head + "".join(f"{line}\n" for line in _lines(adoption, account))


def seen_lines(adoption: Adoption, account: Account) -> Iterator[str]:
    """What the account shows, zone by zone, and what the API does not show."""
    kinds = resources.all_kinds()
    zonal = [kinds[name] for name in kinds.sections if kinds[name].zonal]
    in_zone = Counter(
        (str(live.attributes.get("zone")), kind.name)
        for kind in zonal
        for live in account.objects.get(kind.name, EMPTY).values()
    )
    names = {
        str(row["id"]): str(row.get("name") or row["id"]) for row in account.catalogue.zones or ()
    }
    for zone in sorted({*names, *(zone for zone, _ in in_zone)}):
        counts = joined(", ", (_count(in_zone[zone, kind.name], kind) for kind in zonal))
        yield msg("{zone}: {counts}", zone=names.get(zone, zone), counts=counts)
    for name in kinds.sections:
        if not kinds[name].zonal:
            count = _count(len(account.objects.get(name, EMPTY)), kinds[name])
            yield msg("{count} of the account", count=count)
    yield msg(
        "Instances in zones that the API does not cover are not listed: compare with the console."
    )
    bound = joined(
        ", ",
        (
            _count(adoption.count(name), kinds[name])
            for name in kinds.build_order
            if adoption.count(name)
        ),
    )
    adopted = bound or msg("nothing")
    if adoption.left:
        yield msg(
            "Adopted: {adopted}; not adopted: {number}, listed at the end of this file",
            adopted=adopted,
            number=len(adoption.left),
        )
    else:
        yield msg("Adopted: {adopted}", adopted=adopted)


def _count(number: int, kind: ResourceType) -> str:
    return msg("{number} {noun}", number=number, noun=kind.noun if number == 1 else kind.nouns)


def _lines(adoption: Adoption, account: Account) -> Iterator[str]:
    head = msg(
        "Written from the account. The plan of this file only binds objects (=); after the next "
        "apply it is empty."
    )
    yield f"# {_comment(head)}"
    for line in seen_lines(adoption, account):
        yield f"#   {_comment(line)}"
    yield "version: 1"
    yield f"stack: {adoption.stack}"
    if adoption.defaults:
        yield ""
        yield "defaults:"
        for name, body in adoption.defaults.items():
            yield f"  {name}: {flow(body)}"
    kinds = resources.all_kinds()
    for name in kinds.build_order:
        yield from _section(kinds[name], adoption)
    yield from _existing(adoption.existing)
    yield from _left(adoption.left)


def _section(kind: ResourceType, adoption: Adoption) -> Iterator[str]:
    found = [one for one in adoption.resources if one.kind == kind.name]
    if not found:
        return
    yield ""
    unreadable = [each.name for each in kind.fields.values() if not each.returned]
    if unreadable:
        missing = msg(
            "{fields}: only set at creation and not returned by the API. Add them before you "
            "create or replace an object.",
            fields=", ".join(unreadable),
        )
        yield f"# {_comment(missing)}"
    yield f"{kind.name}:"
    for one in found:
        for note in (*one.notes, *_shared(one, adoption)):
            yield f"  # {_comment(note)}"
        respelled = f"  # {_comment(_names(one))}" if one.is_respelled else ""
        yield f"  {one.key}:{respelled}"
        for name, value in one.body.items():
            if name == "import":
                yield from _rules(one)
            remark = one.remarks.get(name)
            yield f"    {name}: {_value(value)}" + (f"  # {_comment(remark)}" if remark else "")


def _shared(one: Adopted, adoption: Adoption) -> Iterator[str]:
    """What is to be known about objects of the resource that another stack owns."""
    for address, (_, sharer) in adoption.shared.items():
        if address.partition("[")[0] == f"{one.kind}.{one.key}":
            yield msg(
                "also belongs to the stack {stack}: apply asks for --accept {consent}",
                stack=sharer.title,
                consent=pasted(f"shared={address}"),
            )


def _names(one: Adopted) -> str:
    """The names of the objects of one resource, as the account has them."""
    shown = ", ".join(one.names[:_NAMES_SHOWN_MAX])
    rest = len(one.names) - _NAMES_SHOWN_MAX
    return shown if rest <= 0 else msg("{names} and {count} more", names=shown, count=rest)


def _value(value: Any) -> str:
    return flow(value) if isinstance(value, Mapping | list | tuple) else scalar(value)


def _rules(one: Adopted) -> Iterator[str]:
    if not one.rules.written and not one.rules.left:
        return
    yield f"    {one.rules.section}:"
    for name, members in one.rules.written.items():
        yield f"      {key(name)}: {flow(members)}"
    for rule, reason in one.rules.left:
        left = msg(
            "{rule}: {reason}; left alone by `ignore: [{section}]`",
            rule=rule,
            reason=reason,
            section=one.rules.section,
        )
        yield f"      # {_comment(left)}"


def _existing(found: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    if not found:
        return
    yield ""
    yield f"existing:  # {_comment(msg('referenced, not owned'))}"
    for kind, objects in found.items():
        yield f"  {kind}:"
        for name, id in objects.items():
            yield f"    {name}: {flow({'id': id})}"


def _left(left: tuple[tuple[str, LiveResource, str], ...]) -> Iterator[str]:
    if not left:
        return
    yield ""
    yield f"# {_comment(msg('Not adopted:'))}"
    for kind, live, reason in left:
        name = live.attributes.get("name")
        line = msg(
            "{kind}: {name} ({id}): {reason}", kind=kind, name=name, id=live.id, reason=reason
        )
        yield f"#   {_comment(line)}"


def _comment(text: str) -> str:
    """A text that stays on one line."""
    return "".join(letter if letter.isprintable() else "?" for letter in translated(text))
