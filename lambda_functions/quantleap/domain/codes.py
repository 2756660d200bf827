"""Every `code` an answer of the API may carry: its status, and what a client does about it.

The documents' list of errors is made from this table, and a test compares it with what the code raises.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Entry(NamedTuple):
    """One code: the HTTP status it comes with, what it means, and what to do."""

    status: int
    meaning: str
    advice: str


CODES: Mapping[str, Entry] = {
    "invalid_request": Entry(400, "Fields of the request are wrong.", "Correct each field that details names."),
    "broker_account_missing": Entry(400, "The user has no such broker account.", "Create the account first."),
    "broker_login_refused": Entry(400, "The broker refused the login.", "Show the user what the broker said."),
    "oauth_state_invalid": Entry(400, "The login's state is unknown, used or too old.", "Begin the login anew."),
    "redirect_url_not_registered": Entry(
        400, "The address is not registered for the key.", "Name a registered one, or ask us to register it."
    ),
    "invalid_credentials": Entry(401, "Key and secret are not good.", "Send both headers exactly as issued."),
    "key_revoked": Entry(401, "The API key was revoked.", "Ask for a new key."),
    "key_expired": Entry(401, "The API key has expired.", "Ask for a new expiry or a new key."),
    "secret_rotated": Entry(401, "The secret was replaced and its overlap is over.", "Use the new secret."),
    "oauth_token_expired": Entry(401, "The user's login at the broker is over.", "Let the user log in."),
    "permission_denied": Entry(403, "The key lacks the permission the message names.", "Ask for the permission."),
    "ip_not_allowed": Entry(403, "The address is not on the key's allowlist.", "Call from a listed address."),
    "id_token_required": Entry(403, "The token is no id token.", "Send the id token of the sign-in."),
    "admins_only": Entry(403, "Only administrators may do this.", "Sign in as an administrator."),
    "sandbox_only": Entry(403, "Only test keys may do this.", "Use a test key."),
    "not_found": Entry(404, "No such thing among those the caller may see.", "Check the id and the path."),
    "method_not_allowed": Entry(405, "The path has no such method.", "Use one that the header Allow names."),
    "conflict": Entry(409, "It changed meanwhile.", "Read it again and decide anew."),
    "invalid_state": Entry(409, "What is stored does not allow it now.", "Read it to see where it stands."),
    "already_subscribed": Entry(409, "The user follows the template already.", "Use existing_subscription_id."),
    "template_withdrawn": Entry(409, "The template has left the marketplace.", "Offer the user another one."),
    "broker_account_disabled": Entry(409, "The broker account is disabled.", "Choose another account."),
    "broker_account_in_use": Entry(409, "A subscription trades the account.", "Move or cancel the subscription."),
    "client_id_taken": Entry(409, "The client id belongs to another user or broker.", "Check the client id."),
    "exit_after_square_off": Entry(
        409, "The broker closes intraday positions before the template does.", "Choose a template that leaves earlier."
    ),
    "market_data_in_use": Entry(409, "Runs of the next hour go by it; details name them.", "Send it again after them."),
    "version_not_approved": Entry(409, "No version of the basket is approved.", "Approve a version first."),
    "version_approved": Entry(409, "The version was approved before.", "Nothing is left to do."),
    "version_superseded": Entry(409, "A later version is live or approved.", "Approve the latest version."),
    "template_offered": Entry(409, "The basket is on the marketplace.", "Withdraw the template first."),
    "still_closing": Entry(409, "Subscriptions are still being ended.", "Send the withdrawal again, then this."),
    "nothing_to_close": Entry(409, "There is no open position to close.", "Fire an entry first."),
    "idempotency_in_progress": Entry(409, "The first request is still being carried out.", "Try again shortly."),
    "idempotency_key_reused": Entry(422, "The key stands for another request.", "Take a new key."),
    "rate_limited": Entry(429, "More requests a minute than the limit.", "Wait for Retry-After seconds."),
    "daily_quota_exceeded": Entry(429, "More requests a day than the quota.", "Wait for Retry-After seconds."),
    "internal_error": Entry(500, "Something failed on our side.", "Quote the request id."),
    "service_unavailable": Entry(503, "A dependency failed; nothing was changed.", "Try again."),
    "rate_counter_unavailable": Entry(503, "Requests cannot be counted; nothing was changed.", "Try again."),
    "broker_unavailable": Entry(503, "The broker did not answer.", "Try again."),
    "vault_unavailable": Entry(503, "The credential store did not answer.", "Try again."),
    "payload_too_large": Entry(413, "The body exceeds 100 kB.", "Send less."),
    "unsupported_media_type": Entry(415, "The body is no JSON.", "Send application/json."),
    "timeout": Entry(504, "No answer came in time.", "Read whether it was carried out before trying again."),
}

OF_RUNS = frozenset(
    {
        "contract_terms_in_doubt",
        "fenced",
        "instrument_master_unavailable",
        "legs_cancel_out",
        "market_feed_failed",
        "market_feed_inconsistent",
        "market_feed_stale",
        "no_market_feed",
        "no_usable_quote",
        "shard_busy",
        "strike_not_found",
        "strike_not_listed",
        "template_version_moved",
        "undecidable",
    }
)
"""Codes of the engine: reasons written beside orders that were not sent, never an answer's own code."""
