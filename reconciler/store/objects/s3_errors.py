"""What an error of a bucket means for the state, and what to do about it.

Codes: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from __future__ import annotations

import re
import shlex

from reconciler.common.dataclass import dataclass
from reconciler.common.text import Text, msg
from reconciler.store.objects.place_url import PlaceAddress
from reconciler.store.objects.port import AccessRefused, ObjectStoreError, Unreachable, Unsure

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>\s*([A-Za-z0-9.]+)\s*</Code>")
_MESSAGE = re.compile(r"<Message>([^<]{1,200})")
_MOVED = "redirect without LOCATION"
_CONNECTING = re.compile(r"kind: Connect,")
_CAUSES = (
    (re.compile(r"ertificate"), msg("the certificate of the server is not trusted")),
    (re.compile(r"ConnectionRefused"), msg("connection refused")),
    (re.compile(r"dns error|failed to lookup"), msg("the host was not found")),
    (re.compile(r"kind: Timeout|TimedOut"), msg("no answer in time")),
)
_ROLE_ENDPOINT = re.compile(r"http://(169\.254\.|\[?fd00:ec2)")

_WRONG_KEYS = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken"})
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"})
_CLOCK = frozenset({"RequestTimeTooSkewed", "RequestExpired"})
_REGION = frozenset(
    {"PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "Redirect"}
)


@dataclass(frozen=True, slots=True)
class StoreAnswer:
    """What the server answered, as far as the client library reports it: the status, 0 if there was
    no answer, and the code of S3.
    """

    status: int
    code: str
    reason: str

    @staticmethod
    def of(failure: BaseException) -> StoreAnswer:
        """The answer behind an error of the library."""
        text = str(failure)
        status, code, message = (
            found.group(1) if found else ""
            for found in (_STATUS.search(text), _CODE.search(text), _MESSAGE.search(text))
        )
        if status:
            parts = (status, code, message)
            return StoreAnswer(int(status), code, " ".join(part for part in parts if part))
        if _MOVED in text:
            return StoreAnswer(301, "", msg("redirected"))
        for pattern, cause in _CAUSES:
            if pattern.search(text):
                return StoreAnswer(0, "", cause)
        return StoreAnswer(0, "", msg("the connection was lost or the answer cannot be read"))

    @property
    def is_missing_object(self) -> bool:
        """Whether the store says that this key has no object. A server that is not a store at all
        also answers 404.
        """
        return self.status == 404 and self.code == "NoSuchKey"


def failure_of(failure: BaseException, address: PlaceAddress, *, writes: bool) -> ObjectStoreError:
    """The error of an operation. After a write that got no answer, or one that does not say, it is
    `Unsure`.
    """
    answer = StoreAnswer.of(failure)
    if _ROLE_ENDPOINT.search(str(failure)):
        return AccessRefused(
            msg("there are no credentials for the bucket {name}", name=address.name),
            hint=msg(
                "export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write ~/.aws/credentials"
            ),
        )
    refused = _refusal(answer, address)
    if refused is not None:
        message, hint = refused
        return AccessRefused(message, hint=hint)
    if writes and not (answer.status == 0 and _CONNECTING.search(str(failure))):
        return Unsure(
            msg(
                "{place} did not confirm the write: {reason}",
                place=address.location,
                reason=answer.reason,
            )
        )
    return Unreachable(
        msg("no answer from {place}: {reason}", place=address.location, reason=answer.reason)
    )


def _make_bucket(address: PlaceAddress) -> str:
    words = ["aws", "s3", "mb", f"s3://{address.name}"]
    for option, name in (("--endpoint-url", "endpoint"), ("--region", "region")):
        if name in address.options:
            words += [option, address.options[name]]
    return shlex.join(words)


def _refusal(answer: StoreAnswer, address: PlaceAddress) -> tuple[Text, Text] | None:
    place, reason = address.location, answer.reason
    if answer.code == "NoSuchBucket":
        return (
            msg("there is no bucket {name}", name=address.name),
            msg("correct the URL, or run: {command}", command=_make_bucket(address)),
        )
    if answer.code in _CLOCK:
        return (
            msg("the clocks of this machine and of {place} differ too much", place=place),
            msg("set the clock of this machine, or that of the server"),
        )
    if answer.code in _EXPIRED:
        return (
            msg("the credentials for {place} have expired", place=place),
            msg(
                "log in again, or export new ones (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, "
                "AWS_SESSION_TOKEN)"
            ),
        )
    if answer.code in _WRONG_KEYS or answer.status == 401:
        return (
            msg("{place} refuses the credentials: {reason}", place=place, reason=reason),
            msg("correct AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile"),
        )
    if answer.code in _REGION or answer.status in (301, 302, 307, 308):
        return (
            msg(
                "the bucket {name} is in another region: {reason}", name=address.name, reason=reason
            ),
            msg("add ?region=REGION to the URL of the place"),
        )
    if answer.status == 403:
        return (
            msg("the credentials may not do this in {place}: {reason}", place=place, reason=reason),
            msg(
                "allow s3:ListBucket on the bucket, and s3:GetObject, s3:PutObject and "
                "s3:DeleteObject on its objects"
            ),
        )
    if answer.status == 501 or (
        400 <= answer.status < 500 and answer.status not in (408, 409, 412, 429)
    ):
        return (
            msg(
                "{place} does not answer as a store for objects: {reason}",
                place=place,
                reason=reason,
            ),
            msg("check the endpoint and the bucket in the URL of the place"),
        )
    return None
