"""The simulator as one HTTP server: every broker below its own prefix, feed and control API beside."""

import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from quantleap.domain.clock import Clock
from sandbox.broker.control import Control
from sandbox.broker.feed import Feed
from sandbox.broker.houses import HOUSES
from sandbox.broker.overview import Overview
from sandbox.broker.simulator import Settings, Simulator

BACKLOG = 4096
KEEP_ALIVE_S = 300
"""Order connections are opened well before they are used."""

STOP_S = 2
"""Answers that are held back longer are given up when the server stops."""


def utc_now() -> datetime:
    """The machine's clock."""
    return datetime.now(UTC)


def build(settings: Settings, clock: Clock = utc_now) -> Starlette:
    """The application; it needs `server`'s protocol, which tells when a request arrived."""
    simulator = Simulator(settings, clock, {name: house.rules for name, house in HOUSES.items()})

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        for house in HOUSES.values():
            house.master(simulator.floor.today)  # early, so that no order waits for it
        yield
        simulator.save()

    return Starlette(
        routes=[
            *(Mount(f"/{name}", routes=HOUSES[name].routes(firm)) for name, firm in simulator.firms.items()),
            *Feed(simulator.floor).routes,
            *Control(simulator).routes,
            *Overview(simulator).routes,
        ],
        exception_handlers={HTTPException: _complain},
        lifespan=lifespan,
    )


def server(settings: Settings, clock: Clock = utc_now) -> uvicorn.Server:
    """A server to run on a socket of the caller's."""
    return uvicorn.Server(
        uvicorn.Config(
            build(settings, clock),
            loop="uvloop",
            http=_protocol(clock),
            ws="none",
            lifespan="on",
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=STOP_S,
        )
    )


def serve(host: str, port: int, settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM, then save and return; raises `OSError` when the port is taken."""
    with socket.create_server((host, port), backlog=BACKLOG) as listener:
        # The server repeats the signal that ended it once it is done; ending is all it asked for.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        server(settings).run(sockets=[listener])


def _protocol(clock: Clock) -> type[HttpToolsProtocol]:
    class Stamped(HttpToolsProtocol):
        """Notes when a request's first byte came, and lets the application go behind HTTP's back."""

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self.scope["extensions"] = {
                "sandbox": {"arrived_at": clock(), "hang_up": self.transport.close, "say": self.transport.write},
            }

    return Stamped


async def _complain(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - what this handler is registered for
    return JSONResponse({"error": error.detail}, status_code=error.status_code, headers=error.headers)
