"""The catalogue of events shows each of them as the code makes it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from quantleap.domain import rehearsal, telling
from quantleap.domain.events import EventType, Happening
from quantleap.domain.execution import Decision, Report, State
from quantleap.domain.rehearsal import Rehearsal
from quantleap.services import broker_accounts
from tests.builders import NINE_TWENTY, RUN, TEMPLATE, ZEBU, a_plan, a_ticket, an_account, an_intent

PAGE = Path(__file__).parents[2] / "docs" / "partner-docs" / "events.md"
DECISION = Decision(run_id=RUN, decided_at=NINE_TWENTY)
EXAMPLES = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)]


def test_every_event_has_an_example_under_its_own_heading() -> None:
    headings = re.findall(r"^### `(.+)`$", PAGE.read_text(), re.MULTILINE)

    assert headings == [example["type"] for example in EXAMPLES]
    assert set(headings) == set(EventType)


@pytest.mark.parametrize("example", EXAMPLES, ids=[example["type"] for example in EXAMPLES])
def test_an_example_is_such_an_event(example: dict[str, Any]) -> None:
    assert re.fullmatch(r"evt_[0-9a-f]{24}", Happening.model_validate(example).event_id)


def as_told() -> dict[str, Happening]:
    """One event of each type, from the code that tells them."""
    refused = an_intent(state=State.REFUSED, filled_quantity=0, reason="insufficient_funds", order_id="1")
    half = a_ticket(intents=(an_intent(), an_intent(leg=1, state=State.REFUSED, filled_quantity=0)))
    outlook = Rehearsal(
        run_id=RUN,
        boundary=NINE_TWENTY,
        template_id=TEMPLATE,
        template_version=1,
        tenant=ZEBU.key,
        rehearsed_at=NINE_TWENTY,
        subscriptions=1,
        ready=0,
        reasons={"broker_login_missing": 1},
    )
    told = [
        rehearsal.told(outlook),
        *telling.of_run(a_plan(), Report(), DECISION),
        *telling.of_run(a_plan(), Report(), None),
        *telling.of_ticket(a_ticket(intents=(refused,)), DECISION, NINE_TWENTY, closing=False),
        *telling.of_ticket(half, DECISION, NINE_TWENTY, closing=False),
        broker_accounts._login_required(an_account(), NINE_TWENTY),
    ]
    return {each.type: each for each in told}


def fields(value: object) -> object:
    """A shape: names of fields, of lists that of what they hold; counts by name are values, not fields."""
    match value:
        case dict():
            return {name: None if name in {"reasons", "venues"} else fields(each) for name, each in value.items()}
        case [first, *_]:
            return [fields(first)]
        case _:
            return None


@pytest.mark.parametrize("example", EXAMPLES, ids=[example["type"] for example in EXAMPLES])
def test_an_example_has_the_fields_that_the_code_writes(example: dict[str, Any]) -> None:
    told = json.loads(as_told()[example["type"]].model_dump_json())

    assert fields(example) == fields(told)
