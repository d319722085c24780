"""Temporary files: unique names, and removal after their writer is gone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stcn_plugin import processes
from stcn_plugin.atomic import Outputs, temporary_file, write_atomic

DAYS = 24 * 60 * 60.0


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def temporary_names(folder: Path, count: int = 1) -> list[str]:
    """Return names of temporary files of this process."""
    names: list[str] = []
    for _ in range(count):
        write_atomic(folder / "m.exr", lambda _: names.extend(path.name for path in folder.glob(".*.tmp")))
    (folder / "m.exr").unlink()
    return names


def left_by(folder: Path, code: str = "") -> Path:
    """Create the temporary file of a process that has ended."""
    program = f"""
import os, sys
from pathlib import Path
from stcn_plugin import atomic
{code}
atomic.write_atomic(Path(sys.argv[1]), lambda stream: (stream.write(b"half"), os._exit(0)))
"""
    before = set(folder.iterdir())
    subprocess.run([sys.executable, "-c", program, str(folder / "m.exr")], check=True)
    (left,) = set(folder.iterdir()) - before
    return left


def aged(path: Path, days: float) -> None:
    moment = time.time() - days * DAYS
    os.utime(path, (moment, moment))


def test_names_are_unique(tmp_path):
    """A name contains the machine, the process and a random part."""
    first, second = temporary_names(tmp_path, 2)
    pattern = rf"\.m\.exr\.stcn-[0-9a-f]{{8}}-{os.getpid()}-\d+-[0-9a-f]{{8}}\.tmp"
    assert re.fullmatch(pattern, first)
    assert re.fullmatch(pattern, second)
    assert first[:-13] == second[:-13]
    assert first != second


@pytest.mark.parametrize("kind", ["symlink", "dangling", "hardlink", "file", "pipe"])
def test_existing_files_and_links_are_not_written_to(tmp_path, monkeypatch, kind):
    """If the next name exists, it remains unchanged, and so does the target of a link."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    folder = tmp_path / "out"
    folder.mkdir()
    monkeypatch.setattr(os, "urandom", lambda size: b"\x01" * size)
    (name,) = temporary_names(folder)
    planted = folder / name
    if kind == "symlink":
        planted.symlink_to(victim)
    elif kind == "dangling":
        planted.symlink_to(tmp_path / "new")
    elif kind == "hardlink":
        planted.hardlink_to(victim)
    elif kind == "pipe":
        os.mkfifo(planted)
    else:
        planted.write_bytes(b"precious")
    numbers = iter([b"\x01" * 4, b"\x01" * 4, b"\x02" * 4])
    monkeypatch.setattr(os, "urandom", lambda _: next(numbers))
    write_atomic(folder / "m.exr", b"whole")
    assert (folder / "m.exr").read_bytes() == b"whole"
    assert victim.read_bytes() == b"precious"
    assert not (tmp_path / "new").exists()
    assert names_in(folder) == [name, "m.exr"]


def test_leftovers_of_ended_processes_are_removed(tmp_path):
    """Those of all outputs in the folder are removed by the next start on the same machine."""
    left_by(tmp_path)
    left_by(tmp_path)
    (tmp_path / "m.1001.exr").write_bytes(b"matte")
    Outputs().prepare([tmp_path / "other.exr"])
    assert names_in(tmp_path) == ["m.1001.exr"]


def test_leftovers_of_an_earlier_process_with_the_same_id_are_removed(tmp_path):
    """Processes in containers often share small ids; their start times distinguish them."""
    left = left_by(tmp_path, f"os.getpid = lambda: {os.getpid()}; atomic._temporary.started = lambda _: 1")
    assert f"-{os.getpid()}-1-" in left.name
    Outputs().prepare([tmp_path / "m.exr"])
    assert names_in(tmp_path) == []


@pytest.mark.parametrize(("days", "stays"), [(0, True), (0.9, True), (1.1, False), (-1, True)])
def test_leftovers_of_other_machines_are_removed_after_a_day(tmp_path, days, stays):
    """For a writer on another machine, only the age of the file is known."""
    left = left_by(tmp_path, "atomic._temporary.machine = lambda: '0123abcd'")
    assert ".stcn-0123abcd-" in left.name
    aged(left, days)
    Outputs().prepare([tmp_path / "m.exr"])
    assert left.exists() == stays


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_leftovers_of_other_users_are_removed_after_a_day(tmp_path):
    """Some systems hide the processes of other users."""
    left = left_by(tmp_path)
    os.chown(left, 12345, 12345)
    Outputs().prepare([tmp_path / "m.exr"])
    assert left.exists()
    aged(left, 2)
    Outputs().prepare([tmp_path / "m.exr"])
    assert not left.exists()


def test_files_of_running_writers_remain(tmp_path):
    """Starting again during a write, in this process or another, removes nothing, whatever its age."""

    def write(stream) -> None:
        (temporary,) = tmp_path.iterdir()
        aged(temporary, 3)
        Outputs().prepare([tmp_path / "m.exr"])
        code = f"from stcn_plugin.atomic import Outputs; from pathlib import Path; Outputs().prepare([Path({str(tmp_path)!r}) / 'n'])"
        subprocess.run([sys.executable, "-c", code], check=True)
        stream.write(b"whole")

    write_atomic(tmp_path / "m.exr", write)
    assert (tmp_path / "m.exr").read_bytes() == b"whole"


def test_files_that_only_resemble_leftovers_remain(tmp_path):
    """Folders, links, pipes and files of other programs remain, whatever their age."""
    left = left_by(tmp_path).rename(tmp_path / "victim")
    (name,) = temporary_names(tmp_path)
    gone = re.sub(r"-\d+-\d+-", "-4000000-1-", name)
    (tmp_path / gone).mkdir()
    (tmp_path / gone.replace(".m.", ".n.")).symlink_to(left)
    os.mkfifo(tmp_path / gone.replace(".m.", ".o."))
    others = [".m.exr.stcn-tmp", ".m.exr.1234.tmp.exr", "m.exr.tmp", gone[1:], f"{gone}.bak", ".nfs0000", ".stcn-cache"]
    for other in others:
        (tmp_path / other).write_bytes(b"")
        aged(tmp_path / other, 9)
    before = names_in(tmp_path)
    Outputs().prepare([tmp_path / "m.exr"])
    assert names_in(tmp_path) == before


def test_temporary_file(tmp_path):
    """It is empty, and is deleted on exit, also after an error or a move."""
    output = tmp_path / "store" / "w.safetensors"
    with temporary_file(output) as file:
        assert names_in(output.parent) == [file.name]
        assert file.read_bytes() == b""
    assert names_in(output.parent) == []
    with pytest.raises(ValueError, match="what came"), temporary_file(output) as file:
        raise ValueError("what came")
    with temporary_file(output) as file:
        file.unlink()
    assert names_in(output.parent) == []


def test_without_proc_processes_are_identified_by_id(tmp_path, monkeypatch):
    """On systems that do not report start times."""
    monkeypatch.setattr(processes.Path, "exists", lambda path: False)
    assert processes.started(os.getpid()) == 0
    assert processes.started(4_000_000) is None
    assert processes.started(10**19) is None
    (name,) = temporary_names(tmp_path)
    assert f"-{os.getpid()}-0-" in name
