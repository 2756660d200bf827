"""What AWS allows, and what a run of so many subscribers needs of it.

Figures of ap-south-1 as far as they were found; the Service Quotas console of the account decides.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from quantleap.adapters.halts import COPIES

SHARD_SIZE = 250
WARM_LEAD_S = 30.0
LAST_LOOK_S = 3.0
PLAN_S = 30.0
"""From the latest start of the schedule's minute to the start of the workers."""

ENVIRONMENTS_AT_ONCE = 1000
ENVIRONMENTS_EVERY_S = 10.0
SECRETS_IN_A_BATCH = 20
LOGINS_S = (9.25 - 6) * 3600
"""From six in the morning, when tokens die, to the opening."""

SEAT_BYTES = 400
INDEX_KEYS = 64
"""Keys a template of 100,000 subscribers is spread over in the index."""

LEGS = 4
PACE_UNITS = 1
"""Write units, of the ticket's account alone, to note that it trades there."""

LOOKS_PER_S = 2
"""How often a worker reads the halts."""


class Run(NamedTuple):
    """A run of one template."""

    subscribers: int
    ticket_units: int
    """DynamoDB write units of one ticket as it is stored."""

    @property
    def workers(self) -> int:
        """One for each shard."""
        return math.ceil(self.subscribers / SHARD_SIZE)


class Quota(NamedTuple):
    """A limit, and the share of it that a run uses: above 1 the run does not fit."""

    name: str
    limit: str
    used: Callable[[Run], float]


def rate(demand: Callable[[Run], float], per_second: float, within_s: float) -> Callable[[Run], float]:
    """The share of a rate that has so many seconds for a run's demand."""
    return lambda run: demand(run) / per_second / within_s


def starts_after(worker: int) -> float:
    """Seconds from the launch until Lambda has an environment for the worker of that number."""
    return worker // ENVIRONMENTS_AT_ONCE * ENVIRONMENTS_EVERY_S


WARMING_S = WARM_LEAD_S - LAST_LOOK_S

QUOTAS: Sequence[Quota] = (
    Quota("Step Functions, transitions of the run", "bucket of 800, 500/s", lambda _: 10 / 800),
    Quota("Distributed Map, children at once", "10,000", lambda run: run.workers / 10_000),
    Quota("Lambda, environments", "1,000 every 10 s", lambda run: starts_after(run.workers - 1) / WARMING_S),
    Quota("Lambda, concurrency", "1,000, on request 5,000 and more", lambda run: run.workers / 1000),
    Quota(
        "DynamoDB, subscribers under one index key",
        "3,000 read units/s",
        rate(lambda run: run.subscribers * SEAT_BYTES / 8192, 3000, PLAN_S),
    ),
    Quota(
        f"DynamoDB, subscribers under {INDEX_KEYS} index keys",
        "3,000 read units/s each",
        rate(lambda run: run.subscribers * SEAT_BYTES / 8192, 3000 * INDEX_KEYS, PLAN_S),
    ),
    Quota(
        "DynamoDB, one shard's tickets",
        "1,000 write units/s a partition",
        rate(lambda run: min(run.subscribers, SHARD_SIZE) * run.ticket_units, 1000, WARMING_S),
    ),
    Quota(
        "DynamoDB, all tickets, a new table",
        "4,000 write units/s, more when warmed",
        rate(lambda run: run.subscribers * (run.ticket_units + PACE_UNITS), 4000, WARMING_S),
    ),
    Quota(
        f"DynamoDB, looks for halts, {COPIES} copies",
        "3,000 read units/s each",
        lambda run: run.workers * LOOKS_PER_S / 3000 / COPIES,
    ),
    Quota(
        "Secrets Manager, tokens read in batches",
        "100 calls/s",
        rate(lambda run: run.workers * math.ceil(SHARD_SIZE / SECRETS_IN_A_BATCH), 100, WARMING_S),
    ),
    Quota(
        "Secrets Manager, tokens written each morning",
        "50/s, fixed",
        rate(lambda run: run.subscribers, 50, LOGINS_S),
    ),
    Quota("KMS, tokens opened", "10,000/s", rate(lambda run: run.subscribers, 10_000, WARMING_S)),
    Quota("NAT, connections to one broker", "55,000 an address, 8 addresses", lambda run: run.subscribers / 440_000),
)


def binding(run: Run, quotas: Sequence[Quota] = QUOTAS) -> Quota:
    """The quota a run uses most of."""
    return max(quotas, key=lambda quota: quota.used(run))


def cost(run: Run, plan_s: float, busy_s: float) -> dict[str, float]:
    """US dollars of one run by service, at list prices; `busy_s` is how long a worker lives."""
    writes = run.subscribers * (2 * run.ticket_units + PACE_UNITS) + run.workers * 10
    reads = run.subscribers * (SEAT_BYTES / 8192 + 4) + run.workers * LOOKS_PER_S * busy_s
    memory_gb, second = 1769 / 1024, 0.0000166667
    return {
        "Lambda": (run.workers * busy_s + plan_s) * memory_gb * second,
        "DynamoDB": writes * 0.625e-6 + reads * 0.125e-6,
        "KMS": run.subscribers * 0.03 / 10_000,
        "Step Functions": 10 * 0.0285 / 1000 + run.workers * (1e-6 + busy_s * 0.0625 * second),
        "S3": run.workers * (0.005 + 2 * 0.0004) / 1000,
    }
