"""Identifiers: opaque, unguessable, and such that each leads to the key of what it names.

A subscription's id carries its user's and its template's, so that it is read together with its template in one
call and without an index. A run's id is worked out from what it runs, so starting the same run twice gives the same id.
"""

import hashlib
import re
from collections.abc import Callable
from datetime import date, datetime
from itertools import count
from typing import NamedTuple

from quantleap.domain.clock import IST

ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
USER_LENGTH = 20
UNIQUE_LENGTH = 16
FOLLOWED_LENGTH = 8
"""Tells apart the subscriptions of one user to one template, of which all but one are cancelled."""

type Randomness = Callable[[str, int], str]
"""Draws that many characters of an alphabet; the secure source is handed in, tests hand in a counter."""

TAG = re.compile(r"ql[0-9a-z]{18}")

SHORTEST_REMNANT = 8
"""Characters that tell an account's orders of a day apart: six of chance after the two that all begin with."""

PLATFORM_OWNER = "admin_quantleap"
"""The owner of every basket the platform publishes."""


def repeating(seed: str) -> Randomness:
    """Draws what it drew when it was last made from that seed: ids that a request sent again finds."""
    numbers = count()

    def draw(alphabet: str, length: int) -> str:
        number = int.from_bytes(hashlib.sha512(f"{seed}/{next(numbers)}".encode()).digest())
        return _digits(number, length, alphabet)

    return draw


def user_id(draw: Randomness) -> str:
    """`usr_` and 20 characters that say nothing of the person."""
    return f"usr_{draw(ALPHABET, USER_LENGTH)}"


def user_of_sign_in(subject: str) -> str:
    """The id of somebody who signs in by themselves, worked out from the sign-in's own id."""
    number = int.from_bytes(hashlib.sha256(subject.encode()).digest()[:16])
    return f"usr_{_digits(number, USER_LENGTH)}"


def basket_id(draw: Randomness) -> str:
    """`bsk_` and 16 characters."""
    return f"bsk_{draw(ALPHABET, UNIQUE_LENGTH)}"


def subscription_id(user: str, template: str, draw: Randomness) -> str:
    """`sub_`, the user's 20 characters, the template's 16, and 8 of its own."""
    return f"sub_{user.removeprefix('usr_')}{template.removeprefix('bsk_')}{draw(ALPHABET, FOLLOWED_LENGTH)}"


class Follows(NamedTuple):
    """Whom a subscription id names, and what they follow."""

    user_id: str
    template_id: str


def named_by(subscription: str) -> Follows | None:
    """What a subscription id says, or None for a text that is no such id."""
    body = subscription.removeprefix("sub_")
    if len(body) != USER_LENGTH + UNIQUE_LENGTH + FOLLOWED_LENGTH or not set(body) <= set(ALPHABET):
        return None
    return Follows(f"usr_{body[:USER_LENGTH]}", f"bsk_{body[USER_LENGTH:-FOLLOWED_LENGTH]}")


def allocation_id(draw: Randomness) -> str:
    """`alloc_` and 16 characters."""
    return f"alloc_{draw(ALPHABET, UNIQUE_LENGTH)}"


def api_key_id(api_key: str) -> str:
    """The id of a partner key, worked out from the public half, so the key presented leads to its record."""
    return f"key_{hashlib.sha256(api_key.encode()).hexdigest()[:24]}"


def run_id(kind: str, boundary: datetime, template_id: str, version: int, scope: str | None) -> str:
    """Time first, so ids sort by boundary: `run_20261123T092000_entry_bsk_..._v3`, `_zebu-test` when scoped."""
    moment = boundary.astimezone(IST).strftime("%Y%m%dT%H%M%S")
    tail = f"_{scope.replace('#', '-')}" if scope else ""
    return f"run_{moment}_{kind}_{template_id}_v{version}{tail}"


def exit_id(boundary: datetime, entered: str, only: str | None = None, *, part: str = "", left: str = "") -> str:
    """The run that closes `entered` at a boundary: `run_20261123T152000_exit_bsk_..._v3_of_20261123T092000`.

    Exits of one entry may meet at one boundary, so the id says at its end what this one closes: `..._part-1f0c7a2b` for
    a `part` of what entered, `..._user-usr_...` for `only` some positions, `..._after-1f0c7a2b` for what another run
    `left`.
    """
    moment = boundary.astimezone(IST).strftime("%Y%m%dT%H%M%S")
    _, entered_at, _, rest = entered.split("_", 3)
    parts = (_hashed("part", part), only.replace(":", "-") if only else "", _hashed("after", left))
    return "_".join([f"run_{moment}_exit_{rest}_of_{entered_at}", *(each for each in parts if each)])


def _hashed(word: str, text: str) -> str:
    return f"{word}-{hashlib.sha256(text.encode()).hexdigest()[:8]}" if text else ""


def day_of(run: str) -> date:
    """The day in India of a run's boundary, as its id says."""
    return boundary_of(run).date()


def boundary_of(run: str) -> datetime:
    """A run's boundary, as its id says."""
    return datetime.strptime(run.split("_")[1], "%Y%m%dT%H%M%S").replace(tzinfo=IST)


def order_tag(intent_id: str) -> str:
    """The text an order carries at the broker: 20 letters and digits, the least any broker allows.

    Worked out from the intent, so a second worker looks for the very tag the first one sent.
    Source: Zerodha refuses more than 20 characters; no broker refuses lower-case letters and digits.
    """
    return f"ql{_digits(int.from_bytes(hashlib.sha256(intent_id.encode()).digest()[:12]), 18)}"


def is_whole_tag(text: str) -> bool:
    """Whether it is an order's tag as we make them, nothing cut and nothing changed."""
    return TAG.fullmatch(text) is not None


def remnant_of(text: str, tag: str) -> bool:
    """Whether it is what a broker left of a tag: cut, or in other letters."""
    return len(text) >= SHORTEST_REMNANT and tag.startswith(text.lower())


def _digits(number: int, length: int, alphabet: str = ALPHABET) -> str:
    """The lowest digits of a number in an alphabet, the last one first."""
    text = ""
    for _ in range(length):
        number, digit = divmod(number, len(alphabet))
        text += alphabet[digit]
    return text
