"""Fixtures of several folders: a working Ctrl-C, and Pythons with Blender as a module."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

WORKER = "PYTEST_XDIST_WORKER"
"""Set in the processes among which `pytest -n` divides the tests."""
if WORKER in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # one core for each of them, and for the programs that they start

VARIABLE = "STCN_TEST_BLENDER_PYTHONS"
NAMED = [Path(each) for each in os.environ.get(VARIABLE, "").split(os.pathsep) if each]
FROM_PIP = ("bpy==4.5.*", "OpenImageIO<3.1")
"""The rendering scripts need OpenImageIO; newer versions do not support the NumPy that Blender pins."""


def pytest_addoption(parser) -> None:
    """Long runs: ``pytest tests/fuzz --fuzz 2000`` and ``pytest tests/test_kills.py --kills 40``."""
    parser.addoption("--fuzz", type=int, default=40, metavar="N", help="random inputs for each fuzzer (default 40)")
    parser.addoption("--kills", type=int, default=8, metavar="N", help="jobs to kill at random times (default 8)")


@pytest.fixture(scope="session")
def fuzz_count(request) -> int:
    """Number of random inputs per fuzzer."""
    return int(request.config.getoption("--fuzz"))


@pytest.fixture(scope="session", autouse=True)
def ctrl_c_reaches_children() -> Iterator[None]:
    """Restore SIGINT and SIGHUP, which shells and nohup may have set to ignored for this process and its children."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    if ignores_hang_up := signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)  # still ignored here, but not in child processes
    yield
    signal.signal(signal.SIGINT, before)
    if ignores_hang_up:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


@pytest.fixture(scope="session", params=NAMED or [None], ids=lambda path: path.parents[1].name if path else "pip")
def blender_python(request, tmp_path_factory) -> Path:
    """A Python with bpy and OpenImageIO: each named one, or else one from pip, which all test processes share."""
    base = tmp_path_factory.getbasetemp()
    python = request.param or _from_pip(base.parent if WORKER in os.environ else base)
    found = subprocess.run([str(python), "-c", "import bpy, OpenImageIO"], capture_output=True, text=True)
    if found.returncode:
        pytest.skip(f"{python} cannot load bpy and OpenImageIO: {found.stderr.strip().splitlines()[-1:]}")
    return python


def _from_pip(shared: Path) -> Path:
    """Return a virtual environment with Blender as a module, which pins other package versions than ours."""
    folder = shared / "bpy"
    python = folder / "bin" / "python"
    with FileLock(shared / "bpy.lock"):
        if not python.exists():
            _install(folder, python)
    return python


def _install(folder: Path, python: Path) -> None:
    if sys.version_info[:2] != (3, 11):
        pytest.skip(f"{FROM_PIP[0]} needs Python 3.11; name Pythons that have bpy in {VARIABLE}")
    venv.create(folder, with_pip=True)
    result = subprocess.run([str(python), "-m", "pip", "install", "-q", *FROM_PIP], capture_output=True, text=True)
    if result.returncode:
        shutil.rmtree(folder)
        pytest.skip(f"pip cannot get {FROM_PIP[0]}: {result.stderr.strip().splitlines()[-1:]}")
