"""Random protocol lines in both directions: from a worker to a host, and from a host to a worker."""

from __future__ import annotations

import contextlib
import io
import os
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fuzz.hammer import hammer
from fuzz.protocol_lines import huge, line, text

from stcn_plugin.bridge import JobRequest, Session, WorkerClient
from stcn_plugin.bridge.messages import Run
from stcn_plugin.cli.host import CommandLineHost
from stcn_plugin.cli.progress import PlainDisplay
from stcn_plugin.cli.terminal import echo_message
from stcn_plugin.errors import ProtocolError, STCNError, UnexpectedError
from stcn_plugin.job.prepare import prepare
from stcn_plugin.worker.channel import Channel
from stcn_plugin.worker.shots import shot_of

pytestmark = pytest.mark.slow

EXIT_CODES = (0, 1, 2, 75, -9, -15, 143, 3)


def report(rng: np.random.Generator) -> dict[str, Any]:
    names = [text(rng) for _ in range(rng.integers(1, 3))]
    return {
        "objects": names,
        "layers": dict.fromkeys(names, text(rng)),
        "patterns": dict.fromkeys(names, text(rng)),
        "layout": "layers",
        "device": text(rng),
        "precision": "float32",
        "frames": [1001, 1002],
        "seconds": {text(rng): 1.5},
        "contact_sheet": text(rng),
        "warnings": [text(rng)],
    }


def from_worker(rng: np.random.Generator) -> bytes:
    """Lines that a worker might send for a job: usually a greeting first and an end last."""
    hello = {"type": "hello", "protocol": 2, "version": text(rng), "pid": 1}
    messages: list[dict[str, Any]] = [
        {"type": "alive"},
        {"type": "alive", "seconds": 5.0, "doing": text(rng), "file": text(rng)},
        {"type": "prepared", "id": 1, "report": report(rng)},
        {"type": "progressed", "id": 1, "progress": {"done": 1, "total": 3, "frame": 1001}},
        {"type": "written", "id": 1, "frame": 1001, "files": [text(rng)]},
        {"type": "warned", "id": 1, "text": text(rng)},
        {
            "type": "failed",
            "id": 1,
            "error": {"kind": "PlateError", "what": text(rng), "where": text(rng), "fix": None},
        },
        {"type": "failed", "id": 1, "error": {"kind": "CancelledError", "what": text(rng), "signal": 15}},
        {"type": "done", "id": 1, "report": report(rng)},
    ]
    start = b'{"type":"hello","protocol":2,"version":"1","pid":1}\n' if rng.random() < 0.9 else line(rng, hello)
    chosen = [messages[rng.integers(len(messages))] for _ in range(rng.integers(1, 6))]
    return start + b"".join(line(rng, message) for message in chosen)


class Spoken:
    """A process that has written its lines and exited."""

    def __init__(self, lines: bytes, log: bytes, code: int) -> None:
        self.stdin, self.stdout, self.stderr = io.BytesIO(), io.BytesIO(lines), io.BytesIO(log)
        self.args, self.pid, self.returncode = ["python"], 0, code

    def poll(self) -> int:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        return self.returncode


class Launch:
    """Starts a sequence of processes, and repeats the last one."""

    python = "python"
    start_fix = "Check it"

    def __init__(self, *processes: tuple[bytes, bytes, int]) -> None:
        self._processes = list(processes)

    def start(self) -> Spoken:
        return Spoken(*(self._processes.pop(0) if len(self._processes) > 1 else self._processes[0]))


def to_host(rng: np.random.Generator, folder: Path) -> None:
    """The command line reads anything from a worker; nothing unescaped reaches the terminal."""
    del folder
    lines = huge(rng) if rng.random() < 0.01 else from_worker(rng)
    code = int(EXIT_CODES[rng.integers(len(EXIT_CODES))])
    log = text(rng).encode("utf-8", "replace") + b"\n" + rng.bytes(50)
    printed = io.StringIO()
    with contextlib.redirect_stderr(printed), contextlib.redirect_stdout(printed):
        host = CommandLineHost(JobRequest(plate="p", out="m"))
        launch: Any = Launch((lines, log, code), (b"", b"", 1))
        try:
            Session(host, WorkerClient(launch), plugins=[PlainDisplay()]).run()
        except STCNError as error:  # one that is unexpected too, since a worker may send it
            echo_message(str(error))
    for shown in printed.getvalue().split("\n"):
        harmless = (
            each.isprintable() or each in "\u200c\u200d" or unicodedata.category(each) == "Zs" for each in shown
        )
        assert all(harmless), ascii(shown)


def job(rng: np.random.Generator) -> dict[str, Any]:
    keyframe = {"frame": 1001, "file": text(rng), "objects": {text(rng): text(rng)} if rng.integers(2) else None}
    found: dict[str, Any] = {
        "plate": "p.####.png",
        "out": "out/m.####.exr",
        "keyframes": [{"frame": 1001, "file": "key.png"}, *([keyframe] if rng.random() < 0.3 else [])],
        "range": "1001-1002",
        "settings": [text(rng)] if rng.integers(2) else [],
        "preset": "draft",
        "save_as": None,
        "build": {"segments": [], "rebuild": False, "verify": False, "is_dry_run": False},
    }
    for name in ("plate", "out", "range", "preset", "shot_file"):
        if rng.random() < 0.1:
            found[name] = text(rng)
    if rng.random() < 0.2:
        options = {"segments": [int(rng.integers(-3, 3))], "rebuild": True, "verify": text(rng), "is_dry_run": None}
        name = str(rng.choice(list(options)))
        found["build"] = found["build"] | {name: options[name]}
    if rng.random() < 0.2:
        found["objects"] = {text(rng): text(rng)}
    return found


def to_worker(rng: np.random.Generator, folder: Path) -> None:
    """The worker reads anything; valid jobs run, and everything else is an error message."""
    for name in ("p.1001.png", "p.1002.png", "key.png"):
        (folder / name).write_bytes(PICTURE)
    messages = [{"type": "run", "id": 1, "job": job(rng)}, {"type": "cancel", "id": 1}, {"type": "describe"}]
    chosen = [messages[max(0, int(rng.integers(-5, 3)))] for _ in range(4)]
    lines = [huge(rng)] if rng.random() < 0.01 else [line(rng, message) for message in chosen]
    os.chdir(folder)
    try:
        for each in lines:
            channel = Channel(io.BytesIO(each), io.BytesIO())
            with contextlib.suppress(ProtocolError):
                channel.read_requests()
            while (request := channel.next(timeout=0)) is not None:
                if isinstance(request, Run):
                    _prepare(request.job)
    finally:
        os.chdir("/")


def _prepare(request: JobRequest) -> None:
    try:
        prepare(shot_of(request, search_path=()))
    except UnexpectedError:
        raise
    except STCNError as error:
        assert len(str(error)) < 20_000


def _picture() -> bytes:
    from PIL import Image

    image = Image.new("L", (4, 4))
    image.putpixel((1, 1), 255)
    written = io.BytesIO()
    image.save(written, "png")
    return written.getvalue()


PICTURE = _picture()


@pytest.mark.parametrize("attack", ["to_host", "to_worker"])
def test_any_line_is_understood_or_refused(attack, fuzz_count):
    """No traceback, crash, hang or excessive memory, and nothing unescaped reaches the terminal."""
    assert hammer(f"fuzz.test_fuzz_protocol:{attack}", fuzz_count) == []
