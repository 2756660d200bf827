"""Orders through one broker's own client with threads; runs in `.sdks`, where those clients are.

`python -m bench.client_load BROKER TOLD ORDERS THREADS ROUNDS` reads what it is told from a file, places so many
orders in each round and writes one line of JSON for it.
"""

import importlib
import json
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from tests.sdk.peers.peer import Peer, Told


def main(broker: str, file: str, orders: int, threads: int, rounds: int) -> None:
    """What clients say is swallowed, the files they write go to a folder of the moment."""
    told: Told = json.loads(Path(file).read_text())
    out = sys.stdout
    with tempfile.TemporaryDirectory() as folder, Path(os.devnull).open("w") as nowhere:
        os.chdir(folder)
        with redirect_stdout(nowhere), redirect_stderr(nowhere), ThreadPoolExecutor(threads) as pool:
            peer: Peer = importlib.import_module(f"tests.sdk.peers.{broker}").client(told)
            for _ in range(rounds):
                began, spent = time.perf_counter(), time.process_time()
                list(pool.map(peer.place, [told["plain"]] * orders))
                took = {"seconds": time.perf_counter() - began, "cpu_s": time.process_time() - spent}
                out.write(json.dumps(took) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
