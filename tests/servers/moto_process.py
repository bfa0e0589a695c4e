"""The process of a moto server for S3: `python -m tests.servers.moto_process PORT [--unconditional]`.

It is moto's own application, with one request at a time. Moto looks whether an object exists and
writes it a moment later, so with requests side by side two writers could both create it.
`--unconditional` takes the conditions out of each request, as an object store that does not know
them would overlook them.
"""

from __future__ import annotations

import io
import logging
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import run_simple

CONDITIONS = ("HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH")

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def unconditional(application: Application) -> Application:
    """The application, without the conditions of its requests."""

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        for condition in CONDITIONS:
            environ.pop(condition, None)
        return application(environ, start)

    return answer


def one_at_a_time(application: Application) -> Application:
    """The application, which answers a request when the one before is answered.

    A body is read before its turn: a client that stalls holds nobody up.
    """
    turn = threading.Lock()

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        length = environ.get("CONTENT_LENGTH")
        if length:
            environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(int(length)))
        with turn:
            return list(application(environ, start))

    return answer


def main(port: int, *, is_conditional: bool) -> None:
    """Serves until it is ended."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    application = one_at_a_time(DomainDispatcherApplication(create_backend_app))
    run_simple(
        "127.0.0.1",
        port,
        application if is_conditional else unconditional(application),
        threaded=True,
        request_handler=MotoRequestHandler,
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), is_conditional="--unconditional" not in sys.argv)
