"""`python -m tests.sdk.peers BROKER`: read what is told from standard input, play, write the orders' numbers."""

import importlib
import json
import sys
from contextlib import redirect_stdout

from tests.sdk.peers.peer import Peer, Told, play


def main(broker: str) -> None:
    """Everything that clients print goes to standard error, so that the answer stands alone."""
    told: Told = json.load(sys.stdin)
    with redirect_stdout(sys.stderr):
        peer: Peer = importlib.import_module(f"tests.sdk.peers.{broker}").client(told)
        placed = play(peer, told)
    json.dump(placed._asdict(), sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
