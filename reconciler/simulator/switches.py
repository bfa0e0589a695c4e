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
class SwitchRow:
    """One line of the table in the documentation."""

    name: str
    default: object
    allowed: str
    meaning: str
    section: str


OPERATIONS = (
    "create",
    "start",
    "shutdown",
    "reboot",
    "rebuild",
    "resize",
    "delete",
    "volume",
    "group",
)


@dataclass(frozen=True, slots=True)
class Ticks:
    """How long each background operation takes: seconds, or a count of reads as `(0, n)` would not
    be a time.

    A value of `"3 reads"` is kept as the integer -3: a negative number counts reads.
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


def _one_of(*words: str) -> tuple[Parser, str]:
    def parse(value: object) -> object:
        text = _word(value)
        if text not in words:
            raise SwitchError("one of " + ", ".join(words))
        return text

    return parse, ", ".join(words)


def _flag() -> tuple[Parser, str]:
    def parse(value: object) -> object:
        word = _word(value)
        if word in {"on", "true", "yes", "1"}:
            return True
        if word in {"off", "false", "no", "0"}:
            return False
        raise SwitchError("on or off")

    return parse, "on, off"


def _number(
    minimum: float, *, whole: bool, off: bool = False, unit: str = ""
) -> tuple[Parser, str]:
    wanted = (
        ("a whole number" if whole else "a number")
        + (f" of {unit}" if unit else "")
        + f" from {minimum:g}"
        + (", or off" if off else "")
    )

    def parse(value: object) -> object:
        if off and _word(value) in {"off", "none"}:
            return None
        if isinstance(value, bool):
            raise SwitchError(wanted)
        try:
            number = int(str(value)) if whole else float(str(value))
        except ValueError:
            raise SwitchError(wanted) from None
        if not minimum <= number < float("inf"):
            raise SwitchError(wanted)
        return number

    return parse, wanted


def _names() -> tuple[Parser, str]:
    def parse(value: object) -> object:
        if (
            value is None
            or value is False
            or (isinstance(value, str) and value in {"", "none", "off"})
        ):
            return ()
        parts = value.split(",") if isinstance(value, str) else value
        if not isinstance(parts, list | tuple) or not all(
            isinstance(part, str) and part.strip() for part in parts
        ):
            raise SwitchError("a list, or text with commas")
        return tuple(part.strip() for part in parts)

    return parse, "names with commas, or none"


def _ticks() -> tuple[Parser, str]:
    def parse(value: object) -> object:
        if isinstance(value, Ticks):
            return value
        if isinstance(value, str):
            value = dict(part.split(":", 1) for part in value.split(",") if ":" in part) or None
        if not isinstance(value, Mapping) or not set(value) <= set(OPERATIONS):
            raise SwitchError("a mapping of " + ", ".join(OPERATIONS))
        return Ticks(**{name: _tick(each) for name, each in value.items()})

    return parse, "seconds, or `N reads`, for each of " + ", ".join(
        OPERATIONS
    ) + "; one alone as `ticks.create=3`"


def _tick(value: object) -> float:
    text = str(value).strip()
    try:
        if text.endswith((" reads", " read")):
            return -max(1, int(text.split(maxsplit=1)[0]))
        seconds = float(text)
    except ValueError:
        seconds = -1
    if isinstance(value, bool) or not 0 <= seconds < float("inf"):
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


@dataclass(frozen=True, slots=True)
class Switches:
    """All switches with their values; `Switches()` is the contract's default cloud."""

    http_status: str = _switch(
        "live",
        _one_of("live", "doc"),
        "Success status of a call: the one seen live, or the documented one",
        "10, 23",
    )
    clock_skew_limit: float = _switch(
        300,
        _number(0, whole=False, unit="seconds"),
        "Largest accepted clock difference, inclusive",
        "3, 23",
    )
    allowlist: tuple[str, ...] = _switch(
        (), _names(), "Addresses or ranges that may call; others get 403 CHECK_IP", "3, 23"
    )
    rate_limit: int | None = _switch(
        60, _number(1, whole=True, off=True), "Calls allowed in one window", "4, 23"
    )
    rate_window: str = _switch(
        "sliding", _one_of("sliding", "fixed"), "How the window moves", "4, 23"
    )
    rate_seconds: float = _switch(
        60, _number(0.001, whole=False, unit="seconds"), "Length of the window", "4, 23"
    )
    rate_scope: str = _switch(
        "key", _one_of("key", "account"), "Whose calls share a window", "4, 23"
    )
    rate_body: str = _switch(
        "bare",
        _one_of("bare", "envelope"),
        "Body of a 429: a bare message, or the envelope with an unpublished code",
        "4, 23",
    )
    rate_counts_refused: bool = _switch(
        False, _flag(), "Whether calls answered 429 use up the window too", "4"
    )
    retry_after: bool = _switch(True, _flag(), "Whether a 429 carries Retry-After", "4, 23")
    error_http: str = _switch(
        "table", _one_of("table", "always_200"), "HTTP status of a business error", "6, 23"
    )
    error_result: str = _switch(
        "seen",
        _one_of("seen", "strings", "messages", "objects"),
        "Shape of an error's result: as seen a code, all `error`, all the message, all objects",
        "6, 23",
    )
    validation_body: str = _switch(
        "envelope",
        _one_of("envelope", "bare_422"),
        "Refused parameters: the envelope, or 422 with `message` and `errors` as on hosted services",
        "6",
    )
    default_fields: int = _switch(
        543, _number(1, whole=True), "Instance mask used when `fields` is not sent", "9, 23"
    )
    flavor_fields: str = _switch(
        "ignore",
        _one_of("ignore", "sequence"),
        "Flavor mask: ignored, or bits in the order of the members",
        "9, 23",
    )
    page_size_cap: int | None = _switch(
        None,
        _number(1, whole=True, off=True),
        "Largest page served; a larger request gets this size, and the answer says so",
        "4, 7",
    )
    instance_text_decoding: str = _switch(
        "once_rfc3986",
        _one_of("once_rfc3986", "once_form", "none"),
        "How names and descriptions of servers and volumes are decoded",
        "8, 23",
    )
    strict_content_type: bool = _switch(
        False, _flag(), "Whether a body of another type than documented counts as empty", "2, 23"
    )
    max_name: int = _switch(
        64, _number(1, whole=True), "Longest name of a server or volume, in code points", "4, 23"
    )
    max_description: int = _switch(
        255,
        _number(1, whole=True),
        "Longest description of a server or volume, in code points",
        "4, 23",
    )
    api_zone_only: bool = _switch(
        True,
        _flag(),
        "Whether zones outside the API hide their servers (detail: ID_INVALID)",
        "14, 22, 23",
    )
    restricted_zones: tuple[str, ...] = _switch(
        (), _names(), "Zones in which a create answers 500 DEV_CHECK_RETURN", "11, 14, 23"
    )
    visibility_delay: float = _switch(
        0,
        _number(0, whole=False, unit="seconds"),
        "How long a new object is missing from reads",
        "10, 23",
    )
    ticks: Ticks = _switch(DEFAULT_TICKS, _ticks(), "Duration of background operations", "10, 23")  # noqa: RUF009 - a frozen default
    create_outcome: str = _switch(
        "ok",
        _one_of("ok", "error", "lost", "http_500"),
        "Server creation: works, ends in status error, answer lost, 500 after making it",
        "23",
    )
    instance_absent: str = _switch(
        "id_invalid",
        _one_of("id_invalid", "empty", "not_found", "tombstone"),
        "Detail of a server that is gone",
        "22, 23",
    )
    block_storage_absent: str = _switch(
        "id_invalid",
        _one_of("id_invalid", "empty", "not_found"),
        "Detail of a volume that is gone",
        "22",
    )
    delete_read_status: str = _switch(
        "work",
        _one_of("work", "deleting"),
        "Status that reads show while a server is deleted",
        "10, 23",
    )
    instance_clear: str = _switch(
        "ignore",
        _one_of("ignore", "clear", "error"),
        "An empty description in a server edit",
        "14, 23",
    )
    strict_power: bool = _switch(
        False,
        _flag(),
        "Whether start on active and shutdown on off are refused with CHECK_PARAM",
        "10, 23",
    )
    allow_shrink: bool = _switch(
        False, _flag(), "Whether a resize to a smaller disk is allowed", "14, 23"
    )
    scripts_empty: str = _switch(
        "404", _one_of("404", "empty"), "User scripts of an account without any", "15, 23"
    )
    size_step: int = _switch(
        1,
        _number(1, whole=True, unit="GB"),
        "Sizes of volumes must be a multiple of this",
        "16, 23",
    )
    delete_attached: str = _switch(
        "refuse", _one_of("refuse", "allow"), "Deleting an attached volume", "16, 23"
    )
    instance_delete_volumes: str = _switch(
        "keep",
        _one_of("keep", "delete"),
        "Volumes of a deleted server: kept and detached, or deleted",
        "14, 23",
    )
    group_empty_content: str = _switch(
        "check_ip", _one_of("check_ip", "accept"), "A group created without a description", "17, 23"
    )
    group_clear: str = _switch(
        "keep",
        _one_of("keep", "corrupt", "clear"),
        "An empty description in a group edit",
        "17, 23",
    )
    escape_group_content: bool = _switch(
        True, _flag(), "Whether group descriptions come back HTML-escaped", "8, 17, 23"
    )
    delete_attached_group: str = _switch(
        "refuse", _one_of("refuse", "allow"), "Deleting a group that has members", "17, 23"
    )
    attach_mode: str = _switch(
        "single_refuse",
        _one_of("single_refuse", "single_replace", "many"),
        "A second group on one server: IN_USE, moved, or added",
        "17, 23",
    )
    duplicate_key: str = _switch(
        "match",
        _one_of("match", "all"),
        "Equal rules: bound+protocol+port+ip, or title and content too",
        "17, 23",
    )
    put_without_rules: str = _switch(
        "remove", _one_of("remove", "keep"), "An older firewall edit without `rules`", "18, 23"
    )
    old_firewall_paths: bool = _switch(
        True, _flag(), "Whether /v1/firewall exists (else 404)", "18, 23"
    )
    bill_page_meta: str = _switch(
        "strings",
        _one_of("strings", "integers"),
        "Type of page_no and page_size on the bill list",
        "19, 23",
    )
    bill_detail: str = _switch(
        "denied", _one_of("denied", "ok"), "Bill detail: always 403 CHECK_IP, or served", "19, 23"
    )
    instances_max: int | None = _switch(
        None,
        _number(0, whole=True, off=True),
        "Servers an account may have, then LIMIT_EXCEEDED",
        "4",
    )
    block_storages_max: int | None = _switch(
        None,
        _number(0, whole=True, off=True),
        "Volumes an account may have, then LIMIT_EXCEEDED",
        "4",
    )
    groups_max: int | None = _switch(
        None,
        _number(0, whole=True, off=True),
        "Security groups an account may have, then LIMIT_EXCEEDED",
        "4",
    )
    rules_max: int | None = _switch(
        None,
        _number(0, whole=True, off=True),
        "Rules a security group may have, then LIMIT_EXCEEDED",
        "4",
    )

    @classmethod
    def parse(cls, values: Mapping[str, object], base: Switches | None = None) -> Switches:
        """The switches with these values over `base`; SwitchError names the first wrong one.
        `ticks.NAME` sets one duration.
        """
        switches = base or cls()
        for name, value in values.items():
            switches = switches.with_value(name, value)
        return switches

    @classmethod
    def parse_texts(cls, texts: Iterable[str], base: Switches | None = None) -> Switches:
        """The same from `NAME=VALUE` texts, as a command line gives them."""
        switches = base or cls()
        for text in texts:
            name, equals, value = text.partition("=")
            if not equals:
                raise SwitchError(f"{text}: write NAME=VALUE")
            switches = switches.with_value(name.strip(), value)
        return switches

    def with_value(self, name: str, value: object) -> Switches:
        """The same switches but for one."""
        if name.startswith("ticks."):
            return self._with_tick(name.removeprefix("ticks."), value)
        metadata = _METADATA.get(name)
        if metadata is None:
            raise SwitchError(f"{name}: no such switch; there are " + ", ".join(sorted(_METADATA)))
        try:
            parsed = metadata["parse"](value)
        except SwitchError as problem:
            raise SwitchError(f"{name}={value}: wanted {problem}") from None
        return dataclasses.replace(self, **{name: parsed})

    def _with_tick(self, operation: str, value: object) -> Switches:
        if operation not in OPERATIONS:
            raise SwitchError(
                f"ticks.{operation}: no such operation; there are " + ", ".join(OPERATIONS)
            )
        try:
            ticks = dataclasses.replace(self.ticks, **{operation: _tick(value)})
        except SwitchError as problem:
            raise SwitchError(f"ticks.{operation}={value}: wanted {problem}") from None
        return dataclasses.replace(self, ticks=ticks)

    def changed(self) -> dict[str, object]:
        """Only what differs from the default, in a form that `parse` takes back."""
        plain = Switches()
        return {
            name: _plain(getattr(self, name))
            for name in _METADATA
            if getattr(self, name) != getattr(plain, name)
        }


_METADATA: dict[str, Mapping[Any, Any]] = {
    each.name: each.metadata for each in dataclasses.fields(Switches)
}


def _plain(value: object) -> object:
    if isinstance(value, Ticks):
        return {name: _plain_tick(getattr(value, name)) for name in OPERATIONS}
    if isinstance(value, tuple):
        return list(value)
    return "off" if value is None else value


def _plain_tick(value: float) -> object:
    return f"{-int(value)} reads" if value < 0 else value


def table() -> list[SwitchRow]:
    """Every switch, in the order of the contract."""
    return [
        SwitchRow(
            each.name,
            _plain(each.default),
            each.metadata["allowed"],
            each.metadata["meaning"],
            each.metadata["section"],
        )
        for each in dataclasses.fields(Switches)
    ]
