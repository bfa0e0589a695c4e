"""How a use case ends early: with problems to show and an exit code."""

from __future__ import annotations

from reconciler.model import exit_codes
from reconciler.model.diagnostics import Problem


class Abort(Exception):
    """A use case ends here. `problems` say why; `exit_code` is that of the program."""

    def __init__(self, *problems: Problem, exit_code: int | None = None) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = problems
        self.exit_code = exit_codes.of_problems(problems) if exit_code is None else exit_code


class Cancelled(Abort):
    """The user answered no. That is not an error: `text` says what was not done."""

    def __init__(self, text: str) -> None:
        super().__init__(exit_code=exit_codes.REFUSED)
        self.text = text
