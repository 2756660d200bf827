"""The measurements' own sums, their page, and a small round of the faults that `make bench` plays by the million."""

import json
import os
import time
from collections import Counter
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from bench import api, cold, dispatch, faults, masters, planning, progress, rates, record
from bench.faulty import Odds
from bench.figures import Figure, Finding, at_least, at_most, median, percentile, show, table
from bench.machine import Spent, busy_s
from bench.orders import WAYS, Speed, best
from bench.orders import finding as speeds_found
from bench.record import Record
from bench.referee import Verdict
from bench.registry import SUBJECTS, NoSuchSubject, chosen
from bench.sampling import REST, part_of, sampled
from bench.subject import Subject
from tests.builders import NINE_TWENTY

DESIGN = {
    "boundary_error_ms_p99",
    "dispatch_250_ms_p99",
    "orders_vs_sdk",
    "orders_vs_socket_limit",
    "plan_100k_s",
    "plan_vs_bare_json",
    "dispatch_vs_bare",
    "boundary_vs_bare",
    "handler_vs_bare_json",
    "plan_100k_mb",
    "aws_calls_browse",
    "aws_calls_get",
    "aws_calls_list",
    "aws_calls_change",
    "aws_calls_subscribe",
    "handler_ms_p95",
    "cold_start_ratio",
    "rate_limit_error",
    "fault_sends",
    "fault_duplicates",
    "fault_lost",
    "fault_silent",
    "fault_naked",
}
"""What is promised; whoever reads `bench.json` goes by these names."""


def a_subject(name: str, *figures: str) -> Subject:
    found = Finding([Figure(each, 1, "ms", at_most(2)) for each in figures], "Measured.")
    return Subject(name, figures, lambda _tell: found)


DISPATCH, PLAN = a_subject("dispatch", "error_ms", "dispatch_ms"), a_subject("plan", "plan_s")


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(number) for number in range(100, 0, -1)]

    assert percentile(values, 0.99) == 99
    assert percentile([7.0], 0.99) == 7
    assert median([3.0, 1.0, 2.0, 4.0]) == 2
    with pytest.raises(ValueError, match="no values"):
        median([])


def test_a_target_is_met_on_its_good_side() -> None:
    assert Figure("a", 5, "ms", at_most(5)).reached
    assert Figure("a", 19.9, "times", at_least(20)).reached is False
    assert Figure("a", 1, "ms").reached is None


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.0042, "0.0042"), (6.4321, "6.43"), (250, "250"), (12345.6, "12,346")]
)
def test_numbers_are_shown_with_the_digits_that_matter(value: float, text: str) -> None:
    assert show(value) == text


