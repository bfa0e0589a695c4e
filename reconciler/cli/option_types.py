"""The types of options and arguments. A mistake in one is a usage error (exit 64)."""

from __future__ import annotations

import calendar
import re
from datetime import date
from pathlib import Path
from typing import Any

import click

from reconciler.common.text import msg
from reconciler.model.plan import RiskClass
from reconciler.planner.checks import approval
from reconciler.planner.checks.approval import Acceptance


class Pair(click.ParamType[tuple[str, str]]):
    """The value of `--var`: `NAME=VALUE`."""

    name = "NAME=VALUE"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """The name and the value."""
        if isinstance(value, tuple):
            return value
        name, equals, text = str(value).partition("=")
        if not equals or not name:
            self.fail(msg("{value!r} is not NAME=VALUE", value=value), param, ctx)
        return name, text


FROZEN = "frozen"
"""What `--accept frozen` lets a run pass: not a class of risk, but the freeze of the stack."""


class AcceptParam(click.ParamType[Acceptance]):
    """The value of `--accept`: `CLASS`, `CLASS=ADDRESS` or `CLASS=TITLE:ADDRESS`."""

    name = "CLASS[=ADDRESS]"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Acceptance:
        """The acceptance, with its address in canonical spelling."""
        if isinstance(value, Acceptance):
            return value
        found = approval.parse(str(value))
        if value == FROZEN:
            message = msg("frozen is accepted by the run that changes something, not by a plan")
            self.fail(message, param, ctx)
        if found is None:
            classes = ", ".join(risk.value for risk in RiskClass)
            self.fail(
                msg(
                    "{value!r} is not CLASS or CLASS=ADDRESS; classes are {classes}",
                    value=value,
                    classes=classes,
                ),
                param,
                ctx,
            )
        if found.address is None and found.risk in approval.BY_ADDRESS_ONLY:
            self.fail(
                msg(
                    "{risk} can only be accepted for one address: {risk}=ADDRESS",
                    risk=found.risk.value,
                ),
                param,
                ctx,
            )
        from reconciler.model.address import titled, typed

        title, text = titled(found.address or "")
        address = typed(text)
        if address is None:
            return found
        before = "" if title is None else f"{title}:"
        return Acceptance(found.risk, f"{before}{address}")


class AddressText(click.ParamType[str]):
    """The address of an object, kept as text."""

    name = "ADDRESS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The address in canonical spelling."""
        from reconciler.model.address import typed

        found = typed(str(value))
        if found is None:
            self.fail(
                msg(
                    "{value!r} is not an address, such as instances.web or instances.web[0]",
                    value=value,
                ),
                param,
                ctx,
            )
        return str(found)


class AddressOrStack(AddressText):
    """An address as `AddressText` takes it; a pattern of addresses, or the path of a stack,
    unchanged.
    """

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The address in canonical spelling, the pattern, or the path."""
        text = str(value)
        is_pattern = re.match(r"[a-z_*?]+\.", text) is not None and ("*" in text or "?" in text)
        return text if is_pattern or names_stack(text) else super().convert(value, param, ctx)


class Pattern(click.ParamType[str]):
    """An address, or a pattern of addresses with `*` and `?`."""

    name = "ADDRESS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """An address in canonical spelling; a pattern unchanged."""
        from reconciler.model.address import typed

        return str(typed(str(value)) or value)


class Bind(click.ParamType[tuple[str, str]]):
    """The value of `--adopt`: `ADDRESS=ID`."""

    name = "ADDRESS=ID"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """The address in canonical spelling, and the id."""
        if isinstance(value, tuple):
            return value
        from reconciler.model.address import typed

        # A key of `for_each` may contain `=`; an id cannot.
        text, equals, id = str(value).rpartition("=")
        address = typed(text)
        if not equals or not id or address is None:
            self.fail(
                msg(
                    "{value!r} is not ADDRESS=ID, such as instances.web=INSTANCE-Fq1a", value=value
                ),
                param,
                ctx,
            )
        return str(address), id


class Day(click.ParamType[str]):
    """A date as the API writes it, `YYYY-MM-DD`; a month means its first day, or its last one."""

    name = "DATE"

    def __init__(self, *, last: bool = False) -> None:
        self._last = last

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The date as `YYYY-MM-DD`."""
        text = str(value)
        day = text
        if _MONTH.fullmatch(text) is not None and self._last:
            year, month = map(int, text.split("-"))
            day = f"{text}-{calendar.monthrange(max(year, 1), month)[1]:02}"
        elif _MONTH.fullmatch(text) is not None:
            day = f"{text}-01"
        try:
            valid = date.fromisoformat(day).isoformat() == day
        except ValueError:
            valid = False
        if not valid:
            message = msg("{value!r} is not a date, such as 2026-11-30 or 2026-11", value=text)
            self.fail(message, param, ctx)
        return day


class Megabytes(click.ParamType[int]):
    """An amount of memory: a number of MB, or of GB with `G`."""

    name = "MB"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Megabytes, as the catalog counts them."""
        if isinstance(value, int):
            return value
        found = _MEMORY.fullmatch(str(value).strip())
        if found is None:
            self.fail(msg("{value!r} is not an amount of memory, such as 4096 or 4G", value=value))
        return int(found[1]) * (1024 if found[2].lower().startswith("g") else 1)


class Duration(click.ParamType[float]):
    """A time such as `30s`, `10m` or `1h`, in seconds."""

    name = "TIME"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Seconds, at least a minute and at most a week."""
        if isinstance(value, float):
            return value
        found = _DURATION.fullmatch(str(value).strip())
        seconds = 0.0 if found is None else float(found[1]) * _UNITS[found[2]]
        if not 60.0 <= seconds <= _WEEK_SECONDS:
            message = msg(
                "{value!r} is not a time such as 10m or 1h, of at least 1m and at most 7d",
                value=value,
            )
            self.fail(message)
        return seconds


_DURATION = re.compile(r"([0-9]{1,6})([smhd])")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_WEEK_SECONDS = 7 * 86400.0
_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
_MEMORY = re.compile(r"([0-9]{1,9}) ?((?:[mMgG][iI]?[bB]?)?)")


def is_path(text: str) -> bool:
    """Whether an argument is a file or folder by its spelling. An address has a bracket before a
    slash.
    """
    before, slash, _ = text.partition("/")
    suffix = text.rpartition(".")[2]
    if suffix == "plan" or text.startswith("plan://"):
        return False
    return (
        text in (".", "..", "-") or suffix in ("yaml", "yml") or bool(slash and "[" not in before)
    )


def names_stack(text: str) -> bool:
    """Whether an argument in the place of an address is the path of a stack."""
    return is_path(text) or Path(text).is_dir()
