"""What the fakes of GitLab and Forgejo have in common: routes to handlers, and pages of lists."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import urlencode

from tests.forges.fake_server import Answer, FakeForge, Request
from tests.forges.forge_world import Account, Refused, Why

Handler = Callable[..., Answer]


def route(method: str, path: str) -> Callable[[Handler], Handler]:
    """Marks a handler. `{}` in the path is one part of it, which the handler gets."""

    def mark(handler: Handler) -> Handler:
        handler.__dict__["route"] = (method, re.compile(path.replace("{}", "([^/]+)")))
        return handler

    return mark


class RoutedForge(FakeForge):
    """A fake whose handlers are marked with `route`. They get the request, the account and the
    parts of the path, which are still quoted.
    """

    page_sizes: ClassVar[tuple[int, int]] = (20, 100)
    """How many rows a page has if nothing is asked for, and at most."""

    page_names: ClassVar[tuple[str, str]] = ("page", "per_page")

    def answer(self, request: Request, account: Account) -> Answer:
        for name in dir(type(self)):
            handler = getattr(type(self), name)
            method, pattern = getattr(handler, "route", ("", re.compile("")))
            if method == request.method and (found := pattern.fullmatch(request.path)):
                try:
                    made: Answer = handler(self, request, account, *found.groups())
                    return made
                except Refused as refused:
                    return self.refusal(refused.why, str(refused))
        return self.refusal(Why.MISSING, "no route")

    @abstractmethod
    def refusal(self, why: Why, text: str) -> Answer:
        """The answer for a refusal of the world."""

    def paged(self, request: Request, rows: Sequence[Any], show: Callable[[Any], Any]) -> Answer:
        """A page of a list, with the headers that say what follows."""
        page_name, size_name = self.page_names
        default, most = self.page_sizes
        page = int(request.one(page_name, "1"))
        size = min(int(request.one(size_name, str(default))), most)
        start = (page - 1) * size
        headers = self.page_headers(page, size, len(rows))
        if start + size < len(rows):
            query = {name: texts[0] for name, texts in request.query.items()}
            query |= {page_name: str(page + 1), size_name: str(size)}
            address = f"{self.api_url}{request.path}?{urlencode(query)}"
            headers["Link"] = f'<{address}>; rel="next"'
        return Answer(200, [show(one) for one in rows[start : start + size]], headers)

    def page_headers(self, page: int, size: int, total: int) -> dict[str, str]:
        """The headers of a page besides `Link`."""
        return {"X-Total-Count": str(total)}


def iso(moment: float, *, digits: int = 0) -> str:
    """A time as the API writes it."""
    text = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{int(moment % 1 * 1000):03}Z" if digits else f"{text}Z"


def known(value: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """A value with every property that its schema has: null if it is not given."""
    return dict.fromkeys(schema["properties"]) | dict(value)
