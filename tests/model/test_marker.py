"""The marker: what is attached is found again, and nothing else is taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model import marker

NONCE = "abcdefgh2345"


@pytest.mark.parametrize(
    ("user_text", "owner", "wanted"),
    [
        ("my text", "shop.prod.web", "my text rc-abcdefgh2345"),
        (None, "shop.prod.web", "shop.prod.web rc-abcdefgh2345"),
        ("", "shop.-.web[0]", "shop.-.web[0] rc-abcdefgh2345"),
        ("한" * 34, "shop.-.web", "한" * 34 + " rc-abcdefgh2345"),
        (None, "s" * 20 + "." + "e" * 12 + ".web", "s" * 20 + "." + "e" * 12 + ". rc-abcdefgh2345"),
    ],
)
def test_a_description_is_the_users_text_or_the_owners_and_the_whole_nonce(
    user_text: str | None, owner: str, wanted: str
) -> None:
    found = marker.attach(user_text, owner, NONCE)
    assert found == wanted
    assert len(found) <= marker.TEXT_LIMIT


def test_a_text_that_leaves_no_room_for_the_marker_is_an_error_that_says_how_much_there_is() -> (
    None
):
    with pytest.raises(ValueError, match="room for 34"):
        marker.attach("x" * 35, "shop.-.web", NONCE)


@pytest.mark.parametrize("nonce", ["", "abc", "ABCDEFGH2345", "abcdefgh2341", "abcdefgh23456"])
def test_a_text_that_is_not_a_nonce_is_never_attached(nonce: str) -> None:
    with pytest.raises(ValueError, match="nonce"):
        marker.attach(None, "shop.-.web", nonce)


@pytest.mark.parametrize(
    ("text", "before", "nonce"),
    [
        (None, None, None),
        ("", None, None),
        ("plain", "plain", None),
        ("plain rc-abcdefgh2345", "plain", NONCE),
        (" rc-abcdefgh2345", None, NONCE),
        ("rc-abcdefgh2345", "rc-abcdefgh2345", None),
        ("x rc-abcdefgh2345 ", "x rc-abcdefgh2345 ", None),
        ("x rc-abcdefgh234", "x rc-abcdefgh234", None),
        ("x rc-abcdefgh2345\n", "x rc-abcdefgh2345\n", None),
        ("두 줄\n의 글 rc-abcdefgh2345", "두 줄\n의 글", NONCE),
        ("a rc-aaaaaaaaaaaa rc-abcdefgh2345", "a rc-aaaaaaaaaaaa", NONCE),
    ],
)
def test_a_marker_is_exactly_what_ends_a_description(
    text: str | None, before: str | None, nonce: str | None
) -> None:
    assert marker.split(text) == (before, nonce)


@pytest.mark.parametrize(
    ("text", "ours"),
    [
        ("shop.prod.web", True),
        ("shop.-.web[0]", True),
        ('shop.-.web["seoul"]', True),
        ('shop.-.web["서울 1"]', True),
        ("a-very-long-stack-ab.production12.", True),
        ("a-very-long-stack-a.production12.w", True),
        ("a-very-long-stack-.production12.w[", True),
        ("shop.prod.", False),
        ("shop.prod", False),
        ("shop..web", False),
        ("Shop.prod.web", False),
        ("a note on web", False),
        ("웹 서버", False),
        (None, False),
        ("", False),
    ],
)
def test_generated_owner_texts_are_distinguished_from_texts_of_users(
    text: str | None, ours: bool
) -> None:
    assert marker.is_owner_text(text) is ours


stacks = st.from_regex(r"[a-z][a-z0-9-]{0,19}", fullmatch=True)
environments = st.none() | st.from_regex(r"[a-z][a-z0-9-]{0,11}", fullmatch=True)
keys = st.from_regex(r"[a-z][a-z0-9_]{0,23}", fullmatch=True)
indices = (
    st.just("")
    | st.integers(0, 99_999).map(lambda n: f"[{n}]")
    | st.text("abc 가힣-", min_size=1, max_size=16).map(lambda k: f'["{k}"]')
)


@given(stacks, environments, keys, indices)
def test_every_owner_text_is_known_again_however_it_was_cut(
    stack: str, environment: str | None, key: str, index: str
) -> None:
    sent = marker.attach(None, marker.owner_text(stack, environment, key + index), NONCE)
    before, nonce = marker.split(sent)
    assert nonce == NONCE
    assert marker.is_owner_text(before)


@given(st.text(max_size=34))
def test_every_text_of_a_user_comes_back_as_it_was(text: str) -> None:
    before, nonce = marker.split(marker.attach(text, "shop.-.web", NONCE))
    assert nonce == NONCE
    assert before == (text or "shop.-.web")
