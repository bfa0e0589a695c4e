"""A secret shows itself to nobody who does not ask by name."""

from __future__ import annotations

import json
import pickle

import pytest

from reconciler.common.secret import Secret


def test_a_secret_is_in_no_text_that_is_made_of_it() -> None:
    secret = Secret("hunter2")
    assert all(
        "hunter2" not in text
        for text in (
            str(secret),
            repr(secret),
            f"{secret}",
            f"{secret!r}",
            repr([secret]),
            repr({"a": secret}),
        )
    )
    assert secret.reveal() == "hunter2"


def test_a_secret_cannot_be_written_down() -> None:
    with pytest.raises(TypeError):
        json.dumps({"password": Secret("hunter2")})
    with pytest.raises(TypeError):
        pickle.dumps(Secret("hunter2"))
