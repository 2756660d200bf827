"""`python -m sandbox.broker --port 4567`: the simulated broker on its own."""

import argparse
import sys
from pathlib import Path

from sandbox.broker.server import serve
from sandbox.broker.simulator import MarketHours, Settings, StateUnreadable


def main() -> int:
    """Serve until stopped; the exit code is 0 after a clean stop."""
    parser = argparse.ArgumentParser(prog="sandbox.broker", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=4567)
    parser.add_argument("--seed", type=int, default=1, help="of prices and of chance")
    parser.add_argument("--market-hours", type=MarketHours, choices=list(MarketHours), default=MarketHours.ALWAYS)
    parser.add_argument("--state", type=Path, help="file that keeps logins and orders between runs")
    arguments = parser.parse_args()
    settings = Settings(arguments.seed, arguments.market_hours, arguments.state)
    try:
        serve(arguments.host, arguments.port, settings)
    except OSError as error:
        return _fail(f"cannot start on {arguments.host}:{arguments.port}: {error.strerror}")
    except StateUnreadable as error:
        return _fail(str(error))
    return 0


def _fail(message: str) -> int:
    sys.stderr.write(f"broker simulator: {message}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
