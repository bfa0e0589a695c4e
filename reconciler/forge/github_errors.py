"""Errors of GitHub as messages for people: what was refused, and which permission is missing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.forge.forge_retry import ForgeRefusal, ForgeUnreachable
from reconciler.model.ports.forge_ports import ForgeError

_SET = re.compile(r"\s*[a-z_]+=(?:read|write|admin)(?:,\s*[a-z_]+=(?:read|write|admin))*\s*")


@dataclass(frozen=True, slots=True)
class GitHubAction:
    """What a request is for, as a noun phrase: `reading pull request 12`; the permission that it
    needs, as a workflow writes it: `pull-requests: read`. `is_repeatable` is whether the request
    had no effect, or one that is the same when it is sent twice.
    """

    text: str
    permission: str
    is_repeatable: bool = True


@contextmanager
def explained(place: str, token_name: str, action: GitHubAction) -> Iterator[None]:
    """Turns what goes wrong into a `ForgeError`."""
    try:
        yield
    except ForgeRefusal as refusal:
        raise _refused(place, token_name, action, refusal) from None
    except ForgeUnreachable as lost:
        raise _lost(place, action, lost.reason, is_unsure=lost.was_sent) from None
    except ValueError as wrong:
        text = msg(
            "{place}: {action} failed: the answer is not as its API describes it ({reason})",
            place=place,
            action=action.text,
            reason=str(wrong) if type(wrong) is ValueError else type(wrong).__name__,
        )
        raise ForgeError(text, hint=msg("check the address of the API")) from None


def _refused(
    place: str, token_name: str, action: GitHubAction, refusal: ForgeRefusal
) -> ForgeError:
    status = refusal.status
    if status >= 500:
        reason = msg("the forge has an error (HTTP {status})", status=status)
        return _lost(place, action, reason, is_unsure=True)
    if status == 401:
        return ForgeError(
            msg("{place} does not accept the token in {name}", place=place, name=token_name),
            hint=msg("set {name} to a token that is valid and not expired", name=token_name),
        )
    if status == 403:
        return _forbidden(place, token_name, action, refusal)
    if 300 <= status < 400:
        return ForgeError(
            msg("{place}: {action} failed: the address has moved", place=place, action=action.text),
            hint=msg(
                "if the repository was renamed, use its new name; otherwise check the address of "
                "the API"
            ),
        )
    if status in (404, 410):
        return ForgeError(
            msg(
                "{place}: {action} failed: there is nothing there, or the token in {name} may not "
                "see it",
                place=place,
                action=action.text,
                name=token_name,
            ),
            hint=_permission_hint(action.permission, token_name),
        )
    return ForgeError(
        msg(
            "{place}: {action} failed: {reason} (HTTP {status})",
            place=place,
            action=action.text,
            reason=refusal.text or msg("refused"),
            status=status,
        )
    )


def _forbidden(
    place: str, token_name: str, action: GitHubAction, refusal: ForgeRefusal
) -> ForgeError:
    text = msg(
        "{place}: {action} failed: the token in {name} may not do it ({reason})",
        place=place,
        action=action.text,
        name=token_name,
        reason=refusal.text or msg("refused"),
    )
    if "x-github-sso" in refusal.headers:
        hint: str = msg(
            "authorize the token for the organization's single sign-on, in the settings of the "
            "token's owner"
        )
    elif "not permitted to create" in refusal.text:
        hint = msg(
            "in the settings of the repository, under Actions, allow GitHub Actions to create "
            "pull requests"
        )
    else:
        accepted = refusal.headers.get("x-accepted-github-permissions", "")
        hint = _permission_hint(accepted_permissions(accepted) or action.permission, token_name)
    return ForgeError(text, hint=hint)


def accepted_permissions(header: str) -> str:
    """The permissions that GitHub names in `X-Accepted-GitHub-Permissions`, as a workflow writes
    them: `issues: write or pull-requests: write`. Empty if the header is not of that form.
    """
    sets = header.split(";")
    if not all(_SET.fullmatch(one) for one in sets):
        return ""
    plain = (one.strip().replace("=", ": ").replace("_", "-") for one in sets)
    return " or ".join(plain)


def _permission_hint(permission: str, token_name: str) -> str:
    return msg(
        "give the token in {name} the permission {permission}; in a workflow of GitHub Actions, "
        "under permissions",
        name=token_name,
        permission=permission,
    )


def _lost(place: str, action: GitHubAction, reason: str, *, is_unsure: bool) -> ForgeError:
    if is_unsure and not action.is_repeatable:
        text = msg(
            "{place}: {action} failed, but may have taken effect: {reason}",
            place=place,
            action=action.text,
            reason=reason,
        )
    else:
        text = msg(
            "{place}: {action} failed: {reason}", place=place, action=action.text, reason=reason
        )
    return ForgeError(text, hint=msg("run the command again"))
