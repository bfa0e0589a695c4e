"""What policies find in a plan, as values."""

from __future__ import annotations

from reconciler.common.dataclass import dataclass
from reconciler.model.diagnostics import Problem
from reconciler.model.plan import Consent


@dataclass(frozen=True, slots=True)
class Ask:
    """A consent that a policy wants: of its class, for the address of a change, or for the name of
    the policy if it judges the plan as a whole. `message` says why.
    """

    policy: str
    consent: Consent
    message: str


@dataclass(frozen=True, slots=True)
class PolicyVerdict:
    """What one policy did: its name and `deny`, `warn` or `ask`, or `failed` if it could not be
    evaluated and denies the plan.
    """

    policy: str
    effect: str


@dataclass(frozen=True, slots=True)
class PolicyJudgement:
    """What the policies found. `problems` have the code `policy`: an error denies the plan, also if
    a policy could not be evaluated; a warning does not, and there is one for each policy that asks.
    """

    problems: tuple[Problem, ...] = ()
    asks: tuple[Ask, ...] = ()
    verdicts: tuple[PolicyVerdict, ...] = ()

    @property
    def consents(self) -> tuple[Consent, ...]:
        """Every consent that is asked for, sorted, without repetition."""
        found = {(ask.consent.risk.value, ask.consent.address): ask.consent for ask in self.asks}
        return tuple(found[key] for key in sorted(found))
