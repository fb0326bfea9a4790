"""The commands."""

from __future__ import annotations

import json
import logging
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
from trivet.open import open_client, serve as serve_registry
from trivet.ports import NotStored, Storage, StorageError
from trivet.server.serve import Server
from trivet.storage.memory import MemoryStorage
from trivet.storage.sqlite.storage import SqliteStorage
from trivet.telemetry.lines import LineFormatter

__all__ = ["NOT_STORED", "trivet"]


NOT_STORED: Final = 74
"""The exit status if not everything was stored: EX_IOERR of ``sysexits.h``."""


class NotStoredError(click.ClickException):
    """The server has stopped, and not everything was stored."""

    exit_code = NOT_STORED


class RegistryName(click.ParamType[Registry]):
    """A registry, named ``module:attribute``."""

    name = "module:registry"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Registry:
        """Import it, or say why that cannot be done."""
        if isinstance(value, Registry):
            return value
        try:
            return find_registry(value)
        except RegistryNotFoundError as error:
            self.fail(str(error), param, ctx)


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
@click.argument("registry", type=RegistryName())
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", default=6420, show_default=True, help="0 picks a free one.")
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
@click.option("--verbose", is_flag=True, help="Log every step of actors and connections.")
def serve(
    registry: Registry,
    host: str,
    port: int,
    storage: Storage,
    origins: tuple[str, ...],
    public: bool,
    admin_token: str | None,
    trusted_proxies: tuple[str, ...],
    verbose: bool,
) -> None:
    """Serve a registry until SIGTERM or SIGINT; a second signal ends it at once.

    The exit status is 0 if everything was stored, 74 if the end of the grace came first, and 1
    after an error or a second signal.
    """
    level = logging.DEBUG if verbose else logging.WARNING
    handler = logging.StreamHandler()
    handler.setFormatter(LineFormatter())
    logging.basicConfig(level=level, handlers=[handler])
    running = partial(
        serve_registry,
        registry,
        host=host,
        port=port,
        storage=storage,
        origins=origins,
        public=public,
        admin_token=admin_token,
        trusted_proxies=trusted_proxies,
        handle_signals=True,
    )
    try:
        trio.run(_serve, running, registry)
    except NotStored as error:
        raise NotStoredError(str(error)) from None
    except (OSError, StorageError, ValueError) as error:
        raise click.ClickException(str(error)) from None


async def _serve(running: Any, registry: Registry) -> None:
    """Run the server beside a word about how to reach it."""

    class Announcement:
        def started(self, server: Server) -> None:
            names = ", ".join(sorted(registry.definitions))
            click.echo(f"trivet serves {names} on {server.url}")
            click.echo(
                f"  Python      async with trivet.open_client({server.url!r}) as client: ..."
            )
            click.echo(f"  JavaScript  createClient({server.url!r})")

    await running(task_status=Announcement())


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
