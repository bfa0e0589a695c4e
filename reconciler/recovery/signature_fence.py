"""The signature fence: when a signed request can no longer take effect (safety#settling)."""

from __future__ import annotations

from reconciler.model.state import Intent

SIGNATURE_SECONDS = 300
"""How long the cloud accepts a signed request (contract#authentication)."""

CLOCK_MARGIN_SECONDS = 30
LATE_MARGIN_SECONDS = 120
"""How much later than its request an effect may show."""

FENCE_SECONDS = SIGNATURE_SECONDS + CLOCK_MARGIN_SECONDS + LATE_MARGIN_SECONDS


def fence(intent: Intent) -> float:
    """The unix second, by the cloud's clock, after which a request without effect never has one."""
    return float(intent.signed + FENCE_SECONDS)


def is_far_ahead(intent: Intent, now: float) -> bool:
    """Whether a request was signed for a time still to come. The clock was wrong, and the cloud has
    refused whatever arrived before that time.
    """
    return intent.signed - now > SIGNATURE_SECONDS + CLOCK_MARGIN_SECONDS


def cloud_time(unix: float, clock_ahead: float | None) -> float:
    """This machine's unix second by the cloud's clock, if they differ by more than the fence allows
    for.

    The cloud judges a signature by its own clock. A machine whose clock is ahead would find the
    fence passed while the cloud still accepts a request. The clock cannot be ahead by more than a
    signature is valid for: nothing that such a machine sends is accepted.
    """
    ahead = max((clock_ahead or 0.0) - CLOCK_MARGIN_SECONDS, 0.0)
    return unix - min(ahead, float(SIGNATURE_SECONDS))
