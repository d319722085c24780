from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

from stcn_plugin.atomic import write_whole
from stcn_plugin.errors import OutputError
from stcn_plugin.media.images import read_image

# Starts writing an EXR of 64 scanline blocks, tells that half of it is on disk, and waits.
HALF_WRITER = """
import sys, time
from pathlib import Path
import numpy as np, OpenImageIO as oiio
from stcn_plugin.atomic import write_whole

def write(path):
    spec = oiio.ImageSpec(256, 256, 4, 'half')
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), spec), output.geterror()
    assert output.write_scanlines(0, 128, 0, np.random.rand(128, 256, 4).astype(np.float32))
    print('half', flush=True)
    time.sleep(60)

write_whole(Path(sys.argv[1]), write)
"""

# Writes a matte of 512 KB or more where no file may be larger than 256 KB, as on a disk that fills up.
LIMITED_WRITER = """
import resource, sys
import numpy as np
from stcn_plugin.errors import OutputError
from stcn_plugin.media.mattes import MatteWriter
from stcn_plugin.media.sequences import FrameSequence
from stcn_plugin.media.window import FrameHeader, Window

resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 18, 1 << 18))
window = Window(0, 0, 1024, 512)
writer = MatteWriter(FrameSequence.parse(sys.argv[1]), objects=['hero'], depth=sys.argv[2])
matte = np.random.rand(512, 1024).astype(np.float32)
try:
    writer.write(1001, {'hero': matte}, window=window, header=FrameHeader(window, window))
except OutputError as error:
    print(error)
"""


def write_text(text: str):
    return lambda path: path.write_text(text)


def test_a_file_appears_with_its_folders(tmp_path):
    """Missing folders are made, and nothing but the file is in them."""
    path = tmp_path / "new" / "folder" / "m.1001.txt"
    write_whole(path, write_text("whole"))
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_the_writer_gets_a_hidden_name_beside_with_the_same_suffix(tmp_path):
    """A format is chosen by suffix, a rename needs the same disk, and hosts skip hidden names."""
    seen = []
    path = tmp_path / "m.1001.exr"
    write_whole(path, lambda temporary: (seen.append(temporary), temporary.write_text("x")))
    assert seen == [tmp_path / f".m.1001.exr.{os.getpid()}.tmp.exr"]


@pytest.mark.parametrize("death", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_a_writer_that_dies_midway_leaves_what_was_there(tmp_path, death):
    """The file of the run before survives, and no hidden half is left behind."""
    path = tmp_path / "m.txt"
    write_whole(path, write_text("before"))

    def die(temporary: Path) -> None:
        temporary.write_text("hal")
        raise death

    with pytest.raises(death):
        write_whole(path, die)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_killed_process_leaves_no_half_file(tmp_path):
    """After SIGKILL in the middle of a write the name still shows the whole file that was there."""
    path = tmp_path / "m.exr"
    spec = oiio.ImageSpec(2, 2, 1, "half")
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), spec)
    assert output.write_image(np.ones((2, 2, 1), np.float32))
    assert output.close()
    with subprocess.Popen([sys.executable, "-c", HALF_WRITER, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "half\n"
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert read_image(path).pixels.shape == (2, 2, 1)
    assert [left.name.startswith(".m.exr.") for left in tmp_path.iterdir() if left != path] == [True]
    write_whole(path, write_text("again"))
    assert path.read_text() == "again"


@pytest.mark.skipif(sys.platform == "win32", reason="limits on file sizes are POSIX")
@pytest.mark.parametrize(
    ("suffix", "depth"), [("exr", "half"), ("exr", "float"), ("png", "uint8"), ("png", "uint16"), ("tif", "uint8")]
)
def test_a_disk_that_fills_up_in_the_middle_is_told(tmp_path, suffix, depth):
    """When a real matte file cannot be completed, the error names it and no part of it stays, in every format."""
    command = [sys.executable, "-c", LIMITED_WRITER, str(tmp_path / f"m.####.{suffix}"), depth]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert str(tmp_path / f"m.1001.{suffix}") in done.stdout
    assert f"{os.strerror(errno.EFBIG).lower()}. Write to a disk" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "fix"),
    [
        (errno.ENOSPC, "Free some space"),
        (errno.EDQUOT, "quota"),
        (errno.EACCES, "may write to"),
        (errno.EROFS, "read-only"),
        (errno.EIO, "Check the disk"),
    ],
)
def test_what_the_system_refuses_is_told_with_a_fix(tmp_path, number, fix):
    """The error names the file and the cause, and says what to do."""
    path = tmp_path / "m.exr"

    def refuse(temporary: Path) -> None:
        raise OSError(number, os.strerror(number), str(temporary))

    with pytest.raises(OutputError) as caught:
        write_whole(path, refuse)
    assert caught.value.where == str(path)
    assert os.strerror(number).lower() in caught.value.what
    assert fix in str(caught.value)
    assert ".tmp" not in str(caught.value)


def test_what_a_format_says_is_told_where_the_system_has_no_reason(tmp_path):
    """A format's own sentence is passed on, and nothing is left of its file."""

    def refuse(temporary: Path) -> None:
        temporary.write_text("hal")
        raise OSError("the picture is too wide for this format")

    with pytest.raises(OutputError, match=r"the picture is too wide for this format\. Check the disk"):
        write_whole(tmp_path / "m.exr", refuse)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    """A path through a file is told as such."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="a part of this path is a file"):
        write_whole(tmp_path / "file" / "m.exr", write_text("x"))
    with pytest.raises(OutputError, match="a part of this path is a file"):
        write_whole(tmp_path / "file" / "deeper" / "m.exr", write_text("x"))


def test_a_name_that_is_a_folder_is_refused(tmp_path):
    """A folder by the file's name stays, and the hidden file goes."""
    (tmp_path / "m.exr").mkdir()
    with pytest.raises(OutputError, match="there is a folder by this one"):
        write_whole(tmp_path / "m.exr", write_text("x"))
    assert [path.name for path in tmp_path.iterdir()] == ["m.exr"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_refused(tmp_path):
    """A folder that this user may not write to is told with a fix."""
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OutputError, match="may write to"):
            write_whole(tmp_path / "m.exr", write_text("x"))
    finally:
        tmp_path.chmod(0o700)
