"""Logging in at the simulated Zebu: the page, the code, the checksum, and how long a session lives."""

import re
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.unit.simulator import MORNING, Hands, Remote, running

RETURN_TO = "https://portal.example/back?from=zebu"


@pytest.fixture(scope="module")
def server() -> Iterator[Remote]:
    with running() as remote:
        yield remote


@pytest.fixture
def broker(server: Remote) -> Remote:
    server.clock.at = MORNING
    return server


def page(**query: str) -> str:
    return "/zebu/OAuthlogin/authorize/oauth?" + urlencode({"client_id": "test_api_key"} | query)


def test_the_page_asks_for_the_user_and_names_the_app(broker: Remote) -> None:
    answer = broker.get(page(state="s1"))

    assert answer.status == 200
    assert 'name="user_id"' in answer.data.decode()
    assert "test_api_key" in answer.data.decode()


def test_the_page_names_the_client_that_is_linked_and_fills_it_in(broker: Remote) -> None:
    shown = broker.get(page(login_hint='AS"HA1')).data.decode()

    assert "The linked client id is AS&quot;HA1;" in shown
    assert 'name="user_id" value="AS&quot;HA1"' in shown


def test_without_a_linked_client_anybody_logs_in(broker: Remote) -> None:
    shown = broker.get(page()).data.decode()

    assert "Any user id will do." in shown
    assert 'value=""' in shown


def test_the_person_returns_to_the_app_with_a_code_and_the_state(broker: Remote) -> None:
    answer = broker.submit(page(redirect_uri=RETURN_TO, state="s&1"), user_id="ASHA1")

    target = urlsplit(answer.headers["location"])
    query = parse_qs(target.query)
    assert answer.status == 303
    assert (target.scheme, target.netloc, target.path) == ("https", "portal.example", "/back")
    assert (query["from"], query["state"], len(query["code"][0])) == (["zebu"], ["s&1"], 32)


def test_with_nowhere_to_return_to_the_code_is_shown(broker: Remote) -> None:
    answer = broker.submit(page(state="<s1>"), user_id="ASHA1")

    shown = answer.data.decode()
    code = re.search(r"<pre>([0-9a-f]{32})</pre>", shown)
    assert code is not None
    assert "&lt;s1&gt;" in shown
    assert broker.redeem(code[1], "ASHA1")["stat"] == "Ok"


@pytest.mark.parametrize("user", ["", "a", "<script>", "a" * 41])
def test_an_odd_user_id_is_refused(broker: Remote, user: str) -> None:
    answer = broker.submit(page(), user_id=user)

    assert answer.status == 400
    assert "Invalid Input : user id" in answer.data.decode()


def test_a_return_address_that_is_no_web_page_is_refused(broker: Remote) -> None:
    assert broker.submit(page(redirect_uri="javascript:alert(1)"), user_id="ASHA1").status == 400


@pytest.mark.parametrize("app", ["invalid_api_key", "nobodys_key", ""])
def test_an_unknown_app_gets_no_page_and_no_code(broker: Remote, app: str) -> None:
    for answer in (broker.get(page(client_id=app)), broker.submit(page(client_id=app), user_id="ASHA1")):
        assert answer.status == 400
        assert "Invalid Input : api key" in answer.data.decode()


def test_a_code_becomes_a_session_with_all_that_the_broker_tells(broker: Remote) -> None:
    reply = broker.redeem(broker.code("ASHA1"), "ASHA1")

    assert reply.keys() >= {"access_token", "refresh_token", "susertoken", "expires_in", "uname"}
    assert reply["stat"] == "Ok"
    assert not reply.keys() & {"uid", "USERID", "actid"}, "the documented answer does not say whose it is"
    assert (reply["exarr"], reply["prarr"], reply["orarr"]) == (["NSE", "NFO"], ["I", "M"], ["LMT", "SL-LMT"])
    assert reply["access_token"] != reply["susertoken"]


def test_a_code_works_once(broker: Remote) -> None:
    code = broker.code("ASHA1")
    broker.redeem(code, None)

    assert broker.redeem(code, None)["emsg"] == "Invalid Input : code"


def test_a_code_works_for_300_seconds(broker: Remote) -> None:
    in_time, late = broker.code("ASHA1"), broker.code("ASHA1")

    broker.clock.forward(seconds=299)
    assert broker.redeem(in_time, "ASHA1")["stat"] == "Ok"

    broker.clock.forward(seconds=1)
    assert broker.redeem(late, "ASHA1")["emsg"] == "Invalid Input : code"


def test_a_code_is_its_users_alone(broker: Remote) -> None:
    assert broker.redeem(broker.code("ASHA1"), "OTHER")["emsg"] == "Invalid Input : code"


def test_a_wrong_checksum_is_refused_and_does_not_use_the_code_up(broker: Remote) -> None:
    code = broker.code("ASHA1")

    assert broker.redeem(code, "ASHA1", ("test_api_key", "wrong"))["emsg"] == "Invalid Input : checksum"
    assert broker.redeem(code, "ASHA1")["stat"] == "Ok"


def test_a_registered_app_is_known_from_then_on(broker: Remote) -> None:
    app = ("ASHA1_U", "s3cret")
    assert broker.submit(page(client_id=app[0]), user_id="ASHA1").status == 400

    broker.send("POST", "/control/apps", {"api_key": app[0], "api_secret": app[1]})

    assert broker.redeem(broker.code("ASHA1", app[0]), "ASHA1", app)["stat"] == "Ok"
    assert broker.get(page(client_id="ASHA1_U")).status == 200


def test_the_app_that_is_never_known_cannot_be_registered(broker: Remote) -> None:
    answer = broker.send("POST", "/control/apps", {"api_key": "invalid_api_key", "api_secret": "x"})

    assert answer.status == 400


@pytest.mark.parametrize(
    ("hours_after_ten", "lives_s"),
    [(0, 14 * 3600), (14, 24 * 3600), (12.5, 1.5 * 3600), (13.5, 24.5 * 3600)],
    ids=["10:00", "midnight", "22:30", "23:30"],
)
def test_a_session_lives_until_midnight_but_an_hour_at_least(hours_after_ten: float, lives_s: float) -> None:
    with running(clock=Hands(MORNING + timedelta(hours=hours_after_ten))) as broker:
        reply = broker.redeem(broker.code(), "TEST123")
        token, who = reply["access_token"], {"uid": "TEST123", "actid": "TEST123"}

        broker.clock.forward(seconds=lives_s - 1)
        assert broker.zebu("Limits", who, token)["stat"] == "Ok"
        broker.clock.forward(seconds=1)
        assert broker.zebu("Limits", who, token)["emsg"] == "Session Expired :  Invalid Session Key"
    assert reply["expires_in"] == str(int(lives_s))
