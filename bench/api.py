"""What a partner's request costs: calls to AWS, and milliseconds of the function's own."""

from collections.abc import Mapping, Sequence
from typing import Any

from bench import processes
from bench.figures import Figure, Finding, Target, at_most, median, percentile, show, table
from bench.subject import Subject, Tell

PROCESSES = 3
ROUNDS = 200
PERCENTILE = 0.95
TEMPLATES = 30
SUBSCRIPTIONS = 50
HANDLER = 2.4
"""Times the bare JSON."""

AWS_CALLS: Mapping[str, Target] = {
    "browse": at_most(1),
    "get": at_most(1),
    "list": at_most(1),
    "change": at_most(1),
    "subscribe": at_most(3),
}
"""Of the operation itself: what authentication takes is taken off."""

ROUTES = {
    "me": "GET /partner/me",
    "browse": "GET /partner/marketplace/templates",
    "template": "GET /partner/marketplace/templates/{id}",
    "get": "GET /partner/subscriptions/{id}",
    "list": "GET /partner/subscriptions",
    "change": "PUT /partner/subscriptions/{id}/pause",
    "subscribe": "POST /partner/marketplace/subscribe",
}

HOW = """\
The functions are called with the gateway's own events. Each route is asked once over a table in memory, and every
answer of AWS is noted; then {rounds} times more in each of {processes} processes with the same answers, so that boto3
and what it speaks to take no time and all that is measured is ours: authentication, validation, decoding of items, the
domain, the answer's text, the log. {templates} templates are on offer and a page of {subscriptions} subscriptions is
listed. Milliseconds are of the CPU (a function that asks nobody waits for nobody); the percentile is each process's
own, the median process counts, and the figure is the slowest route's, over what the standard library takes in the same
process to read and write the JSON of its event, of AWS's answers and of its own answer. Calls to AWS are those that the
route makes more than `GET /partner/me`, which only authenticates: one key read, one counter written.
"""


def measure(tell: Tell) -> Finding:
    """Play the processes."""
    played: list[dict[str, Any]] = []
    for number in range(1, PROCESSES + 1):
        tell(f"process {number} of {PROCESSES}")
        played.append({each["name"]: each for each in processes.results("bench.api_load", ROUNDS)})
    times, bare = ({name: [process[name][way] for process in played] for name in ROUTES} for way in ("ms", "bare_ms"))
    return finding(times, bare, {name: played[0][name]["calls"] for name in ROUTES})


type Times = Mapping[str, Sequence[Sequence[float]]]
"""Of each route in each process."""


def finding(times: Times, bare: Times, calls: Mapping[str, Sequence[str]]) -> Finding:
    """The slowest route's time beside that of its bare JSON, and each operation's calls."""
    known = len(calls["me"])
    slowest, beside = ({name: _p95(each[name]) for name in ROUTES} for each in (times, bare))
    last = max(slowest, key=slowest.__getitem__)
    ratio = slowest[last] / beside[last]
    figures = [
        *(Figure(f"aws_calls_{name}", len(calls[name]) - known, "calls", target) for name, target in AWS_CALLS.items()),
        Figure("handler_vs_bare_json", ratio, "times", at_most(HANDLER), "JSON read and written, ms", beside[last]),
        Figure("handler_ms_p95", slowest[last], "ms"),
    ]
    rows = [
        (
            f"`{route}`",
            show(median([median(ms) for ms in times[name]])),
            show(slowest[name]),
            show(beside[name]),
            ", ".join(calls[name][known:]) or "none but authentication's",
        )
        for name, route in ROUTES.items()
    ]
    how = HOW.format(
        rounds=ROUNDS,
        processes=PROCESSES,
        templates=TEMPLATES,
        subscriptions=SUBSCRIPTIONS,
    ).strip()
    return Finding(figures, how, [table(("route", "ms, median", "ms, p95", "bare JSON, p95", "calls to AWS"), rows)])


def _p95(processes: Sequence[Sequence[float]]) -> float:
    """The median process's."""
    return median([percentile(ms, PERCENTILE) for ms in processes])


FIGURES = (*(f"aws_calls_{name}" for name in AWS_CALLS), "handler_vs_bare_json", "handler_ms_p95")
SUBJECT = Subject("api", FIGURES, measure)
