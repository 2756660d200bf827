from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from quantleap.domain.account import (
    AccountStatus,
    Credentials,
    Email,
    NewBrokerAccount,
    OAuthState,
    Session,
    valid_until_text,
)
from quantleap.domain.errors import InvalidRequest
from quantleap.domain.model import parse
from tests.builders import NINE_TWENTY, OTHERS, ZEBU, a_new_account, an_account

email = TypeAdapter[str](Email)
LOGIN = Session(access_token="token", client_id="ZEBU123", expires_at=NINE_TWENTY + timedelta(hours=6))


def test_an_address_is_kept_in_lower_case() -> None:
    assert email.validate_python(" John.Doe@Example.COM ") == "john.doe@example.com"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "john",
        "john@",
        "@example.com",
        "john@example",
        "a b@example.com",
        "a#b@example.com",
        "a@b@c.in",
        "a\x00b@c.in",
        "a..b@c.in",
        ".a@c.in",
        "a@c..in",
        "a@.c.in",
        "a@c.in.",
    ],
)
def test_a_text_that_is_no_address_is_refused_in_the_documents_words(text: str) -> None:
    with pytest.raises(ValidationError, match="Invalid email format"):
        email.validate_python(text)


@given(st.emails())
def test_real_addresses_come_out_lower_and_stay_so(address: str) -> None:
    try:
        once = email.validate_python(address)
    except ValidationError:
        assert set(address) & set("#,;<>") or len(address) > 254
    else:
        assert once == email.validate_python(once)


def test_a_fresh_account_says_why_it_cannot_trade() -> None:
    assert an_account().not_ready_because(NINE_TWENTY) == "broker_login_missing"


def test_an_account_is_ready_from_its_login_until_the_token_dies() -> None:
    account = an_account().logged_in(LOGIN, NINE_TWENTY)

    reasons = [account.not_ready_because(NINE_TWENTY + timedelta(hours=hours)) for hours in (0, 5, 6)]

    assert reasons == [None, None, "broker_token_expired"]


def test_a_disabled_account_is_not_ready_whatever_its_login() -> None:
    account = an_account(account_status=AccountStatus.DISABLED).logged_in(LOGIN, NINE_TWENTY)

    assert account.not_ready_because(NINE_TWENTY) == "broker_account_disabled"


def test_new_credentials_end_the_days_session() -> None:
    account = an_account().logged_in(LOGIN, NINE_TWENTY).with_new_credentials()

    assert account.not_ready_because(NINE_TWENTY) == "broker_login_missing"


@pytest.mark.parametrize(
    ("change", "seconds"),
    [
        ({"tenant": OTHERS.key}, 0),
        ({"user_id": "usr_other"}, 0),
        ({"client_id": "OTHER1"}, 0),
        ({}, 300),
    ],
)
def test_a_login_fits_only_its_own_account_and_only_for_300_seconds(change: dict[str, str], seconds: int) -> None:
    account = an_account()
    state = OAuthState(state="s", tenant=ZEBU.key, user_id=account.user_id, client_id="ZEBU123", created_at=NINE_TWENTY)

    assert state.fits(account, NINE_TWENTY + timedelta(seconds=299))
    assert not state.fits(an_account(**change), NINE_TWENTY + timedelta(seconds=seconds))


def test_secrets_do_not_show_when_a_model_is_printed() -> None:
    printed = f"{a_new_account()!r} {Credentials(api_key='app', api_secret='app secret')!r} {LOGIN!r}"

    assert "app" not in printed.replace("api_", "").replace("app_", "")
    assert "token'" not in printed


def test_a_complaint_about_credentials_does_not_repeat_them() -> None:
    with pytest.raises(ValidationError) as refusal:
        NewBrokerAccount.model_validate({"api_secret": "hidden" * 200})

    assert "hidden" not in str(refusal.value)


def test_the_end_of_a_session_is_told_as_a_person_reads_it() -> None:
    assert valid_until_text(datetime(2026, 11, 23, 10, 0, tzinfo=UTC)) == "3:30 PM IST"


@pytest.mark.parametrize("odd", ["key\r\nX-Evil: 1", "ключ", "tab\tbed", ""])
def test_credentials_that_could_not_stand_in_a_header_are_refused_and_not_repeated(odd: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        parse(Credentials, {"api_key": odd, "api_secret": odd})

    assert set(refusal.value.details) == {"api_key", "api_secret"}
    assert not odd or odd not in str(refusal.value.details)


@pytest.mark.parametrize("name", ["A\x00B", "A\nB", "\u202eB", "A\u2028B"])
def test_a_name_holds_nothing_that_cannot_be_seen(name: str) -> None:
    with pytest.raises(InvalidRequest, match="on one line"):
        parse(NewBrokerAccount, {**dict(a_new_account()), "user_name": name})


def test_a_name_of_any_script_is_kept_with_its_joiners() -> None:
    name = "\u0d2a\u0d4d\u0d30\u0d3f\u0d2f\u0d4d\u200c \u0938\u093f\u0902\u0939"

    assert parse(NewBrokerAccount, {**dict(a_new_account()), "user_name": f" {name} "}).user_name == name
