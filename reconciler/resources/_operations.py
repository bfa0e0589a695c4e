"""Shared parts of the operations of all kinds: paths, lists, and how the end of an operation is
recognized.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from reconciler.common import decoding
from reconciler.common.text import msg
from reconciler.model.resource import EMPTY, LiveResource
from reconciler.model.resource_type import ANYTHING, Edit, Field, Progress, View

Inputs: TypeAlias = Mapping[str, Any]
Watches: TypeAlias = Callable[[str | None, Inputs], tuple[str, ...]]
Judge: TypeAlias = Callable[[str | None, Inputs, View], Progress]


def path(base: str, *parts: str | None) -> str:
    """The path of an object below `base`. Every path with an id is built here. Raises ValueError if
    a part is empty or unsafe.
    """
    for part in parts:
        if not decoding.can_stand_in_path(part):
            raise ValueError(
                msg("{part!r} is not an id, so it has no path below {base}", part=part, base=base)
            )
    return "/".join((base, *map(str, parts)))


def id_in(inputs: Inputs, name: str) -> str:
    """The id under a name that a request needs. Raises ValueError if it is missing or empty."""
    found = inputs.get(name)
    if not isinstance(found, str) or not found.strip():
        raise ValueError(msg("the request has no id for its {name}", name=name))
    return found


def edited_in_place(fields: Iterable[Field]) -> tuple[str, ...]:
    """The names of the fields that an edit changes in place: what its call sends, and what the
    object must show before the edit is done.
    """
    return tuple(field.name for field in fields if field.edit is Edit.IN_PLACE)


def form(inputs: Inputs, names: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """The members of a form for the inputs with these names. An empty text is not sent: the API
    would keep the old one (contract#values).
    """
    given = ((name, inputs.get(name)) for name in names)
    return tuple((name, str(value)) for name, value in given if value not in (None, ""))


def no_lists(target: str | None, inputs: Inputs) -> tuple[str, ...]:
    """No lists: the answer itself is the end."""
    return ()


def lists(*names: str) -> Watches:
    """The same lists for every target."""
    return lambda target, inputs: names


def no_receipt(result: Any) -> str | None:
    """The answer of a write that creates nothing. Its members are not relied on
    (contract#instances, receipts).
    """
    return None


def itself(fingerprint: Mapping[str, Any], inputs: Inputs) -> tuple[str, ...]:
    """The list of the object itself, which is read again before the write. Before a create, it is
    the object to be replaced.
    """
    return (str(fingerprint["kind"]),)


def find(view: View, kind: str, target: str | None) -> LiveResource | None:
    """The object with that id in the view, or None."""
    return view.objects.get(kind, EMPTY).get(target) if target is not None else None


def settled(found: LiveResource | None, reached: bool) -> Progress:
    """Done if the object is ready and has the desired values, failed if the cloud reports it as
    failed, otherwise waiting.

    An object that is missing is waited for as well: a new one can be missing from the lists for a
    minute (contract#statuses).
    """
    if found is None:
        return Progress.WAITING
    if found.failed:
        return Progress.FAILED
    return Progress.DONE if found.ready and reached else Progress.WAITING


def made(kind: str) -> Judge:
    """A create is done when its object is seen and rests."""
    return lambda target, inputs, view: settled(find(view, kind, target), reached=True)


def gone(kind: str) -> Judge:
    """A delete is done when the list no longer contains the object. Proof of absence needs more
    (safety#absence).
    """

    def judge(target: str | None, inputs: Inputs, view: View) -> Progress:
        shown = view.objects.get(kind)
        return Progress.DONE if shown is not None and target not in shown else Progress.WAITING

    return judge


def shows(kind: str, names: tuple[str, ...]) -> Judge:
    """An edit is done when the object shows every value that was sent under these names."""

    def judge(target: str | None, inputs: Inputs, view: View) -> Progress:
        found = find(view, kind, target)
        asked = [name for name in names if name in inputs]
        return settled(
            found, found is not None and all(same(found, name, inputs[name]) for name in asked)
        )

    return judge


def texts(inputs: Inputs) -> Mapping[str, Any]:
    """The values after an edit. A description is sent with its marker, and the cloud decides how it
    is returned (contract#values).
    """
    return {
        **inputs,
        **({"description": ANYTHING, "nonce": ANYTHING} if "description" in inputs else {}),
    }


def same(found: LiveResource, name: str, wanted: Any) -> bool:
    """Whether the object shows that value. A description is compared as it was sent, with its
    marker.
    """
    if name == "description" and found.nonce is not None:
        return bool(f"{found.marked or ''} rc-{found.nonce}" == wanted)
    return bool(found.attributes.get(name) == (wanted if wanted != "" else None))
