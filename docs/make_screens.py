"""Makes the screens of docs/explanation/plan.md from real runs: a stack on the local
cloud, in virtual time, shown as the program shows it.

    .venv/bin/python docs/make_screens.py

Texts go between the `<!-- screen NAME -->` marks of a page, pictures into docs/screens. A picture
of a recorded terminal is kept if only durations and ids differ, so that the same code gives the
same bytes.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "docs")]

from recordings import COLUMNS, recordings, same
from terminal_picture import COLOURS, picture, still

from reconciler.commands import context
from reconciler.commands.plan import plan
from reconciler.locale import choice
from reconciler.model.address import parse
from reconciler.model.diagnostics import in_order
from reconciler.model.events import Event, RunStarted, StepStarted, Summary
from reconciler.planner.checks import approval
from reconciler.planner.checks.approval import GivenConsent
from reconciler.planner.compare.assessment import PlanOptions
from reconciler.render import why_text
from reconciler.render.explain_change import why
from reconciler.render.plan import plan_markdown, plan_text
from reconciler.render.plan.plan_sections import sections
from reconciler.render.plan.plan_text import PlanHeader
from reconciler.render.plan.tally import tally
from reconciler.render.run import progress, run_end, screen
from reconciler.render.run.live_area import LiveArea, Terminal, no_ticker
from reconciler.render.run.run_clock import RunClock
from reconciler.render.run.run_report import RunReport
from reconciler.render.run.screen import Line, Style
from reconciler.simulator.edits import edit
from tests.cloud_harness import CloudHarness

PAGE = ROOT / "docs" / "explanation" / "plan.md"
PICTURES = ROOT / "docs" / "screens"
LOOK = Style(width=110)
SHORT = "/tmp"  # noqa: S108  # in it is a folder with a name by chance
"""Lines are broken where the path of a file is as long as it is here, whatever TMPDIR is."""

APPLY = "reconciler apply --simulate"
STACK = """\
version: 1
stack: shop

defaults:
  instances: {zone: kr1-z01, image: {os: ubuntu, version: "22.04"}, ssh_keys: [deploy], flavor: std_2.4-g1}

firewalls:
  web:
    icmp: true
    rules:
      https: {direction: in, protocol: tcp, ports: 443, cidr: 0.0.0.0/0}
      ssh:   {direction: in, protocol: tcp, ports: 22, cidr: 203.0.113.7/32}

instances:
  web: {count: 2, firewall: web, description: 웹 서버}
  db:
    flavor: std_4.8-g1
    firewall: web
  old: {firewall: web}

block_storages:
  data: {type: ssd, size: 100, instance: db}

