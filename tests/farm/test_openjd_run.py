"""A farm for real: ``openjd run`` starts the tasks of a shot in random order, two at a time, and the mattes are exact."""

from __future__ import annotations

import hashlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from farm.conftest import COUNT, STCN, write_shot

pytest.importorskip("openjd.model")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="kills a task by its process group"),
]
SEGMENTS = 5


def environment(folder: Path) -> Mapping[str, str]:
    """A farm's environment: no home folder, and no network but the loopback that nothing listens on."""
    keep = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "TMPDIR") if name in os.environ}
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    return {**keep, **proxies, "HOME": str(folder / "no-home"), "OMP_NUM_THREADS": "1"}


def program(folder: Path) -> Path:
    """Write a program ``stcn`` that runs this checkout, since the farm may have no such command on its PATH."""
    path = folder / "stcn"
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m stcn_plugin "$@"\n')
    path.chmod(0o755)
    return path


def digests(folder: Path) -> dict[str, str]:
    """Return the hash of every matte in a folder."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("m.*.exr"))}


def start(template: Path, segment: int, folder: Path) -> subprocess.Popen[str]:
    """Start one task in its own session, as a worker of a farm does."""
    command = [sys.executable, "-m", "openjd", "run", str(template), "--step", "shot", "-tp", f"Segments={segment}"]
    return subprocess.Popen(
        [*command, "-p", "Threads=1"],
        cwd="/",
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def tasks_running(template: Path) -> list[int]:
    """Return the process groups of the commands of a shot, which openjd starts in sessions of their own."""
    shot = template.parent.parent / "farm" / "shot.yaml"
    groups = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"propagate" in command and os.fsencode(shot) in command:
            groups.add(os.getpgid(int(process.name)))
    return sorted(groups)


@pytest.mark.timeout(1800)
def test_tasks_in_random_order_two_at_a_time(tmp_path):
    """The mattes have the bytes of one run; a killed task leaves only whole files, and its second try completes them."""
    whole = write_shot(tmp_path / "whole", "shot.yaml", keyframes=SEGMENTS)
    farm = tmp_path / "farm"
    shutil.copytree(whole.parent, farm)
    env = environment(tmp_path)
    done = subprocess.run([*STCN, "propagate", str(whole), "-q", "--set", "compute.threads=1"], env=env, cwd="/")
    assert done.returncode == 0
    expected = digests(whole.parent / "out shot")
    assert len(expected) == COUNT

    bundle = tmp_path / "bundle"
    command = [*STCN, "farm", "openjd", str(farm / "shot.yaml"), str(bundle), "--program", str(program(tmp_path))]
    subprocess.run(command, env=env, cwd="/", check=True)
    template = bundle / "template.yaml"

    killed = random.Random(4).randrange(1, SEGMENTS + 1)
    with start(template, killed, tmp_path) as first:
        deadline = time.monotonic() + 120
        while not (running := tasks_running(template)):
            assert first.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(1)
        for group in running:
            os.killpg(group, signal.SIGKILL)
        text, _ = first.communicate(timeout=120)
    assert first.returncode != 0, text
    left = digests(farm / "out shot")
    assert all(expected[name] == digest for name, digest in left.items())

    order = list(range(1, SEGMENTS + 1))
    random.Random(5).shuffle(order)

    def run(segment: int) -> tuple[int, str]:
        with start(template, segment, tmp_path) as process:
            text, _ = process.communicate(timeout=600)
        return process.returncode, text

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(run, order))
    for code, text in results:
        assert code == 0, text
        shares = [int(number) for number in re.findall(r"openjd_progress: (\d+)", text)]
        assert shares and shares == sorted(shares) and shares[-1] == 100, text
        assert "openjd_fail" not in text
    assert digests(farm / "out shot") == expected
    assert not (tmp_path / "no-home").exists()
