"""The files of a stack with its drift in them, as a branch gets them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.commands import absorb as absorbing
from reconciler.commands.absorb import Absorbed
from reconciler.config import loader

if TYPE_CHECKING:
    from reconciler.cli.run_context import Session
    from reconciler.commands.context import Connection
    from reconciler.model.ports import Store


def absorbed(session: Session, store: Store, connection: Connection) -> Absorbed:
    """The files with all drift in them. Nothing is written. Raises `Abort`."""
    return absorbing.absorb(
        session.load(),
        (),
        connection,
        store,
        lambda texts: loader.load_stack(
            session.path,
            environment=session.environment,
            variables=session.variable_sources,
            instead=texts,
            others=session.outputs_of,
        ),
    )
