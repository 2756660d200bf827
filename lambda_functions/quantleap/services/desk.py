"""What a worker works with, and the errand it is sent on."""

from datetime import datetime
from typing import NamedTuple

from quantleap.domain.execution import Timing
from quantleap.domain.ports import (
    Baskets,
    BrokerAccounts,
    Brokers,
    CredentialVault,
    Halts,
    Leases,
    Lines,
    PlanStore,
    Runs,
    Subscriptions,
    Timer,
)

type Name = tuple[str, str]
"""A user and a client id."""


class Desk(NamedTuple):
    """What a worker works with; `leases` and `halts`, asked while orders leave, answer within a second or fail."""

    runs: Runs
    leases: Leases
    plans: PlanStore
    baskets: Baskets
    subscriptions: Subscriptions
    accounts: BrokerAccounts
    vault: CredentialVault
    halts: Halts
    brokers: Brokers
    lines: Lines
    timer: Timer
    timing: Timing


class Errand(NamedTuple):
    """Which shard to serve; `holder` and `attempt` say who asks, `ends` when that process will be gone.

    With `closes` it is an exit: the way back of that entry run, or `only` of a part of it; `tries` is how many exits in
    a row it makes.
    """

    run_id: str
    plan_id: str
    shard: int
    boundary: datetime
    template_id: str
    version: int
    closes: str | None
    holder: str
    attempt: int
    ends: datetime
    only: str | None = None
    tries: int = 1
