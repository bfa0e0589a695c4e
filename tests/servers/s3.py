"""What all S3 servers of the tests have: credentials, and buckets made by a signed request."""

from __future__ import annotations

from dataclasses import dataclass

import requests
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.servers.process import Unavailable

REGION = "us-east-1"
ACCESS_KEY, SECRET_KEY = "TESTACCESSKEY0000000", "testsecretkey0000000000000000000000000"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The address of an S3 server and the credentials of its only user."""

    url: str
    access_key: str = ACCESS_KEY
    secret_key: str = SECRET_KEY

    def request(self, method: str, path: str = "", body: bytes = b"") -> requests.Response:
        """Sends a signed request for `bucket` or `bucket/key`; returns the answer, whatever it is."""
        unsigned = AWSRequest(method, f"{self.url}/{path}", data=body)
        S3SigV4Auth(Credentials(self.access_key, self.secret_key), "s3", REGION).add_auth(unsigned)
        ready = unsigned.prepare()
        return requests.request(
            method, ready.url, data=body, headers=dict(ready.headers.items()), timeout=30
        )

    def create_bucket(self, name: str) -> None:
        """Creates an empty bucket. Raises `Unavailable` if the server refuses."""
        answer = self.request("PUT", name)
        if not answer.ok:
            raise Unavailable(f"no bucket: {answer.status_code} {answer.text[:500]}")

    def is_ready(self) -> bool:
        """Whether the server answers a request of its user."""
        try:
            return self.request("GET").ok
        except requests.RequestException:
            return False
