"""Readiness in answers: the counts first, then each subscription."""

from typing import Any

from quantleap.domain.rehearsal import Rehearsal
from quantleap.services.readiness import Outlook, Readiness

type Body = dict[str, Any]


def readiness(shown: Readiness) -> Body:
    """A page of subscriptions as they would fare; the counts are of this page, those of rehearsals of all."""
    ready = sum(each.ready for each in shown.outlooks)
    return {
        "at": shown.at,
        "count": len(shown.outlooks),
        "ready": ready,
        "not_ready": len(shown.outlooks) - ready,
        "reasons": shown.reasons,
        "rehearsals": [_rehearsal(each) for each in shown.rehearsals],
        "subscriptions": [_outlook(each) for each in shown.outlooks],
        "next_token": shown.next_token,
    }


def _rehearsal(shown: Rehearsal) -> Body:
    facts = shown.model_dump(include={"run_id", "boundary", "template_id", "template_version", "rehearsed_at"})
    counts = {"count": shown.subscriptions, "ready": shown.ready, "not_ready": shown.subscriptions - shown.ready}
    return {**facts, **counts, "reasons": shown.reasons}


def _outlook(shown: Outlook) -> Body:
    subscription = shown.subscription
    return {
        "subscription_id": subscription.subscription_id,
        "user_id": subscription.user_id,
        "user_email": subscription.user_email,
        "template_id": subscription.template_id,
        "ready": shown.ready,
        "not_ready_because": next(iter(shown.reasons.values()), None),
        "accounts": [
            {
                "client_id": each.client_id,
                "broker_id": each.broker_id,
                "ready": each.client_id not in shown.reasons,
                "not_ready_because": shown.reasons.get(each.client_id),
            }
            for each in subscription.allocations
        ],
    }
