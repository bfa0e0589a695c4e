"""The composition root: keys and endpoint from the environment, network, quota log, store and local
cloud.

Nothing is decided here. What a use case needs from its surroundings is opened here once and closed
at the end.
"""

from __future__ import annotations

import getpass
import os
import platform
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli import state_places
from reconciler.common import timing
from reconciler.common.dataclass import dataclass
from reconciler.common.text import joined, msg
from reconciler.model import http, ports
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem, error
from reconciler.version import VERSION

if TYPE_CHECKING:
    from reconciler.cli.quota.quota_choice import QuotaChoice
    from reconciler.commands.context import Connection
    from reconciler.iwinv.endpoint import Endpoint
    from reconciler.iwinv.signing import Keys
    from reconciler.model.kinds import Kinds
    from reconciler.model.resource import Catalogue
    from reconciler.model.state import State

SIMULATED_TIME_SCALE = 60.0
_WORLD_LOCK_SECONDS = 10.0
_NONCE_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_NONCE_LENGTH = 12
"""The marker's nonce: 12 characters of `a-z2-7` (stack-files#marker)."""


@dataclass(frozen=True, slots=True)
class WireOptions:
    """How a connection is used: `cached`, data cached by earlier runs may be used; `observe` takes
    each request with what came for it. `is_served`: the local cloud runs already, and the
    environment names it.
    """

    cached: bool = True
    observe: http.Observer | None = None
    is_served: bool = False


@dataclass(frozen=True, slots=True)
class Folders:
    """The quota in force, and the folder of the cache, None without one."""

    quota: QuotaChoice
    cache: Path | None


def state_text(state: State) -> bytes:
    """The text of a state as its place stores it (state#statejson)."""
    from reconciler.store.state_format import Snapshot, encode_snapshot

    return encode_snapshot(Snapshot(state))


def state_of(data: bytes, name: str) -> State:
    """The state that such a text spells. `name` is its file for messages. Raises `StateDamaged`,
    `StateNewer`.
    """
    from reconciler.store.state_format import decode_snapshot

    return decode_snapshot(data, name=name).state


@contextmanager
def connect(
    place: Path,
    environ: Mapping[str, str],
    *,
    simulated: bool,
    time_scale: float | None,
    problems: list[Problem],
    wire: WireOptions | None = None,
) -> Iterator[Connection]:
    """The account: the local cloud if `simulated`, else the one that the environment names. Raises
    `Abort` if keys or endpoint are unusable.

    `place` is the stack's file or folder; the local cloud keeps its data next to it. Warnings are
    added to `problems`.
    """
    wire = wire or WireOptions()
    quota = quota_of(place, environ, simulated=simulated)
    cache = _cache_folder(place, environ, simulated=simulated) if wire.cached else None
    folders = Folders(quota, cache)
    if not simulated:
        with _connect(
            environ,
            simulated=False,
            scale=time_scale,
            folders=folders,
            problems=problems,
            wire=wire,
        ) as made:
            yield made
        return
    scale = time_scale or scale_of(environ) or SIMULATED_TIME_SCALE
    with (
        nullcontext(environ)
        if wire.is_served
        else local_cloud(place, environ, time_scale=scale) as variables,
        _connect(
            {**environ, **variables},
            simulated=True,
            scale=scale,
            folders=folders,
            problems=problems,
            wire=wire,
        ) as made,
    ):
        yield made


@contextmanager
def local_cloud(
    place: Path, environ: Mapping[str, str], *, time_scale: float
) -> Iterator[Mapping[str, str]]:
    """Serves the local cloud of a stack on loopback while the block runs. Yields the environment
    variables that a client needs.
    """
    from reconciler.simulator import Cloud, SimulatorServer
    from reconciler.simulator.commands import MISTAKES
    from reconciler.simulator.worldfile import WorldInUse, WorldNotKept

    world = world_of(place, environ)
    _ignore_in_git(world.parent)
    try:
        server = SimulatorServer(
            Cloud(time_scale=time_scale), world_file=world, lock_seconds=_WORLD_LOCK_SECONDS
        )
    except WorldInUse as failure:
        raise Abort(
            error("locked", str(failure), hint=msg("wait until that command has ended"))
        ) from failure
    except (*MISTAKES, OSError) as failure:
        raise Abort(
            error(
                "simulator",
                msg("the local cloud does not start: {reason}", reason=failure),
                hint=msg("its world is stored in {path}", path=world),
            )
        ) from failure
    try:
        with server:
            yield server.environment
    except WorldNotKept as failure:
        raise Abort(
            error(
                "simulator",
                msg("changes to the local cloud were lost: {reason}", reason=failure),
                hint=msg("free up space or fix the directory's permissions"),
            )
        ) from failure


