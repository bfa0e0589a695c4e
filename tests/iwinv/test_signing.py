"""Signing and the endpoint: the contract's vectors, and what is refused before anything is sent."""

from __future__ import annotations

import pytest

from reconciler.iwinv.client import encode
from reconciler.iwinv.endpoint import EndpointRefused, parse
from reconciler.iwinv.signing import Keys, UnsafePath, headers, sign
from reconciler.model.resource_type import Call

SECRET = "test-secret-0001"
VECTORS = [
    (
        SECRET,
        1767225600,
        "/v1/zones",
        "113f40c367596c5fc59835f6989d53c8fe4214828914f38b8530579cf17c94ea",
    ),
    (
        SECRET,
        1767225600,
        "/v1/instances",
        "9f27ade7cf8f130265b58b37ad778e1206ec38d7e480b6ef7edd4e40952f3005",
    ),
    (
        SECRET,
        1767225601,
        "/v1/instances",
        "43eaa2264e7489fe23b61d87840f7ef10415b24840cdf500fdfebf76ee495da1",
    ),
    (
        SECRET,
        1767225600,
        "/v1/instances/INSTANCE-0aB1cD2eF3gH4iJ5kL6mN7",
        "f12f3ccaf90258012a0b4dcfc908616ed31dbd9e6bdab0bf4697661b67ddd554",
    ),
    (
        SECRET,
        1767225600,
        "/v1/flavors/std_2.4-g1",
        "6a2b9923a67d57025768f64bab005745803274281c874e19068711985c262a3d",
    ),
    (
        SECRET,
        1767225600,
        "/v1/block-storages/BLOCKSTORAGE-1aB2cD3eF4gH5iJ6kL7mN8/attach/INSTANCE-0aB1cD2eF3gH4iJ5kL6mN7",
        "420d5c44905b1ade7e33077c4b327fecfc8ba90a8e1262cb9863e01e3b72e768",
    ),
    (
        "비밀키-test",
        1767225600,
        "/v1/auth/ssh_key",
        "026190464644541a69311c40a4ce9abfb718b788798187c61a2809c0ca7e6f95",
    ),
]


@pytest.mark.parametrize(("secret", "timestamp", "path", "wanted"), VECTORS)
def test_the_signature_is_the_contracts(
    secret: str, timestamp: int, path: str, wanted: str
) -> None:
    assert sign(secret, timestamp, path) == wanted


def test_the_query_is_not_signed_and_the_path_has_no_slash_at_its_end() -> None:
    request = encode(
        Call("GET", "/v1/instances", query=(("page_no", "1"),)), Keys("access", SECRET), 1767225600
    )
    assert request.header("X-iwinv-Signature") == VECTORS[1][3]
    assert request.header("X-iwinv-Timestamp") == "1767225600"
    assert request.header("X-iwinv-Credential") == "access"
    with pytest.raises(UnsafePath):
        headers(Keys("access", SECRET), 1767225600, "/v1/zones/")


@pytest.mark.parametrize(
    "path",
    [
        "/v1",
        "/v1/",
        "/v2/zones",
        "/v1/a b",
        "/v1/../x",
        "/v1/.",
        "/v1/a%2Fb",
        "/v1/a?b=c",
        "/v1/a//b",
        "/v1/한글",
        "/v1/a\n",
        "v1/zones",
        "",
    ],
)
def test_a_path_of_unsafe_characters_is_refused_before_it_is_sent(path: str) -> None:
    with pytest.raises(UnsafePath):
        encode(Call("GET", path), Keys("access", SECRET), 1767225600)


def test_keys_are_in_no_repr() -> None:
    keys = Keys("canary-access", "canary-secret")
    assert "canary" not in repr(keys)
    assert "canary" not in repr(encode(Call("GET", "/v1/zones"), keys, 1))
    assert "canary" not in keys.digest


