"""Problems on a screen."""

from __future__ import annotations

from reconciler.model import diagnostics
from reconciler.model.diagnostics import Place
from reconciler.render import problem_text as view
from reconciler.render.run import screen
from reconciler.render.run.screen import Style


def test_each_problem_has_its_place_code_and_hint_and_all_are_counted() -> None:
    found = [
        diagnostics.error(
            "unknown-key",
            "`flavour` is not a known key of instances",
            place=Place("web.yaml", 4, 5),
            hint="did you mean `flavor`?",
        ),
        diagnostics.error(
            "missing-reference",
            "no firewall 웹",
            place=Place("web.yaml", 9, 5),
            address="instances.web",
            hint="one\ntwo",
        ),
        diagnostics.warning("no-login", "instances.db gets no SSH key", address="instances.db"),
    ]

    assert screen.text(view.problems_lines(found, Style()), Style()).splitlines() == [
        "web.yaml:4:5  error[unknown-key]  `flavour` is not a known key of instances",
        "    hint: did you mean `flavor`?",
        "web.yaml:9:5  error[missing-reference]  instances.web: no firewall 웹",
        "    hint: one",
        "          two",
        "warning[no-login]  instances.db gets no SSH key",
        "2 errors, 1 warning",
    ]


def test_a_narrow_screen_folds_lines_and_leaves_nothing_out() -> None:
    found = diagnostics.error(
        "lookup",
        "a long message that does not fit into so few cells",
        hint="and a hint that is long too, really",
    )

    lines = screen.text(view.problem_lines(found, Style(width=40)), Style()).splitlines()

    assert max(map(len, lines)) <= 40
    assert " ".join(" ".join(lines).split()) == (
        "error[lookup] a long message that does not fit into so few cells hint: and a hint that "
        "is long too, really"
    )


def test_a_line_that_is_wrong_for_many_objects_is_reported_once() -> None:
    # Goal: a text that is too long under `count: 300` is one mistake to mend, though each object
    # has it.
    place = Place("web.yaml", 4, 5)
    found = [
        diagnostics.error(
            "bad-length",
            f"{at}: the description is too long",
            place=place,
            address=at,
            hint=f"shorten {at}",
        )
        for at in (f"instances.web[{n}]" for n in range(300))
    ]

    assert screen.text(view.problems_lines(found, Style()), Style()).splitlines() == [
        "web.yaml:4:5  error[bad-length]  instances.web[0..299]: the description is too long",
        "    hint: shorten ADDRESS",
    ]
