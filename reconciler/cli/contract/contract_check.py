"""`doctor --contract`: asks, runs the checks, shows the report and writes it."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli.run_context import Session, stop_usage
from reconciler.common.dataclass import dataclass
from reconciler.common.paths import read_ordinary
from reconciler.common.text import msg
from reconciler.model import exit_codes
from reconciler.model.abort import Abort, Cancelled
from reconciler.model.diagnostics import error
from reconciler.render import escape
from reconciler.render.run.screen import Line, Tone

if TYPE_CHECKING:
    from reconciler.cli.contract.write_probe import WriteProbe
    from reconciler.contract.account_check import ContractOptions
    from reconciler.contract.report import ContractReport
    from reconciler.render.documents.json_document import Document

REPORT_FILE = "contract-report.json"


@dataclass(frozen=True, slots=True)
class ContractChoices:
    """The options of `doctor` about the contract, each the option of its name; `report` is
    `--read`.
    """

    contract: bool = False
    write_probe: bool = False
    budget: int | None = None
    yes: bool = False
    refusals: bool = False
    provoke_429: bool = False
    no_catalogue: bool = False
    out: str | None = None
    report: str | None = None

    @property
    def given(self) -> str | None:
        """The first option that works only with `--contract`, or None."""
        named = {
            "--write-probe": self.write_probe,
            "--budget": self.budget is not None,
            "--yes": self.yes,
            "--refusals": self.refusals,
            "--provoke-429": self.provoke_429,
            "--no-catalogue": self.no_catalogue,
            "--out": self.out is not None,
            "--read": self.report is not None,
        }
        return next((name for name, value in named.items() if value), None)


def run(session: Session, choices: ContractChoices) -> int:
    """Checks the contract, or shows what a report changes in it. Returns the exit code."""
    from reconciler.contract import account_check

    if choices.report is not None:
        return _show_differences(session, read_report(Path(choices.report)))
    options = account_check.ContractOptions(
        choices.refusals, choices.provoke_429, not choices.no_catalogue
    )
    target = _target(session, choices)
    probe = _probe(session, choices)
    _agree(session, choices, options)
    arrivals = account_check.LastArrival()
    with replace(session, observe=arrivals).connect() as connection:
        account = account_check.CheckedAccount(
            connection.exchange, arrivals, connection.direct, connection.notify
        )
        report = account_check.check(account, options, _today())
    code = exit_codes.DONE
    if probe is not None:
        code, found = probe.run()
        report = replace(report, results=(*report.results, *found))
    _show(session, report)
    session.show_problems()
    if target is not None:
        _write(session, choices, target, _document(report))
    return code


def _probe(session: Session, choices: ContractChoices) -> WriteProbe | None:
    """The write probe, if it was asked for and may begin."""
    if not choices.write_probe:
        if choices.budget:
            raise stop_usage(
                msg("--budget works only with --write-probe"),
                "reconciler doctor --contract --write-probe",
            )
        return None
    from reconciler.cli.contract.write_probe import WriteProbe
    from reconciler.contract.account_check import ProbeRecorder

    probe = WriteProbe(session, ProbeRecorder(), choices.yes, choices.budget or 0)
    probe.prepare()
    return probe


def _target(session: Session, choices: ContractChoices) -> Path | None:
    """The file of the report, None if it is only printed. Stops before the first call if a file of
    that name exists and nobody can be asked.
    """
    if session.console.json and choices.out is None:
        return None
    path = Path(choices.out or REPORT_FILE)
    if os.path.lexists(path) and (choices.yes or not session.console.can_ask):
        raise stop_usage(
            msg("{path} already exists", path=path), msg("name another file with --out FILE")
        )
    if not path.parent.is_dir():
        raise stop_usage(msg("there is no folder {path}", path=path.parent))
    return path


def _agree(session: Session, choices: ContractChoices, options: ContractOptions) -> None:
    """Says what is sent and asks once. Raises `Abort` without consent."""
    console = session.console
    console.note([Line(f" {escape.outside(text)}") for text in _announcement(options)])
    if choices.yes:
        return
    if not console.can_ask:
        raise Abort(
            error(
                "consent",
                msg("nobody can be asked here whether to check the contract"),
                hint=msg("run `reconciler doctor --contract --yes`"),
            )
        )
    if not console.confirm(msg("Type yes to send these reads, or no to cancel:"), "yes"):
        raise Cancelled(msg("Cancelled. Nothing was sent."))


def _announcement(options: ContractOptions) -> list[str]:
    lines: list[str] = [
        msg(
            "Compares this account's API with the contract: about {calls} reads in under two "
            "minutes, and one more for each firewall (at most {more}).",
            calls=options.calls,
            more=options.calls_max - options.calls,
        ),
        msg(
            "They change nothing, and nothing is sent to anybody. The report has no names, ids, "
            "addresses, amounts, texts or keys."
        ),
    ]
    if options.refusals:
        lines.append(msg("Two reads are signed wrongly on purpose; the provider may count them."))
    if options.rate:
        lines.append(
            msg("The last reads exceed the quota on purpose; the key is idle for a minute after.")
        )
    return lines


def _show(session: Session, report: ContractReport) -> None:
    from reconciler.render.documents import contract_text

    console = session.console
    if console.json:
        console.result_json(_document(report))
        return
    console.result(
        [
            *contract_text.result_lines(report),
            Line(),
            Line(f" {escape.outside(contract_text.summary(report))}", Tone.PLAIN),
            Line(),
        ]
    )


def _document(report: ContractReport) -> Document:
    from reconciler.contract.report import members
    from reconciler.render.documents.json_document import DocumentType, document

    return document(DocumentType.CONTRACT, members(report))


def _write(session: Session, choices: ContractChoices, path: Path, content: Document) -> None:
    """Shows the report in full, then writes it, after a question if that was not agreed to."""
    from reconciler.render.documents import contract_text

    console = session.console
    text = contract_text.document_text(content)
    if not console.json:
        console.out.write(text)
    if console.out.lost is not None:
        return
    present = os.path.lexists(path)
    if present:
        question = msg("{path} exists. Type yes to replace it, or no:", path=path)
    else:
        question = msg("Type yes to write this to {path}, or no:", path=path)
    if not choices.yes and not console.confirm(question, "yes"):
        console.note([Line(msg(" Not written."))])
        return
    try:
        _put(path, text, new=not present)
    except OSError as failure:
        raise Abort(
            error(
                "state-write",
                msg("{path} cannot be written: {reason}", path=path, reason=failure.strerror),
                hint=msg("name another file with --out FILE"),
            )
        ) from failure
    console.note([Line(f" {escape.outside(msg('Written to {path}.', path=path))}")])


def _put(path: Path, text: str, *, new: bool) -> None:
    """Writes a whole file, or none. `new`: it must not exist yet."""
    draft = path if new else path.with_name(f".contract-report.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        if not new:
            draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def _show_differences(session: Session, report: ContractReport) -> int:
    from reconciler.render.documents import contract_text

    console = session.console
    if console.json:
        console.result_json(_document(report))
        return exit_codes.DONE
    lines = contract_text.difference_lines(report)
    head = msg(
        "Report of {day} by reconciler {version} against contract {contract}:",
        day=report.day,
        version=report.version,
        contract=report.contract,
    )
    console.result([Line(f" {escape.outside(head)}", Tone.PLAIN), Line(), *lines])
    if not lines:
        console.result([Line(f" {escape.outside(msg('Nothing differs from the contract.'))}")])
    return exit_codes.DONE


def read_report(path: Path) -> ContractReport:
    """The report in a file. Raises `Abort` if it cannot be read, or contains anything that no
    report contains.
    """
    from reconciler.contract.report import BYTES_MAX, NotAReport, read

    try:
        raw = read_ordinary(path, BYTES_MAX + 1)
    except OSError as failure:
        raise Abort(
            error(
                "file-missing",
                msg("{path} cannot be read: {reason}", path=path, reason=failure.strerror),
            )
        ) from failure
    try:
        if len(raw) > BYTES_MAX:
            raise NotAReport(msg("it is too large"))
        return read(_parsed(raw))
    except NotAReport as failure:
        raise Abort(
            error(
                "usage",
                msg("{path} is not a usable report: {reason}", path=path, reason=failure),
                hint=msg("create one with `reconciler doctor --contract`"),
            )
        ) from failure


def _parsed(raw: bytes) -> object:
    from reconciler.contract.report import NotAReport

    try:
        return json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as failure:
        raise NotAReport(msg("it is not JSON")) from failure


def _today() -> str:
    return time.strftime("%Y-%m-%d", time.gmtime())
