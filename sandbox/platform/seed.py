"""What a fresh sandbox holds. Each piece is looked for before it is made, so seeding again changes nothing."""

from sandbox.client import Client, as_partner, as_person
from sandbox.platform.aws import Aws
from sandbox.platform.people import ADMINS, sign_in, signed_in
from sandbox.platform.places import Places, Ports
from sandbox.platform.record import PartnerKey, Person, Record
from sandbox.platform.stack import Stack
from sandbox.platform.templates import TEMPLATES
from sandbox.problem import Problem

ADMIN = Person("admin@quantleap.test", "")
USER = Person("user@quantleap.test", "")
RETURN_TO = "https://portal.example/back"
"""Where the demo's and the end-to-end tests' logins return to."""

REDIRECT_URLS = (
    RETURN_TO,
    "https://portal.example.com/algo/callback",
    "http://localhost:3000/callback",
)
"""Where logins may return to: the demo's address, the integration guide's, and a portal on this machine."""

PARTNER = {
    "partner_id": "zebu",
    "partner_name": "Zebu",
    "broker_id": "zebu",
    "environment": "test",
    "redirect_urls": REDIRECT_URLS,
    "rate_limits": {"requests_per_minute": 6000, "requests_per_day": 1_000_000},
}
"""A sandbox is there to be played with, so its key may ask often."""


def seed(aws: Aws, stack: Stack, places: Places, ports: Ports) -> Record:
    """Make what is missing, and write down how everybody signs in."""
    known = _known(places)
    admin = signed_in(aws, stack, known.admin if known else ADMIN, ADMINS)
    user = signed_in(aws, stack, known.user if known else USER)
    administrator = as_person(stack.base_url, admin.token)
    _offer_templates(administrator)
    record = Record(
        base_url=stack.base_url,
        broker_url=ports.broker_url,
        partner=_partner_key(administrator, known),
        admin=admin,
        user=user,
        user_pool_id=stack.pool_id,
        user_pool_client_id=stack.client_id,
        aws_endpoint_url=ports.gateway_url,
    )
    record.write(places.record)
    return record


def sign_in_again(aws: Aws, record: Record, places: Places) -> Record:
    """Renew the tokens in the record."""
    renewed = record._replace(
        admin=record.admin._replace(token=sign_in(aws, record.user_pool_client_id, record.admin)),
        user=record.user._replace(token=sign_in(aws, record.user_pool_client_id, record.user)),
    )
    renewed.write(places.record)
    return renewed


def _known(places: Places) -> Record | None:
    try:
        return Record.read(places.record)
    except Problem:
        return None


def _offer_templates(administrator: Client) -> None:
    made = administrator.get("/options/baskets").expect(200)["baskets"]
    ids = {basket["name"]: basket["basket_id"] for basket in made}
    offered = {basket["basket_id"] for basket in made if basket.get("marketplace_config")}
    for basket, config in TEMPLATES:
        basket_id = ids.get(basket["name"]) or create_basket(administrator, basket)
        if basket_id not in offered:
            administrator.post(f"/admin/marketplace/templates/{basket_id}", config).expect(200)


def create_basket(administrator: Client, basket: object) -> str:
    """Make a basket and return its id."""
    basket_id: str = administrator.post("/options/baskets", basket).expect(201)["basket_id"]
    return basket_id


def create_partner_key(administrator: Client, **changes: object) -> PartnerKey:
    """Make a test key; its secret is shown this once."""
    made = administrator.post("/admin/partner-api-keys", PARTNER | changes).expect(201)
    return PartnerKey(made["api_key"], made["api_secret"])


def _partner_key(administrator: Client, known: Record | None) -> PartnerKey:
    """The key of the earlier start while it works, else a new one."""
    if known and as_partner(administrator.base_url, known.partner).get("/partner/me").ok:
        return known.partner
    return create_partner_key(administrator)
