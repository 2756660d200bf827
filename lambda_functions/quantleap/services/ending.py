"""How a run stands once the workers of an execution are through: only who knows that nobody serves it closes it."""

from collections.abc import Iterable
from datetime import datetime

from quantleap.domain.ending import Round, Silence, Standing, added_up, silence
from quantleap.domain.execution import Plan
from quantleap.domain.ports import Runs


def standing(runs: Runs, run_id: str, over: Round, now: datetime) -> Standing:
    """What an execution is to do about a run whose workers of a round are through.

    A run that another execution closed meanwhile is left as it is, unless there are reports that one did not know of.
    """
    made = runs.plan(run_id)
    reports = runs.reports(made)
    report = added_up(made, reports)
    if report == runs.closing(run_id):
        return Standing()
    if not report.missing_shards:
        return Standing(report)
    missing = [number for number in made.served if number not in reports]
    quiet = silence(missing, runs.holders(run_id, missing), over, now)
    return _of_the_quiet(runs, made, quiet, over, now)


def _of_the_quiet(runs: Runs, made: Plan, quiet: Silence, over: Round, now: datetime) -> Standing:
    """Shards that were left are served again; before the boundary those too that our own workers failed at.

    Until then our own are let go of, so that another execution may serve them as well.
    """
    run_id, early = made.due.run_id, now < made.due.boundary
    if early:
        _give_up(runs, run_id, quiet.ours, over, now)
    again = (*quiet.left, *(quiet.ours if early else ()))
    if again and not over.last:
        return Standing(again=again)
    if early or quiet.served:
        return Standing(until=min([*quiet.served.values(), *([made.due.boundary] if early else [])]))
    taken = _give_up(runs, run_id, (*quiet.left, *quiet.ours), over, now)
    return Standing(until=min(taken)) if taken else Standing(added_up(made, runs.reports(made)))


def _give_up(runs: Runs, run_id: str, numbers: Iterable[int], over: Round, now: datetime) -> list[datetime]:
    """End the leases of shards; returns when others' end, that took one meanwhile."""
    ends = (runs.give_up(run_id, number, over.holder, now) for number in numbers)
    return [each for each in ends if each is not None]
