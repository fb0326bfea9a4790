"""The commands."""

from __future__ import annotations

import json
import logging
import socket
import sys
import types
from functools import partial
from typing import Any, Final

import click
import trio

from trivet.cli.registry import RegistryNotFoundError, find_registry
from trivet.declare.actor import Actor
from trivet.declare.errors import Error
from trivet.declare.handle import Handle
from trivet.declare.registry import Registry
from trivet.holder.child import Held, held_by
from trivet.holder.process import hold as hold_servers
from trivet.logs import about
from trivet.open import open_client, serve as serve_registry
from trivet.ports.errors import NotStored, StorageError
from trivet.ports.storage import Storage
from trivet.runtime.nursery import open_service_nursery
from trivet.server.inherited import inherited_sockets
from trivet.server.serve import Server
from trivet.server.sockets import listen
from trivet.storage.memory import MemoryStorage
from trivet.storage.sqlite.storage import SqliteStorage
from trivet.telemetry.lines import LineFormatter

__all__ = ["NOT_STORED", "trivet"]

logger = logging.getLogger(__name__)

NOT_STORED: Final = 74
"""The exit status if not everything was stored: EX_IOERR of ``sysexits.h``."""


class NotStoredError(click.ClickException):
    """The server has stopped, and not everything was stored."""

    exit_code = NOT_STORED


