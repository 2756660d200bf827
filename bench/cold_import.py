"""Imports what a function imports and builds what it builds first; run as a file, so that nothing is there before it.

`python cold_import.py MODULE` writes milliseconds of CPU; without a module it is boto3 and one client.
"""

import sys
import time


def baseline() -> None:
    """What most functions begin with, whoever wrote them."""
    import boto3  # noqa: PLC0415 - its import is what is measured

    boto3.client("dynamodb")


def function(module: str) -> None:
    """A handler with all its routes, its settings read, its table and all else it stands on at hand."""
    import importlib  # noqa: PLC0415 - as above

    importlib.import_module(module)
    importlib.import_module("quantleap.runtime.wiring").table()


if __name__ == "__main__":
    began = time.process_time()
    if len(sys.argv) > 1:
        function(sys.argv[1])
    else:
        baseline()
    sys.stdout.write(f"{(time.process_time() - began) * 1000}\n")