def test_a_table_is_markdown() -> None:
    assert table(("a", "b"), [("1", "2")]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"


def test_names_mean_subjects_or_the_figures_they_yield() -> None:
    both = (DISPATCH, PLAN)

    assert chosen((), both) == [DISPATCH, PLAN]
    assert chosen(["plan_s", "plan"], both) == [PLAN]
    with pytest.raises(NoSuchSubject, match="speed"):
        chosen(["speed"], both)


def test_no_figure_is_yielded_by_two_subjects() -> None:
    names = [name for subject in SUBJECTS for name in (subject.name, *subject.figures)]

    assert len(names) == len(set(names))


def test_measuring_one_subject_leaves_the_others_as_they_were(tmp_path: Path) -> None:
    kept = Record(tmp_path)
    for subject in (DISPATCH, PLAN):
        kept.keep(subject, subject.measure(lambda _busy: None))
    kept.keep(PLAN, Finding([Figure("plan_s", 3, "s", at_most(2), "the naive way", 9)], "Measured again."))

    found = kept.sum_up((DISPATCH, PLAN))

    assert json.loads((tmp_path / "bench.json").read_text()) == {
        "error_ms": {"value": 1, "unit": "ms", "target": 2},
        "dispatch_ms": {"value": 1, "unit": "ms", "target": 2},
        "plan_s": {"value": 3, "unit": "s", "peer": "the naive way", "peer_value": 9, "target": 2},
    }
    assert record.row(found["plan"].figures[0]) == ("`plan_s`", "3", "s", "the naive way", "9", "<= 2", "**no**")
    assert "### plan\n\nMeasured again." in record.page(found, "2 cores")


def test_ratios_are_of_orders_for_each_cpu_second_in_the_same_round() -> None:
    rounds = {way: [Speed(1000, 500), Speed(2000, 500), Speed(3000, 500)] for way in WAYS}
    rounds["prepared"] = [Speed(30_000, 9000), Speed(20_000, 9000), Speed(90_000, 9000)]
    rounds["limit"] = [Speed(40_000, 9000), Speed(40_000, 9000), Speed(60_000, 9000)]

    values = {figure.name: figure.value for figure in speeds_found(rounds, Counter(socket=1)).figures}

    assert values == {"orders_vs_sdk": 30, "orders_vs_socket_limit": 0.75, "worker_vs_sdk": 1}


def test_the_best_pass_of_a_round_counts() -> None:
    assert best([Speed(10, 7), Speed(30, 5), Speed(20, 6)]) == Speed(30, 7)


def test_every_figure_of_the_design_is_yielded_by_a_subject() -> None:
    assert {name for subject in SUBJECTS for name in subject.figures} >= DESIGN


def test_a_subject_yields_the_figures_it_names() -> None:
    found = {
        api.SUBJECT: api.finding(
            {name: [[1.0, 2.0]] for name in api.ROUTES},
            {name: [[1.0, 2.0]] for name in api.ROUTES},
            {name: ["GetItem"] for name in api.ROUTES},
        ),
        cold.SUBJECT: cold.finding([dict.fromkeys(("", *cold.HANDLERS), 100.0)]),
        rates.SUBJECT: rates.finding(60, 60, 90, 1000),
        faults.SUBJECT: faults.finding(faults.Tally(sends=1, states={"filled": 1})),
    }

    assert all([figure.name for figure in each.figures] == list(subject.figures) for subject, each in found.items())


def test_calls_to_aws_are_counted_beyond_authentications_and_the_slowest_route_gives_the_time() -> None:
    times = {name: [[1.0] * 99 + [50.0]] * 3 for name in api.ROUTES} | {"list": [[4.0] * 100, [7.0] * 100, [3.0] * 100]}
    calls = {name: ["GetItem", "UpdateItem"] for name in api.ROUTES}
    calls["get"] = ["GetItem", "UpdateItem", "GetItem", "BatchGetItem"]

    bare = {name: [[8.0] * 100] * 3 for name in api.ROUTES} | {"list": [[2.0] * 100] * 3}

    values = {figure.name: figure.value for figure in api.finding(times, bare, calls).figures}

    assert values["aws_calls_get"] == 2
    assert values["aws_calls_list"] == 0
    assert values["handler_ms_p95"] == 4
    assert values["handler_vs_bare_json"] == 2


def test_a_cold_start_is_the_slowest_handlers_best_over_the_baselines_best() -> None:
    rounds = [
        {"": 200.0, **dict.fromkeys(cold.HANDLERS, 250.0)},
        {"": 300.0, **dict.fromkeys(cold.HANDLERS, 900.0), "partner_auth": 290.0},
    ]

    (figure,) = cold.finding(rounds).figures

    assert (figure.value, figure.peer_value) == (1.25, 200)


def test_an_exact_bucket_gives_back_one_a_second_and_never_more_than_it_holds() -> None:
    def after(*seconds: float) -> list[datetime]:
        return [NINE_TWENTY + timedelta(seconds=each) for each in seconds]

    assert rates.exactly(after(0, 0), 64) == 60
    assert rates.exactly(after(0, 0.5, 1), 64) == 61
    assert rates.exactly(after(0, 600), 64) == 120
    assert rates.exactly(after(0, 600), 7) == 14


def test_a_counter_of_whole_minutes_lets_two_bursts_through_where_minutes_meet() -> None:
    last, first = NINE_TWENTY + timedelta(seconds=59), NINE_TWENTY + timedelta(seconds=60)

    assert rates.by_minutes([last, last, first, first], 64) == 120


def test_an_error_of_the_limit_counts_either_way() -> None:
    for through in (99, 101):
        (figure,) = rates.finding(through, 100, 150, 1000).figures
        assert (figure.value, figure.peer_value) == (0.01, 0.5)


def test_what_others_used_is_what_everybody_used_without_us() -> None:
    before, after = Spent(10.0, 100.0, 5.0), Spent(20.0, 100.0 + 8, 5.0 + 3)

    assert after.others_since(before) == pytest.approx(5 / 10 / (os.cpu_count() or 1))
    assert after._replace(everybody_s=101.0).others_since(before) == 0
    assert after._replace(everybody_s=None).others_since(before) is None


def test_time_spent_waiting_is_nobodys() -> None:
    assert busy_s("cpu  100 20 30 5000 700 4 5 6 0 0\ncpu0 1 1 1 1 1 1 1 1", 100) == 1.65


def test_progress_is_told_now_and_then_where_no_line_can_be_written_over(monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(file=StringIO(), force_terminal=False, width=80)
    clock = [0.0]
    monkeypatch.setattr("bench.progress.time", SimpleNamespace(monotonic=lambda: clock[0]))
    shown = progress.Progress(console, "1/2 dispatch")

    for clock[0] in (1.0, 11.0, 12.0, 30.0):
        shown.tell(f"at {clock[0]:.0f}")

    assert console.file.getvalue() == "1/2 dispatch: at 11\n1/2 dispatch: at 30\n"  # type: ignore[attr-defined]


def test_a_look_at_a_stack_goes_to_the_innermost_part_that_knows_it() -> None:
    stack = ["/lib/json/decoder.py", "/quantleap/adapters/brokers/kite.py", "/quantleap/services/trader.py"]

    assert part_of(stack) == "answers and order books read"
    assert part_of(["/lib/heapq.py", *stack[2:]]) == "the worker's own steps"
    assert part_of(["/lib/heapq.py"]) == REST


def test_cpu_time_is_found_where_it_is_spent() -> None:
    with sampled() as seen:
        until = time.process_time() + 0.1
        while time.process_time() < until:
            json.dumps(list(range(1000)))

    assert seen.most_common(1)[0][0] in {REST, "answers and order books read"}


def test_every_subscriber_planned_gets_every_order() -> None:
    found = planning.run(600)

    assert found["orders"] == 600 * 4


def test_times_at_the_boundary_are_told_beside_those_of_a_bare_loop_in_the_same_process() -> None:
    usual, slow = dispatch.Round(0.2, 6.0, 0.1, 4.0), dispatch.Round(0.9, 30.0, 0.3, 20.0)

    found = {figure.name: figure for figure in dispatch.finding([[usual] * 3, [slow] * 3, [usual] * 3]).figures}

    assert (found["dispatch_vs_bare"].value, found["dispatch_vs_bare"].peer_value) == (1.5, 4.0)
    assert (found["boundary_vs_bare"].value, found["dispatch_250_ms_p99"].value) == (2.0, 6.0)


def test_the_time_of_a_list_is_told_beside_that_of_its_bare_json() -> None:
    rounds = [{"load": 14.0, "lookup": 0.3, "bare_load": 2.0, "bare_lookup": 0.2, "bytes": 1}]

    found = {figure.name: figure for figure in masters.finding(rounds).figures}

    assert (found["master_load_vs_bare"].value, found["master_load_ms"].value) == (7, 14)
    assert found["master_lookup_vs_bare"].value == pytest.approx(1.5)


def test_the_time_of_a_plan_is_told_beside_that_of_its_bare_json() -> None:
    runs = [{"seconds": 9.0, "megabytes": 200, "bare_s": 3.0, "stages": {"plan": 9.0}}]

    found = {figure.name: figure.value for figure in planning.finding(runs).figures}

    assert (found["plan_vs_bare_json"], found["plan_100k_s"]) == (3, 9)


def test_an_absolute_time_of_this_machine_has_no_target() -> None:
    """It would be reached here and missed there; 0 is the same everywhere."""
    ms = {name: [[1.0]] for name in api.ROUTES}
    found = [
        dispatch.finding([[dispatch.Round(1, 1, 1, 1)]]),
        masters.finding([{"load": 1, "lookup": 1, "bare_load": 1, "bare_lookup": 1, "bytes": 1}]),
        planning.finding([{"seconds": 9.0, "megabytes": 200, "bare_s": 3.0, "stages": {}}]),
        api.finding(ms, ms, {name: ["GetItem"] for name in api.ROUTES}),
        cold.finding([dict.fromkeys(("", *cold.HANDLERS), 100.0)]),
    ]

    timed = [each for every in found for each in every.figures if each.unit in {"s", "ms", "µs"} and each.target]

    assert [each.name for each in timed] == ["boundary_earliest_ms"]


def test_with_everything_going_wrong_a_desk_has_nothing_to_complain_of() -> None:
    total = faults.Tally()
    for portion in faults.play(7, 4000):
        total = total.plus(portion)

    assert total.sends >= 4000
    assert total.crashes > 20
    assert total.verdict == Verdict()
    assert {"filled", "refused", "rejected", "not_sent", "cancelled"} <= total.states.keys()
    assert set(Odds._fields) - {"latency_s", "spread"} <= {name for name, times in total.drawn.items() if times}
