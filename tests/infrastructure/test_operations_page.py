"""Whoever is woken by an alarm finds it on the page for operators, and no alarm there that cannot ring."""

import re

from tests.infrastructure.conftest import ROOT
from tests.infrastructure.template import Template

PAGE = ROOT / "docs" / "internal-docs" / "operations.md"


def test_the_page_for_operators_lists_every_alarm_and_no_other(prod: Template) -> None:
    alarms = {each["AlarmName"].removeprefix("quantleap-prod-") for each in prod.properties("AWS::CloudWatch::Alarm")}
    section = PAGE.read_text().partition("## Alarms")[2].partition("\n## ")[0]

    assert set(re.findall(r"^\| `([a-z-]+)` \|", section, re.MULTILINE)) == alarms
