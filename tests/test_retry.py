"""Errors know whether the same job may succeed later; exit codes, the protocol and reports pass it on."""

from __future__ import annotations

import errno
import io
import os
import resource
import subprocess
import sys
from pathlib import Path

import OpenImageIO as oiio
import pytest
from PIL import Image

from stcn_plugin.atomic import write_atomic
from stcn_plugin.bridge.batch_run import run_batch
from stcn_plugin.bridge.messages import Failed, decode, encode
from stcn_plugin.bridge.shots import ShotResult, exit_status
from stcn_plugin.bridge.signals import TRY_AGAIN, exit_code
from stcn_plugin.cli.host import write_report
from stcn_plugin.config.yaml_source import read_yaml
from stcn_plugin.device_failures import device_error
from stcn_plugin.errors import (
    CancelledError,
    DeviceError,
    KeyframeError,
    OutputError,
    PlateError,
    PresetError,
    STCNError,
    UnexpectedError,
    WeightsError,
    is_temporary,
)
from stcn_plugin.media.opening import open_image
from stcn_plugin.weights.safetensors_header import read_header

AGAIN = ("ENOSPC", "EDQUOT", "EIO", "ESTALE", "ENOMEM", "ETIMEDOUT", "EHOSTDOWN", "ENODEV", "ENFILE", "ENOTCONN")
NEVER = ("EACCES", "EPERM", "EROFS", "ENOENT", "ENOTDIR", "EISDIR", "ENAMETOOLONG", "ELOOP", "EFBIG")
MEMORY = Path("/proc/self/mem")  # a regular file that cannot be read at its start: the kernel returns EIO
linux = pytest.mark.skipif(not MEMORY.exists(), reason="needs the files of Linux processes")


@pytest.mark.parametrize(("name", "retry"), [*((name, True) for name in AGAIN), *((name, False) for name in NEVER)])
def test_errors_of_the_system_while_writing(name, retry, tmp_path):
    """A full disk or a lost share may be back later; permissions and paths have to be changed."""

    def fail(_stream: io.BufferedIOBase) -> None:
        raise OSError(getattr(errno, name), os.strerror(getattr(errno, name)))

    with pytest.raises(OutputError) as caught:
        write_atomic(tmp_path / "m.exr", fail)
    assert caught.value.retry is retry


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_and_a_read_only_folder():
    """As the kernel reports them."""
    with pytest.raises(OSError) as caught, Path("/dev/full").open("wb", buffering=0) as file:
        file.write(b"x")
    assert is_temporary(caught.value)
    with pytest.raises(OutputError) as refused:
        write_atomic(Path("/proc/m.exr"), b"x")
    assert refused.value.retry is False


@linux
@pytest.mark.parametrize(("read", "kind"), [(read_yaml, PresetError), (read_header, WeightsError)])
def test_files_that_the_disk_cannot_read(read, kind):
    """Shot files and weights; a file with wrong content is not tried again."""
    with pytest.raises(kind) as caught:
        read(MEMORY)
    assert caught.value.retry is True
    with pytest.raises(kind) as caught:
        read(Path(sys.executable))
    assert caught.value.retry is False


@pytest.mark.parametrize("failing", ["opening", "reading"])
def test_images_that_the_disk_cannot_read(failing, tmp_path, monkeypatch):
    """OpenImageIO calls both damaged; only the one whose bytes the system cannot read is tried again."""
    path = tmp_path / "p.1001.png"
    Image.new("RGB", (64, 64)).save(path)
    data = path.read_bytes()
    path.write_bytes(data[:20] + b"\0" * 8 + data[28:] if failing == "opening" else data[: len(data) // 2])

    def read() -> None:
        with open_image(path, PlateError, "frame 1001", unassociated=False) as source:
            if source.read_image(0, 0, 0, 3, oiio.UINT8) is None or source.geterror():
                raise PlateError("pixels are missing or damaged", where="frame 1001")

    with pytest.raises(PlateError) as caught:
        read()
    assert caught.value.retry is False

    class Failing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if (size or 0) > 1 << 16:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return super().read(size)

    content = path.read_bytes()
    monkeypatch.setattr(Path, "open", lambda *_arguments, **_keywords: Failing(content))
    with pytest.raises(PlateError) as caught:
        read()
    assert caught.value.retry is True


@pytest.mark.parametrize(
    ("error", "retry"),
    [
        (MemoryError(), True),
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB."), True),
        (RuntimeError("CUDA error: device-side assert triggered"), True),
    ],
)
def test_memory_and_lost_devices(error, retry):
    """Both are errors of the device; another machine, or a later time, may do."""
    found = device_error(error)
    assert isinstance(found, DeviceError) and found.retry is retry


@pytest.mark.parametrize(
    ("error", "retry"),
    [(MemoryError(), True), (OSError(errno.EIO, "x"), True), (OSError("no number"), False), (ValueError(), False)],
)
def test_unexpected_exceptions(error, retry):
    """Also as the cause of another exception."""
    assert UnexpectedError.of(error).retry is retry
    chained = RuntimeError("while writing")
    chained.__cause__ = error
    assert UnexpectedError.of(chained).retry is retry


@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory of a process")
def test_memory_that_runs_out_in_the_command_itself():
    """A real process with too little memory exits with the code for another try."""
    program = "import sys; from stcn_plugin.__main__ import main; import stcn_plugin.cli.presets as p\n"
    program += "p.list_command.callback = lambda: bytearray(1 << 40)\nsys.argv = ['stcn', 'presets', 'list']; main()"
    result = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30)),
    )
    assert result.returncode == TRY_AGAIN, result.stderr
    assert "MemoryError" in result.stderr and "Traceback" not in result.stderr


@pytest.mark.parametrize("retry", [True, False])
def test_the_protocol_keeps_it(retry):
    """From worker to host; a worker that does not send it cannot know."""
    line = encode(Failed(3, KeyframeError("is cut", where="k.png", retry=retry)))
    message = decode(line)
    assert isinstance(message, Failed) and message.error.retry is retry
    old = decode(b'{"type":"failed","id":3,"error":{"kind":"WorkerError","what":"died"}}')
    assert isinstance(old, Failed) and old.error.retry is False


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OutputError("the disk is full", retry=True), 75),
        (OutputError("the folder is read-only"), 1),
        (CancelledError("cancelled", signal=15), 143),
    ],
)
def test_exit_codes(error, code, capsys):
    """The command line and the batch scripts of hosts use the same ones."""

    def run() -> None:
        raise error

    assert exit_code(error) == code
    assert run_batch(run) == code
    assert str(error) in capsys.readouterr().err


def result(retry: bool | None) -> ShotResult:
    """Return the result of a shot; ``None`` is done."""
    if retry is None:
        return ShotResult("a.yaml", "done")
    return ShotResult("b.yaml", "failed", error=STCNError("is wrong", retry=retry))


@pytest.mark.parametrize(
    ("retries", "code"),
    [
        ((None, None), 0),
        ((None, True), 75),
        ((True, True), 75),
        ((True, False), 1),
        ((False, None), 1),
    ],
)
def test_several_shots(retries, code, tmp_path):
    """Trying again helps only if it may help all that failed; the report has each."""
    results = [result(retry) for retry in retries]
    assert exit_status(results) == code
    write_report(tmp_path / "r.json", results)
    text = (tmp_path / "r.json").read_text()
    assert text.count('"retry": true') == retries.count(True)
    assert text.count('"retry": false') == retries.count(False)
