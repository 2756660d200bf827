"""A user's runs in the table: found in an index that tickets are in, so that nothing is written twice."""

from collections.abc import Iterable
from typing import Any

from quantleap.adapters import keys
from quantleap.adapters.items import readable
from quantleap.adapters.keys import Key
from quantleap.adapters.table import Item, Table
from quantleap.domain.execution import Plan, Ticket
from quantleap.domain.model import Model
from quantleap.domain.partner import Tenant
from quantleap.domain.ports import Page
from quantleap.domain.subscription import MOST_ACCOUNTS
from quantleap.domain.user_runs import OwnRun


class TableUserRuns:
    """The index names the tickets, their own items say what became of them: one query, and one read for both."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def of_user(self, tenant: Tenant, user_id: str, limit: int, token: str | None) -> Page[OwnRun]:
        """A user's runs, newest boundary first; the token is the last run's id.

        A run has a ticket for each account of a subscription, so that many entries hold the page and one run more.
        """
        older: dict[str, Any] = {"token": token} if token else {}
        entries = self._table.query(
            f"executed_for = :user{' AND executed_run < :token' if older else ''}",
            index=keys.USER_EXECUTIONS,
            newest_first=True,
            limit=(limit + 1) * MOST_ACCOUNTS,
            user=user_id,
            **older,
        ).items
        by_run: dict[str, list[Key]] = {}
        for entry in entries:
            by_run.setdefault(keys.run_of(entry["executed_run"]), []).append(_key(entry))
        shown = list(by_run)[:limit]
        return Page(
            self._read(tenant, {name: by_run[name] for name in shown}), shown[-1] if by_run.keys() - shown else None
        )

    def _read(self, tenant: Tenant, names: dict[str, list[Key]]) -> list[OwnRun]:
        headings = [keys.tenant_run(tenant.key, run_id) for run_id in names]
        items = self._table.get_many([*headings, *(key for own in names.values() for key in own)])
        dues = {plan.due.run_id: plan.due for plan in _all(Plan, "TENANT_RUN", items)}
        tickets = _all(Ticket, "RUN_TICKET", items)
        return [
            OwnRun(dues[run_id], [each for each in tickets if each.run_id == run_id])
            for run_id in names
            if run_id in dues
        ]


def _key(entry: Item) -> Key:
    return {"user_id": entry["user_id"], "sort_key": entry["sort_key"]}


def _all[M: Model](model: type[M], kind: str, items: Iterable[Item]) -> list[M]:
    return readable((i for i in items if i["entity_type"] == kind), lambda item: model.model_validate(item["body"]))
