"""Whoever is woken by an alarm finds on the page for operators what it means, and what to do there works."""

import json
import re

from quantleap.domain.execution import Trigger
from quantleap.domain.runs import asked, entry_of, exit_of
from tests.builders import NINE_TWENTY, a_template
from tests.infrastructure.conftest import ROOT
from tests.infrastructure.template import Template

PAGE = ROOT / "docs" / "internal-docs" / "operations.md"


def section(title: str) -> str:
    return PAGE.read_text().partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_the_page_for_operators_lists_every_alarm_and_no_other(prod: Template) -> None:
    alarms = {each["AlarmName"].removeprefix("quantleap-prod-") for each in prod.properties("AWS::CloudWatch::Alarm")}

    assert set(re.findall(r"^\| `([a-z-]+)` \|", section("Alarms"), re.MULTILINE)) == alarms


def test_the_input_that_repeats_an_exit_asks_for_the_very_run_of_the_schedule() -> None:
    page = section("A run that is missing")
    (example,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    trigger = Trigger.model_validate_json(example)

    scheduled = exit_of(entry_of(a_template(version=1), NINE_TWENTY, (0,), None), trigger.at, (0,))

    assert asked(scheduled) == json.loads(example)
    assert f"`{scheduled.run_id}`" in page


def test_every_field_of_that_input_is_explained() -> None:
    rows = re.findall(r"^\| (`.*?) \|", section("A run that is missing"), re.MULTILINE)

    assert {*re.findall(r"`(\w+)`", " ".join(rows)), "template_id"} == set(Trigger.model_fields)
