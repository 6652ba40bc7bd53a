"""The process's life: listen, serve, and leave without losing a request.

On SIGTERM the server is not ready from that moment, but goes on serving for a drain delay, in which balancers notice
and every answer says ``Connection: close``. Then it takes no new connection, finishes what is in flight, and goes.
SIGINT (Ctrl-C) skips the delay.
"""

import asyncio
import ctypes
import logging
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable
from types import FrameType

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from evenkeel.config.operation import Limits
from serving.model import Slot
from serving.patience import Patience

_log = logging.getLogger("evenkeel.server")

_KEEP_ALIVE = 75
"""Seconds an idle connection stays: longer than a balancer's, so that the balancer closes first."""
_SETTLE = 0.05
"""Seconds in which connections that were opened before the doors closed are accepted."""


class Server(uvicorn.Server):
    """uvicorn, with a way out."""

    def __init__(self, config: uvicorn.Config, slot: Slot, drain_seconds: float, on_leave: Callable[[], None]) -> None:
        super().__init__(config)
        self._slot = slot
        self._drain = drain_seconds
        self._on_leave = on_leave
        self._leave_at: float | None = None
        self._patience = Patience(_KEEP_ALIVE)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal: begin to leave; a second SIGINT leaves at once. The exit code stays 0: leaving was asked for."""
        del frame
        self._slot.draining = True
        if sig == signal.SIGINT and self._leave_at is not None:
            self.force_exit = self.should_exit = True
        elif self._leave_at is None:
            self._leave_at = time.monotonic() + (0 if sig == signal.SIGINT else self._drain)

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: whether it is time to go."""
        if self._leave_at is not None and time.monotonic() >= self._leave_at:
            self.should_exit = True
        if counter % 10 == 0:
            self._patience.look(self._connections(), self._seconds())
        return await super().on_tick(counter)

    def _connections(self) -> list[HttpToolsProtocol]:
        connections = self.server_state.connections
        return [connection for connection in connections if isinstance(connection, HttpToolsProtocol)]

    def _seconds(self) -> float:
        model = self._slot.model
        return model.project.serving.limits.timeout_seconds if model is not None else Limits().timeout_seconds

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the doors without shutting out who is already through them, finish, then tell the rest to stop."""
        self._slot.draining = True
        for listener in sockets or []:
            refuse_new(listener)
        await asyncio.sleep(_SETTLE)
        await super().shutdown(sockets)
        self._on_leave()


def server_config(app: object, *, grace_seconds: float) -> uvicorn.Config:
    """How uvicorn runs: the asyncio loop (its tails are shorter than uvloop's), httptools, no banner, no access log."""
    return uvicorn.Config(
        app,  # type: ignore[arg-type]  # ours is typed with plain mappings
        loop="asyncio",
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        server_header=False,
        log_config=None,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=max(1, int(grace_seconds)),
    )


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. The port is free again as soon as we leave."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio sees that it is TCP and switches Nagle's delay off.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(2048)
    listener.setblocking(False)
    return listener


_SO_ATTACH_FILTER = 26
_FLAGS = 13  # byte of the TCP header that holds SYN
_SYN = 0x02


def refuse_new(listener: socket.socket) -> None:
    """Let the kernel drop connection attempts from now on, and keep those that are under way.

    Closing a listener resets the connections that wait in its queue: requests would be lost. With this filter
    (classic BPF: drop what carries SYN) the queue runs dry first; a dropped attempt is repeated by the caller's kernel
    and then refused, before any request was sent. Linux only; elsewhere the window stays open for an instant.
    """
    if sys.platform != "linux":
        return
    program = b"".join(
        struct.pack("HBBI", *instruction)
        for instruction in (
            (0x30, 0, 0, _FLAGS),  # load the byte of flags
            (0x45, 0, 1, _SYN),  # if SYN is set, go on, else skip one
            (0x06, 0, 0, 0),  # drop
            (0x06, 0, 0, 0x40000),  # keep
        )
    )
    buffer = ctypes.create_string_buffer(program)
    listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", 4, ctypes.addressof(buffer)))
