"""What the log says of a run: a line for each outcome, and figures that alarms listen to."""

import logging
from decimal import Decimal
from typing import Any

import pytest

from quantleap.domain.execution import Report, State, Venue
from quantleap.domain.latency import Latencies
from quantleap.domain.partner import Environment
from quantleap.runtime import outcomes
from tests.builders import NINE_TWENTY, a_ticket, an_intent

TOLD = {"outcome", "run closed", "broker taken out"}


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [
        vars(record) for record in caplog.records if record.message in {"outcome", "run closed", "broker taken out"}
    ]


@pytest.fixture(autouse=True)
def heard(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


@pytest.mark.usefixtures("deployed")
def test_every_order_has_a_line_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    refused = an_intent(leg=1, state=State.REFUSED, reason="insufficient_funds", said="RMS:Margin Exceeds")

    outcomes.tell_ticket(a_ticket(intents=(an_intent(), refused)))

    told = [(line["outcome"], line["leg"], line.get("reason")) for line in lines(caplog)]
    assert told == [("filled", 0, None), ("refused", 1, "insufficient_funds")]
    assert lines(caplog)[1]["said"] == "RMS:Margin Exceeds"


@pytest.mark.usefixtures("deployed")
def test_who_was_skipped_has_a_line_with_the_reason(caplog: pytest.LogCaptureFixture) -> None:
    outcomes.tell_ticket(a_ticket(intents=(), skipped="halted"))

    (line,) = lines(caplog)
    assert (line["outcome"], line["reason"]) == ("skipped", "halted")


@pytest.mark.usefixtures("deployed")
def test_a_run_that_left_halves_is_an_error_with_its_figures_as_metrics(caplog: pytest.LogCaptureFixture) -> None:
    report = Report(incomplete=2, filled=8, refused={"halted": 3}, dispatch=Latencies.of([Decimal("1.5")]))

    outcomes.tell_run("run_1", report, NINE_TWENTY)

    (line,) = lines(caplog)
    (described,) = line["_aws"]["CloudWatchMetrics"]
    units = {each["Name"]: each["Unit"] for each in described["Metrics"]}
    assert line["levelname"] == "ERROR"
    assert (line["run_incomplete"], line["run_filled"], line["run_refused"]) == (2, 8, 3)
    assert (line["dispatch_p99_ms"], units["dispatch_p99_ms"]) == (1.5, "Milliseconds")
    assert "acknowledge_p99_ms" not in line


@pytest.mark.usefixtures("deployed")
def test_orders_refused_for_our_address_are_an_error_with_a_metric_of_their_own(
    caplog: pytest.LogCaptureFixture,
) -> None:
    outcomes.tell_run("run_1", Report(refused={"ip_not_allowed": 3, "insufficient_funds": 1}), NINE_TWENTY)

    (line,) = lines(caplog)
    assert line["levelname"] == "ERROR"
    assert (line["run_address_refused"], line["run_refused"]) == (3, 4)


@pytest.mark.usefixtures("deployed")
def test_a_broker_that_was_taken_out_is_an_error_and_a_metric(caplog: pytest.LogCaptureFixture) -> None:
    outcomes.tell_taken_out(Venue("zebu", Environment.TEST), NINE_TWENTY)

    (line,) = lines(caplog)
    assert (line["levelname"], line["venue"], line["brokers_taken_out"]) == ("ERROR", "zebu#test", 1)


@pytest.mark.usefixtures("deployed")
def test_a_run_that_went_well_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    outcomes.tell_run("run_1", Report(filled=8), NINE_TWENTY)

    assert lines(caplog)[0]["levelname"] == "INFO"
