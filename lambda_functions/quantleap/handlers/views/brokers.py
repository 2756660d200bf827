"""What each broker can do, as partners see it."""

from collections.abc import Iterable, Sequence
from typing import Any

from quantleap.domain.capabilities import Binding, Capability, Pace

type Body = dict[str, Any]


def table(capabilities: Sequence[Capability]) -> Body:
    """Every broker, a row each."""
    return {"brokers": [row(each) for each in capabilities], "count": len(capabilities)}


def row(shown: Capability) -> Body:
    """One broker; `unconfirmed` names the parts that no document of the broker's confirms."""
    return {
        "broker_name": shown.broker_id,
        "title": shown.title,
        "order_types": shown.order_types,
        "products": shown.products,
        "tag": {"max_length": shown.tag.length, "alphabet": shown.tag.alphabet},
        "algo_id": shown.algo_id,
        "market_protection": shown.protection,
        "max_slices": shown.slices,
        "order_limits": {"at_most": _paces(shown.orders.paces), "counted": shown.orders.counts},
        "read_limits": {"at_most": _paces(shown.reads)},
        "quotes": {"at_once": shown.quotes_at_once, "depth": shown.quote_depth},
        "margin": {"at_once": shown.margin_at_once},
        "token": _token(shown),
        "login": _login(shown),
        "static_ip": shown.static_ip,
        "kill_switch": shown.kill_switch,
        "unconfirmed": shown.unconfirmed,
    }


def _paces(paces: Iterable[Pace]) -> list[Body]:
    return [{"calls": pace.calls, "seconds": pace.seconds} for pace in paces]


def _token(shown: Capability) -> Body:
    life = shown.token.life
    return {
        "dies_at": f"{shown.token.dies_at:%H:%M} IST",
        "max_life_hours": None if life is None else int(life.total_seconds()) // 3600,
    }


def _login(shown: Capability) -> Body:
    rule = shown.login
    return {
        "state_returned_by": "query" if rule.binding is Binding.STATE else "redirect_path",
        "code_names": rule.code_names,
        "returned_beside": rule.beside,
        "redirect_url_required": rule.names_redirect,
    }
