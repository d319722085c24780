"""Real jobs that are killed or signalled at random times: they end, leave complete files, and have the right exit code.

``pytest tests/test_kills.py --kills 40`` is the long run. Cases are reproducible by number.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from golden.stand_in import golden_frames, golden_masks
from PIL import Image
from waiting import eventually

from stcn_plugin.media.images import read_image

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")]

FRAMES = 24
SIZE = 64, 96
PATIENCE = 90.0  # seconds; only that it ends is asserted, and machines may be loaded
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)
VICTIMS = ("command line", "worker", "group", "both", "command line twice")

LOGGER = """
import sys, time
from stcn_plugin.bridge.hooks import hookimpl

def note(text):
    with open({log!r}, "a") as file:
        file.write(text + "\\n")

@hookimpl
def stcn_shot_started():
    note("started")

@hookimpl
def stcn_process_mattes(frame, mattes):
    time.sleep(0.05)

@hookimpl
def stcn_shot_finished():
    note("finished")

@hookimpl
def stcn_shot_failed(error):
    note(f"failed {{type(error).__name__}}")
"""


def processes_of(mark: str) -> list[int]:
    """Return the ids of all processes that have a variable in their environment."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        with suppress(OSError):
            if mark.encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
    return found


@dataclass
class Run:
    """A job as a process in a new process group."""

    out: Path
    command: list[str]
    mark: str = field(default_factory=lambda: f"STCN_TEST_MARK={uuid.uuid4()}")

    def start(self) -> subprocess.Popen[str]:
        name, _, value = self.mark.partition("=")
        return subprocess.Popen(
            self.command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, name: value},
        )

    def workers(self, process: subprocess.Popen[str]) -> list[int]:
        return [pid for pid in processes_of(self.mark) if pid != process.pid]

    def mattes(self) -> list[Path]:
        return sorted(self.out.glob("m.*.exr")) if self.out.is_dir() else []

    def leftovers(self) -> list[str]:
        """Return the names of all files that are neither mattes nor finished parts of the cache."""
        known = re.compile(
            r"m\.\d{4}\.exr|(manifest|figures)\.json|(forward|backward)\.\d{4}\.(exr|safetensors)|mattes\.\d{4}\.json"
        )
        files = [path for path in self.out.rglob("*") if path.is_file() or path.parent != self.out]
        return [path.name for path in files if not known.fullmatch(path.name)]


@pytest.fixture(scope="module")
def plate(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("plate")
    for number, frame in enumerate(golden_frames(6, *SIZE)):
        Image.fromarray(frame).save(folder / f"source.{number}.png")
    for number in range(FRAMES):
        (folder / f"p.{1001 + number}.png").symlink_to(folder / f"source.{number % 6}.png")
    Image.fromarray(golden_masks(*SIZE)[0] * 255).save(folder / "key.png")
    return folder


def run_of(plate: Path, folder: Path) -> Run:
    (folder / "logger.py").write_text(LOGGER.format(log=str(folder / "log")))
    flags = {
        "--plate": plate / "p.####.png",
        "--keyframe": f"1001={plate / 'key.png'}",
        "--out": folder / "out" / "m.####.exr",
        "--preset": "draft",
        "--set": "size=64",
        "--plugin": folder / "logger.py",
    }
    arguments = [str(each) for pair in flags.items() for each in pair]
    return Run(folder / "out", [sys.executable, "-m", "stcn_plugin", "propagate", *arguments])


@pytest.fixture(scope="module")
def seconds(plate, tmp_path_factory) -> float:
    """The seconds of an undisturbed job."""
    run = run_of(plate, tmp_path_factory.mktemp("undisturbed"))
    started = time.monotonic()
    process = run.start()
    _, stderr = process.communicate(timeout=10 * PATIENCE)
    assert process.returncode == 0, stderr
    assert len(run.mattes()) == FRAMES
    assert run.leftovers() == []
    return time.monotonic() - started


def cases(count: int) -> Iterator[tuple[int, str, signal.Signals, float]]:
    """Yield cases: all pairs of victim and signal before any repeats, each at a random time."""
    order = np.random.default_rng(16)
    pairs = [(victim, number) for victim in VICTIMS for number in SIGNALS if (victim, number) != ("command line twice", signal.SIGKILL)]  # fmt: skip
    for number in range(count):
        if number % len(pairs) == 0:
            order.shuffle(pairs)
        yield number, *pairs[number % len(pairs)], float(np.random.default_rng([number]).uniform(0.0, 1.1))


def send(process: subprocess.Popen[str], run: Run, victim: str, number: signal.Signals) -> None:
    workers = run.workers(process) if victim in ("worker", "both") else []
    if victim == "group":
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
    elif victim != "worker":
        process.send_signal(number)
    for pid in workers:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
    if victim == "command line twice":
        time.sleep(0.6)
        process.send_signal(number)


def pytest_generate_tests(metafunc) -> None:
    if "case" in metafunc.fixturenames:
        every = list(cases(metafunc.config.getoption("--kills")))
        ids = [f"{number}-{name.name}-{victim}" for number, victim, name, _ in every]
        metafunc.parametrize("case", every, ids=ids)


def test_a_job_that_is_killed_or_signalled(case, plate, seconds, tmp_path):
    """All processes end, all mattes are complete, and the exit code has the cause."""
    _, victim, number, moment = case
    run = run_of(plate, tmp_path)
    process = run.start()
    try:
        deadline = time.monotonic() + moment * seconds
        while time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.005)
        has_worker = bool(run.workers(process))
        is_hit = process.poll() is None and (has_worker or victim != "worker")
        send(process, run, victim, number)
        _, stderr = process.communicate(timeout=PATIENCE)
        assert eventually(lambda: not processes_of(run.mark), PATIENCE), "a process is still running"
    finally:
        for pid in processes_of(run.mark):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    assert "Traceback" not in stderr
    for path in run.mattes():
        assert read_image(path).pixels.shape[:2] == SIZE
    log = (tmp_path / "log").read_text().split("\n") if (tmp_path / "log").exists() else []
    if process.returncode == 0:
        assert not is_hit or "finished" in log  # it had finished before the signal
        assert len(run.mattes()) == FRAMES
    elif number == signal.SIGKILL:
        assert process.returncode == (1 if victim == "worker" else -signal.SIGKILL), stderr
        assert victim != "worker" or "the worker was killed (SIGKILL)" in stderr
    else:
        # Before the command line has set its handlers, the system ends it; a shell reports the same number.
        early = [] if has_worker else [-number]
        assert process.returncode in [128 + number, *early], stderr
        assert process.returncode < 0 or "stcn: " in stderr
        if victim != "command line twice":
            assert "started" not in log or "finished" in log or "failed CancelledError" in log
            assert run.leftovers() == []
    if run.leftovers():  # after a kill; the next job removes them
        again = run_of(plate, tmp_path).start()
        _, stderr = again.communicate(timeout=10 * PATIENCE)
        assert again.returncode == 0, stderr
        assert len(run.mattes()) == FRAMES
        assert run.leftovers() == []
