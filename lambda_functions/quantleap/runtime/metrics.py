"""Metrics as part of a log line: CloudWatch reads them from the log (embedded metric format), nothing is called."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from quantleap.domain.rate import micros
from quantleap.runtime.settings import settings

NAMESPACE = "QuantLeap"


def metric(name: str, value: float, at: datetime) -> Mapping[str, Any]:
    """The fields a log line needs to count as one value of a metric, by stage."""
    return metrics({name: value}, at)


def metrics(values: Mapping[str, float], at: datetime) -> Mapping[str, Any]:
    """The same for several metrics at once; a name that ends in `_ms` counts milliseconds."""
    units = [{"Name": name, "Unit": "Milliseconds" if name.endswith("_ms") else "Count"} for name in values]
    described = {"Namespace": NAMESPACE, "Dimensions": [["stage"]], "Metrics": units}
    return {
        "_aws": {"Timestamp": micros(at) // 1000, "CloudWatchMetrics": [described]},
        "stage": settings().stage,
        **values,
    }
