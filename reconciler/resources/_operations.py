"""Parts that the operations of all kinds share: how an end is judged, and the small functions that
say "no lists" or "no receipt".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from reconciler.common import decoding
from reconciler.model.resource import EMPTY, LiveResource
from reconciler.model.resource_type import ANYTHING, Progress, View

Inputs: TypeAlias = Mapping[str, Any]
Watches: TypeAlias = Callable[[str | None, Inputs], tuple[str, ...]]
Judge: TypeAlias = Callable[[str | None, Inputs, View], Progress]


def path(base: str, *parts: str | None) -> str:
    """The path of an object below `base`: every path with an id in it is made here. Raises
    ValueError where a part is empty or unsafe.
    """
    for part in parts:
        if not decoding.can_stand_in_path(part):
            raise ValueError(f"{part!r} is not an id, so there is no path below {base} for it")
    return "/".join((base, *map(str, parts)))


def id_in(inputs: Inputs, name: str) -> str:
    """The id under a name that a request needs. Raises ValueError where it is missing or empty."""
    found = inputs.get(name)
    if not isinstance(found, str) or not found.strip():
        raise ValueError(f"the request needs the id of its {name}, and there is none")
    return found


def no_lists(target: str | None, inputs: Inputs) -> tuple[str, ...]:
    """Nothing is watched: the answer itself is the end."""
    return ()


def lists(*names: str) -> Watches:
    """The same lists whatever the target is."""
    return lambda target, inputs: names


def no_receipt(result: Any) -> str | None:
    """The answer of a write that makes nothing: its members are not relied on (contract#instances,
    receipts).
    """
    return None


def itself(fingerprint: Mapping[str, Any], inputs: Inputs) -> tuple[str, ...]:
    """Before the write its object is looked at a second time; before a create, the one that it
    replaces.
    """
    return (str(fingerprint["kind"]),)


def find(view: View, kind: str, target: str | None) -> LiveResource | None:
    """The object of that id in the view, or None."""
    return view.objects.get(kind, EMPTY).get(target) if target is not None else None


def settled(found: LiveResource | None, reached: bool) -> Progress:
    """Done where the object shows what was asked and rests; failed where the cloud reports it as
    failed; else it is waited for.

    An object that is not there yet is waited for as well: a young one may be missing from the lists
    for a minute (contract#statuses).
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
    """A delete is done when the list that was read does not show the object. Proof of absence asks
    for more (safety#absence).
    """

    def judge(target: str | None, inputs: Inputs, view: View) -> Progress:
        shown = view.objects.get(kind)
        return Progress.DONE if shown is not None and target not in shown else Progress.WAITING

    return judge


def shows(kind: str, names: tuple[str, ...]) -> Judge:
    """An edit is done when the object shows every value that was asked for under these names."""

    def judge(target: str | None, inputs: Inputs, view: View) -> Progress:
        found = find(view, kind, target)
        asked = [name for name in names if name in inputs]
        return settled(
            found, found is not None and all(same(found, name, inputs[name]) for name in asked)
        )

    return judge


def texts(inputs: Inputs) -> Mapping[str, Any]:
    """An edit leaves what it asks for. A description goes with its marker, and how it comes back is
    the cloud's choice (contract#values).
    """
    return {
        **inputs,
        **({"description": ANYTHING, "nonce": ANYTHING} if "description" in inputs else {}),
    }


def same(found: LiveResource, name: str, wanted: Any) -> bool:
    """Whether the object shows that value; a description is compared as it was sent, its marker
    included.
    """
    if name == "description" and found.nonce is not None:
        return bool(f"{found.marked or ''} rc-{found.nonce}" == wanted)
    return bool(found.attributes.get(name) == (wanted if wanted != "" else None))
