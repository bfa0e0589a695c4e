"""The switches: every default of the contract's section 23, by name, with what else it may be.

The dataclass is the table: a field is a switch, its metadata says what may be written, what it
means and which section asks for it. Text from a command line and values from YAML or Python are
checked by the same `parse`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")
Parser = Callable[[object], object]


class SwitchError(ValueError):
    """A switch that does not exist, or a value that it does not take; the text names what would be
    right.
    """


@dataclass(frozen=True, slots=True)
class Ticks:
    """How long each background operation takes, in seconds.

    A negative number counts reads instead: `"3 reads"` is kept as -3.
    """

    create: float = 40
    start: float = 15
    shutdown: float = 10
    reboot: float = 20
    rebuild: float = 60
    resize: float = 45
    delete: float = 15
    volume: float = 8
    group: float = 0


DEFAULT_TICKS = Ticks()
OPERATIONS = tuple(each.name for each in dataclasses.fields(Ticks))
_FLAGS = {
    **dict.fromkeys(("on", "true", "yes", "1"), True),
    **dict.fromkeys(("off", "false", "no", "0"), False),
}


def _choice(meaning: str, section: str, *words: str) -> str:
    """A switch that is one of these words; the first is the default."""

    def parse(value: object) -> object:
        if _word(value) not in words:
            raise SwitchError("one of " + ", ".join(words))
        return _word(value)

    return _switch(words[0], (parse, ", ".join(words)), meaning, section)


def _flag(value: object) -> object:
    if _word(value) not in _FLAGS:
        raise SwitchError("on or off")
    return _FLAGS[_word(value)]


def _number(
    minimum: float, *, whole: bool, off: bool = False, unit: str = ""
) -> tuple[Parser, str]:
    number_of = int if whole else float
    wanted = (
        ("a whole number" if whole else "a number")
        + (f" of {unit}" if unit else "")
        + f" from {minimum:g}"
        + (", or off" if off else "")
    )

    def parse(value: object) -> object:
        if off and _word(value) in {"off", "none"}:
            return None
        try:
            number = -1 if isinstance(value, bool) else number_of(str(value))
        except ValueError:
            number = -1
        if not minimum <= number < float("inf"):
            raise SwitchError(wanted)
        return number

    return parse, wanted


def _names(value: object) -> object:
    if value is False or value in (None, "", "none", "off"):
        return ()
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(
        isinstance(part, str) and part.strip() for part in parts
    ):
        raise SwitchError("a list, or text with commas")
    return tuple(part.strip() for part in parts)


def _ticks(value: object) -> object:
    if isinstance(value, Ticks):
        return value
    if isinstance(value, str):
        value = dict(part.split(":", 1) for part in value.split(",") if ":" in part) or None
    if not isinstance(value, Mapping) or not set(value) <= set(OPERATIONS):
        raise SwitchError("a mapping of " + ", ".join(OPERATIONS))
    return Ticks(**{name: _tick(each) for name, each in value.items()})


def _tick(value: object) -> float:
    text = str(value).strip()
    try:
        if text.endswith((" reads", " read")):
            return -max(1, int(text.split(maxsplit=1)[0]))
        seconds = -1.0 if isinstance(value, bool) else float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise SwitchError("seconds from 0, or `N reads`")
    return seconds


def _word(value: object) -> str:
    """YAML reads on and off as booleans; both spellings mean the same here."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return "none" if value is None else str(value).strip()


def _switch(default: T, kind: tuple[Parser, str], meaning: str, section: str) -> T:
    metadata = {"parse": kind[0], "allowed": kind[1], "meaning": meaning, "section": section}
    return dataclasses.field(default=default, metadata=metadata)


_ON_OFF = (_flag, "on, off")
_NAMES = (_names, "names with commas, or none")
_TICKS = (
    _ticks,
    f"seconds, or `N reads`, for each of {', '.join(OPERATIONS)}; one alone as `ticks.create=3`",
)
_NUMBER = _number(1, whole=True)
_LIMIT = _number(0, whole=True, off=True)


