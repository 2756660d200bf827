"""Measurements: each figure the platform promises, side by side with a peer; `python -m bench [NAME...]`."""

import sys
from pathlib import Path

# The functions' code is no package of this environment: what is measured is what lies here.
sys.path.insert(0, str(Path(__file__).parents[1] / "lambda_functions"))
