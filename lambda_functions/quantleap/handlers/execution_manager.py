"""Executions as partners read them, and the sandbox's way to fire one."""

from datetime import timedelta

from quantleap.domain.account import Person
from quantleap.domain.partner import PartnerKey, Permission
from quantleap.domain.runs import NewRun, RunFilter
from quantleap.handlers.views import executions as views
from quantleap.runtime import wiring
from quantleap.runtime.api import Api, Ask, Reply, lambda_handler
from quantleap.runtime.settings import settings
from quantleap.services import executions

api = Api()


@api.partner("GET /partner/executions", Permission.EXECUTIONS_READ)
def listing(key: PartnerKey, ask: Ask) -> Reply:
    """The tenant's runs, newest first."""
    return Reply(200, views.page(executions.listing(wiring.runs(), key.tenant, ask.query(RunFilter))))


@api.partner("GET /partner/executions/{run_id}", Permission.EXECUTIONS_READ)
def one(key: PartnerKey, ask: Ask) -> Reply:
    """One run, with every order of the tenant's users."""
    found = executions.one(
        wiring.tenant_runs(), wiring.runs(), wiring.users(), wiring.clock, key.tenant, ask.id("run_id")
    )
    return Reply(200, views.execution(found))


@api.partner("POST /partner/sandbox/executions", Permission.EXECUTIONS_READ)
def fire(key: PartnerKey, ask: Ask) -> Reply:
    """Fire a template for a test key's users, seconds from now, or close what it opened."""
    firing = executions.Firing(
        baskets=wiring.baskets(),
        runs=wiring.runs(),
        mine=wiring.tenant_runs(),
        starter=wiring.starter(),
        clock=wiring.clock,
        lead=timedelta(seconds=settings().sandbox_lead_s),
    )
    return Reply(202, views.fired(executions.fire(firing, key, ask.body(NewRun))))


@api.user("GET /user/executions")
def own(person: Person, ask: Ask) -> Reply:
    """One's own runs, newest first, with every order of one's own."""
    found = executions.of_person(wiring.user_runs(), wiring.clock, person, ask.query(RunFilter))
    return Reply(200, views.own(found))


handler = lambda_handler(
    api,
    wiring.baskets,
    wiring.runs,
    wiring.starter,
    wiring.tenant_runs,
    wiring.user_runs,
    wiring.users,
    RunFilter.model_rebuild,
)
