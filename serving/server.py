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

from evenkeel.config.operation import Limits
from serving.connection import Connection
from serving.gate import Gate
from serving.patience import Patience
from serving.turns import Turns

_log = logging.getLogger("evenkeel.server")

_BACKLOG = 2048
_KEEP_ALIVE = 75.0
"""Seconds an idle connection stays: longer than a balancer's, so that the balancer closes first."""
_SETTLE = 0.05
"""Seconds in which connections that were opened before the doors closed are accepted."""
_FRESH = 1.0
"""Seconds in which such a connection may still send its first request."""


class Server:
    """Listens on one event loop, and knows the way out."""

    def __init__(self, gate: Gate, *, drain: float, grace: float, on_leave: Callable[[], None]) -> None:
        self._gate = gate
        self._drain = drain
        self._grace = grace
        self._on_leave = on_leave
        self._connections: set[Connection] = set()
        self._signalled = False
        self._hurry = False
        self._leave: asyncio.Event

    async def serve(self, listener: socket.socket) -> None:
        """Serve until a signal, then leave: finish what is under way within ``grace`` seconds."""
        loop = asyncio.get_running_loop()
        self._leave = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signal, number)
        turns = Turns(self._gate)
        server = await loop.create_server(lambda: Connection(turns, self._connections), sock=listener, backlog=_BACKLOG)
        watching = asyncio.create_task(self._watch())
        await self._leave.wait()
        refuse_new(listener)
        await asyncio.sleep(_SETTLE)
        server.close()
        await self._finish()
        watching.cancel()
        turns.stop()
        self._on_leave()

    def _signal(self, number: int) -> None:
        """Begin to leave; a second Ctrl-C leaves at once. The exit code stays 0: leaving was asked for."""
        self._gate.slot.draining = True
        if self._signalled:
            self._hurry = number == signal.SIGINT
            return
        self._signalled = True
        wait = 0.0 if number == signal.SIGINT else self._drain
        asyncio.get_running_loop().call_later(wait, self._leave.set)

    async def _watch(self) -> None:
        patience = Patience(_KEEP_ALIVE)
        while True:
            await asyncio.sleep(1)
            model = self._gate.slot.model
            limits = model.project.serving.limits if model is not None else Limits()
            patience.look(self._connections, limits.timeout_seconds)

    async def _finish(self) -> None:
        """Let every connection come to its end."""
        begun = time.monotonic()
        while self._connections and not self._hurry and (passed := time.monotonic() - begun) < self._grace:
            for connection in list(self._connections):
                connection.leave(fresh=passed > _FRESH)
            await asyncio.sleep(0.01)
        if self._connections:
            _log.warning("connections were cut off", extra={"connections": len(self._connections)})


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
    and then refused, before any request was sent. Linux only, where it is allowed; elsewhere the window stays open for
    an instant.
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
    try:
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", 4, ctypes.addressof(buffer)))
    except PermissionError:  # a container without capabilities, under some kernels: its endpoint is gone already
        _log.info("the kernel allows no filter: attempts that arrive in the last instant are refused")
