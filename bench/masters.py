"""A broker's list of contracts: read before a run, then asked for every order.

`python -m bench.masters ROUNDS` reads a list so often and writes one line of JSON for each time.
"""

import gzip
import json
import random
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

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
LOAD, LOOKUP = 8, 2
"""Times the bare way."""


HOW = """\
A list of {contracts} contracts, as many index options as the exchange lists and more, is read as the planner does it
(one object of {kilobytes} KB from the bucket, opened, decoded, made into our contracts), and {lookups} contracts in
no order are looked up in it. CPU time, the bucket's own not counted; medians of {rounds} rounds in one process. Beside
it, in the same round, the standard library unpacks the same object and reads its JSON, and the same contracts are
looked up in a dictionary by plain tuples of texts: the figures with a target are our times over these.
"""


def measure(tell: Tell) -> Finding:
    """Play the rounds."""
    tell(f"{ROUNDS} rounds")
    rounds = list(processes.results("bench.masters", ROUNDS))
    return finding(rounds)


def finding(rounds: Sequence[Mapping[str, float]]) -> Finding:
    """Our times over those of the bare way."""
    middle = {name: median([each[name] for each in rounds]) for name in rounds[0]}
    load, lookup, bare_load, bare_lookup = (middle[name] for name in ("load", "lookup", "bare_load", "bare_lookup"))
    figures = [
        Figure("master_load_vs_bare", load / bare_load, "times", at_most(LOAD), "JSON unpacked, ms", bare_load),
        Figure("master_lookup_vs_bare", lookup / bare_lookup, "times", at_most(LOOKUP), "tuples, µs", bare_lookup),
        Figure("master_load_ms", load, "ms"),
        Figure("master_lookup_us", lookup, "µs"),
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
    found = _looked_up(master.listed, wanted)
    return {"load": (read - began) * 1000, "lookup": found / len(wanted) * 1e6}


def bare(body: bytes, wanted: list[Contract]) -> dict[str, float]:
    """Unpack the object, and look the same contracts up by texts."""
    began = time.process_time()
    json.loads(gzip.decompress(body))
    read = time.process_time() - began
    names = [tuple(map(str, contract)) for contract in wanted]
    found = _looked_up(dict.fromkeys(names), names)
    return {"bare_load": read * 1000, "bare_lookup": found / len(names) * 1e6}


def _looked_up(listed: Mapping[Any, object], names: Iterable[object]) -> float:
    """Seconds of CPU."""
    began = time.process_time()
    for name in names:
        listed[name]
    return time.process_time() - began


def main(rounds: int) -> None:
    """Store a list, then play."""
    bucket = Bucket()
    listed = a_full_listing()
    store = S3MasterStore(bucket, "plans")  # type: ignore[arg-type]  # as much of S3 as it uses
    store.write(a_master(listed=listed))
    wanted = random.Random(1).choices(list(listed), k=LOOKUPS)
    for _ in range(rounds):
        (body,) = bucket.objects.values()
        sys.stdout.write(json.dumps({**play(store, wanted), **bare(body, wanted), "bytes": len(body)}) + "\n")


SUBJECT = Subject(
    "masters", ("master_load_vs_bare", "master_lookup_vs_bare", "master_load_ms", "master_lookup_us"), measure
)

if __name__ == "__main__":
    main(int(sys.argv[1]))
