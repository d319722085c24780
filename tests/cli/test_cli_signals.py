"""Signals to commands: the exit code is 128 plus the signal, and no incomplete files are left."""

from __future__ import annotations

import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from golden.stand_in import golden_frames, golden_masks
from PIL import Image
from waiting import eventually

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")

STCN = [sys.executable, "-m", "stcn_plugin"]
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
every_signal = pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)


CERTIFICATE = Path(__file__).parents[1] / "weights" / "loopback.pem"


@pytest.fixture
def stalled_server(monkeypatch) -> Iterator[tuple[str, threading.Event]]:
    """A web server that stalls in the middle of a file; yields its address and an event for the first bytes."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    listener = context.wrap_socket(socket.create_server(("127.0.0.1", 0)), server_side=True)
    begun, over = threading.Event(), threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" + bytes(3_000_000))
            begun.set()
            over.wait(60)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{listener.getsockname()[1]}", begun
    over.set()
    listener.close()
    thread.join(10)


@every_signal
def test_a_stalled_download_can_be_stopped(stalled_server, tmp_path, number):
    """Nothing of it stays in the store."""
    url, begun = stalled_server
    command = [*STCN, "weights", "fetch", "stcn_s0", "--yes", "--mirror", url, "--store", str(tmp_path / "store")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert begun.wait(60), process.communicate()
        process.send_signal(number)
        _, stderr = process.communicate(timeout=20)
    assert (process.returncode, stderr.splitlines()[-1]) == (128 + number, "stcn: stopped")
    assert "Traceback" not in stderr
    assert [
        path.name for path in (tmp_path / "store").rglob("*") if path.suffix in (".pth", ".safetensors", ".tmp")
    ] == []


@every_signal
def test_an_evaluation_can_be_stopped(tmp_path, number):
    """While frames are scored; the existing file with scores stays."""
    for side in ("a", "b"):
        (tmp_path / side).mkdir()
        Image.fromarray(np.repeat(np.repeat(golden_masks(96, 144)[0], 12, 0), 12, 1) * 255).save(tmp_path / "m.png")
        for frame in range(1001, 1201):
            (tmp_path / side / f"m.{frame}.png").symlink_to(tmp_path / "m.png")
    scores = tmp_path / "scores.json"
    scores.write_text("the last ones")
    command = [*STCN, "evaluate", f"{tmp_path}/a/m.####.png", f"{tmp_path}/b/m.####.png", "--json", str(scores)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert eventually(lambda: has_open(process.pid, "m.png") or process.poll() is not None)
        process.send_signal(number)
        _, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr.strip()) == (128 + number, "stcn: stopped")
    assert scores.read_text() == "the last ones"


def has_open(pid: int, name: str) -> bool:
    """Return whether a process has a file open."""
    with suppress(OSError):  # one may be closed meanwhile
        return any(link.readlink().name == name for link in Path(f"/proc/{pid}/fd").iterdir())
    return False


@pytest.fixture(scope="module")
def plate(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("plate")
    for number, frame in enumerate(golden_frames(2, 64, 96)):
        Image.fromarray(frame).save(folder / f"source.{number}.png")
    for number in range(60):
        (folder / f"p.{1001 + number}.png").symlink_to(folder / f"source.{number % 2}.png")
    Image.fromarray(golden_masks(64, 96)[0] * 255).save(folder / "key.png")
    return folder


SLOW = """
import time
from stcn_plugin.bridge import hookimpl

@hookimpl
def stcn_process_mattes(frame, mattes):
    time.sleep(0.3)
"""


def propagating(plate: Path, folder: Path, **options) -> subprocess.Popen[str]:
    (folder / "slow.py").write_text(SLOW)
    flags = ("--plate", f"{plate}/p.####.png", "--keyframe", f"1001={plate}/key.png", "--out", f"{folder}/m.####.exr")
    command = [*STCN, "propagate", *flags, "--preset", "draft", "--set", "size=64", "--plugin", f"{folder}/slow.py"]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **options)


def wait_for_mattes(process: subprocess.Popen[str], folder: Path, count: int) -> None:
    """Wait until there are so many mattes; fails if the process exits."""
    assert eventually(lambda: len(list(folder.glob("m.*.exr"))) >= count or process.poll() is not None)
    assert process.poll() is None


@pytest.mark.slow
def test_a_stopped_job_prints_a_notice_and_an_error(plate, tmp_path):
    """The notice comes immediately and says how to exit without waiting for the frame."""
    with propagating(plate, tmp_path) as process:
        wait_for_mattes(process, tmp_path, 2)
        process.send_signal(signal.SIGTERM)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 143
    *_, notice, end = stderr.splitlines()
    assert "press Ctrl-C again" in notice
    assert end.startswith("stcn: cancelled")


@pytest.mark.slow
def test_sighup_is_ignored_under_nohup(plate, tmp_path):
    """By the command line and by the worker; SIGTERM still stops the job."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process = propagating(plate, tmp_path)
    finally:
        signal.signal(signal.SIGHUP, before)
    with process:
        wait_for_mattes(process, tmp_path, 2)
        process.send_signal(signal.SIGHUP)
        wait_for_mattes(process, tmp_path, len(list(tmp_path.glob("m.*.exr"))) + 3)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 143


def test_ctrl_c_during_the_imports_prints_nothing():
    """It comes in the first tenth of a second, before any handler is installed."""
    code = (
        "import runpy, sys\n"
        "class Interrupted:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'stcn_plugin.cli':\n"
        "            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupted())\n"
        "runpy.run_module('stcn_plugin', run_name='__main__')\n"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (process.returncode, process.stdout, process.stderr) == (130, "", "")
