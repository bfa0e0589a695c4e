"""What `state.json` contains while the state is not there: that it was moved away, or the state
that is being moved here.

Both have format 2, so that a version that does not know them refuses the folder; and both are one
file, so that each step of a move is one rename.
"""

from __future__ import annotations

import hashlib

from reconciler.common.dataclass import dataclass
from reconciler.common.json_codec import DecodeError
from reconciler.common.suggestions import pasted
from reconciler.common.text import msg
from reconciler.model.ports import Arrival, Departure, StateMoved, Transit
from reconciler.store.damage import damaged
from reconciler.store.state_format import (
    CODEC,
    HINT_DAMAGED,
    STATE_BYTES_MAX,
    Snapshot,
    decode_object,
    decode_snapshot,
    encode_object,
    encode_snapshot,
)

FORMAT = 2
_BEGIN = b'{\n"format": 2,\n'
_CHECKSUM = b'"checksum": "sha256:'
_END = b'"\n}\n'


@dataclass(frozen=True, slots=True)
class _Incoming:
    origin: str
    state: str


def encode_transit(transit: Transit) -> bytes:
    """The text of the file: one line a member, the checksum of all before it last."""
    if isinstance(transit, Departure):
        name, row = "moved", CODEC.encode(transit)
    else:
        state = encode_snapshot(Snapshot(transit.state)).decode()
        name, row = "incoming", CODEC.encode(_Incoming(transit.origin, state))
    body = b'%s"%s": %s,\n' % (_BEGIN, name.encode(), encode_object(row))
    return body + _CHECKSUM + hashlib.sha256(body).hexdigest().encode() + _END


def decode_transit(data: bytes, *, name: str) -> Transit | None:
    """What the bytes spell, None if they are not of this format. Raises `StateDamaged`,
    `StateNewer`. `name` is the file for messages.
    """
    if not data.startswith(_BEGIN):
        return None
    try:
        if len(data) > 2 * STATE_BYTES_MAX:
            raise DecodeError("it has more than {size} bytes", size=2 * STATE_BYTES_MAX)
        body, _, checksum = data.rpartition(_CHECKSUM)
        if checksum != hashlib.sha256(body).hexdigest().encode() + _END:
            raise DecodeError("the checksum does not match: the file was changed or truncated")
        document = decode_object(data)
        if "moved" in document:
            departure: Departure = CODEC.decode(Departure, document["moved"])
            return departure
        row: _Incoming = CODEC.decode(_Incoming, document.get("incoming"))
        return Arrival(decode_snapshot(row.state.encode(), name=name).state, row.origin)
    except (ValueError, RecursionError) as error:
        message = msg("{name} cannot be read: {reason}", name=name, reason=str(error))
        raise damaged(message, data, name=name, hint=HINT_DAMAGED) from None


def moved_away(departure: Departure) -> StateMoved:
    """The error for whoever wants to use the state where it was."""
    hint = msg("set the place of the state: export RECONCILER_STATE={to}", to=pasted(departure.to))
    return StateMoved(msg("the state was moved to {to}", to=departure.to), hint=hint)


def not_arrived(arrival: Arrival, here: str) -> StateMoved:
    """The error for whoever wants to use the state where it is not complete. `here` is that
    place.
    """
    message = msg(
        "the state is being moved here from {origin}, and that is not complete",
        origin=arrival.origin,
    )
    hint = msg(
        "if nobody is moving it now, run that command again: RECONCILER_STATE={origin} reconciler "
        "state move --to {here}",
        origin=pasted(arrival.origin),
        here=pasted(here),
    )
    return StateMoved(message, hint=hint)
