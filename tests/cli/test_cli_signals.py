"""Commands and signals: the exit code is 128 and the signal for every command, and nothing is left half done."""

from __future__ import annotations

import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from golden.stand_in import golden_frames, golden_masks
from PIL import Image

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")

STCN = [sys.executable, "-m", "stcn_plugin"]
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
every_signal = pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)


CERTIFICATE = Path(__file__).parents[1] / "weights" / "loopback.pem"


@pytest.fixture
def stalled_server(monkeypatch) -> Iterator[tuple[str, threading.Event]]:
    """A web server that begins a file and never goes on; tells when it has begun."""
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
def test_a_download_that_stalls_is_stopped_at_once(stalled_server, tmp_path, number):
    """Nothing of it stays in the store."""
    url, begun = stalled_server
    command = [*STCN, "weights", "fetch", "stcn_s0", "--yes", "--mirror", url, "--store", str(tmp_path / "store")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert begun.wait(60), process.communicate()
        process.send_signal(number)
        _, said = process.communicate(timeout=20)
    assert (process.returncode, said.splitlines()[-1]) == (128 + number, "stcn: stopped")
    assert "Traceback" not in said
    assert [
        path.name for path in (tmp_path / "store").rglob("*") if path.suffix in (".pth", ".safetensors", ".tmp")
    ] == []


@every_signal
def test_an_evaluation_is_stopped(tmp_path, number):
    """In the middle of scoring; the file of scores that was there stays."""
    for side in ("a", "b"):
        (tmp_path / side).mkdir()
        Image.fromarray(np.repeat(np.repeat(golden_masks(96, 144)[0], 12, 0), 12, 1) * 255).save(tmp_path / "m.png")
        for frame in range(1001, 1201):
            (tmp_path / side / f"m.{frame}.png").symlink_to(tmp_path / "m.png")
    scores = tmp_path / "scores.json"
    scores.write_text("the last ones")
    command = [*STCN, "evaluate", f"{tmp_path}/a/m.####.png", f"{tmp_path}/b/m.####.png", "--json", str(scores)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        while not opened(process.pid, "m.png"):
            assert process.poll() is None
            time.sleep(0.005)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said.strip()) == (128 + number, "stcn: stopped")
    assert scores.read_text() == "the last ones"


def opened(pid: int, name: str) -> bool:
    """Tell whether a process has a file open."""
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


def wait_for_mattes(process: subprocess.Popen[str], folder: Path) -> None:
    while len(list(folder.glob("m.*.exr"))) < 2:
        assert process.poll() is None
        time.sleep(0.01)


def test_a_job_that_is_stopped_says_so_at_once_and_again_at_its_end(plate, tmp_path):
    """Who waits for a slow frame knows that Ctrl-C was heard, and how to end it now."""
    with propagating(plate, tmp_path) as process:
        wait_for_mattes(process, tmp_path)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 143
    *_, notice, end = said.splitlines()
    assert "a second signal ends the process at once" in notice
    assert end.startswith("stcn: cancelled")


def test_under_nohup_a_hang_up_is_ignored(plate, tmp_path):
    """The job goes on in the command line and in the worker; SIGTERM still stops it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process = propagating(plate, tmp_path)
    finally:
        signal.signal(signal.SIGHUP, before)
    with process:
        wait_for_mattes(process, tmp_path)
        process.send_signal(signal.SIGHUP)
        count = len(list(tmp_path.glob("m.*.exr")))
        while len(list(tmp_path.glob("m.*.exr"))) < count + 3:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 143
