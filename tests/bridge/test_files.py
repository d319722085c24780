"""Names and folders of a job's files."""

from __future__ import annotations

from pathlib import Path

import pytest

from stcn_plugin.bridge import JobRequest
from stcn_plugin.bridge.files import (
    expanded,
    frame_path,
    has_frame_number,
    keyframe_folder,
    keyframe_path,
    matte_folder,
    pattern_name,
    shot_file_path,
)
from stcn_plugin.errors import HostError
from stcn_plugin.media.sequences import FrameSequence


@pytest.mark.parametrize(
    ("pattern", "name", "shot_file"),
    [
        ("/m/sh010.####.exr", "sh010", "/m/sh010.stcn.yaml"),
        ("/m/sh010_%04d.exr", "sh010", "/m/sh010.stcn.yaml"),
        ("/m/sh010.v002.$F4.exr", "sh010.v002", "/m/sh010.v002.stcn.yaml"),
        ("/m/sh010.@@@@.matte.exr", "sh010.matte", "/m/sh010.matte.stcn.yaml"),
        ("/m/<object>/sh010.<object>.####.png", "sh010", "/m/sh010.stcn.yaml"),
        ("/m/<object>/<object>.v2.####.exr", "v2", "/m/v2.stcn.yaml"),
        ("/m/####.exr", "mattes", "/m/mattes.stcn.yaml"),
    ],
)
def test_files_are_named_after_the_mattes(pattern, name, shot_file):
    """The shot file is in the folder of all mattes and has their name."""
    assert pattern_name(pattern) == name
    assert shot_file_path(pattern) == shot_file
    assert has_frame_number(pattern)


def test_names_of_windows_paths():
    """Backslashes separate folders."""
    assert pattern_name("C:\\mattes\\sh010.v002.####.exr") == "sh010.v002"


@pytest.mark.parametrize("pattern", ["/m/a.exr", "/jobs/show#2/a.exr", ""])
def test_frame_numbers_of_folders_do_not_count(pattern):
    """Only the file name has the frame number."""
    assert not has_frame_number(pattern)
    assert frame_path(pattern, 7) == pattern


@pytest.mark.parametrize("frame", [-12345, -2, 0, 7, 1001, 12345])
def test_the_file_of_a_frame_is_that_of_the_worker(frame):
    """With the same padding."""
    for pattern in ("/p/a.####.exr", "/jobs/show#2/a.######.exr", "/p/<object>/m_#.png"):
        assert frame_path(pattern, frame) == FrameSequence.parse(pattern).path(frame).as_posix()


def test_the_frame_number_replaces_the_last_hashes():
    """Others are part of the name."""
    assert frame_path("/jobs/a#b.####.exr", 7) == "/jobs/a#b.0007.exr"


def test_keyframes_are_beside_the_mattes():
    """Beside the mattes, or beside the shot file; always absolute."""
    assert keyframe_folder(JobRequest(out="/a/b/m.####.exr", shot_file="/c/s.yaml")) == "/a/b/keyframes"
    assert keyframe_folder(JobRequest(shot_file="/c/s.yaml")) == "/c/keyframes"
    assert keyframe_folder(JobRequest(out="/a/<object>/v1/m.####.exr")) == "/a/keyframes"
    assert keyframe_folder(JobRequest(out="m.####.exr")).startswith("/")
    assert matte_folder("/a/<object>/<object>.####.exr") == "/a"
    with pytest.raises(HostError):
        keyframe_folder(JobRequest(plate="p.####.exr"))


def test_a_keyframe_is_named_after_job_object_and_frame():
    """A job of the saved shot names it like the first job."""
    first = JobRequest(out="/a/sh010.####.exr")
    saved = JobRequest(shot_file=shot_file_path("/a/sh010.####.exr"))
    for request in (first, saved):
        assert keyframe_path(request, "/a/keyframes", "hero", 1001) == "/a/keyframes/sh010.hero.1001.exr"
    assert keyframe_path(first, "/k", "hero", -2) == "/k/sh010.hero.-002.exr"
    assert keyframe_path(JobRequest(shot_file="/a/shot.yaml"), "/k", "hero", 7) == "/k/shot.hero.0007.exr"


def test_different_objects_have_different_files():
    """Also if characters of their names cannot be in file names."""
    names = ["hero", "left arm", "left/arm", "left.arm", "left_arm", "a#b", "\u517d", "\udcff"]
    request = JobRequest(out="/a/sh010.####.exr")
    files = {keyframe_path(request, "/k", name, 1001) for name in names}
    assert len(files) == len(names)
    assert all(file.startswith("/k/sh010.") and file.endswith(".1001.exr") for file in files)
    assert not any(character in file[len("/k/") :] for file in files for character in "/ #")


def test_home_folder(monkeypatch, tmp_path):
    """`~` is the home folder; that of an unknown user is an error, not a relative path."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert expanded("~/show") == tmp_path / "show"
    assert expanded("show/~x") == Path("show/~x")
    assert expanded("./~x.png") == Path("./~x.png")
    with pytest.raises(HostError, match="no such home folder") as caught:
        expanded("~nobody-by-that-name/show")
    assert caught.value.fix
