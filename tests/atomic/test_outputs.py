"""Files are written atomically, stay in the folders of the job, and never overwrite its sources."""

from __future__ import annotations

import errno
import io
import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from stcn_plugin.atomic import Outputs, write_atomic
from stcn_plugin.errors import OutputError

# Starts writing a file, tells that half of it is on disk, and waits.
HALF_WRITER = """
import sys, time
from pathlib import Path
from stcn_plugin.atomic import write_atomic

def write(stream):
    stream.write(bytes(1 << 16))
    print('half', flush=True)
    time.sleep(60)

write_atomic(Path(sys.argv[1]), write)
"""

# Writes forty files, each over one of the other process, as a machine would whose process has the same number.
SAME_NUMBER = """
import os, sys
from pathlib import Path
from stcn_plugin.atomic import write_atomic
os.getpid = lambda: 4242
letter = sys.argv[2].encode()
print("ready", flush=True)
sys.stdin.readline()
for number in range(40):
    write_atomic(Path(sys.argv[1]) / f"m.{number:04d}.exr", lambda stream: [stream.write(letter * 10_000) for _ in range(30)])
"""


def fails(number: int):
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


def test_missing_folders_are_created(tmp_path):
    """Missing folders are created, and contain only the file."""
    path = tmp_path / "new" / "folder" / "m.1001.txt"
    Outputs().write(path, b"whole")
    assert path.read_bytes() == b"whole"
    assert list(path.parent.iterdir()) == [path]


def test_write_atomic_needs_an_existing_folder(tmp_path):
    """`write_atomic` does not create folders."""
    write_atomic(tmp_path / "m.txt", b"whole")
    assert (tmp_path / "m.txt").read_bytes() == b"whole"
    with pytest.raises(OutputError, match=r"new/m\.txt: .*no such file or directory\. Check the disk: the folder has"):
        write_atomic(tmp_path / "new" / "m.txt", b"whole")
    assert [path.name for path in tmp_path.iterdir()] == ["m.txt"]


def test_temporary_files_are_hidden_and_beside_the_file(tmp_path):
    """A rename requires the same disk; hosts skip hidden names and the extension .tmp."""
    names = []
    write_atomic(tmp_path / "m.1001.exr", lambda _: names.extend(path.name for path in tmp_path.iterdir()))
    (name,) = names
    assert name.startswith(".m.1001.exr.")
    assert name.endswith(".tmp")


def test_streams_have_no_fileno(tmp_path):
    """Pillow writes to a file's descriptor if there is one, and misses partial writes on a full disk."""
    seen = []

    def write(stream) -> None:
        with pytest.raises(io.UnsupportedOperation):
            stream.fileno()
        seen.append(stream.write(b"abc"))

    write_atomic(tmp_path / "m", write)
    assert seen == [3]
    assert (tmp_path / "m").read_bytes() == b"abc"


def test_partial_writes_are_continued(tmp_path, monkeypatch):
    """The system may write only part of a buffer; the rest follows."""
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:7]))
    write_atomic(tmp_path / "m", bytes(range(100)))
    assert (tmp_path / "m").read_bytes() == bytes(range(100))


@pytest.mark.parametrize("death", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_a_failed_write_keeps_the_previous_file(tmp_path, death):
    """The previous file survives, and no temporary file remains."""
    path = tmp_path / "m.txt"
    write_atomic(path, b"before")

    def die(stream) -> None:
        stream.write(b"hal")
        raise death

    with pytest.raises(death):
        write_atomic(path, die)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("hidden_as", [None, RuntimeError("something about positions")])
def test_a_library_cannot_hide_a_full_disk(tmp_path, monkeypatch, hidden_as):
    """The system's reason is reported, even if a library ignores a failed write or raises an error without the reason."""
    path = tmp_path / "m.pt"
    write_atomic(path, b"before")
    monkeypatch.setattr(os, "write", fails(errno.ENOSPC))

    def write(stream) -> None:
        try:
            stream.write(b"half")
        except OSError:
            if hidden_as:
                raise hidden_as from None

    with pytest.raises(OutputError, match=r"no space left on device\. Free some space"):
        write_atomic(path, write)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_write_together_is_all_or_nothing(tmp_path, monkeypatch):
    """If one file cannot be written, all previous files remain."""
    hero, villain = tmp_path / "hero.exr", tmp_path / "villain.exr"
    outputs = Outputs()
    outputs.write_together({hero: b"old", villain: b"old"})
    real = os.write

    def full(descriptor: int, data: memoryview) -> int:
        if bytes(data) == b"too much":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OutputError, match=r"villain\.exr: .*no space left"):
        outputs.write_together({hero: b"new", villain: b"too much"})
    assert (hero.read_bytes(), villain.read_bytes()) == (b"old", b"old")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hero.exr", "villain.exr"]


