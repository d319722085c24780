"""``python tests/benchmarks``: see docs/benchmarks.md."""

from __future__ import annotations

import sys
from pathlib import Path

# The folder of tests, so that the modules here are `benchmarks.*` however they were started.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.command import benchmark
from benchmarks.edges.command import edge_benchmark

(edge_benchmark if "--edges" in sys.argv[1:] else benchmark)()
