"""``python tests/benchmarks``: see docs/benchmarks.md."""

from __future__ import annotations

import os
import sys
from pathlib import Path

# The folder of tests, so that the modules here are `benchmarks.*` however they were started.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.command import benchmark
from benchmarks.edges.command import edge_benchmark
from benchmarks.hosts.command import host_benchmark

from stcn_plugin.bridge.launch import HUGE_PAGES

_SELECTED = {"--edges": edge_benchmark, "--hosts": host_benchmark}

os.environ.update(HUGE_PAGES | os.environ)  # as in a worker; torch reads them at its first large tensor
next((command for option, command in _SELECTED.items() if option in sys.argv[1:]), benchmark)()