def test_a_file_is_synced_before_it_is_renamed_and_its_folder_after(tmp_path, monkeypatch):
    """After a power failure, a name refers to a complete file, and a reported file has its name."""
    calls = []
    real_sync, real_replace = os.fsync, os.replace

    def sync(descriptor: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else os.fstat(descriptor).st_size
        calls.append(kind)
        real_sync(descriptor)

    def replace(*arguments: object, **folders: object) -> None:
        calls.append("replace")
        real_replace(*arguments, **folders)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "replace", replace)
    write_atomic(tmp_path / "m", lambda stream: stream.write(b"12345"))
    assert calls == [5, "replace", "folder"]


def test_new_folders_are_synced_too(tmp_path, monkeypatch):
    """A file is lost if a power failure removes its folder."""
    synced, real = [], os.fsync

    def sync(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_ino)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", sync)
    Outputs().write(tmp_path / "new" / "folder" / "m", b"")
    file = (tmp_path / "new" / "folder" / "m").stat().st_ino
    folders = [folder.stat().st_ino for folder in (tmp_path, tmp_path / "new", tmp_path / "new" / "folder")]
    assert synced == [*folders[:2], file, folders[2]]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
@pytest.mark.parametrize("function", ["fsync", "close", "replace"])
def test_late_errors_are_reported(tmp_path, monkeypatch, number, function):
    """A network disk may report that it is full only on sync or close; the previous file remains."""
    path = tmp_path / "m.exr"
    write_atomic(path, b"before")
    real, ends = getattr(os, function), []

    def fail(*arguments: object, **named: object) -> None:
        real(*arguments, **named) if function != "replace" else None
        if not ends:
            ends.append(True)
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, function, fail)
    with pytest.raises(OutputError) as caught:
        write_atomic(path, b"after")
    monkeypatch.undo()
    assert caught.value.where == str(path)
    assert os.strerror(number).lower() in caught.value.what
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP])
def test_file_systems_without_sync(tmp_path, monkeypatch, number):
    """Some network file systems do not support sync for folders or files."""
    monkeypatch.setattr(os, "fsync", fails(number))
    write_atomic(tmp_path / "m", b"whole")
    assert (tmp_path / "m").read_bytes() == b"whole"


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
def test_system_errors_have_a_fix(tmp_path, monkeypatch, number, fix):
    """The error names the file, the cause and what to do."""
    path = tmp_path / "m.exr"
    monkeypatch.setattr(os, "write", fails(number))
    with pytest.raises(OutputError) as caught:
        write_atomic(path, b"content")
    assert caught.value.where == str(path)
    assert os.strerror(number).lower() in caught.value.what
    assert fix in str(caught.value)
    assert ".tmp" not in str(caught.value)


def test_errors_of_a_format_are_passed_on(tmp_path):
    """An error without a system reason keeps its own text, and leaves no file."""

    def refuse(stream) -> None:
        stream.write(b"hal")
        raise OSError("the image is too wide for this format")

    with pytest.raises(OutputError, match=r"the image is too wide for this format\. Check the disk"):
        write_atomic(tmp_path / "m.exr", refuse)
    assert list(tmp_path.iterdir()) == []


