"""The examples of the document are real answers: they are played here again."""

import json
from collections.abc import Mapping
from typing import Any

from sandbox.openapi.contract import PROMISES
from sandbox.openapi.document import EXAMPLES
from tests.integration.recording import UNTOLD, recorded, text


def test_the_examples_are_what_is_answered_now() -> None:
    with recorded() as tape:
        assert text(tape) == EXAMPLES.read_text(), "play them anew: make reference"


def test_every_route_has_an_example_of_what_it_promises() -> None:
    routes = json.loads(EXAMPLES.read_text())["routes"]
    missing = [line for line, (_, promise) in PROMISES.items() if not _shown(routes.get(line, {}), promise.answers)]

    assert set(missing) == UNTOLD


def _shown(route: Mapping[str, Any], promised: Mapping[int, object]) -> bool:
    return any(int(status) in promised for status in route.get("responses", {}))