@dataclass(frozen=True, slots=True)
class Switches:
    """All switches with their values; `Switches()` is the contract's default cloud."""

    http_status: str = _choice(
        "Success status of a call: the one seen live, or the documented one",
        "10, 23",
        "live",
        "doc",
    )
    clock_skew_limit: float = _switch(
        300,
        _number(0, whole=False, unit="seconds"),
        "Largest accepted clock difference, inclusive",
        "3, 23",
    )
    allowlist: tuple[str, ...] = _switch(
        (), _NAMES, "Addresses or ranges that may call; others get 403 CHECK_IP", "3, 23"
    )
    rate_limit: int | None = _switch(
        60, _number(1, whole=True, off=True), "Calls allowed in one window", "4, 23"
    )
    rate_window: str = _choice("How the window moves", "4, 23", "sliding", "fixed")
    rate_seconds: float = _switch(
        60, _number(0.001, whole=False, unit="seconds"), "Length of the window", "4, 23"
    )
    rate_scope: str = _choice("Whose calls share a window", "4, 23", "key", "account")
    rate_body: str = _choice(
        "Body of a 429: a bare message, or the envelope with an unpublished code",
        "4, 23",
        "bare",
        "envelope",
    )
    rate_counts_refused: bool = _switch(
        False, _ON_OFF, "Whether calls answered 429 use up the window too", "4"
    )
    retry_after: bool = _switch(True, _ON_OFF, "Whether a 429 carries Retry-After", "4, 23")
    error_http: str = _choice("HTTP status of a business error", "6, 23", "table", "always_200")
    error_result: str = _choice(
        "Shape of an error's result: as seen a code, all `error`, all the message, all objects",
        "6, 23",
        "seen",
        "strings",
        "messages",
        "objects",
    )
    validation_body: str = _choice(
        "Refused parameters: the envelope, or 422 with `message` and `errors` as on hosted "
        "services",
        "6",
        "envelope",
        "bare_422",
    )
    default_fields: int = _switch(
        543, _NUMBER, "Instance mask used when `fields` is not sent", "9, 23"
    )
    flavor_fields: str = _choice(
        "Flavor mask: ignored, or bits in the order of the members", "9, 23", "ignore", "sequence"
    )
    page_size_cap: int | None = _switch(
        None,
        _number(1, whole=True, off=True),
        "Largest page served; a larger request gets this size, and the answer names it",
        "4, 7",
    )
    instance_text_decoding: str = _choice(
        "How names and descriptions of instances and block storages are decoded",
        "8, 23",
        "once_rfc3986",
        "once_form",
        "none",
    )
    strict_content_type: bool = _switch(
        False, _ON_OFF, "Whether a body of another type than documented counts as empty", "2, 23"
    )
    max_name: int = _switch(
        64, _NUMBER, "Longest name of an instance or block storage, in code points", "4, 23"
    )
    max_description: int = _switch(
        255, _NUMBER, "Longest description of an instance or block storage, in code points", "4, 23"
    )
    api_zone_only: bool = _switch(
        True,
        _ON_OFF,
        "Whether zones outside the API hide their instances (detail: ID_INVALID)",
        "14, 22, 23",
    )
    restricted_zones: tuple[str, ...] = _switch(
        (), _NAMES, "Zones in which a create answers 500 DEV_CHECK_RETURN", "11, 14, 23"
    )
    visibility_delay: float = _switch(
        0,
        _number(0, whole=False, unit="seconds"),
        "How long a new object is missing from reads",
        "10, 23",
    )
    # a frozen default
    ticks: Ticks = _switch(  # noqa: RUF009
        DEFAULT_TICKS, _TICKS, "Duration of background operations", "10, 23"
    )
    create_outcome: str = _choice(
        "Instance creation: works, ends in status error, answer lost, 500 after creating it",
        "23",
        "ok",
        "error",
        "lost",
        "http_500",
    )
    instance_absent: str = _choice(
        "Detail of an instance that is gone",
        "22, 23",
        "id_invalid",
        "empty",
        "not_found",
        "tombstone",
    )
    block_storage_absent: str = _choice(
        "Detail of a block storage that is gone", "22", "id_invalid", "empty", "not_found"
    )
    delete_read_status: str = _choice(
        "Status that reads show while an instance is deleted", "10, 23", "work", "deleting"
    )
    instance_clear: str = _choice(
        "An empty description in an instance edit", "14, 23", "ignore", "clear", "error"
    )
    strict_power: bool = _switch(
        False,
        _ON_OFF,
        "Whether start on active and shutdown on off are refused with CHECK_PARAM",
        "10, 23",
    )
    allow_shrink: bool = _switch(
        False, _ON_OFF, "Whether a resize to a smaller disk is allowed", "14, 23"
    )
    scripts_empty: str = _choice("User scripts of an account without any", "15, 23", "404", "empty")
    size_step: int = _switch(
        1,
        _number(1, whole=True, unit="GB"),
        "Sizes of block storages must be a multiple of this",
        "16, 23",
    )
    delete_attached: str = _choice(
        "Deleting an attached block storage", "16, 23", "refuse", "allow"
    )
    instance_delete_volumes: str = _choice(
        "Block storages of a deleted instance: kept and detached, or deleted",
        "14, 23",
        "keep",
        "delete",
    )
    group_empty_content: str = _choice(
        "A firewall created without a description", "17, 23", "check_ip", "accept"
    )
    group_clear: str = _choice(
        "An empty description in a firewall edit", "17, 23", "keep", "corrupt", "clear"
    )
    escape_group_content: bool = _switch(
        True, _ON_OFF, "Whether firewall descriptions come back HTML-escaped", "8, 17, 23"
    )
    delete_attached_group: str = _choice(
        "Deleting a firewall that has members", "17, 23", "refuse", "allow"
    )
    attach_mode: str = _choice(
        "A second firewall on one instance: IN_USE, moved, or added",
        "17, 23",
        "single_refuse",
        "single_replace",
        "many",
    )
    duplicate_key: str = _choice(
        "Equal rules: bound+protocol+port+ip, or title and content too", "17, 23", "match", "all"
    )
    put_without_rules: str = _choice(
        "An older firewall edit without `rules`", "18, 23", "remove", "keep"
    )
    old_firewall_paths: bool = _switch(
        True, _ON_OFF, "Whether /v1/firewall exists (else 404)", "18, 23"
    )
    bill_page_meta: str = _choice(
        "Type of page_no and page_size on the bill list", "19, 23", "strings", "integers"
    )
    bill_detail: str = _choice(
        "Bill detail: always 403 CHECK_IP, or served", "19, 23", "denied", "ok"
    )
    instances_max: int | None = _switch(
        None, _LIMIT, "Instances an account may have, then LIMIT_EXCEEDED", "4"
    )
    block_storages_max: int | None = _switch(
        None, _LIMIT, "Block storages an account may have, then LIMIT_EXCEEDED", "4"
    )
    groups_max: int | None = _switch(
        None, _LIMIT, "Firewalls an account may have, then LIMIT_EXCEEDED", "4"
    )
    rules_max: int | None = _switch(
        None, _LIMIT, "Rules a firewall may have, then LIMIT_EXCEEDED", "4"
    )

    @classmethod
    def parse(cls, values: object, base: Switches | None = None) -> Switches:
        """The switches with these values over `base`; SwitchError names the first wrong one.
        `ticks.NAME` sets one duration.
        """
        if not isinstance(values, Mapping):
            raise SwitchError("switches are a mapping of names to values")
        switches = base or cls()
        for name, value in values.items():
            switches = switches.with_value(str(name), value)
        return switches

    @classmethod
    def parse_texts(cls, texts: Iterable[str], base: Switches | None = None) -> Switches:
        """The same from `NAME=VALUE` texts, as a command line gives them."""
        pairs = [text.partition("=") for text in texts]
        for name, equals, _ in pairs:
            if not equals:
                raise SwitchError(f"{name}: write NAME=VALUE")
        return cls.parse({name.strip(): value for name, _, value in pairs}, base)

    def with_value(self, name: str, value: object) -> Switches:
        """The same switches but for one; `ticks.NAME` is one duration."""
        group, _, operation = name.partition(".")
        if group == "ticks" and operation and operation not in OPERATIONS:
            raise SwitchError(f"{name}: no such operation; there are {', '.join(OPERATIONS)}")
        if group not in _METADATA or (operation and group != "ticks"):
            raise SwitchError(f"{name}: no such switch; there are {', '.join(sorted(_METADATA))}")
        try:
            parsed: Any = _tick(value) if operation else _METADATA[name]["parse"](value)
        except SwitchError as problem:
            raise SwitchError(f"{name}={value}: wanted {problem}") from None
        if operation:
            parsed = dataclasses.replace(self.ticks, **{operation: parsed})
        return dataclasses.replace(self, **{group: parsed})

    def changed(self) -> dict[str, object]:
        """Only what differs from the default, in a form that `parse` takes back."""
        default = Switches()
        return {
            name: plain(getattr(self, name))
            for name in _METADATA
            if getattr(self, name) != getattr(default, name)
        }


_METADATA: dict[str, Mapping[Any, Any]] = {
    each.name: each.metadata for each in dataclasses.fields(Switches)
}


def plain(value: object) -> object:
    """A value in the form in which it may be written."""
    if isinstance(value, Ticks):
        return {name: plain(getattr(value, name)) for name in OPERATIONS}
    if isinstance(value, int | float) and value < 0:
        return f"{-int(value)} reads"
    if isinstance(value, tuple):
        return list(value)
    return "off" if value is None else value
