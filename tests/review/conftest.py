"""The fixture of all tests with pull requests."""

from tests.review.pulls import pulls as pulls  # noqa: PLC0414