class JsonValue(click.ParamType[Any]):
    """A value written as JSON."""

    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read it, or say why that cannot be done."""
        try:
            return json.loads(value)
        except ValueError as error:
            self.fail(f"{value!r} is no JSON: {error}", param, ctx)


class StorageName(click.ParamType[Storage]):
    """A store: the path of its file, or ``memory``."""

    name = "path"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Storage:
        """Make it; it is opened later."""
        return MemoryStorage() if value == "memory" else SqliteStorage(value)


@click.group()
def trivet() -> None:
    """Actors on Trio: serve them, call them."""


@trivet.command()
@click.argument("name", metavar="MODULE:REGISTRY")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=6420,
    show_default=True,
    help="0 picks a free one.",
)
@click.option(
    "--storage",
    type=StorageName(),
    default="./trivet.db",
    show_default=True,
    help='The file where actors live; "memory" keeps them in none.',
)
@click.option("--origin", "origins", multiple=True, help="A web page that may use the server.")
@click.option("--public", is_flag=True, help="Allow actors that let everybody in.")
@click.option(
    "--admin-token",
    envvar="TRIVET_ADMIN_TOKEN",
    show_envvar=True,
    help="What a client must show to delete actors, put them to sleep or list them.",
)
@click.option(
    "--trusted-proxy",
    "trusted_proxies",
    multiple=True,
    help="A proxy's address or network: its X-Forwarded-For counts.",
)
@click.option(
    "--client-endpoint", help="Where official clients go on, if that is not where they came to."
)
@click.option(
    "--hold",
    is_flag=True,
    help="Keep the socket open in a process of its own while the server restarts: after a crash, "
    "or at SIGHUP to load new code.",
)
@click.option("--verbose", is_flag=True, help="Log every step of actors and connections.")
def serve(
    name: str,
    host: str,
    port: int,
    storage: Storage,
    origins: tuple[str, ...],
    public: bool,
    admin_token: str | None,
    trusted_proxies: tuple[str, ...],
    client_endpoint: str | None,
    hold: bool,
    verbose: bool,
) -> None:
    """Serve a registry until SIGTERM or SIGINT; a second signal ends it at once.

    The exit status is 0 if everything was stored, 74 if the end of the grace came first, and 1
    after an error or a second signal.

    Sockets that a supervisor has opened for the process (LISTEN_FDS) count instead of host and
    port.
    """
    level = logging.DEBUG if verbose else logging.WARNING
    handler = logging.StreamHandler()
    handler.setFormatter(LineFormatter())
    logging.basicConfig(level=level, handlers=[handler])
    held = held_by()
    if hold and held is None:
        if isinstance(storage, MemoryStorage):
            text = "actors live in memory: each restart, at SIGHUP too, loses them all"
            logger.warning(text, extra=about())
        sys.exit(_hold(host, port))
    try:
        registry = find_registry(name)
    except RegistryNotFoundError as error:
        raise click.BadParameter(str(error), param_hint="MODULE:REGISTRY") from None
    if held is not None and not held.wait_released():
        return
    running = partial(
        serve_registry,
        registry,
        host=host,
        port=port,
        listening=_inherited() if held is None else held.sockets,
        storage=storage,
        origins=origins,
        client_endpoint=client_endpoint,
        public=public,
        admin_token=admin_token,
        trusted_proxies=trusted_proxies,
        handle_signals=True,
    )
    try:
        trio.run(_serve, running, registry, held)
    except NotStored as error:
        raise NotStoredError(str(error)) from None
    except (OSError, StorageError, ValueError) as error:
        raise click.ClickException(str(error)) from None


def _hold(host: str, port: int) -> int:
    """Keep servers running that are called as this process was; the exit status."""
    logging.getLogger("trivet.holder").setLevel(logging.INFO)
    try:
        sockets = _inherited() or trio.run(listen, host, port)
        return trio.run(hold_servers, [sys.executable, "-m", "trivet", *sys.argv[1:]], sockets)
    except OSError as error:
        raise click.ClickException(str(error)) from None


def _inherited() -> list[socket.socket]:
    try:
        return inherited_sockets()
    except ValueError as error:
        raise click.ClickException(str(error)) from None


async def _serve(running: Any, registry: Registry, held: Held | None) -> None:
    """Run the server beside a word about how to reach it."""

    class Announcement:
        def started(self, server: Server) -> None:
            names = ", ".join(sorted(registry.definitions))
            click.echo(f"trivet serves {names} on {server.url}")
            click.echo(
                f"  Python      async with trivet.open_client({server.url!r}) as client: ..."
            )
            click.echo(f"  JavaScript  createClient({server.url!r})")
            if held is not None:
                held.ready()

    async with open_service_nursery() as nursery:
        if held is not None:
            nursery.start_soon(_stop_when_deserted, held, nursery.cancel_scope)
        await running(task_status=Announcement())
        nursery.cancel_scope.cancel()


async def _stop_when_deserted(held: Held, running: trio.CancelScope) -> None:
    """Stop with the holder: nobody would start another server, and the next holder wants to."""
    await held.wait_deserted()
    running.cancel()


@trivet.command()
@click.argument("url")
@click.argument("actor")
@click.argument("key")
@click.argument("action")
@click.argument("arguments", nargs=-1, type=JsonValue())
@click.option("--params", type=JsonValue(), help="Connection params, as JSON.")
def call(
    url: str, actor: str, key: str, action: str, arguments: tuple[Any, ...], params: Any
) -> None:
    """Call an action of an actor, which is created if there is none.

    KEY is the actor's key, its parts separated by commas; ARGUMENTS are JSON.
    """
    parts = tuple(key.split(",")) if key else ()
    try:
        result = trio.run(_call, url, actor, parts, action, arguments, params)
    except* (Error, OSError, ValueError) as group:
        raise click.ClickException(str(group.exceptions[0])) from None
    click.echo(json.dumps(result, ensure_ascii=False, default=str))


async def _call(
    url: str,
    actor: str,
    key: tuple[str, ...],
    action: str,
    arguments: tuple[Any, ...],
    params: Any,
) -> Any:
    async with open_client(url) as client:
        # A class that declares nothing but its name reaches any actor by names.
        named: Any = types.new_class("Named", (Actor[None, None, Any],), {"name": actor})
        handle: Handle[Any] = client.get_or_create(named, *key)
        if params is not None:
            handle = handle.with_params(params)
        return await handle.call_by_name(action, *arguments)


def _not_built(name: str) -> click.Command:
    @click.command(name, context_settings={"ignore_unknown_options": True})
    @click.argument("arguments", nargs=-1)
    def command(arguments: tuple[str, ...]) -> None:
        raise click.ClickException(f"this version of trivet has no `trivet {name}` yet")

    command.help = "Not in this version."
    return command


for later in ("dev", "inspect", "engine"):
    trivet.add_command(_not_built(later))
