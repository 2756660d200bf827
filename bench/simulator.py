"""One of the sandbox's brokers, for clients that take an address without a path.

`python -m bench.simulator BROKER` writes its port to standard output and serves until killed.
"""

import socket
import sys

from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.broker.server import BACKLOG, server
from sandbox.broker.simulator import Settings


class AtRoot:
    """Serves a broker without its prefix as well as with it."""

    def __init__(self, app: ASGIApp, broker: str) -> None:
        self._app = app
        self._prefix = f"/{broker}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and not scope["path"].startswith(self._prefix):
            scope["path"] = self._prefix + scope["path"]
        await self._app(scope, receive, send)


def main(broker: str) -> None:
    """Serve on a free port of this machine."""
    with socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) as listener:
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        serving = server(Settings())
        serving.config.app = AtRoot(serving.config.app, broker)  # type: ignore[arg-type]  # made by `server`
        serving.run(sockets=[listener])


if __name__ == "__main__":
    main(sys.argv[1])
