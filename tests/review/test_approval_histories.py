"""10,000 histories of pull requests: a plan is applied if, and only if, an independent model finds
enough valid approvals.

The model never reads a comment's text. It knows of each comment who wrote it, which version of
which plan it means, and whether it is well written.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from dataclasses import dataclass, field

from reconciler.commands.review import approvals
from reconciler.commands.review.approvals import ApprovalRules, ReviewedPlan
from reconciler.config.project.project import Settings
from reconciler.model.ports.forge_ports import ForgeComment, Person

HISTORIES = 10_000
CLASSES = ("delete", "data-loss", "downtime", "lockout")
PEOPLE = ("ada", "bo", "cy", "dee", "eve")
BOT = "deploy"
TITLES = ("shop/prod", "network", "db")
TEAM = {"ops": frozenset({"Dee", "eve"})}


@dataclass(frozen=True)
class Version:
    """What the id of a plan depends on, and its classes."""

    title: str
    commit: int
    world: int
    base: int
    classes: frozenset[str] = field(compare=False)

    def id(self, *, is_twin: bool) -> str:
        """The twins' ids begin with the same 12 letters."""
        text = f"{self.commit} {self.world} {self.base}"
        start = hashlib.sha256((text + (" " if is_twin else self.title)).encode()).hexdigest()
        rest = hashlib.sha256((text + self.title).encode()).hexdigest()[13:]
        return f"{start[:12]}{TITLES.index(self.title)}{rest}"


@dataclass(frozen=True)
class Said:
    """A comment as the model knows it. `letters` is how many of the id it has."""

    person: str
    means: Version | None
    letters: int
    is_well_written: bool
    is_edited: bool
    is_own: bool
    body: str
    shown_name: str


@dataclass
class History:
    """A pull request while people work on it."""

    random: random.Random
    titles: tuple[str, ...] = ()
    counts: dict[str, int | None] = field(default_factory=dict)
    approvers: tuple[str, ...] = ()
    author: str = ""
    is_twin: bool = False
    numbers: list[int] = field(default_factory=lambda: [0, 0, 0])
    versions: dict[str, list[Version]] = field(default_factory=dict)
    said: list[Said] = field(default_factory=list)

    def play(self) -> None:
        pick = self.random
        self.titles = TITLES[: pick.randint(1, 3)]
        self.is_twin = pick.random() < 0.2
        self.author = pick.choice(PEOPLE)
        choices: list[int | None] = [None, 1, 1, 2, 2, 3]
        named = [each for each in CLASSES if pick.random() < 0.5]
        self.counts = {each: pick.choice(choices) for each in named}
        if pick.random() < 0.7:
            self.counts["any"] = pick.choice([0, 1, 1, 1, 2, 2, None])
        chosen = pick.sample((*PEOPLE, BOT, "team:ops"), pick.randint(0, 5))
        self.approvers = tuple(
            each.upper() if pick.random() < 0.2 and ":" not in each else each for each in chosen
        )
        self.versions = {title: [self.version(title)] for title in self.titles}
        for _ in range(pick.randint(1, 14)):
            if pick.random() < 0.15:  # a new commit, a changed world, a changed base
                self.numbers[pick.randrange(3)] += 1
                for title in self.titles:
                    self.versions[title].append(self.version(title))
            else:
                self.comment()

    def version(self, title: str) -> Version:
        classes = frozenset(each for each in CLASSES if self.random.random() < 0.35)
        commit, world, base = self.numbers
        return Version(title, commit, world, base, classes)

    def comment(self) -> None:
        pick = self.random
        title = pick.choice(self.titles)
        old = pick.random() < 0.15
        means = pick.choice(self.versions[title]) if old else self.versions[title][-1]
        letters = pick.choice([12, 12, 12, 13, 20, 64])
        id = means.id(is_twin=self.is_twin)[:letters]
        id = id.upper() if pick.random() < 0.2 else id
        person = pick.choice((*PEOPLE, *PEOPLE, "outsider", BOT))
        line = f"/approve {id}"
        good = [line, f"\n\n{line}", f"{line}  \r\nthanks", f"  {line}", f"/approve\t{id}"]
        bad = [
            f"> {line}",
            f"    {line}",
            f"```\n{line}\n```",
            f"please {line}",
            f"{line} and more",
            f"/approve {id[:11]}",
            f"/approve {id}x",
            f"looks good\n{line}",
            f"/approve {id} {id}",
            f"<!--\n{line} -->",
        ]
        well = pick.random() < 0.85
        shown = pick.choice([person, person, person.upper(), person.title()])
        self.said.append(
            Said(
                person,
                means,
                letters,
                well,
                pick.random() < 0.08,
                pick.random() < 0.05,
                pick.choice(good if well else bad),
                shown,
            )
        )


def model(history: History, title: str) -> bool:
    """Whether the current plan of a stack may be applied."""
    now = history.versions[title][-1]
    who = {each.lower() for each in history.approvers if ":" not in each}
    if "team:ops" in history.approvers:
        who |= {"dee", "eve"}
    valid = {
        each.person
        for each in history.said
        if each.is_well_written
        and not each.is_edited
        and not each.is_own
        and each.means == now
        and each.person in who
        and each.person not in (history.author, BOT)
        and not (history.is_twin and len(history.titles) > 1 and each.letters == 12)
    }
    needs = [history.counts.get("any", 0)]
    for each in now.classes:
        needs.append(history.counts.get(each, 1))
    return all(need is not None and len(valid) >= need for need in needs)


def product(history: History, title: str) -> bool:
    """The same by the rules of the product."""
    comments = [
        ForgeComment(
            str(number),
            Person(each.shown_name, is_bot=each.person == BOT),
            each.body,
            float(number),
            is_edited=each.is_edited,
            is_own=each.is_own,
        )
        for number, each in enumerate(history.said)
    ]
    settings = Settings(approvals=history.counts, approvers=history.approvers)
    ids = {each: history.versions[each][-1].id(is_twin=history.is_twin) for each in history.titles}
    verdict = approvals.judge(
        ReviewedPlan(title, ids[title], history.versions[title][-1].classes),
        approvals.read(comments),
        ApprovalRules.of(settings, TEAM.__getitem__),
        Person(history.author.upper()),
        among=ids.values(),
    )
    assert verdict.is_approved or verdict.missing or verdict.never
    return verdict.is_approved


def test_no_plan_is_applied_without_valid_approvals_and_none_with_them_is_refused() -> None:
    seen: Counter[str] = Counter()
    for seed in range(HISTORIES):
        history = History(random.Random(seed))
        history.play()
        for title in history.titles:
            expected, found = model(history, title), product(history, title)
            assert found == expected, f"history {seed}, {title}: {history}"
            needed = expected and bool(
                history.versions[title][-1].classes or history.counts.get("any")
            )
            seen["approved" if needed else "free" if expected else "refused"] += 1
    assert seen["approved"] > 1_000 and seen["refused"] > 5_000 and seen["free"] > 500, seen
