"""The stack's table of routes and what the functions answer are one and the same."""

from cdk_stack.routes import ENTRANCES, ROUTES
from quantleap.runtime.api import Api
from tests.integration.gateway import function

DECLARED = {(route.function, route.method, route.path, str(route.auth)) for route in ROUTES}


def answered(name: str) -> set[tuple[str, str, str, str]]:
    api: Api = function(name).api
    return {(name, method, path, str(route.door)) for (method, path), route in api.routes.items()}


def test_every_route_of_the_stack_is_answered_and_none_besides() -> None:
    functions = {route.function for route in ROUTES}

    assert set().union(*map(answered, functions)) == DECLARED


def test_each_path_has_one_function_and_one_door() -> None:
    assert len(ENTRANCES) == len({entrance.path for entrance in ENTRANCES})


def test_no_route_is_declared_twice() -> None:
    assert len(DECLARED) == len({(route.method, route.path) for route in ROUTES}) == len(ROUTES)
