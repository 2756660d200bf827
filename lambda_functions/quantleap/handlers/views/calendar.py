"""The calendar in an answer: fire times as instants and as India's clock shows them."""

from typing import Any

from quantleap.domain.clock import IST
from quantleap.domain.firing import Firing
from quantleap.services.calendar import Ahead

type Body = dict[str, Any]


def ahead(shown: Ahead) -> Body:
    """The next fire times, soonest first, and where the sessions known end."""
    return {
        "fire_times": [_firing(each) for each in shown.firings],
        "count": len(shown.firings),
        "sessions_end_on": shown.horizon.last_day,
        "warning": shown.horizon.warning,
    }


def _firing(shown: Firing) -> Body:
    return {
        "at": shown.at,
        "at_ist": f"{shown.at.astimezone(IST):%a %Y-%m-%d %H:%M} IST",
        "kind": shown.kind,
        "template_id": shown.template_id,
        "template_name": shown.name,
        "template_version": shown.version,
        "strategies": shown.strategies,
    }
