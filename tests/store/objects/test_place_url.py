"""The URL of a place: what it means, and what is refused."""

from __future__ import annotations

import pytest

from reconciler.store.objects import place_url
from reconciler.store.objects.place_url import BadAddress, PlaceKind
from reconciler.store.objects.port import AccessRefused
from reconciler.store.objects.postgres import PostgresObjects

SECRET = "hunter2"

NAMED = [
    ("state", PlaceKind.FOLDER, "state", "", {}),
    ("../팀/state", PlaceKind.FOLDER, "../팀/state", "", {}),
    ("c:state", PlaceKind.FOLDER, "c:state", "", {}),
    ("postgresql://kim@db:5433/infra?sslmode=require", PlaceKind.POSTGRES, "infra", "",
     {"user": "kim", "host": "db", "port": "5433", "sslmode": "require"}),
    ("postgres://one:5432,two/infra?target_session_attrs=read-write", PlaceKind.POSTGRES, "infra",
     "", {"host": "one,two", "port": "5432,", "target_session_attrs": "read-write"}),
    ("postgresql://[::1]:5433/%EC%83%81%ED%83%9C", PlaceKind.POSTGRES, "상태", "",
     {"host": "::1", "port": "5433"}),
    ("postgresql:///infra?host=/run/postgresql", PlaceKind.POSTGRES, "infra", "",
     {"host": "/run/postgresql"}),
    ("postgresql://kim%40corp@db/a%2Fb", PlaceKind.POSTGRES, "a/b", "",
     {"user": "kim@corp", "host": "db"}),
    ("s3://bucket", PlaceKind.S3, "bucket", "", {"path_style": "true"}),
    ("S3://bucket/팀/a%20b/?region=kr&endpoint=http://s3.local:9000&path_style=no", PlaceKind.S3,
     "bucket", "팀/a b",
     {"region": "kr", "endpoint": "http://s3.local:9000", "path_style": "false"}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "kind", "name", "prefix", "options"), NAMED)
def test_a_place_is_named(
    text: str, kind: PlaceKind, name: str, prefix: str, options: dict[str, str]
) -> None:
    # Goal: what a person writes is what the client gets, and the location means the same place.
    found = place_url.parse(text)
    wanted = {**options, **({"dbname": name} if kind is PlaceKind.POSTGRES else {})}
    assert (found.kind, found.name, found.prefix) == (kind, name, prefix)
    assert found.options == wanted
    assert place_url.parse(found.location) == found


REFUSED = [
    ("", "is empty", "name a folder"),
    ("postgresql://kim:{}@db/infra", "contains a password", "~/.pgpass"),
    ("postgresql://db/infra?password={}", "contains a password", "PGPASSWORD"),
    ("postgresql://db/infra?sslpassword={}", "contains a password", "PGPASSWORD"),
    ("postgresql://db/infra?passfile=db:5432:infra:kim:{}", "contains a password", "~/.pgpass"),
    ("postgresql://kim:{}/infra", "a port that is not a number", "1 to 65535"),
    ("postgresql://kim:{}", "names no database", "postgresql://host/database"),
    ("postgresql://[{}/infra", "cannot be read", "name a folder"),
    ("postgresql://db/infra#{}", "contains #", "%23"),
    ("postgresql://db", "names no database", "postgresql://host/database"),
    ("postgresql://db/", "names no database", "postgresql://host/database"),
    ("postgresql://db/%ff", "cannot be read", "name a folder"),
    ("postgresql://db/infra?options=-c{}", "unknown parameter: options", "use one of"),
    ("postgresql://db/infra?sslmod=require", "unknown parameter: sslmod", "`sslmode`"),
    ("postgresql://db/infra?sslmode=", "sslmode without a value", "remove sslmode="),
    ("postgresql://db/infra?port=1&port=2", "has port twice", "remove one"),
    ("postgresql://db/infra?host=other", "names a host twice", "remove ?host="),
    ("s3://AKIA:{}@bucket", "contains an access key", "AWS_ACCESS_KEY_ID"),
    ("s3://bucket?secret_access_key={}", "contains an access key", "~/.aws/credentials"),
    ("s3://bucket?AWS_SESSION_TOKEN={}", "contains an access key", "AWS_ACCESS_KEY_ID"),
    ("s3://bucket?endpoint=https://kim:{}@s3", "contains an access key", "AWS_ACCESS_KEY_ID"),
    ("s3://", "names no bucket", "s3://bucket/prefix"),
    ("s3:bucket", "must be followed by //", "name a folder"),
    ("s3://bucket/a//b", "has an empty part", "single slashes"),
    ("s3://bucket/../b", "has an empty part, or one of dots", "single slashes"),
    ("s3://bucket?endpoint=s3.local:9000", "is not the URL of a server", "https://"),
    ("s3://bucket?endpoint=https://s3/b", "is not the URL of a server", "without a path"),
    ("s3://bucket?endpoint=http://s%203", "is not the URL of a server", "https://"),
    ("s3://bucket?endpoint=http://[::1]:1&path_style=false", "below the address", "path_style"),
    ("s3://a%20bucket", "a bucket is not a name of a bucket", "letters"),
    ("s3://bucket/a%0ab", "contains a control character", "name a folder"),
    ("s3://bucket?region=kr%0d", "contains a control character", "name a folder"),
    ("postgresql://db/infra%00", "contains a control character", "name a folder"),
    ("postgresql://d%00b/infra", "contains a control character", "name a folder"),
    ("s3://bucket?path_style=maybe", "neither true nor false", "write true"),
    ("s3://bucket?reigon=kr", "unknown parameter: reigon", "`region`"),
    ("mysql://kim:{}@db/infra", "of the type mysql://", "`postgresql`"),
    ("s4://bucket", "of the type s4://", "`s3`"),
]


@pytest.mark.parametrize(("text", "message", "hint"), REFUSED)
def test_a_wrong_url_is_refused_without_its_secret(text: str, message: str, hint: str) -> None:
    # Goal: each mistake is named with the way out, and a secret is never repeated.
    with pytest.raises(BadAddress) as failure:
        place_url.parse(text.format(SECRET))
    assert message in str(failure.value)
    assert hint in failure.value.hint
    assert SECRET not in str(failure.value) + failure.value.hint


@pytest.mark.parametrize("host", ["a..b", "x" * 64])
def test_a_host_that_cannot_be_looked_up_is_refused(host: str) -> None:
    # Goal: what the codec for names of hosts refuses is reported as a wrong URL, and not waited for.
    store = PostgresObjects(place_url.parse(f"postgresql://{host}/infra"))
    with pytest.raises(AccessRefused, match=f"postgresql://{host}/infra names no host") as failure:
        store.names("")
    assert failure.value.hint == "correct the host in the URL"
