"""The time from the press of Propagate to the first matte in a host, with a new and with a warm worker."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.timings import Timing

TESTS = Path(__file__).resolve().parents[2]
sys.path += [str(TESTS / "hosts" / "blender"), str(TESTS / "hosts" / "nuke")]

from blender_process import INSIDE, Blender  # noqa: E402 - importable only now
from nuke_tests import bare_environment  # noqa: E402

from stcn_plugin.install.blender import build_extension  # noqa: E402
from stcn_plugin.install.nuke import install  # noqa: E402

HERE = Path(__file__).resolve().parent
SHOT = TESTS.parent / "examples" / "shot"


@dataclass(frozen=True)
class PressResult:
    """The time to the first matte.

    Args:
        host: The host and its version.
        first: Seconds in the first process, which may have to compile Python files.
        cold: Seconds for the first job of a process, whose worker has to start.
        warm: Seconds for the second job of a process.
    """

    host: str
    first: float
    cold: Timing
    warm: Timing


def measure_blender(python: Path, folder: Path, *, preset: str, repeat: int) -> PressResult:
    """Measure Blender as a module of a Python.

    Args:
        python: The Python.
        folder: An empty folder.
        preset: The preset.
        repeat: Number of processes after the first.
    """
    (folder / "resources").mkdir(parents=True)
    blender = Blender(python, folder / "resources")
    blender.install(build_extension(folder, python=sys.executable))

    def run(here: Path) -> dict[str, Any]:
        given = json.dumps({"folder": str(here), "shot": str(SHOT), "preset": preset})
        result = blender.script(INSIDE / "first_matte.py", given, here / "results.json")
        assert result.returncode == 0, result.stdout + result.stderr
        return _read(here)

    return _measured("Blender", run, folder, repeat)


def measure_nuke(folder: Path, *, preset: str, repeat: int) -> PressResult:
    """Measure the stand-in for Nuke, with the arguments of `measure_blender`."""
    home = folder / ".nuke"
    install(home, python=sys.executable)
    environment = bare_environment()
    environment["PYTHONPATH"] += f":{TESTS / 'hosts' / 'nuke'}"

    def run(here: Path) -> dict[str, Any]:
        command = [sys.executable, "-S", HERE / "in_nuke.py", home, SHOT, here, preset, here / "results.json"]
        result = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True)
        assert result.returncode == 0, result.stdout + result.stderr
        return _read(here)

    return _measured("Nuke", run, folder, repeat)


def _measured(host: str, run: Callable[[Path], dict[str, Any]], folder: Path, repeat: int) -> PressResult:
    results = []
    for number in range(repeat + 1):
        here = folder / str(number)
        here.mkdir()
        results.append(run(here))
    cold, warm = zip(*(each["seconds"] for each in results[1:]), strict=True)
    return PressResult(f"{host} {results[0]['version']}", results[0]["seconds"][0], Timing.of(cold), Timing.of(warm))


def _read(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "results.json").read_text("utf-8"))
    return found
