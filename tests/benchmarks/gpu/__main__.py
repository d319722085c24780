"""``python tests/benchmarks/gpu``: see docs/benchmarks.md."""

from __future__ import annotations

import sys
from pathlib import Path

# The folder of tests, so that the modules here are `benchmarks.gpu.*` however they were started, and the checkout.
_TESTS = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(_TESTS), str(_TESTS.parent)]

from benchmarks.gpu.command import gpu

gpu()
