"""The simulator from the outside: what goes wrong on demand, what it shows, and what survives a stop."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import urllib3
from urllib3.exceptions import ProtocolError, ReadTimeoutError

from sandbox.broker.simulator import MarketHours, Settings, StateUnreadable
from tests.unit.simulator import CALL, MORNING, Hands, Remote, an_order, running

ROOT = Path(__file__).parents[2]
WHO = {"uid": "TEST123", "actid": "TEST123"}


@pytest.fixture(scope="module")
def server() -> Iterator[Remote]:
    with running() as remote:
        yield remote


@pytest.fixture
def broker(server: Remote) -> Remote:
    server.send("POST", "/control/reset")
    server.clock.at = MORNING
    return server


@pytest.fixture
def token(broker: Remote) -> str:
    return broker.login()


@pytest.mark.parametrize(("fault", "orders"), [("drop_before_place", 0), ("drop_after_place", 1)])
def test_a_dropped_connection_tells_nothing_of_the_order(broker: Remote, token: str, fault: str, orders: int) -> None:
    broker.behave(faults={fault: {"count": 1}})

    with pytest.raises(ProtocolError):
        broker.zebu("PlaceOrder", an_order(), token)

    assert len(broker.orders()) == orders


@pytest.mark.parametrize(
    ("fault", "status", "start", "orders"),
    [
        ("http_500_before_place", 500, b"Internal", 0),
        ("http_500_after_place", 500, b"Internal", 1),
        ("empty_body", 200, b"", 1),
        ("html", 200, b"<html>", 1),
    ],
)
def test_a_broken_answer_tells_nothing_of_the_order(
    broker: Remote, token: str, fault: str, status: int, start: bytes, orders: int
) -> None:
    broker.behave(faults={fault: {"client_id": "TEST123"}})

    answer = broker.raw("PlaceOrder", b"jData=" + str(an_order()).replace("'", '"').encode(), token)

    assert (answer.status, len(broker.orders())) == (status, orders)
    assert answer.data.startswith(start)


def test_a_silent_broker_has_placed_the_order(broker: Remote, token: str) -> None:
    broker.behave(faults={"timeout": {"count": 1}})

    with pytest.raises(ReadTimeoutError):
        broker.zebu("PlaceOrder", an_order(), token, timeout=0.2)

    assert len(broker.orders()) == 1


def test_faults_meet_orders_only_so_the_book_can_still_be_read(broker: Remote, token: str) -> None:
    broker.zebu("PlaceOrder", an_order(), token)
    broker.behave(faults={"drop_after_place": {}})

    assert len(broker.zebu("OrderBook", WHO, token)) == 1


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("insufficient_funds", "Margin Shortfall"),
        ("price_band", "price range"),
        ("market_closed", "Market is closed"),
        ("account_blocked", "blocked for TEST123"),
    ],
)
def test_a_rejection_is_taken_first_and_told_in_the_order_book(
    broker: Remote, token: str, reason: str, text: str
) -> None:
    broker.behave(reject={reason: {"count": 1}})

    assert broker.zebu("PlaceOrder", an_order(), token)["stat"] == "Ok"

    [line] = broker.zebu("OrderBook", WHO, token)
    assert (line["status"], line["fillshares"]) == ("REJECTED", "0")
    assert text in line["rejreason"]
    assert broker.orders()[0]["rejection"] == reason


@pytest.mark.parametrize(
    ("reason", "status", "text"),
    [("session_expired", 200, "Session Expired"), ("rate_limited", 429, "Rate limit exceeded")],
)
def test_a_rejection_of_the_request_leaves_no_order(
    broker: Remote, token: str, reason: str, status: int, text: str
) -> None:
    broker.behave(reject={reason: {}})

    answer = broker.raw("PlaceOrder", b"jData=" + str(an_order()).replace("'", '"').encode(), token)

    assert answer.status == status
    assert answer.json()["emsg"].startswith(text)
    assert broker.orders() == []


def test_a_behaviour_is_changed_by_name_and_reset_at_once(broker: Remote) -> None:
    broker.behave(latency_ms=5)
    broker.behave(fill="partial")
    shown = broker.get("/control/behaviour").json()

    broker.send("POST", "/control/reset")

    assert (shown["latency_ms"], shown["fill"]) == (5, "partial")
    assert broker.get("/control/behaviour").json() == {
        "latency_ms": 0,
        "latency_jitter_ms": 0,
        "clock_skew_s": 0,
        "fill": "immediate",
        "reject": {},
        "reject_after_accept": {},
        "book": {},
        "book_late_ms": 0,
        "storm": None,
        "faults": {},
    }


def test_a_wrong_behaviour_is_refused_by_name_and_changes_nothing(broker: Remote) -> None:
    answer = broker.send("PUT", "/control/behaviour", {"fill": "never", "latency_ms": -1})

    assert answer.status == 400
    assert "latency_ms" in answer.json()["error"]
    assert "fill" in answer.json()["error"]
    assert broker.get("/control/behaviour").json()["fill"] == "immediate"


@pytest.mark.parametrize("path", ["/control/apps", "/control/sessions/expire"])
def test_a_body_that_is_no_object_is_refused(broker: Remote, path: str) -> None:
    assert broker.send("POST", path, ["x"]).status == 400
    assert broker.send("POST", path, {"x": 1}).status == 400


def test_latency_holds_the_answer_back_and_not_the_order(broker: Remote, token: str) -> None:
    broker.behave(latency_ms=60_000)

    with pytest.raises(ReadTimeoutError):
        broker.zebu("PlaceOrder", an_order(), token, timeout=0.2)

    assert broker.orders()[0]["status"] == "COMPLETE"


def test_orders_are_listed_as_they_arrived_with_the_microsecond(broker: Remote, token: str) -> None:
    other = broker.login("OTHER")
    broker.zebu("PlaceOrder", an_order(remarks="first"), token)
    broker.clock.forward(microseconds=1)
    broker.zebu("PlaceOrder", an_order("OTHER", remarks="second"), other)

    first, second = broker.orders()

    assert first | {"order_id": "", "average_price": ""} == {
        "broker": "zebu",
        "order_id": "",
        "client_id": "TEST123",
        "tag": "first",
        "symbol": CALL,
        "side": "BUY",
        "quantity": 65,
        "lot_size": 65,
        "tick": "0.05",
        "price": "2000.00",
        "status": "COMPLETE",
        "filled": 65,
        "average_price": "",
        "rejection": None,
        "arrived_at": MORNING.isoformat(timespec="microseconds"),
    }
    assert datetime.fromisoformat(second["arrived_at"]) == MORNING + timedelta(microseconds=1)
    assert [order["tag"] for order in broker.orders(client_id="OTHER")] == ["second"]
    assert [order["tag"] for order in broker.orders(tag="first")] == ["first"]


def test_a_resting_order_fills_when_it_is_looked_at_in_a_better_market(broker: Remote, token: str) -> None:
    broker.behave(fill="rest")
    broker.zebu("PlaceOrder", an_order(), token)

    broker.behave(fill="immediate")

    assert broker.orders()[0]["status"] == "COMPLETE"


def test_a_day_order_does_not_outlive_its_day(broker: Remote, token: str) -> None:
    broker.behave(fill="rest")
    broker.zebu("PlaceOrder", an_order(), token)

    broker.clock.forward(days=1)

    assert broker.orders()[0]["status"] == "CANCELED"


def test_the_feed_repeats_itself_for_an_instant(broker: Remote) -> None:
    query = {"expiry": "2026-12-01", "at": "2026-11-25T09:20:00+05:30"}

    first = broker.get("/feed/NIFTY", **query).json()
    broker.clock.forward(hours=5)

    assert first == broker.get("/feed/NIFTY", **query).json()
    assert first.keys() == {"underlying", "as_of", "spot", "expiry", "chain"}
    assert first["chain"][0].keys() == {"strike", "right", "bid", "ask", "last"}


def test_the_feed_shows_the_nearest_expiry_unless_asked(broker: Remote) -> None:
    assert broker.get("/feed/BANKNIFTY").json()["expiry"] == "2026-11-23"


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/feed/SENSEX", {}, 404),
        ("/feed/NIFTY", {"expiry": "2026-12-02"}, 404),
        ("/feed/NIFTY", {"at": "yesterday"}, 400),
        ("/feed/NIFTY", {"at": "2026-11-25T09:20:00"}, 400),
        ("/feed/NIFTY", {"at": "1999-11-25T09:20:00+05:30"}, 400),
        ("/feed/NIFTY", {"at": "9999-12-31T23:59:00+05:30"}, 400),
    ],
)
def test_the_feed_refuses_what_it_does_not_have(broker: Remote, path: str, query: dict[str, str], status: int) -> None:
    answer = broker.get(path, **query)

    assert answer.status == status
    assert answer.json()["error"]


def test_the_overview_shows_orders_and_behaviour_and_escapes_what_clients_wrote(broker: Remote, token: str) -> None:
    broker.behave(faults={"timeout": {"client_id": "SOMEBODY", "count": 3, "probability": 0.5}}, fill="rest")
    broker.zebu("PlaceOrder", an_order(remarks="<b>tag</b>"), token)

    shown = broker.get("/").data.decode()

    assert "&lt;b&gt;tag&lt;/b&gt;" in shown
    assert "SOMEBODY, 3 times, 50% likely" in shown
    assert CALL in shown


def test_outside_exchange_hours_orders_are_rejected_when_hours_are_kept() -> None:
    clock = Hands(MORNING.replace(hour=15, minute=39))
    with running(Settings(market_hours=MarketHours.EXCHANGE), clock) as broker:
        token = broker.login()
        for moment in (clock.at, MORNING.replace(hour=15, minute=40), MORNING + timedelta(days=40)):
            clock.at = moment
            token = broker.login()
            listed = broker.get("/feed/NIFTY").json()
            symbol = datetime.fromisoformat(listed["expiry"]).strftime("NIFTY%d%b%yC26000").upper()
            broker.zebu("PlaceOrder", an_order(tsym=symbol), token)

        assert [order["rejection"] for order in broker.orders()] == [None, "market_closed", "market_closed"]


def test_logins_apps_and_orders_survive_a_clean_stop(tmp_path: Path) -> None:
    settings = Settings(state_file=tmp_path / "broker.json")
    with running(settings) as broker:
        broker.send("POST", "/control/apps", {"api_key": "k", "api_secret": "s"})
        token = broker.login()
        broker.zebu("PlaceOrder", an_order(), token)
        before = broker.orders()

    with running(settings) as broker:
        assert broker.orders() == before
        again = broker.zebu("PlaceOrder", an_order(), token)["norenordno"]
        assert int(again) == int(before[0]["order_id"]) + 1
        assert broker.redeem(broker.code("X1", "k"), "X1", ("k", "s"))["stat"] == "Ok"


def test_an_accepted_order_is_still_rejected_after_a_stop(tmp_path: Path) -> None:
    settings = Settings(state_file=tmp_path / "broker.json")
    with running(settings) as broker:
        broker.behave(reject_after_accept={"price_band": {}})
        broker.zebu("PlaceOrder", an_order(), broker.login())

    with running(settings) as broker:
        assert [order["rejection"] for order in broker.orders()] == ["price_band"]


def test_a_state_file_of_something_else_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "broker.json"
    file.write_text('{"orders": [1]}')

    with pytest.raises(StateUnreadable, match="1 entries"), running(Settings(state_file=file)):
        pytest.fail("it started")


def start(port: int, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "sandbox.broker", "--port", str(port), *more],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'lambda_functions'}"},
        stderr=subprocess.PIPE,
        text=True,
    )


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_the_program_serves_until_a_signal_and_ends_cleanly(ending: signal.Signals, tmp_path: Path) -> None:
    port, state = free_port(), tmp_path / "broker.json"
    with start(port, "--seed", "7", "--state", str(state)) as process:
        waiting = urllib3.Retry(total=300, backoff_factor=0.05, backoff_max=0.1)
        health = urllib3.request("GET", f"http://127.0.0.1:{port}/control/health", retries=waiting).json()

        process.send_signal(ending)
        _, complaints = process.communicate(timeout=30)

    assert (health["status"], health["seed"]) == ("ok", 7)
    assert (process.returncode, complaints) == (0, "")
    assert state.exists()


def test_a_port_that_is_taken_is_said_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, start(taken.getsockname()[1]) as process:
        _, complaints = process.communicate(timeout=30)

    assert process.returncode == 1
    assert complaints.startswith("broker simulator: cannot start on 127.0.0.1:")
    assert complaints.count("\n") == 1