def test_a_killed_process_leaves_no_partial_file(tmp_path):
    """After SIGKILL during a write, the previous file is complete; the next start removes the temporary file."""
    path = tmp_path / "m.exr"
    write_atomic(path, b"before")
    with subprocess.Popen([sys.executable, "-c", HALF_WRITER, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "half\n"
        Outputs().prepare([path])
        assert len(list(tmp_path.iterdir())) == 2  # its writer runs
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert path.read_bytes() == b"before"
    assert len(list(tmp_path.iterdir())) == 2
    Outputs().prepare([path])
    assert list(tmp_path.iterdir()) == [path]


def test_two_machines_with_one_process_id_write_to_one_folder(tmp_path):
    """Two processes with the same id write the same 40 names concurrently: every file is complete."""
    command = [sys.executable, "-c", SAME_NUMBER, str(tmp_path)]
    writers = [
        subprocess.Popen([*command, letter], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for letter in "ab"
    ]  # fmt: skip
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("\n")
        writer.stdin.flush()
    for writer in writers:
        assert writer.communicate()[1] == ""
        assert writer.returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"m.{number:04d}.exr" for number in range(40)]
    for path in tmp_path.iterdir():
        assert path.read_bytes() in (b"a" * 300_000, b"b" * 300_000)


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX")
@pytest.mark.parametrize("withheld", [0o022, 0o077, 0o002])
def test_permissions_follow_the_umask(tmp_path, withheld):
    """Files have the permissions of any new file, unless others are requested."""
    before = os.umask(withheld)
    try:
        write_atomic(tmp_path / "m", b"")
        Outputs().write(tmp_path / "n", b"", permissions=0o754)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "m").stat().st_mode) == 0o666 & ~withheld
    assert stat.S_IMODE((tmp_path / "n").stat().st_mode) == 0o754


@pytest.mark.parametrize("when", ["between two files", "while a file is written", "before it is renamed"])
def test_a_folder_that_vanishes_is_an_error(tmp_path, monkeypatch, when):
    """Recreating the folder would hide that its earlier files are lost."""
    folder = tmp_path / "out"
    outputs = Outputs()
    outputs.write(folder / "m.1001", b"first")
    real = os.replace

    def vanish(*_: object) -> None:
        shutil.rmtree(folder)

    def replace(*arguments: object, **folders: object) -> None:
        vanish()
        real(*arguments, **folders)

    if when == "between two files":
        vanish()
    elif when == "before it is renamed":
        monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(
        OutputError, match=r"m\.1002: the file cannot be written: no such file.*the folder has been moved"
    ):
        outputs.write(folder / "m.1002", vanish if when == "while a file is written" else b"second")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("depth", [0, 1])
def test_a_folder_that_becomes_a_link_is_an_error(tmp_path, depth):
    """Files are written only to the folder where the job started."""
    folder, elsewhere = tmp_path / "shot" / "out", tmp_path / "elsewhere"
    outputs = Outputs()
    outputs.write(folder / "m.1001", b"first")
    moved = folder if depth == 0 else folder.parent
    moved.rename(tmp_path / "moved")
    (elsewhere / "out").mkdir(parents=True)
    moved.symlink_to(elsewhere / "out" if depth == 0 else elsewhere)
    with pytest.raises(OutputError, match=r"m\.1002: the folder is not the same as when the job started"):
        outputs.write(folder / "m.1002", b"second")
    assert list((elsewhere / "out").iterdir()) == []


