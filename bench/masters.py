"""A broker's list of contracts: read before a run, then asked for every order.

`python -m bench.masters ROUNDS` reads a list so often and writes one line of JSON for each time.
"""

import json
import random
import sys
import time

from bench import processes
from bench.desk import Bucket
from bench.figures import Figure, Finding, at_most, median, show
from bench.subject import Subject, Tell
from quantleap.adapters.masters import S3MasterStore
from quantleap.domain.contracts import Contract
from tests.listings import MONDAY, a_full_listing, a_master

ROUNDS = 15
LOOKUPS = 100_000
CONTRACTS = 12_000

HOW = """\
A list of {contracts} contracts, as many index options as the exchange lists and more, is read as the planner does it
(one object of {kilobytes} KB from the bucket, opened, decoded, made into our contracts), and {lookups} contracts in
no order are looked up in it. CPU time, the bucket's own not counted; medians of {rounds} rounds in one process.
"""


def measure(tell: Tell) -> Finding:
    """Play the rounds."""
    tell(f"{ROUNDS} rounds")
    rounds = list(processes.results("bench.masters", ROUNDS))
    load_ms, lookup_us = (median([each[name] for each in rounds]) for name in ("load_ms", "lookup_us"))
    figures = [
        Figure("master_load_ms", load_ms, "ms", at_most(300)),
        Figure("master_lookup_us", lookup_us, "µs", at_most(1)),
    ]
    size = rounds[0]["bytes"] / 1024
    how = HOW.format(contracts=show(CONTRACTS), kilobytes=show(size), lookups=show(LOOKUPS), rounds=ROUNDS).strip()
    return Finding(figures, how)


def play(store: S3MasterStore, wanted: list[Contract]) -> dict[str, float]:
    """Read the list once and look everything up."""
    began = time.process_time()
    master = store.read("zebu", MONDAY)
    read = time.process_time()
    if master is None:
        raise LookupError("the list is gone")
    listed = master.listed
    for contract in wanted:
        listed[contract]
    found = time.process_time()
    return {"load_ms": (read - began) * 1000, "lookup_us": (found - read) / len(wanted) * 1e6}


def main(rounds: int) -> None:
    """Store a list, then play."""
    bucket = Bucket()
    listed = a_full_listing()
    store = S3MasterStore(bucket, "plans")  # type: ignore[arg-type]  # as much of S3 as it uses
    store.write(a_master(listed=listed))
    wanted = random.Random(1).choices(list(listed), k=LOOKUPS)
    for _ in range(rounds):
        sys.stdout.write(json.dumps({**play(store, wanted), "bytes": bucket.stored_bytes}) + "\n")


SUBJECT = Subject("masters", ("master_load_ms", "master_lookup_us"), measure)

if __name__ == "__main__":
    main(int(sys.argv[1]))
