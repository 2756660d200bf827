"""Every measurement, in the order it runs and is shown. A new one is a module with a `SUBJECT`, named here."""

from collections.abc import Iterable, Sequence

from bench import adapters, api, cold, dispatch, faults, masters, orders, planning, rates, scale
from bench.subject import Subject

SUBJECTS: Sequence[Subject] = (
    dispatch.SUBJECT,
    orders.SUBJECT,
    adapters.SUBJECT,
    masters.SUBJECT,
    planning.SUBJECT,
    api.SUBJECT,
    cold.SUBJECT,
    rates.SUBJECT,
    faults.SUBJECT,
    scale.SUBJECT,
)


class NoSuchSubject(Exception):
    """A name that is neither a subject nor one of its figures."""


def chosen(names: Iterable[str], subjects: Sequence[Subject] = SUBJECTS) -> list[Subject]:
    """The subjects that names mean, all of them when there is none; a figure's name means its subject."""
    wanted = set(names)
    unknown = wanted - {name for subject in subjects for name in (subject.name, *subject.figures)}
    if unknown:
        raise NoSuchSubject(", ".join(sorted(unknown)))
    return [subject for subject in subjects if not wanted or wanted & {subject.name, *subject.figures}]