def test_a_folder_may_be_a_link_from_the_start(tmp_path):
    """Studios link folders to other disks."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk")
    outputs = Outputs()
    for name in ("m.1001", "m.1002"):
        outputs.write(tmp_path / "out" / name, b"whole")
    assert sorted(path.name for path in (tmp_path / "disk").iterdir()) == ["m.1001", "m.1002"]


def same(source: Path, output: Path) -> None:
    output.parent.mkdir(exist_ok=True)
    source.rename(output)
    source.symlink_to(output)  # the job reads the plate under the one name and writes to the other


def linked(source: Path, output: Path) -> None:
    output.parent.mkdir(exist_ok=True)
    output.symlink_to(source)


def hard_linked(source: Path, output: Path) -> None:
    output.parent.mkdir(exist_ok=True)
    output.hardlink_to(source)


def in_a_linked_folder(source: Path, output: Path) -> None:
    source.rename(source.with_name(output.name))
    source.symlink_to(source.with_name(output.name))
    output.parent.symlink_to(source.parent)


@pytest.mark.parametrize("clash", [same, linked, hard_linked, in_a_linked_folder])
@pytest.mark.parametrize("is_late", [False, True])
def test_no_source_is_overwritten(tmp_path, clash, is_late):
    """A source file is rejected under each of its names, at the start and on writing."""
    source, output = tmp_path / "plates" / "plate.exr", tmp_path / "out" / "matte.exr"
    source.parent.mkdir()
    source.write_bytes(b"plate")
    if is_late:
        outputs = Outputs({source: "a frame of the plate"})
        clash(source, output)
        outputs._ready[output.parent] = os.path.realpath(output.parent)
    else:
        clash(source, output)
        outputs = Outputs({source: "a frame of the plate"})
        with pytest.raises(
            OutputError, match=r"matte\.exr: this file is a frame of the plate and would be overwritten"
        ):
            outputs.prepare([output])
    with pytest.raises(OutputError, match=r"matte\.exr: this file is a frame of the plate and would be overwritten"):
        outputs.write(output, b"matte")
    assert source.read_bytes() == b"plate"
    assert output.read_bytes() == b"plate"


def test_no_folder_is_created_if_a_source_would_be_overwritten(tmp_path):
    """All files are checked before the first folder is created."""
    (tmp_path / "key.exr").write_bytes(b"")
    outputs = Outputs({tmp_path / "key.exr": "a keyframe"})
    with pytest.raises(OutputError, match="a keyframe"):
        outputs.prepare([tmp_path / "new" / "m.exr", tmp_path / "key.exr"])
    assert [path.name for path in tmp_path.iterdir()] == ["key.exr"]


def test_missing_frames_of_the_plate_are_protected(tmp_path):
    """In a plate with gaps or one still rendering, mattes would become frames."""
    outputs = Outputs({tmp_path / "plate.1002.exr": "a frame of the plate"})
    with pytest.raises(OutputError, match="a frame of the plate"):
        outputs.write(tmp_path / "plate.1002.exr", b"matte")


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    """The error says that a part of the path is a file."""
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "m.exr", tmp_path / "file" / "deeper" / "m.exr"):
        with pytest.raises(OutputError, match="a part of this path is a file"):
            Outputs().write(path, b"x")


def test_a_name_that_is_a_folder_is_refused(tmp_path):
    """The error is raised before the computation, and the folder remains."""
    (tmp_path / "m.2.exr").mkdir()
    with pytest.raises(OutputError, match=r"m\.2\.exr: .*there is a folder with this name"):
        Outputs().prepare([tmp_path / "m.1.exr", tmp_path / "m.2.exr"])
    with pytest.raises(OutputError, match="there is a folder with this name"):
        write_atomic(tmp_path / "m.2.exr", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["m.2.exr"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are POSIX")
def test_devices_and_pipes_are_not_replaced(tmp_path):
    """Even a user with permission must not replace /dev/null by a file."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/null")
    for name in ("pipe", "link"):
        with pytest.raises(OutputError, match=f"{name}: this file is a device or a pipe"):
            write_atomic(tmp_path / name, b"x")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert (tmp_path / "link").is_symlink()


def test_names_of_every_length(tmp_path):
    """Names may be as long as the system allows; longer ones are an error."""
    longest = "m" * 251 + ".exr"
    write_atomic(tmp_path / longest, b"whole")
    assert [path.name for path in tmp_path.iterdir()] == [longest]
    with pytest.raises(OutputError, match=r"name too long\. Choose a shorter name"):
        Outputs().prepare([tmp_path / "fits", tmp_path / f"m{longest}"])
    with pytest.raises(OutputError, match="name too long"):
        write_atomic(tmp_path / f"m{longest}", b"x")


@pytest.mark.parametrize(("name", "shown"), [("m\0.exr", r"m\\x00\.exr"), ("m\ud800.exr", r"m\\ud800\.exr")])
def test_invalid_names_are_refused(tmp_path, name, shown):
    """NUL and unpaired surrogates cannot be in file names."""
    with pytest.raises(OutputError, match=f"{shown}: .*a character that is not allowed"):
        Outputs().write(tmp_path / name, b"x")
    with pytest.raises(OutputError, match="a character that is not allowed"):
        write_atomic(tmp_path / name, b"x")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_refused(tmp_path):
    """The error has a fix."""
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OutputError, match="may write to"):
            write_atomic(tmp_path / "m.exr", b"x")
    finally:
        tmp_path.chmod(0o700)
