"""Rehearsals in the table: one item for a tenant, a boundary and a template, gone after a week."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from quantleap.adapters import keys, outbox
from quantleap.adapters.items import read, readable, stored
from quantleap.adapters.table import Table
from quantleap.domain.partner import Tenant
from quantleap.domain.rehearsal import Rehearsal, told

LIFE = timedelta(days=7)
"""How long an outlook can be compared with what became of it."""


class TableRehearsals:
    """An outlook is stored together with the event that tells of it."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def put(self, rehearsal: Rehearsal) -> None:
        """Store an outlook over an earlier one of the same run and tenant, and tell of it."""
        key = keys.rehearsal(rehearsal.tenant, rehearsal.boundary, rehearsal.template_id)
        until = int((rehearsal.boundary + LIFE).timestamp())
        item = stored(rehearsal, "REHEARSAL", key, version=1, expires_at=until)
        self._table.transact([self._table.putting(item), self._table.putting(outbox.item(told(rehearsal)))])

    def between(self, tenant: Tenant, first: datetime, last: datetime) -> Sequence[Rehearsal]:
        """A tenant's outlooks of the boundaries from first to last: one query."""
        items = self._table.query_all(
            "user_id = :tenant AND sort_key BETWEEN :first AND :last",
            tenant=keys.tenant(tenant.key),
            first=keys.rehearsals_from(first),
            last=keys.rehearsals_to(last),
        )
        return readable(items, lambda item: read(Rehearsal, item, "user_id", "version"))