prices: {ssd: 120}
guard: {admin: [203.0.113.7/32], ports: [22]}
"""
HTTPS = "ports: 443, cidr: 0.0.0.0/0}"
API = "\n      api:   {direction: in, protocol: tcp, ports: 8080, cidr: 10.0.0.0/8}"
SSH = "      ssh:   {direction: in, protocol: tcp, ports: 22, cidr: 203.0.113.7/32}\n"


EDITS = (
    ("    flavor: std_4.8-g1", "    flavor: mio_4.16-g1"),
    ("count: 2", "count: 6"),
    ("  old: {firewall: web}\n", ""),
    (HTTPS, HTTPS + API),
)
TERMINAL = Style(width=100, color=True)


class Studio:
    """One account and one stack that the screens are taken of."""

    def __init__(self, folder: Path, text: str = STACK) -> None:
        self.harness, self.folder, self.text = CloudHarness(), folder, text

    def edit(self, *pairs: tuple[str, str]) -> None:
        """Changes the file."""
        for before, after in pairs:
            assert before in self.text, before
            self.text = self.text.replace(before, after)

    def plan(self, **options: object) -> context.Planned:
        """What an apply would do now."""
        chosen = PlanOptions(**options)  # type: ignore[arg-type]
        return plan(
            self.harness.stack(self.text, self.folder),
            self.harness.connection(),
            self.harness.store,
            chosen,
        )

    def apply(self) -> context.Planned:
        """Does it, and gives the plan that was done."""
        self.harness.events.clear()
        result = self.harness.apply(self.harness.stack(self.text, self.folder))
        assert result.exit_code == 0, result
        return self.harness.plans[-1]

    def lines(self, planned: context.Planned, look: Style = LOOK) -> list[Line]:
        """The screen of a plan."""
        plan = replace(planned.plan, problems=in_order((*planned.plan.problems, *planned.problems)))
        decision = approval.decide(plan, GivenConsent(terminal=True), tracked=planned.tracked)
        shown = replace(header(planned), command=APPLY)
        found = plan_text.plan_lines(plan, shown, look, decision, planned.outputs)
        return [Line(line.text.replace(f"{self.folder}/", ""), line.tone) for line in found]

    def run(self, planned: context.Planned) -> list[Line]:
        """The lines of a run about what has ended, as a log shows them, and its end."""
        rows = [row for section in sections(planned.plan) for row in section.rows]
        report, found = RunReport(rows, planned.plan.steps, tally(planned.plan)), list[Line]()
        clock = RunClock(planned.plan.steps, now=self.harness.clock.monotonic)
        for event in self.harness.events:
            report.take(event)
            clock.take(event)
            if isinstance(event, Summary):
                found += run_end.summary_lines(event, report, style=LOOK, with_rows=True)
            elif not isinstance(event, StepStarted):
                found += progress.event_lines(event, LOOK, report, clock)
        return found


def header(planned: context.Planned) -> PlanHeader:
    """The first line of a screen."""
    return PlanHeader(
        key_suffix="9f41",
        state="state/.simulator/shop",
        at=planned.at,
        simulated=True,
        id="7f3a",  # the real one changes with every detail of the steps
    )


def screens(folder: Path) -> Iterator[tuple[str, list[Line] | str]]:
    """Every screen of the page, in the order of the story."""
    studio = Studio(folder)
    yield "first", studio.lines(studio.plan())
    studio.apply()
    studio.edit(*EDITS)
    planned = studio.plan()
    yield "day", studio.lines(planned)
    yield "day_80", studio.lines(planned, Style(width=80))
    address = parse("instances.db")
    assert address is not None
    yield "why", list(why_text.why_lines(why(planned.plan, address), LOOK))
    decision = approval.decide(planned.plan, GivenConsent(terminal=True), tracked=planned.tracked)
    yield (
        "markdown",
        plan_markdown.plan_markdown(
            planned.plan, replace(header(planned), command=APPLY), decision
        ),
    )
    yield "run", studio.run(studio.apply())
    edit(studio.harness.cloud.world, "set", "instance", "shop-web-1", {"description": "hands off"})
    edit(studio.harness.cloud.world, "set", "firewall", "shop-web", {"icmp": "N"})
    studio.edit(("웹 서버", "주문을 받는 웹 서버"))
    yield "drift", studio.lines(studio.plan())
    studio.apply()
    studio.edit((SSH, ""))
    yield "lockout", studio.lines(studio.plan())
    studio.edit(("      api:", f"{SSH}      api:"), ("size: 100", "size: 200"))
    yield "replace", studio.lines(studio.plan())


class Watch(list[Event]):
    """The events of a run, and what a terminal shows of it: `shown` is that at the first event from
    so many seconds on.
    """

    def __init__(self, harness: CloudHarness, seconds: float) -> None:
        super().__init__()
        self._harness, self._seconds = harness, seconds
        self._view: progress.Live | None = None
        self._above = list[str]()
        self.shown = ""

    def append(self, event: Event) -> None:
        """Takes an event."""
        super().append(event)
        now = self._harness.clock.monotonic
        if isinstance(event, RunStarted):
            plan = self._harness.plans[-1].plan
            rows = [row for section in sections(plan) for row in section.rows]
            terminal = Terminal(len, lambda: (TERMINAL.width or 80, 24), TERMINAL, now, no_ticker)
            report = RunReport(rows, plan.steps, tally(plan))
            clock = RunClock(plan.steps, now=now)
            self._began = now()
            self._view = progress.Live(
                LiveArea(terminal), self._above.append, TERMINAL, report, clock
            )
        if self._view is None or self.shown:
            return
        self._view(event)
        if now() - self._began >= self._seconds:
            below = screen.text(self._view.lines(now(), TERMINAL.width or 80), TERMINAL)
            self.shown = "".join(self._above) + below


def pictures() -> dict[str, str]:
    """The pictures by file name: plans on terminals of several kinds, a run under way, and the
    recordings of the command line.
    """
    shown = dict(stills())
    frames = {name: [still(text, columns)] for name, (text, columns) in shown.items()}
    frames |= recordings()
    found = {}
    for name, each in frames.items():
        columns = shown[name][1] if name in shown else COLUMNS
        for theme in COLOURS:
            svg = picture(each, columns, TITLES.get(name, "reconciler plan"), theme=theme)
            found[f"{name}_{theme}.svg"] = svg
    return found


def stills() -> Iterator[tuple[str, tuple[str, int]]]:
    """The screens in virtual time by name, as text with the colours and columns of a terminal."""
    with tempfile.TemporaryDirectory(dir=SHORT) as folder:
        studio = Studio(Path(folder))
        studio.plan()
        studio.apply()
        studio.edit(*EDITS)
        looks = {f"plan_{width}": Style(width=width, color=True) for width in (80, 100, 140)}
        planned = studio.plan()
        for name, look in looks.items():
            yield name, (screen.text(studio.lines(planned, look), look), look.width or 80)
        try:
            choice.use("ko")
            korean = screen.text(studio.lines(planned, TERMINAL), TERMINAL)
        finally:
            choice.use("en")
        yield "plan_ko", (korean, TERMINAL.width or 80)
        watch = Watch(studio.harness, 20.0)
        studio.harness.events = watch
        studio.apply()
        yield "run", (watch.shown, TERMINAL.width or 80)
        studio.edit(("size: 100", "size: 200"))
        ascii = replace(TERMINAL, ascii=True)
        yield "plan_ascii", (screen.text(studio.lines(studio.plan(), ascii), ascii), 100)


def current(name: str, before: str, now: str) -> bool:
    """Whether the picture of that name is as it would be drawn now."""
    recorded = name.partition("_")[0] in RECORDED and before
    return same(before, now) if recorded else before == now


RECORDED = ("first", "consent", "recover", "ls", "error")
TITLES = {
    "plan_ko": "reconciler --lang ko plan",
    "run": "reconciler apply",
    "first_apply": "reconciler apply",
    "consent": "reconciler apply",
    "recover": "reconciler recover",
    "ls": "reconciler ls",
    "error": "reconciler validate",
}


def made() -> tuple[dict[Path, str], dict[str, str]]:
    """The pages with their screens, and the pictures by file name."""
    pages = {}
    for path, taken in ((PAGE, screens),):
        page = path.read_text(encoding="utf-8")
        with tempfile.TemporaryDirectory(dir=SHORT) as folder:
            for name, found in taken(Path(folder)):
                text = found if isinstance(found, str) else screen.text(found, LOOK)
                fence, language = (
                    ("~~~~", "markdown") if isinstance(found, str) else ("```", "text")
                )
                page = placed(page, name, f"{fence}{language}\n{text.lstrip(chr(10))}{fence}\n")
        pages[path] = page
    return pages, pictures()


def placed(page: str, name: str, block: str) -> str:
    """The page with a block between the marks of that name."""
    marks = re.compile(rf"(<!-- screen {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    put: Callable[[re.Match[str]], str] = lambda found: f"{found[1]}{block}{found[2]}"  # noqa: E731
    page, count = marks.subn(put, page)
    if count != 1:
        raise SystemExit(f"{count} places for the screen {name}; one is needed")
    return page


def main() -> None:
    """Writes them."""
    pages, drawn = made()
    for path, page in pages.items():
        path.write_text(page, encoding="utf-8")
    PICTURES.mkdir(exist_ok=True)
    for path in PICTURES.glob("*.svg"):
        if path.name not in drawn:
            path.unlink()
    for name, text in drawn.items():
        path = PICTURES / name
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        if not current(name, before, text):
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
