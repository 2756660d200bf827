"""Addresses that somebody else writes and a browser follows: one rule for what may stand in them."""

import re
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, Field, StringConstraints

HTTPS = "Write an https address without a user name, a password or a fragment"
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
"""Where a developer's own pages are."""

INTERNAL = ("localhost", "local", "internal", "intranet", "lan", "home", "corp", "private")
"""Last parts of names that no public name server knows (RFC 6761, RFC 6762, and ICANN's collisions)."""

PUBLIC_NAME = re.compile(r"(?:[a-z0-9_-]{1,63}\.)+[a-z][a-z0-9-]{0,62}")
"""A name whose last part begins with a letter: browsers read `127.0.0.0x1` as a number, and `%6c` as the letter l."""


def _parts(value: str) -> SplitResult:
    """The parts of an address with a host and a port that may be; raises `ValueError`."""
    try:
        parts = urlsplit(value)
        odd = parts.fragment or "@" in parts.netloc or not parts.hostname or parts.port == 0
    except ValueError:
        raise ValueError(HTTPS) from None
    if odd:
        raise ValueError(HTTPS)
    return parts


def is_public(value: str) -> bool:
    """Whether the whole world can reach it by its name: neither a number, nor a name of somebody's own network."""
    name = (urlsplit(value).hostname or "").removesuffix(".")
    return PUBLIC_NAME.fullmatch(name) is not None and name.rpartition(".")[2] not in INTERNAL


def _public(value: str) -> str:
    if _parts(value).scheme != "https":
        raise ValueError(HTTPS)
    if not is_public(value):
        raise ValueError("Write an address with a public name")
    return value


def is_loopback(value: str) -> bool:
    """Whether it leads to the machine of whoever follows it."""
    return urlsplit(value).hostname in LOOPBACK


def _return(value: str) -> str:
    if _parts(value).scheme != "https" and not is_loopback(value):
        raise ValueError(HTTPS)
    return value


def _written_out(value: str) -> str:
    if "*" in value:
        raise ValueError("Write the whole address: it is compared letter for letter, so * stands for nothing else")
    return value


Plain = StringConstraints(pattern=r"^https?://[A-Za-z0-9._~:/?#\[\]@!$&()*+,;=%-]+$", max_length=1024)
"""What RFC 3986 lets stand in an address; of its signs not the quote, which ends an attribute of a page."""

PublicUrl = Annotated[str, Plain, AfterValidator(_public)]
"""An address that pages of others show."""

ReturnAddress = Annotated[str, Plain, AfterValidator(_return)]
"""Where a login returns to: over https, or on the developer's own machine."""

RegisteredAddress = Annotated[ReturnAddress, Field(max_length=500), AfterValidator(_written_out)]
"""Where logins may return to; compared as it is written (RFC 9700, 2.1)."""
