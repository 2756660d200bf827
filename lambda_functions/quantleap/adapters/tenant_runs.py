"""A tenant's runs in the table: what each of them means to it, and nothing of any other tenant."""

from contextlib import suppress

from quantleap.adapters import keys
from quantleap.adapters.items import NEW
from quantleap.adapters.table import ConditionFailed, Table
from quantleap.domain.errors import NotFound
from quantleap.domain.execution import Due, Plan
from quantleap.domain.partner import Tenant


class TableTenantRuns:
    """The item of a tenant's run is written by whoever comes first with it: the one who fires it, or the planner."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def announce(self, tenant: Tenant, due: Due) -> None:
        """Let a run be read before it is planned; a plan that is there already stays."""
        plan = Plan(due=due, plan_id="", shards=0, tenants={tenant.key: ()}, venues=())
        item = {
            **keys.tenant_run(tenant.key, due.run_id),
            "entity_type": "TENANT_RUN",
            "version": 1,
            "body": plan.model_dump(mode="json"),
        }
        with suppress(ConditionFailed):
            self._table.put(item, NEW)

    def get(self, tenant: Tenant, run_id: str) -> Plan:
        """The tenant's part of a run's plan, strongly consistent; raises `NotFound`."""
        item = self._table.get(keys.tenant_run(tenant.key, run_id))
        if item is None:
            raise NotFound("No such execution")
        return Plan.model_validate(item["body"])
