"""Absence: how the detail of one object shows that it is not there (contract 22). One part of the proof that SPEC 5, "Gone", asks for."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core import rows
from reconciler.core.kind import Call, Kind
from reconciler.ports import Accepted, Answer, Refused


def absence_call(kind: Kind, id: str) -> Call:
    """The detail read of one object. Raises ValueError for a kind without one (a rule: the list of its firewall tells)."""
    if kind.detail is None:
        raise ValueError(f"the API has no detail of one {kind.singular}")
    query = next((listing.query for listing in (kind.lists.get(kind.name),) if listing is not None), ())
    return Call("GET", kind.detail.replace("{id}", id), query=query)


def shows_absent(kind: Kind, id: str, answer: Answer) -> bool:
    """Whether the answer is the documented not-found for that id.

    A success without rows is, and a row of that id which says that the object is over; of errors only those that the contract names for
    the kind, by exact body. A 404 without it, a refusal for another reason and no answer at all prove nothing.
    """
    if isinstance(answer, Refused):
        return answer.error_code in kind.absent_errors and answer.status in (400, 404)
    if not isinstance(answer, Accepted) or not isinstance(answer.result, list):
        return False
    if not answer.result:
        return bool(answer.meta.get("count", 0) == 0)
    return len(answer.result) == 1 and _is_over(kind, id, answer.result[0])


def _is_over(kind: Kind, id: str, row: object) -> bool:
    listing = kind.lists[kind.name]
    if not isinstance(row, Mapping):
        return False
    try:
        return rows.optional_id(listing.identify(row)) == id and listing.decode(row, None) is None
    except ValueError:
        return False
