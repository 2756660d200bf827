"""Partner API keys, for administrators; and a partner's own key, for the partner."""

from quantleap.domain.partner import PartnerKey, PartnerKeyChange, PartnerKeyDraft, Rotation, UsageFilter
from quantleap.handlers.views import partner_keys as views
from quantleap.runtime import wiring
from quantleap.runtime.api import Api, Ask, Reply, lambda_handler
from quantleap.runtime.repeats import ids
from quantleap.services import partner_keys

api = Api()


@api.partner("GET /partner/me")
def me(key: PartnerKey, ask: Ask) -> Reply:
    """What the calling key is and may do."""
    return Reply(200, views.me(key))


@api.admin("POST /admin/partner-api-keys")
def create(admin: str, ask: Ask) -> Reply:
    """Issue a key; its secret is in this answer and nowhere else."""
    draft = ask.body(PartnerKeyDraft)
    issued = partner_keys.create(wiring.keys(), wiring.hasher(), wiring.clock, wiring.draw, ids(ask), admin, draft)
    return Reply(201, views.issued(issued.key, issued.secret), secret=views.SHOWN_ONCE)


@api.admin("GET /admin/partner-api-keys")
def every(admin: str, ask: Ask) -> Reply:
    """All keys, newest first."""
    found = partner_keys.every(wiring.keys())
    return Reply(200, {"partner_api_keys": [views.key(key) for key in found], "count": len(found)})


@api.admin("GET /admin/partner-api-keys/{api_key_id}")
def one(admin: str, ask: Ask) -> Reply:
    """One key."""
    return Reply(200, views.key(partner_keys.one(wiring.keys(), ask.id("api_key_id"))))


@api.admin("PUT /admin/partner-api-keys/{api_key_id}")
def change(admin: str, ask: Ask) -> Reply:
    """Change what a key may do; what is left out stays."""
    wanted = ask.body(PartnerKeyChange)
    changed = partner_keys.change(wiring.keys(), wiring.clock, ask.id("api_key_id"), wanted)
    return Reply(200, views.key(changed))


@api.admin("POST /admin/partner-api-keys/{api_key_id}/rotate")
def rotate(admin: str, ask: Ask) -> Reply:
    """Give a key a new secret, which is in this answer and nowhere else."""
    wanted = ask.body(Rotation, may_be_missing=True)
    issued = partner_keys.rotate(
        wiring.keys(), wiring.hasher(), wiring.clock, wiring.draw, ask.id("api_key_id"), wanted
    )
    return Reply(200, views.issued(issued.key, issued.secret), secret=views.SHOWN_ONCE)


@api.admin("GET /admin/partner-api-keys/{api_key_id}/usage")
def usage(admin: str, ask: Ask) -> Reply:
    """A key's requests by day and route."""
    wanted = ask.query(UsageFilter)
    found = partner_keys.usage(wiring.keys(), wiring.buckets(), wiring.clock, ask.id("api_key_id"), wanted)
    return Reply(200, views.usage(found))


@api.admin("DELETE /admin/partner-api-keys/{api_key_id}")
def revoke(admin: str, ask: Ask) -> Reply:
    """End a key at once."""
    revoked = partner_keys.revoke(wiring.keys(), wiring.clock, ask.id("api_key_id"))
    return Reply(200, views.key(revoked))


handler = lambda_handler(api, wiring.buckets, wiring.hasher, wiring.keys)
