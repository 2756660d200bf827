"""A partner's backend in one file: from the key to a filled order, in the sandbox. Python 3.10 or later, no packages.

    QUANTLEAP_URL=... QUANTLEAP_API_KEY=pk_... QUANTLEAP_SECRET=sk_... python python.py

Run it on a server only: whoever has the secret can trade for all of your users.
"""

import json
import os
import random
import secrets
import sys
import time
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

URL, API_KEY, SECRET = (os.environ[f"QUANTLEAP_{name}"] for name in ("URL", "API_KEY", "SECRET"))
ATTEMPTS = 8
RUNS = 3


class Refused(Exception):
    """A refusal that no repetition can help; switch on `code`."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(f"{status} {body['code']}: {body['message']} (request {body['request_id']})")
        self.status = status
        self.code = body["code"]
        self.body = body


def ask(method: str, path: str, body: object = None, secret: str = SECRET) -> dict[str, Any]:
    """Send one request until it is answered; a POST carries one Idempotency-Key through all its attempts."""
    headers = {"Authorization": f"Bearer {API_KEY}", "X-Partner-Secret": secret, "Content-Type": "application/json"}
    if method == "POST":
        headers["Idempotency-Key"] = str(uuid.uuid4())
    content = None if body is None else json.dumps(body).encode()
    repeatable = method in {"GET", "POST"}
    attempt = 0
    while True:
        attempt += 1
        wait = random.uniform(0, 0.2 * 2**attempt)
        try:
            with urlopen(Request(URL + path, content, headers, method=method), timeout=30) as answer:
                said: dict[str, Any] = json.load(answer)
                return said
        except HTTPError as refusal:
            said = json.load(refusal)
            # 429 and 503 changed nothing. After a 504 nobody knows, so only what is safe to repeat is sent again.
            again = {429, 503, 504} if repeatable else {429, 503}
            if refusal.code not in again or attempt == ATTEMPTS:
                raise Refused(refusal.code, said) from None
            wait = float(refusal.headers.get("Retry-After", wait))
            print(f"{refusal.code} {said['code']}: again in {wait:.1f} s")
        except OSError:  # nobody answered
            if not repeatable or attempt == ATTEMPTS:
                raise
        time.sleep(wait)


def templates(category: str) -> Iterator[dict[str, Any]]:
    """Every template of a category, page after page."""
    query = f"category={category}&per_page=50"
    page = ask("GET", f"/partner/marketplace/templates?{query}")
    yield from page["templates"]
    while page["next_token"] is not None:
        page = ask("GET", f"/partner/marketplace/templates?{query}&next_token={page['next_token']}")
        yield from page["templates"]


def log_in(email: str, client_id: str) -> dict[str, Any]:
    """Today's login; the mock token stands for the code that the user's browser brings back from `oauth_url`."""
    path = f"/partner/broker-accounts/{client_id}/oauth"
    begun = ask("POST", f"{path}/initiate", {"user_email": email})
    print("in production the browser goes to", begun["oauth_url"].partition("?")[0])
    came = {"user_email": email, "state": begun["state"], "request_token": "mock_token_python"}
    return ask("POST", f"{path}/callback", came)


def subscribe(wanted: dict[str, Any]) -> str:
    """Return the id of the user's subscription, begun now or before."""
    try:
        return str(ask("POST", "/partner/marketplace/subscribe", wanted)["subscription_id"])
    except Refused as refusal:
        if refusal.code != "already_subscribed":
            raise
        return str(refusal.body["existing_subscription_id"])


def execute(template_id: str) -> dict[str, Any]:
    """Fire a template now, for this partner's users alone, and return the run once it is over."""
    fired = ask("POST", "/partner/sandbox/executions", {"template_id": template_id})
    while (run := ask("GET", fired["status_url"]))["status"] != "completed":
        time.sleep(3)
    return run


def traded(template_id: str, subscription_id: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the report and orders of a run in which the subscription traded.

    A busy sandbox may come too late to its own boundary, a live one does not.
    """
    attempt = 0
    while True:
        attempt += 1
        run = execute(template_id)
        mine = next((each for each in run["subscriptions"] if each["subscription_id"] == subscription_id), None)
        if mine is None:
            sys.exit("the run never reported on the subscription")
        if mine["skipped"] is None:
            return run["report"], mine["orders"]
        if mine["skipped"] != "worker_late" or attempt == RUNS:
            sys.exit(f"nothing was traded: {mine['skipped']}")


def main() -> None:
    """Play a user's first day."""
    me = ask("GET", "/partner/me")
    print(f"key of {me['partner_name']}, {me['environment']}")
    template = next(each for each in templates("NIFTY") if each["pricing"]["type"] == "PAID")
    print(f"offers {template['name']}, {template['pricing']['monthly_fee']} {template['pricing']['currency']} a month")

    mark = secrets.token_hex(4)
    email, client_id = f"asha.{mark}@example.com", f"PY{mark.upper()}"
    account = {"user_email": email, "broker_name": "zebu", "client_id": client_id}
    ask("POST", "/partner/broker-accounts", account | {"api_key": "test_api_key", "api_secret": "test_api_secret"})
    print("logged in until", log_in(email, client_id)["valid_until"])

    wanted = {"user_email": email, "template_id": template["template_id"], "broker_client_id": client_id}
    subscription_id = subscribe(wanted | {"lot_multiplier": 2})
    if subscribe(wanted) != subscription_id:
        sys.exit("a second subscription to one template")
    subscription = f"/partner/subscriptions/{subscription_id}"
    print("paused:", ask("PUT", f"{subscription}/pause")["status"])
    print("resumed:", ask("PUT", f"{subscription}/resume")["status"])

    report, orders = traded(template["template_id"], subscription_id)
    for order in orders:
        print(order["side"], order["quantity"], f"{order['symbol']}:", order["state"])
    print("report:", json.dumps(report["counts"]))

    try:
        ask("GET", "/partner/me", secret="sk_wrong")
        sys.exit("a wrong secret was taken")
    except Refused as refusal:
        print(f"{refusal.status} {refusal.code}: not repeated, a person has to look")
    print("ended:", ask("DELETE", subscription)["status"])


if __name__ == "__main__":
    main()
