"""Addresses that somebody else writes: what may stand in them, and who may reach them."""

import pytest
from pydantic import TypeAdapter, ValidationError

from quantleap.domain.urls import PublicUrl, ReturnAddress, is_public

public = TypeAdapter[str](PublicUrl)
back = TypeAdapter[str](ReturnAddress)


@pytest.mark.parametrize("url", ["https://zebu.example/logo.png", "https://cdn.zebu.in:8443/a?b=c%20d&e=(f)"])
def test_an_address_of_the_world_is_taken_for_both(url: str) -> None:
    assert public.validate_python(url) == back.validate_python(url) == url


@pytest.mark.parametrize(
    "url",
    [
        'https://zebu.example/"onerror="x',
        "https://zebu.example/'x",
        "https://zebu.example/<script>",
        "https://user:password@zebu.example/",
        "https://user@zebu.example/",
        "https://@zebu.example/",
        "https://zebu.example\\@evil.example/",
        "https://zebu.example/#part",
        "https:///logo.png",
        "https://zebu.example:0/",
        "https://zebu.example:99999/",
        "https://[::1/",
        "http://zebu.example/",
        "javascript:alert(1)",
        "https://zebu.example/ a",
        "https://zebu.example/\n",
        "https://z\u212aebu.example/",
        "",
    ],
)
def test_what_is_no_plain_address_over_https_is_neither(url: str) -> None:
    for kind in (public, back):
        with pytest.raises(ValidationError):
            kind.validate_python(url)


INSIDE = [
    "https://localhost/a",
    "https://127.0.0.1/a",
    "https://[::1]/a",
    "https://10.0.0.7/a",
    "https://169.254.169.254/latest",
    "https://2130706433/a",
    "https://8.8.8.8/a",
    "https://portal/a",
    "https://portal.local/a",
    "https://portal.corp.internal./a",
    "https://portal.localhost/a",
    "https://0x7f.1/a",
    "https://127.0.0.0x1/a",
    "https://127.0.0.0x/a",
    "https://127.0.0.%31/a",
    "https://portal.interna%6c/a",
    "https://portal..in/a",
]


@pytest.mark.parametrize("url", INSIDE)
def test_an_address_of_somebodys_own_network_is_not_the_worlds(url: str) -> None:
    assert not is_public(url)
    assert back.validate_python(url) == url, "in the sandbox a login may return to it"
    with pytest.raises(ValidationError):
        public.validate_python(url)


def test_a_login_may_return_to_the_developers_own_machine_without_tls() -> None:
    assert back.validate_python("http://localhost:3000/back") == "http://localhost:3000/back"
