"""An account on the local cloud for tests: calls in process, every answer held to openapi.yaml, no
real time.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml
from openapi_schema_validator import OAS31Validator

from reconciler.model.http import Request, Response, WireError
from reconciler.simulator import Cloud, Fault, Switches, VirtualClock, World
from reconciler.simulator.switches import plain

API = Path(__file__).parents[2] / "docs" / "api"
ZONE, FLAVOR, IMAGE = "kr1-z01", "std_2.4-g1", "PIMAGE-0Ex1UbuntuJammy22LTS0a"
OTHER_ZONE = "kr1_z02"
START = 1_767_225_600.0
"""2026-01-01 09:00 in Korea."""


@functools.cache
def openapi() -> dict[str, Any]:
    """Our copy of the machine-readable contract."""
    loaded: dict[str, Any] = yaml.load(
        (API / "openapi.yaml").read_text(encoding="utf-8"),
        Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader),
    )
    return loaded


def fixture(name: str) -> Any:
    """A sample answer of the contract."""
    return json.loads((API / "fixtures" / name).read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Operation:
    """One operation of openapi.yaml."""

    name: str
    method: str
    template: str
    data: Mapping[str, Any]

    @property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(self.template)))


@functools.cache
def operations() -> dict[str, Operation]:
    """Operations by operationId; fixed paths before those with placeholders, as they win."""
    found = [
        Operation(data["operationId"], method.upper(), template, data)
        for template, item in openapi()["paths"].items()
        for method, data in item.items()
        if method != "parameters"
    ]
    return {each.name: each for each in sorted(found, key=lambda each: each.template.count("{"))}


def operation_of(method: str, path: str) -> Operation | None:
    """The operation a request is, or None."""
    for each in operations().values():
        if each.method == method and each.pattern.fullmatch(path):
            return each
    return None


@functools.cache
def _validator(operation: str, status: int) -> Any:
    responses = operations()[operation].data["responses"]
    assert str(status) in responses, f"{operation} does not document {status}"
    entry = responses[str(status)]
    if "$ref" in entry:
        entry = openapi()["components"]["responses"][entry["$ref"].rsplit("/", 1)[1]]
    return _compiled(entry["content"]["application/json"]["schema"])


def _compiled(schema: Mapping[str, Any]) -> Any:
    return OAS31Validator({**schema, "components": openapi()["components"]})


@functools.cache
def _body_validator(operation: str, media_type: str) -> Any:
    content = operations()[operation].data.get("requestBody", {}).get("content", {})
    assert media_type in content, f"{operation} does not take {media_type}"
    return _compiled(content[media_type]["schema"])


def check_request(request: Request, body: Mapping[str, Any] | None, media_type: str) -> None:
    """Hold a request to openapi.yaml: its query values and its body."""
    operation = operation_of(request.method, request.path)
    assert operation is not None, f"{request.method} {request.path} is no operation of the contract"
    parameters = {
        each["name"]: each for each in operation.data.get("parameters", []) if each["in"] == "query"
    }
    for name, text in request.query:
        assert name in parameters, f"{operation.name} has no query {name}"
        kind = parameters[name]["schema"]
        value: object = (
            int(text) if kind.get("type") == "integer" and re.fullmatch(r"-?\d+", text) else text
        )
        _compiled(kind).validate(value)
    if body:
        _body_validator(operation.name, media_type).validate(dict(body))


def check_response(request: Request, response: Response) -> None:
    """Hold an answer to openapi.yaml, whatever its status."""
    operation = operation_of(request.method, request.path)
    if operation is not None:
        _validator(operation.name, response.status).validate(json.loads(response.body))


@dataclass
class Reply:
    """An answer as tests want to read it."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str]

    @property
    def rows(self) -> list[Any]:
        assert isinstance(self.body["result"], list), self.body
        return self.body["result"]

    @property
    def row(self) -> Any:
        assert len(self.rows) == 1, self.body
        return self.rows[0]

    @property
    def code(self) -> str:
        return str(self.body.get("error_code"))


