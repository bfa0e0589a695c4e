"""A call: one authenticated request with its parameters taken apart, and the reply to it.

Query and body are read here, so that operations deal with members and not with bytes. A body is
read by its content type; an empty one is an empty form whatever its type says (contract#transport).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import parse_qsl, unquote, unquote_plus

from reconciler.model.http import Request
from reconciler.simulator.errors import ApiError, found, refuse_if
from reconciler.simulator.kinds.records import PendingWork
from reconciler.simulator.switches import Switches
from reconciler.simulator.world import World

R = TypeVar("R")
_DECODERS: Mapping[str, Callable[[str], str]] = {
    "none": str,
    "once_form": unquote_plus,
    "once_rfc3986": unquote,
}


@dataclass(frozen=True, slots=True)
class Reply:
    """A success: `result`, and the members of the envelope about it. Lists count their rows; `page`
    is None on unpaged ones.
    """

    result: object
    page: tuple[int | str, int | str] | None = None
    total: int | None = None


@dataclass(slots=True)
class OperationCall:
    """What an operation sees: the world at `now`, the switches, ids of the path, and the
    parameters.
    """

    world: World
    switches: Switches
    now: float
    scale: float
    request: Request
    ids: tuple[str, ...] = ()
    query: dict[str, str] = field(default_factory=dict)
    seen: list[tuple[str, str]] = field(default_factory=list)

    # Query
    # ----------------------------------------------------------------------------------------------

    def text(self, name: str) -> str:
        """A query value; empty where it is missing or empty, which both mean no filter
        (contract#pagination).
        """
        return self.query.get(name, "")

    def words(self, name: str) -> list[str]:
        """A comma-separated query value."""
        return [part for part in self.text(name).split(",") if part]

    def integer(self, name: str, *, default: int, minimum: int = 0) -> int:
        """A whole query number; CHECK_PARAM for anything else (contract#pagination,
        contract#fields).
        """
        text = self.text(name)
        if not text:
            return default
        number = found(whole_number(text), "CHECK_PARAM", name)
        refuse_if(number < minimum, "CHECK_PARAM", name)
        return number

    def choice(self, name: str, allowed: Collection[str]) -> list[str]:
        """A comma-separated filter of a closed set; an unknown word is an error, not an empty list
        (contract#pagination).
        """
        words = self.words(name)
        refuse_if(any(word not in allowed for word in words), "CHECK_PARAM", name)
        return words

    def page(self, *, default_size: int = 10) -> tuple[int, int]:
        """Page number and size as asked, the size capped if a switch asks for it."""
        number = self.integer("page_no", default=1, minimum=1)
        size = self.integer("page_size", default=default_size, minimum=1)
        return number, min(size, self.switches.page_size_cap or size)

    # Time
    # ----------------------------------------------------------------------------------------------

    def after(self, seconds: float) -> float:
        """The world time at which a background duration starting now is over."""
        return self.now + seconds / self.scale

    def begin(
        self, operation: str, *, tick: str, status: str = "active", target: str = ""
    ) -> PendingWork:
        """An operation that starts now and takes as long as the switch `ticks` says for `tick`."""
        duration: float = getattr(self.switches.ticks, tick)
        if duration < 0:
            return PendingWork(operation, reads=int(-duration), status=status, target=target)
        return PendingWork(operation, due=self.after(duration), status=status, target=target)

    # Body
    # ----------------------------------------------------------------------------------------------

    def form(self) -> dict[str, str]:
        """The members of a form body as text (instances and block storages)."""
        return {
            name: _as_text(name, value)
            for name, value in self._body("form").items()
            if value is not None
        }

    def json(self) -> dict[str, object]:
        """The members of a JSON body (security groups and firewall)."""
        return self._body("json")

    def _body(self, documented: str) -> dict[str, object]:
        body = self.request.body
        if not body.strip():
            return {}
        content_type = self.request.header("Content-Type") or ""
        kind = content_type.partition(";")[0].strip().lower()
        is_form = kind == "multipart/form-data"
        if self.switches.strict_content_type and (is_form if documented == "json" else not is_form):
            return {}
        if is_form:
            return dict(_multipart(body, content_type))
        if kind == "application/x-www-form-urlencoded":
            return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        return _json_object(body)


def whole_number(text: str) -> int | None:
    """The number that plain ASCII digits say, within int64; None for anything else."""
    if not re.fullmatch(r"-?[0-9]{1,19}", text):
        return None
    number = int(text)
    return number if -(2**63) <= number < 2**63 else None


def _as_text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise ApiError("CHECK_PARAM", name)


def _json_object(body: bytes) -> dict[str, object]:
    try:
        parsed = json.loads(body)
        # half a surrogate pair is text that no answer could carry
        json.dumps(parsed, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise ApiError("CHECK_PARAM") from None
    if not isinstance(parsed, dict):
        raise ApiError("CHECK_PARAM")
    return parsed


def _multipart(body: bytes, content_type: str) -> list[tuple[str, str]]:
    """The fields of a multipart body, in order; a part without a name is a mistake."""
    found = re.search(r'boundary="?([^";]+)"?', content_type)
    if found is None:
        raise ApiError("CHECK_PARAM")
    fields = []
    for part in (b"\r\n" + body).split(b"\r\n--" + found.group(1).encode("latin-1", "replace"))[1:]:
        if part.startswith(b"--"):
            break
        head, blank, value = part.partition(b"\r\n\r\n")
        name = re.search(rb'\bname="((?:[^"\\]|\\.)*)"', head) or re.search(
            rb"\bname=([^;\s]+)", head
        )
        if not blank or name is None:
            raise ApiError("CHECK_PARAM")
        fields.append((name.group(1).decode("utf-8", "replace"), value.decode("utf-8", "replace")))
    return fields


def decoded(form: Mapping[str, str], name: str, switches: Switches) -> str | None:
    """The `name` or `description` of an instance or block storage, percent-decoded as the switch
    says (contract#values) and measured; None when it was not sent.
    """
    if name not in form:
        return None
    text = _DECODERS[switches.instance_text_decoding](form[name])
    longest = switches.max_name if name == "name" else switches.max_description
    refuse_if(len(text) > longest, "CHECK_LENGTH", name)
    return text


def text_of(value: object, name: str) -> str:
    """The text that a member of a JSON body has to be."""
    if not isinstance(value, str):
        raise ApiError("CHECK_PARAM", name)
    return value


def required(form: Mapping[str, object], *names: str) -> None:
    """Refuse a body in which one of these is missing or null; an empty form value counts as
    missing.
    """
    for name in names:
        refuse_if(form.get(name) in (None, ""), "REQUIRED_POST_PARAM_MISSING", name)


def check_limit(maximum: int | None, count: int) -> None:
    """Refuse a count above the maximum, if there is one."""
    refuse_if(maximum is not None and count > maximum, "LIMIT_EXCEEDED")


def paged(rows: Sequence[R], page: tuple[int, int]) -> list[R]:
    """The rows of one page; none past the end."""
    number, size = page
    return list(rows[(number - 1) * size : number * size])