@pytest.mark.parametrize(
    ("access", "secret"),
    [
        ("", "s"),
        ("a b", "s"),
        ("a\n", "s"),
        ("열쇠", "s"),
        ("a", ""),
        ("a", "s\nt"),
        ("a", "s" * 2000),
    ],
)
def test_what_cannot_be_a_key_is_refused(access: str, secret: str) -> None:
    with pytest.raises(ValueError, match="key") as caught:
        Keys(access, secret)
    assert secret == "" or len(secret) < 3 or secret not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "origin", "identity"),
    [
        ("https://api-kr.iwinv.kr", "https://api-kr.iwinv.kr", "https://api-kr.iwinv.kr"),
        ("https://API-KR.iwinv.kr/", "https://api-kr.iwinv.kr", "https://api-kr.iwinv.kr"),
        ("https://api-kr.iwinv.kr:443", "https://api-kr.iwinv.kr", "https://api-kr.iwinv.kr"),
        ("https://api.example:8443", "https://api.example:8443", "https://api.example:8443"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000", "http://127.0.0.1"),
        ("http://localhost:5000", "http://localhost:5000", "http://localhost"),
        ("http://[::1]:5000/", "http://[::1]:5000", "http://[::1]"),
        ("https://127.9.8.7:1", "https://127.9.8.7:1", "https://127.9.8.7"),
    ],
)
def test_an_endpoint_is_an_origin_and_on_loopback_known_without_its_port(
    text: str, origin: str, identity: str
) -> None:
    found = parse(text)
    assert (found.origin, found.identity) == (origin, identity)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("http://api-kr.iwinv.kr", "https"),
        ("http://127.0.0.1.example.com", "https"),
        ("http://localhost.example.com", "https"),
        ("http://10.0.0.1", "https"),
        ("ftp://api-kr.iwinv.kr", "https"),
        ("api-kr.iwinv.kr", "host"),
        ("", "host"),
        ("https://", "host"),
        ("https://user:pass@api-kr.iwinv.kr", "password"),
        ("https://api-kr.iwinv.kr/v1", "path"),
        ("https://api-kr.iwinv.kr?x=1", "path"),
        ("https://api-kr.iwinv.kr#x", "path"),
        ("https://api-kr.iwinv.kr:port", "URL"),
        ("https://api-kr.iwinv.kr:99999", "URL"),
        ("https://exa mple.com", "host"),
        ("https://[::1", "URL"),
        ("https://api-kr.iwinv\n.kr", "line break"),
        ("https://\tapi-kr.iwinv.kr", "line break"),
        ("https://api-kr.iwinv.kr\u202e", "line break"),
    ],
)
def test_keys_go_nowhere_but_to_https_or_this_machine(text: str, why: str) -> None:
    with pytest.raises(EndpointRefused, match=why):
        parse(text)


def test_a_form_is_multipart_with_texts_percent_encoded_once_and_a_blank_as_20() -> None:
    call = Call(
        "POST",
        "/v1/instances",
        form=(("name", "웹 a+b"), ("ssh_key_id", "K-1,K-2"), ("flavor_id", "std_2.4-g1")),
    )
    request = encode(call, Keys("a", "s"), 1)
    media_type, _, boundary = (request.header("Content-Type") or "").partition("; boundary=")
    assert media_type == "multipart/form-data"
    assert request.body.decode("ascii").split(f"--{boundary}") == [
        "",
        '\r\nContent-Disposition: form-data; name="name"\r\n\r\n%EC%9B%B9%20a%2Bb\r\n',
        '\r\nContent-Disposition: form-data; name="ssh_key_id"\r\n\r\nK-1,K-2\r\n',
        '\r\nContent-Disposition: form-data; name="flavor_id"\r\n\r\nstd_2.4-g1\r\n',
        "--\r\n",
    ]
    assert encode(call, Keys("a", "s"), 1).body == request.body


def test_a_body_of_json_is_literal_utf8_and_a_call_without_one_sends_none() -> None:
    request = encode(
        Call("POST", "/v1/security-groups", json={"title": "웹", "content": "a & b"}),
        Keys("a", "s"),
        1,
    )
    assert request.header("Content-Type") == "application/json"
    assert request.body == '{"title":"웹","content":"a & b"}'.encode()
    plain = encode(Call("POST", "/v1/instances/INSTANCE-1/start"), Keys("a", "s"), 1)
    assert (plain.body, plain.header("Content-Type")) == (b"", None)