@dataclass
class Account:
    """A cloud with its clock and keys; calls are signed here, by code of the tests' own."""

    cloud: Cloud
    clock: VirtualClock
    strict: bool = True
    """Whether requests are held to openapi.yaml too; wrong ones on purpose are not."""

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        form: Mapping[str, object] | None = None,
        data: Any = None,
        at: float | None = None,
    ) -> Request:
        """A signed request; a form goes as multipart, texts percent-encoded as the contract
        asks.
        """
        timestamp = str(int(self.clock() if at is None else at))
        headers = [("X-iwinv-Timestamp", timestamp), ("X-iwinv-Credential", self.cloud.access_key)]
        headers.append(("X-iwinv-Signature", signature(self.cloud.secret_key, timestamp, path)))
        body = b""
        if form is not None:
            headers.append(("Content-Type", "multipart/form-data; boundary=b0undary"))
            body = multipart(form)
        elif data is not None:
            headers.append(("Content-Type", "application/json"))
            body = json.dumps(data, ensure_ascii=False).encode()
        pairs = tuple((name, str(value)) for name, value in (query or {}).items())
        return Request(method, path, pairs, tuple(headers), body)

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        form: Mapping[str, object] | None = None,
        data: Any = None,
        wrong: bool = False,
    ) -> Reply:
        """Send a request; `wrong` says that it breaks openapi.yaml on purpose."""
        request = self.request(method, path, query=query, form=form, data=data)
        if self.strict and not wrong:
            check_request(
                request,
                form if form is not None else data,
                "multipart/form-data" if form is not None else "application/json",
            )
        response = self.cloud.handle(request)
        check_response(request, response)
        return reply(response)

    def get(self, path: str, **query: object) -> Reply:
        return self.call("GET", path, query=query)

    def post(
        self,
        path: str,
        *,
        form: Mapping[str, object] | None = None,
        data: Any = None,
        wrong: bool = False,
    ) -> Reply:
        return self.call("POST", path, form=form, data=data, wrong=wrong)

    def put(
        self,
        path: str,
        *,
        form: Mapping[str, object] | None = None,
        data: Any = None,
        wrong: bool = False,
    ) -> Reply:
        return self.call("PUT", path, form=form, data=data, wrong=wrong)

    def delete(self, path: str) -> Reply:
        return self.call("DELETE", path)

    def sent(self, request: Request) -> Reply | None:
        """The reply, or None where the connection was cut."""
        try:
            return reply(self.cloud.handle(request))
        except WireError as problem:
            assert problem.sent
            return None

    @property
    def world(self) -> World:
        return self.cloud.world

    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    # Things that tests need before they begin

    def instance(self, name: str = "web", *, ready: bool = True, **members: object) -> str:
        """A server; running unless told otherwise."""
        form = {"zone_id": ZONE, "flavor_id": FLAVOR, "image_id": IMAGE, "name": name, **members}
        created = self.post("/v1/instances", form=form)
        assert created.status == 202, created.body
        if ready:
            self.settle()
        return str(created.rows[0]["instance_id"])

    def volume(self, instance_id: str, *, ready: bool = True, **members: object) -> str:
        """A volume on a server."""
        created = self.post(
            "/v1/block-storages",
            form={"instance_id": instance_id, "type": "ssd", "size": 20, **members},
        )
        assert created.status == 202, created.body
        if ready:
            self.settle()
        return str(created.row["block_storage_id"])

    def group(
        self, title: str = "web-policy", *, content: str = "managed", **members: object
    ) -> str:
        """A security group."""
        return str(
            self.post(
                "/v1/security-groups", data={"title": title, "content": content, **members}
            ).row["firewall_id"]
        )

    def rule(self, group_id: str, **members: object) -> int:
        """A rule in a group."""
        data = {
            "bound": "IN",
            "protocol": "TCP",
            "port": "443",
            "ip": "0.0.0.0/0",
            "title": "https",
            **members,
        }
        return int(self.post(f"/v1/security-groups/{group_id}/rules", data=data).row["rule_id"])

    def join(self, group_id: str, instance_id: str) -> None:
        """Put a server into a group."""
        assert (
            self.post(
                f"/v1/security-groups/{group_id}/attach", data={"instance_id": instance_id}
            ).status
            == 202
        )

    def settle(self) -> None:
        """Let everything under way come to its end."""
        while (moment := self.cloud.next_change()) is not None:
            self.clock.now = max(self.clock.now, moment)


def account(
    switches: Mapping[str, object] | None = None,
    *,
    world: World | None = None,
    faults: list[Fault] | None = None,
    **options: Any,
) -> Account:
    """A fresh account without a quota, unless `rate_limit` is given."""
    clock = VirtualClock(START)
    cloud = Cloud(
        world,
        clock=clock,
        switches={"rate_limit": "off", **(switches or {})},
        faults=faults or [],
        sleep=clock.sleep,
        **options,
    )
    return Account(cloud, clock)


def reply(response: Response) -> Reply:
    return Reply(response.status, json.loads(response.body), dict(response.headers))


def signature(secret_key: str, timestamp: str, path: str) -> str:
    """The contract's section 3, written a second time so that the gate is not checked by itself."""
    return hmac.new(
        secret_key.encode("utf-8"), f"{timestamp}{path}".encode(), hashlib.sha256
    ).hexdigest()


def multipart(form: Mapping[str, object]) -> bytes:
    """A multipart body; names and descriptions percent-encoded once with %20."""
    parts = []
    for name, value in form.items():
        text = quote(str(value), safe="") if name in {"name", "description"} else str(value)
        parts.append(
            f'--b0undary\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'
        )
    return ("".join(parts) + "--b0undary--\r\n").encode()


@dataclass(frozen=True)
class SwitchRow:
    """One line of the table of switches in the documentation."""

    name: str
    default: object
    allowed: str
    meaning: str
    section: str


def table() -> list[SwitchRow]:
    """Every switch, in the order of the contract."""
    texts = ("allowed", "meaning", "section")
    return [
        SwitchRow(each.name, plain(each.default), *(each.metadata[name] for name in texts))
        for each in dataclasses.fields(Switches)
    ]
