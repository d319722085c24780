"""Runs the scenarios, each in a new script."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from stcn_plugin.bridge.client import WorkerClient
from stcn_plugin.bridge.conformance.rules import Finding
from stcn_plugin.bridge.conformance.scenarios import NAMES, SCENARIOS, Difference, Scene
from stcn_plugin.bridge.conformance.trial import TrialFiles, TrialScript
from stcn_plugin.bridge.hooks import line_of

_FEW, _MANY = 5, 16
"""Frames of a trial; many where a job is interrupted, so that it cannot be done before."""

_METHODS = {
    "set_up": "set_up(trial), which changes the script to what the trial describes and returns the host plugin",
    "mattes": "mattes(), which returns an object name and a frame pattern for every matte that the script shows",
}


@dataclass(frozen=True)
class Result:
    """The result of a scenario.

    Args:
        scenario: Its name.
        purpose: What is tried.
        findings: What the host does wrong; empty if it passed.
    """

    scenario: str
    purpose: str
    findings: tuple[Finding, ...]


def check_host(
    new_script: Callable[[], TrialScript],
    client: WorkerClient,
    *,
    folder: Path,
    scenarios: Sequence[str] = tuple(SCENARIOS),
    difference: Optional[Difference] = None,  # noqa: UP045
) -> Iterator[Result]:
    """Run the scenarios, one after another; yields the result of each.

    Args:
        new_script: Opens a new, empty script of the tool.
        client: The worker, which is started if it is not running.
        folder: A folder for plates and mattes, one folder per scenario.
        scenarios: Names of the scenarios to run.
        difference: Compares a matte with the artist's picture; ``None`` skips these checks.
    """
    had_torch = "torch" in sys.modules
    for name in scenarios:
        findings = list(_findings(name, new_script, client, folder, difference))
        if "torch" in sys.modules and not had_torch:
            findings.append(Finding("torch is loaded in the tool's process", "Do not import it in a host"))
        yield Result(name, (SCENARIOS[name].__doc__ or "").strip(), tuple(dict.fromkeys(findings)))


def _findings(
    name: str,
    new_script: Callable[[], TrialScript],
    client: WorkerClient,
    folder: Path,
    difference: Optional[Difference],  # noqa: UP045
) -> Iterator[Finding]:
    is_unusual = name == "unusual-names"
    files = TrialFiles(
        folder / ("Prüfung [1] am Ort" if is_unusual else name),
        NAMES if is_unusual else ("hero",),
        _MANY if name in ("cancel", "worker-death") else _FEW,
    )
    try:
        script = new_script()
        missing = [each for each in _METHODS if not callable(getattr(script, each, None))]
        if missing:
            for each in missing:
                yield Finding(f"what new_script() returns has no method {each}", f"Define {_METHODS[each]}")
            return
        yield from SCENARIOS[name](Scene(script, files, client, difference))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - of the module that is checked
        text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        yield Finding(f"new_script(), set_up() or cancel() raised {text}", f"See {line_of(error)}")
