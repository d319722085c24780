"""The cache folder: its place, which files in it are its own, and clearing it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stcn_plugin.cache.claims import Claim, active_claims
from stcn_plugin.cache.clearing import caches_below, clear
from stcn_plugin.cache.folder import CacheFolder
from stcn_plugin.errors import OutputError, STCNError
from stcn_plugin.processes import machine

OWN = {
    "manifest.json": 100,
    "mattes.1001.json": 20,
    "mattes.-002.json": 21,
    "forward.1001.exr": 3000,
    "forward.-002.exr": 3100,
    "backward.12345.exr": 3200,
    "forward.0001.safetensors": 500,
    ".forward.1002.exr.stcn-0123abcd-12-345-89abcdef.tmp": 700,
}
SMALL = {"manifest.json", "mattes.1001.json", "mattes.-002.json"}
FOREIGN = {
    "forward.exr": 11,
    "forward.1001.exr.bak": 12,
    "Forward.1001.exr": 13,
    "forward.1001.png": 14,
    "sideways.1001.exr": 15,
    "notes.json": 16,
    "manifest.json.orig": 17,
    "claim.json": 18,
    "mattes.hero.json": 19,
    "forward.\u0661.exr": 20,
    ".forward.1001.exr": 21,
    ".notes.txt.stcn-0123abcd-12-345-89abcdef.tmp": 22,
}


@pytest.fixture
def cache(tmp_path) -> CacheFolder:
    """A cache with its own files and files of others, among them a folder and links with names of the cache."""
    folder = tmp_path / "m.exr.stcn-cache"
    folder.mkdir()
    for name, size in (OWN | FOREIGN).items():
        (folder / name).write_bytes(b"x" * size)
    outside = tmp_path / "roto.exr"
    outside.write_bytes(b"r" * 999)
    (folder / "forward.2001.exr").symlink_to(outside)
    (folder / "mattes.2001.json").symlink_to("gone")
    (folder / "backward.2001.exr").mkdir()
    (folder / "backward.2001.exr" / "forward.1001.exr").write_bytes(b"deep")
    return CacheFolder(folder)


def names(cache: CacheFolder) -> set[str]:
    return {path.name for path in cache.path.iterdir()}


OTHERS = {*FOREIGN, "forward.2001.exr", "mattes.2001.json", "backward.2001.exr"}


@pytest.mark.parametrize(
    ("out", "expected"),
    [
        ("/s/m.####.exr", "/s/m.exr.stcn-cache"),
        ("/s/####.png", "/s/png.stcn-cache"),
        ("/s/<object>/m.####.exr", "/s/m.exr.stcn-cache"),
        ("/s/m_####.exr", "/s/m_#.exr.stcn-cache"),
        ("/s/m####.exr", "/s/m#.exr.stcn-cache"),
        ("/s/m_<object>_%04d.tif", "/s/m_object_#.tif.stcn-cache"),
    ],
)
def test_it_is_beside_the_mattes(out, expected):
    """The name is that of the mattes, without frame number; folders per object are left out."""
    assert CacheFolder.of(out, "auto") == CacheFolder(Path(expected))
    assert CacheFolder.of(out, "off") == CacheFolder(Path(expected), keeps_probabilities=False)


def test_a_folder_for_all_shots_of_a_show():
    """Mattes of the same name in two folders have different caches there."""
    one, two = (CacheFolder.of(f"/{shot}/m.####.exr", "/fast") for shot in ("a", "b"))
    assert one != two and one == CacheFolder.of("/a/m.%04d.exr", "/fast")
    assert all(
        each.path.parent == Path("/fast") and each.path.match("m.exr.????????.stcn-cache") for each in (one, two)
    )


def test_every_file_that_it_writes_is_its_own(tmp_path):
    """The names of all its files, for negative and long frame numbers, are recognised."""
    cache = CacheFolder(tmp_path / "m.exr.stcn-cache")
    paths = [cache.manifest, *(cache.record(frame) for frame in (-12, 7, 123456))]
    for frame in (-12, 7, 123456):
        for direction in ("forward", "backward"):
            paths += [cache.probabilities(direction, frame), cache.state(direction, frame)]
    cache.path.mkdir()
    for path in paths:
        path.write_bytes(b"1")
    files = cache.files()
    assert {file.name for file in files} == {path.name for path in paths}
    assert {file.probabilities for file in files} == {
        None,
        *((direction, frame) for frame in (-12, 7, 123456) for direction in ("forward", "backward")),
    }


def test_sizes_are_those_of_its_own_files(cache):
    """Files of others, links and folders do not count."""
    assert {file.name: file.size for file in cache.files()} == OWN
    assert sorted(cache.probability_sizes()) == [3000, 3100, 3200]
    assert CacheFolder(cache.path / "none").files() == []
    assert CacheFolder(cache.path / "forward.exr").files() == []


def test_clear_deletes_probabilities_and_states(cache):
    """The manifest and the records remain, and everything that is not of the cache."""
    assert clear(cache) == sum(size for name, size in OWN.items() if name not in SMALL)
    assert names(cache) == SMALL | OTHERS
    assert (cache.path.parent / "roto.exr").read_bytes() == b"r" * 999
    assert (cache.path / "backward.2001.exr" / "forward.1001.exr").read_bytes() == b"deep"
    assert clear(cache) == 0


def test_clear_all_files(cache):
    """Everything of the cache is deleted; the folder only if nothing else is in it."""
    assert clear(cache, all_files=True) == sum(OWN.values())
    assert names(cache) == OTHERS
    own = CacheFolder(cache.path.parent / "n.exr.stcn-cache")
    own.path.mkdir()
    own.manifest.write_bytes(b"{}")
    assert clear(own, all_files=True) == 2
    assert not own.path.exists()
    assert clear(own, all_files=True) == 0


@pytest.mark.parametrize("name", ["m.exr", "m.stcn-cache.exr", ".stcn-cache"])
def test_a_folder_with_another_name_is_not_cleared(cache, name):
    """Nothing in it is deleted, whatever its files are named."""
    other = CacheFolder(cache.path.rename(cache.path.with_name(name)))
    with pytest.raises(OutputError, match="nothing was deleted"):
        clear(other, all_files=True)
    assert names(other) == {*OWN, *OTHERS}


def test_a_link_is_not_cleared(cache):
    """A link to a cache folder is refused; the folder itself can be cleared."""
    link = CacheFolder(cache.path.with_name("link.exr.stcn-cache"))
    link.path.symlink_to(cache.path)
    with pytest.raises(OutputError, match="link") as caught:
        clear(link, all_files=True)
    assert caught.value.where == str(link.path)
    assert names(cache) == {*OWN, *OTHERS}


def test_a_cache_in_use_is_not_cleared(cache):
    """The error names the process; another try may succeed. A damaged claim and one of a process that ended do not count."""
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    claim = Claim.of_this_process([1001, 1002])
    (cache.path / f"claim.{machine()}-{ended.pid}-00000000.json").write_bytes(
        json.dumps(json.loads(claim.content) | {"pid": ended.pid, "started": 1}).encode()
    )
    (cache.path / f"claim.{machine()}-1-11111111.json").write_bytes(b"{")
    os.mkfifo(cache.path / f"claim.{machine()}-1-22222222.json")
    assert active_claims(cache) == ()
    own = cache.path / f"claim.{machine()}-{os.getpid()}-33333333.json"
    own.write_bytes(claim.content)
    assert active_claims(cache) == (claim,)
    for all_files in (False, True):
        with pytest.raises(OutputError, match=rf"process {os.getpid()} on .*1001-1002") as caught:
            clear(cache, all_files=all_files)
        assert caught.value.retry
    assert {*OWN, *OTHERS} < names(cache)
    own.unlink()
    clear(cache, all_files=True)
    assert names(cache) == {*OTHERS, f"claim.{machine()}-1-22222222.json"}


def test_claims_of_another_machine_expire(cache):
    """Its processes cannot be seen, so the time of the last renewal decides."""
    path = cache.path / "claim.00000000-7-00000000.json"
    path.write_bytes(json.dumps(json.loads(Claim.of_this_process([1]).content) | {"machine": "0" * 8}).encode())
    assert len(active_claims(cache)) == 1
    os.utime(path, (1e9, 1e9))
    assert active_claims(cache) == ()


def test_a_file_that_cannot_be_deleted(cache, monkeypatch):
    """The error names the file and the cause; as of a folder on a read-only disk."""

    def unlink(path: Path, missing_ok: bool = False) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "unlink", unlink)
    with pytest.raises(OutputError, match="read-only") as caught:
        clear(cache)
    assert caught.value.where is not None and Path(caught.value.where).name in OWN
    assert not caught.value.retry


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read and write everywhere")
def test_folders_without_permission(cache):
    """A cache that cannot be written to, and one that cannot be read."""
    cache.path.chmod(0o555)
    with pytest.raises(OutputError, match="permission"):
        clear(cache)
    cache.path.chmod(0o000)
    with pytest.raises(OutputError, match="permission"):
        cache.files()
    cache.path.chmod(0o755)


def test_caches_are_found_below_a_folder(cache, tmp_path):
    """Sorted, also in hidden folders, but not through links, and not within caches."""
    paths = [tmp_path / "b" / "x.exr.stcn-cache", tmp_path / "a" / ".deep" / "y.png.stcn-cache"]
    for path in (*paths, cache.path / "z.exr.stcn-cache"):
        path.mkdir(parents=True)
    (tmp_path / "file.exr.stcn-cache").write_bytes(b"")
    (tmp_path / "link.exr.stcn-cache").symlink_to(cache.path)
    (tmp_path / "circle").symlink_to(tmp_path)
    errors: list[STCNError] = []
    found = [each.path for each in caches_below(tmp_path, on_error=errors.append)]
    assert found == [cache.path, paths[1], paths[0]]
    assert [each.path for each in caches_below(cache.path, on_error=errors.append)] == [cache.path]
    assert errors == []
    assert list(caches_below(tmp_path / "none", on_error=errors.append)) == []
    assert len(errors) == 1 and errors[0].where == str(tmp_path / "none")
