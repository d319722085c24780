"""Checks whether a host plugin is right: runs it through jobs as an artist does, with a real worker.

A host's module defines ``new_script()``, which opens a new script of the tool and returns a `TrialScript`. The check sets
the script up for a shot of a few small pictures, and runs the host's jobs: propagate, update, cancel, the worker's death,
a missing plate, wrong keyframes, unusual names. Every rule that the host breaks is a `Finding` in plain words.

`stcn hosts check MODULE` runs it in the Python of stcn_plugin, ``python -m stcn_plugin.bridge.conformance MODULE --worker
PYTHON`` in the Python of a tool.
"""

from stcn_plugin.bridge.conformance.checking import Result, check_host
from stcn_plugin.bridge.conformance.loading import load_module
from stcn_plugin.bridge.conformance.rules import Finding
from stcn_plugin.bridge.conformance.scenarios import SCENARIOS, Difference
from stcn_plugin.bridge.conformance.trial import Trial, TrialKeyframe, TrialScript

__all__ = [
    "SCENARIOS",
    "Difference",
    "Finding",
    "Result",
    "Trial",
    "TrialKeyframe",
    "TrialScript",
    "check_host",
    "load_module",
]