def _ignore_in_git(folder: Path) -> None:
    """Creates the folder of the local cloud, which Git ignores. Failures are left to the first file
    in it that matters.
    """
    with suppress(OSError):
        folder.mkdir(parents=True)
        (folder / ".gitignore").write_text("*\n", encoding="utf-8")


def holder(command: str, run: str | None = None) -> ports.Holder:
    """Who runs a command, shown to others who wait for the lock. `run` is its id in the journal."""
    return ports.Holder(
        user=_user(),
        host=platform.node(),
        pid=os.getpid(),
        command=command,
        since=time.time(),
        run=run,
    )


def nonce() -> str:
    """A new random nonce for a marker."""
    return "".join(secrets.choice(_NONCE_LETTERS) for _ in range(_NONCE_LENGTH))


def run_id() -> str:
    """A new id for a run, as used in events and journal."""
    return secrets.token_hex(6)


def scale_of(environ: Mapping[str, str]) -> float | None:
    """`RECONCILER_TIME_SCALE`, or None. Raises `Abort` if it is not a number above 0."""
    text = environ.get("RECONCILER_TIME_SCALE")
    if not text:
        return None
    try:
        scale = float(text)
    except ValueError:
        scale = 0.0
    if not 0 < scale <= timing.TIME_SCALE_MAX:
        raise Abort(
            error(
                "usage",
                msg("RECONCILER_TIME_SCALE must be a number above 0, not {text!r}", text=text),
            )
        )
    return scale


@contextmanager
def _connect(
    environ: Mapping[str, str],
    *,
    simulated: bool,
    scale: float | None,
    folders: Folders,
    problems: list[Problem],
    wire: WireOptions,
) -> Iterator[Connection]:
    from reconciler.cli.quota import quota_choice
    from reconciler.commands.context import Connection
    from reconciler.common.timing import IN_FLIGHT_MAX
    from reconciler.iwinv.client import HttpClient, Pacing
    from reconciler.iwinv.clock import SystemClock
    from reconciler.iwinv.network import DirectWire, ObservedNetwork, ThreadNetwork
    from reconciler.iwinv.refresh import CloudReads
    from reconciler.iwinv.transport import HttpTransport
    from reconciler.store.cache import FileAccountCache

    keys = _keys(environ)
    endpoint, all_kinds = _endpoint(environ), _kinds(environ)
    time_scale = _time_scale(scale, environ, loopback=endpoint.loopback)
    # The port of the local cloud changes from run to run; the cache folder identifies it.
    origin = "simulated" if simulated else endpoint.origin
    kept = (
        None
        if folders.cache is None
        else FileAccountCache(folders.cache, keys.digest, origin=origin, clock=time.time)
    )
    if kept is not None:
        all_kinds = all_kinds.with_seconds(kept.seconds())
    transport = HttpTransport(endpoint, agent=f"iwinv-reconciler/{VERSION}")
    network: ports.Network = ThreadNetwork(transport, IN_FLIGHT_MAX)
    if wire.observe is not None:
        network = ObservedNetwork(network, wire.observe)
    clock = SystemClock()
    pacing = Pacing(time_scale, secrets.SystemRandom().random)
    opened = quota_choice.opened(
        folders.quota, keys.digest, time_scale=time_scale, problems=problems
    )
    with opened as log, closing(HttpClient(network, clock, keys, log, pacing=pacing)) as exchange:
        yield Connection(
            exchange=exchange,
            reads=lambda tracked: CloudReads(all_kinds, time_scale=time_scale, tracked=tracked),
            kinds=all_kinds,
            account=keys.digest,
            key_suffix=keys.access[-4:] if len(keys.access) >= 12 else "",
            endpoint=endpoint.identity,
            simulated=simulated,
            time_scale=time_scale,
            cache=kept,
            direct=DirectWire(transport, clock, keys, log),
        )


def _endpoint(environ: Mapping[str, str]) -> Endpoint:
    """The endpoint that the environment names. Raises `Abort` for an unusable one."""
    from reconciler.iwinv.endpoint import DEFAULT, EndpointRefused, parse

    try:
        return parse(environ.get("IWINV_ENDPOINT") or DEFAULT)
    except EndpointRefused as failure:
        hint = msg("set IWINV_ENDPOINT, or unset it to use the real cloud")
        raise Abort(error("endpoint", str(failure), hint=hint)) from failure


def _kinds(environ: Mapping[str, str]) -> Kinds:
    """The kinds in the form of the chosen firewall API. Raises `Abort` for an unknown one."""
    from reconciler import resources

    try:
        return resources.all_kinds(environ.get("IWINV_FIREWALL_API") or "security-groups")
    except ValueError as failure:
        message = msg("IWINV_FIREWALL_API: {reason}", reason=failure)
        raise Abort(error("usage", message)) from failure


