"""The measurements' own sums, their page, and a small round of the faults that `make bench` plays by the million."""

import json
import time
from collections import Counter
from pathlib import Path

import pytest

from bench import faults, planning, record
from bench.figures import Figure, Finding, at_least, at_most, median, percentile, show, table
from bench.orders import WAYS, Speed
from bench.orders import finding as speeds_found
from bench.record import Record
from bench.registry import SUBJECTS, NoSuchSubject, chosen
from bench.sampling import REST, part_of, sampled
from bench.subject import Subject


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
    assert "### plan\n\nMeasured again." in record.page(found, 2)


def test_ratios_are_of_orders_for_each_cpu_second() -> None:
    speeds = {way: Speed(1000, 500) for way in WAYS} | {"prepared": Speed(30_000, 9000), "limit": Speed(40_000, 9000)}

    values = {figure.name: figure.value for figure in speeds_found(speeds, Counter(socket=1)).figures}

    assert values == {"orders_vs_sdk": 30, "orders_vs_socket_limit": 0.75, "worker_vs_sdk": 1}


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


def test_with_everything_going_wrong_no_order_is_sent_twice_and_none_is_forgotten() -> None:
    total = faults.Tally()
    for portion in faults.play(7, 4000):
        total = total.plus(portion)

    assert total.sends >= 4000
    assert total.crashes > 20
    assert (total.duplicates, total.lost) == (0, 0)
    assert {"filled", "unknown", "refused", "rejected", "not_sent", "open"} <= total.states.keys()
