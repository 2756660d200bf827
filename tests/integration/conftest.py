"""The stores of a marketplace, once in memory and once in the table: both have to keep the same promises."""

import pytest

from quantleap.adapters.baskets import TableBaskets
from quantleap.adapters.broker_accounts import TableBrokerAccounts
from quantleap.adapters.halts import TableHalts
from quantleap.adapters.idempotency import TableIdempotency
from quantleap.adapters.logins import TableLogins
from quantleap.adapters.partner_keys import TablePartnerKeys
from quantleap.adapters.rate_buckets import TableRateBuckets
from quantleap.adapters.subscriptions import TableSubscriptions
from quantleap.adapters.table import Table
from quantleap.adapters.users import TableUsers
from tests.fakes import Stores, in_memory


def in_table(table: Table) -> Stores:
    return Stores(
        TableBaskets(table),
        TableUsers(table),
        TableBrokerAccounts(table),
        TableSubscriptions(table),
        TablePartnerKeys(table),
        TableLogins(table),
        TableRateBuckets(table),
        TableHalts(table),
        TableIdempotency(table),
    )


@pytest.fixture(params=["memory", "table"])
def stores(request: pytest.FixtureRequest) -> Stores:
    """Empty stores of either kind."""
    return in_memory() if request.param == "memory" else in_table(request.getfixturevalue("table"))