def kept_catalogue(place: Path, environ: Mapping[str, str], *, simulated: bool) -> Catalogue:
    """The catalogue cached by an earlier run, read without the network. Lists that are missing or
    too old are None.
    """
    from reconciler.iwinv.endpoint import DEFAULT, EndpointRefused, parse
    from reconciler.model.resource import Catalogue
    from reconciler.store.cache import FileAccountCache

    if simulated:
        from reconciler.simulator import ACCESS_KEY, SECRET_KEY

        environ = {"IWINV_ACCESS_KEY": ACCESS_KEY, "IWINV_SECRET_KEY": SECRET_KEY, **environ}
    if not environ.get("IWINV_ACCESS_KEY") or not environ.get("IWINV_SECRET_KEY"):
        return Catalogue()
    try:
        origin = (
            "simulated" if simulated else parse(environ.get("IWINV_ENDPOINT") or DEFAULT).origin
        )
    except EndpointRefused:
        return Catalogue()
    folder = _cache_folder(place, environ, simulated=simulated)
    cache = FileAccountCache(folder, _keys(environ).digest, origin=origin, clock=time.time)
    return Catalogue(**cache.catalogue(Catalogue.__dataclass_fields__))


def _keys(environ: Mapping[str, str]) -> Keys:
    from reconciler.iwinv.signing import Keys

    missing = [name for name in ("IWINV_ACCESS_KEY", "IWINV_SECRET_KEY") if not environ.get(name)]
    if missing:
        hint = msg(
            "create a key pair in the iwinv console and export both, or try the local "
            "cloud first with --simulate"
        )
        raise Abort(
            error(
                "credentials",
                msg(
                    "{variables} is not set" if len(missing) == 1 else "{variables} are not set",
                    variables=joined(msg(" and "), missing),
                ),
                hint=hint,
            )
        )
    try:
        return Keys(access=environ["IWINV_ACCESS_KEY"], secret=environ["IWINV_SECRET_KEY"])
    except ValueError as failure:
        raise Abort(
            error(
                "credentials",
                str(failure),
                hint=msg("export the keys again, exactly as the console shows them"),
            )
        ) from None


def _time_scale(given: float | None, environ: Mapping[str, str], *, loopback: bool) -> float:
    if loopback:
        return given or scale_of(environ) or 1.0
    if given not in (None, 1.0):
        raise Abort(
            error(
                "usage",
                msg("--time-scale works only with the local cloud"),
                hint=msg("add --simulate, or leave out --time-scale"),
            )
        )
    return 1.0


def world_of(place: Path, environ: Mapping[str, str]) -> Path:
    """The file of a stack's local cloud; stacks with the same file share one local cloud."""
    return _simulator(place, environ) / "world.json"


def _simulator(place: Path, environ: Mapping[str, str]) -> Path:
    return state_places.chosen(place, environ)[0].simulator


def quota_of(place: Path, environ: Mapping[str, str], *, simulated: bool) -> QuotaChoice:
    """The quota in force for a stack. Raises `Abort` if what names it is wrong."""
    from reconciler.cli.quota import quota_choice

    folder = quota_folder(place, environ, simulated=simulated)
    return quota_choice.choose(place, environ, folder, simulated=simulated)


def quota_folder(place: Path, environ: Mapping[str, str], *, simulated: bool) -> Path:
    """The folder of the quota log: one per user, or inside the local cloud's folder."""
    return _simulator(place, environ) / "quota" if simulated else _quota_folder(environ)


def _quota_folder(environ: Mapping[str, str]) -> Path:
    return _base(environ, "XDG_STATE_HOME", ".local/state") / "reconciler" / "quota"


def _cache_folder(place: Path, environ: Mapping[str, str], *, simulated: bool) -> Path:
    """The cache folder: one per user, or inside the local cloud's folder."""
    return (
        _simulator(place, environ) / "cache"
        if simulated
        else _base(environ, "XDG_CACHE_HOME", ".cache") / "reconciler"
    )


def _base(environ: Mapping[str, str], variable: str, usual: str) -> Path:
    """A base folder of the user by the XDG specification."""
    base = environ.get(variable)
    if base and Path(base).is_absolute():
        return Path(base)
    try:
        return Path(environ.get("HOME") or "~").expanduser() / usual
    # No HOME and no passwd entry, as in a bare container: the write fails later with a message.
    except RuntimeError:
        return Path("/") / usual


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no name for this user id, as in a bare container
        return f"user {os.getuid()}"
