"""``python tests/benchmarks/gpu``: see docs/benchmarks.md."""

from __future__ import annotations

import sys
from pathlib import Path

# The checkout, and its folder of tests, so that the modules here are `benchmarks.gpu.*` however they were started.
sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.gpu.command import gpu

gpu()
