"""The consent that the plans of several stacks need, as options of one command."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from reconciler.common import suggestions
from reconciler.model.plan import Consent, RiskClass
from reconciler.planner.checks.approval import BY_ADDRESS_ONLY
from reconciler.render import escape, format
from reconciler.render.format import phrase

_LISTED_MAX = 5

TitledConsent = tuple[str, Consent]
"""Consent with the title of the stack that needs it."""


def needed_texts(found: Iterable[TitledConsent]) -> list[str]:
    """One text for each class, with the stacks that need it: `delete (shop/prod)`."""
    by_risk: dict[RiskClass, list[str]] = {}
    for title, item in found:
        titles = by_risk.setdefault(item.risk, [])
        titles += [title] if title not in titles else []
    return [
        phrase("{risk} ({titles})", risk=risk.value, titles=format.first_of(titles, ", "))
        for risk, titles in sorted(by_risk.items(), key=lambda each: each[0].value)
    ]


def accept_options(found: Sequence[TitledConsent]) -> str:
    """The options that give this consent: by object, or many of one class as the class alone if
    that counts.
    """
    counted = Counter(item.risk for _, item in found)
    whole = [
        risk
        for risk, number in counted.items()
        if number > _LISTED_MAX and risk not in BY_ADDRESS_ONLY
    ]
    texts = [risk.value for risk in whole] + [
        f"{item.risk.value}={title}:{item.address}"
        for title, item in found
        if item.risk not in whole
    ]
    return escape.outside(" ".join(f"--accept {suggestions.pasted(text)}" for text in texts))
