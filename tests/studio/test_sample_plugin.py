"""The sample plugin, loaded from a file and as an installed package, in a real worker."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from job.conftest import SIZE, STARTER
from PIL import Image
from safetensors.torch import load_file, save_file
from studio.conftest import SAMPLE

from stcn_plugin import Report, STCNError, make_shot
from stcn_plugin.bridge import Description, JobRequest, KeyframeFile, Session, WorkerClient, WorkerLaunch, hookimpl
from stcn_plugin.bridge.job import parse_settings
from stcn_plugin.errors import PlateError, PluginError, PresetError
from stcn_plugin.job.build import build
from stcn_plugin.job.prepare import prepare
from stcn_plugin.media.images import read_image
from stcn_plugin.studio import studio_hooks

PACKAGE = SAMPLE / "stcn_sample_plugin"
FRAMES = range(1001, 1005)
SETTINGS = ("compute.precision=float32", "size=native", "memory.top_k=20", "memory.include_last=false")


class FilesHost:
    """A host that returns a request and records warnings."""

    def __init__(self, request: JobRequest) -> None:
        self.request = request
        self.warnings: list[str] = []

    @hookimpl
    def stcn_collect_shot(self) -> JobRequest:
        return self.request

    @hookimpl
    def stcn_show_warning(self, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture
def show(tmp_path) -> Path:
    """Folder of a show with weights."""
    folder = tmp_path / "show"
    (folder / "weights").mkdir(parents=True)
    metadata = {"variant": "lite", "license": "the show's own"}
    save_file(load_file(STARTER), folder / "weights" / "show_net.safetensors", metadata=metadata)
    return folder


@pytest.fixture
def speckled(clip) -> Path:
    """The clip as .npy, and a keyframe of disc 0 with a speck of 6 pixels in the corner."""
    for frame in FRAMES:
        np.save(clip.folder / f"plate.{frame}.npy", np.asarray(Image.open(clip.folder / f"plate.{frame}.png")))
    drawn = clip.mask(1001, 0) > 0
    assert not drawn[:6, :8].any()
    drawn[1:3, 2:5] = True
    path = clip.folder / "roto.1001.png"
    Image.fromarray(drawn.astype(np.uint8) * 255).save(path)
    return path


def environment(show: Path, **more: str) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("STCN_", "PYTHON"))}
    return {**plain, "SAMPLE_SHOW": str(show), **more}


def without_islands(matte: np.ndarray, largest: int) -> np.ndarray:
    """Remove islands by flood fill, as an independent reference."""
    left = {(int(y), int(x)) for y, x in zip(*np.nonzero(matte), strict=True)}
    result = matte.copy()
    while left:
        island, edge = [], [left.pop()]
        while edge:
            y, x = edge.pop()
            island.append((y, x))
            near = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & left
            left -= near
            edge += near
        if len(island) <= largest:
            result[tuple(zip(*island, strict=True))] = 0
    return result


def request_for(clip, roto: Path, **more: object) -> JobRequest:
    given = {"preset": "sample_show", "settings": parse_settings([*SETTINGS, "weights=show_net"], "--set"), **more}
    keyframes = (KeyframeFile(1001, str(roto)),)
    return JobRequest(
        plate=str(clip.folder / "plate.####.npy"),
        keyframes=keyframes,
        out=clip.out,
        objects={"hero": "1001-1004"},
        **given,
    )


@pytest.fixture
def expected(clip, engine, speckled) -> Callable[[], dict[int, np.ndarray]]:
    """The mattes of the same shot from PNG and without plugins, with specks removed independently."""

    def call() -> dict[int, np.ndarray]:
        out = str(clip.folder / "plain" / "m.####.exr")
        shot = make_shot(
            plate=clip.plate,
            keyframes={1001: str(speckled)},
            out=out,
            range="1001-1004",
            objects={"hero": "1001-1004"},
            overrides=[*SETTINGS, "memory.interval=4"],
        )
        build(prepare(shot), lambda _: engine)
        plain = {frame: read_image(out.replace("####", str(frame))).channel("hero.A") for frame in FRAMES}
        assert plain[1001][1:3, 2:5].min() == 1
        return {frame: without_islands(matte, 24) for frame, matte in plain.items()}

    return call


FLIP = """
from stcn_plugin.studio import hookimpl

@hookimpl
def stcn_process_mattes(mattes):
    return {name: matte[::-1] for name, matte in mattes.items()}

@hookimpl
def stcn_frame_written(frame):
    raise OSError("no tracker")
"""


@pytest.mark.slow
def test_plugins_of_one_job(clip, show, speckled, expected):
    """Plugins of a request are used for its job only; results, warnings and errors reach the host."""
    flip = clip.folder / "flip.py"
    flip.write_text(FLIP)
    host = FilesHost(request_for(clip, speckled, range="1001-1002", plugins=(str(PACKAGE), str(flip))))
    with WorkerClient(WorkerLaunch(sys.executable, environment=environment(show))) as worker:
        report = Session(host, worker).run()
        host.request = request_for(clip, speckled)
        with pytest.raises(PresetError, match="there is no preset 'sample_show'"):
            Session(host, worker).run()
        host.request = request_for(clip, speckled, plugins=("no_such_plugin",))
        with pytest.raises(PluginError, match=r"^no_such_plugin: there is no such plugin"):
            Session(host, worker).run()
    (text,) = host.warnings
    assert text.startswith(
        f"plugin {flip}: its hook stcn_frame_written failed (OSError: no tracker). See {flip.name}, line "
    )
    assert report.warnings == tuple(host.warnings)
    truth = expected()
    np.testing.assert_allclose(clip.matte(1001, "hero"), truth[1001][::-1], atol=1e-3)
    assert [line["event"] for line in lines_of(show)] == ["started", "written", "written", "finished"]


def lines_of(show: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (show / "mattes.jsonl").read_text("utf-8").splitlines()]


@pytest.mark.slow
def test_by_file_in_the_worker(clip, show, speckled, expected):
    """With STCN_PLUGINS, plate, mattes, preset, weights, log and menus are those of the plugin."""
    host = FilesHost(request_for(clip, speckled))
    launch = WorkerLaunch(sys.executable, environment=environment(show, STCN_PLUGINS=str(PACKAGE)))
    with WorkerClient(launch) as worker:
        report: Report = Session(host, worker).run()
        menus: Description = worker.describe(timeout=60)
        (clip.folder / "plate.1003.npy").write_bytes(b"torn")
        with pytest.raises(PlateError, match=r"frame 1003 .*cannot be read as \.npy"):
            Session(host, worker).run()
    assert "sample_show" in {choice.name for choice in menus.presets}
    assert "show_net" in {choice.name for choice in menus.weights}
    assert (report.frames, report.objects, report.warnings, host.warnings) == (tuple(FRAMES), ("hero",), (), [])
    truth = expected()
    for frame in FRAMES:
        matte = clip.matte(frame, "hero")
        np.testing.assert_allclose(matte, truth[frame], atol=1e-3, err_msg=str(frame))
        assert matte.shape == SIZE
    assert not clip.matte(1001, "hero")[:6, :8].any()
    first = read_image(Path(clip.out.replace("####", "1001")))
    assert first.metadata["compression"] == "piz"  # the preset's
    lines = lines_of(show)
    assert [line["event"] for line in lines] == ["started", *["written"] * 4, "finished"]
    assert {"out": clip.out, "frames": 4, "objects": ["hero"]}.items() <= lines[0].items()
    assert {line["frame"]: line["files"] for line in lines[1:5]} == {
        frame: [clip.out.replace("####", str(frame))] for frame in FRAMES
    }
    assert lines[5]["patterns"] == {"hero": clip.out}


def installed(folder: Path) -> Path:
    """Install the package as pip would, with the entry points of its pyproject.toml."""
    shutil.copytree(PACKAGE, folder / "stcn_sample_plugin", ignore=shutil.ignore_patterns("__pycache__"))
    project = (SAMPLE / "pyproject.toml").read_text("utf-8")
    name, version = (re.search(rf'^{key} = "(.*)"$', project, re.MULTILINE)[1] for key in ("name", "version"))
    group, entry = re.search(r'^\[project\.entry-points\.(\w+)\]\n(\w+ = ".*")$', project, re.MULTILINE).groups()
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{entry.replace(chr(34), '')}\n")
    return folder


def stcn(*arguments: str, **more: object) -> str:
    result = subprocess.run(
        [sys.executable, "-m", "stcn_plugin", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        **more,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout + result.stderr


@pytest.mark.slow
def test_installed_on_the_command_line(clip, show, speckled, expected, tmp_path):
    """An installed package is found by its entry point in every command that uses presets or weights."""
    site = installed(tmp_path / "site")
    known = {"env": environment(show, PYTHONPATH=str(site))}
    assert re.search(
        r"^sample_show +\S*site\S*presets +Settings of the sample show", stcn("presets", "list", **known), re.M
    )
    assert "interval: 4 " in stcn("presets", "show", "sample_show", **known)
    assert re.search(r"^show_net +lite", stcn("weights", "list", **known), re.MULTILINE)
    shot = clip.folder / "shot.yaml"
    settings = [flag for setting in SETTINGS for flag in ("--set", setting)]
    shot.write_text(
        "extends: sample_show\nweights: show_net\nplate: plate.####.npy\nkeyframes: {1001: roto.1001.png}\n"
        "objects: {hero: 1001-1004}\nout: out/matte.####.exr\n"
    )
    assert "(shot)" in stcn("presets", "check", str(shot), **known)
    stcn("propagate", str(shot), *settings, **known)
    truth = expected()
    for frame in FRAMES:
        np.testing.assert_allclose(clip.matte(frame, "hero"), truth[frame], atol=1e-3)
    assert [line["event"] for line in lines_of(show)] == ["started", *["written"] * 4, "finished"]


def test_a_shot_file_cannot_name_plugins(clip, show):
    """Opening a shot file never runs code: there is no such key."""
    shot = clip.folder / "shot.yaml"
    shot.write_text(
        f"plugins: [{PACKAGE}]\nplate: plate.####.npy\nkeyframes: {{1001: roto.1001.png}}\nout: out/m.####.exr\n"
    )
    result = subprocess.run(
        [sys.executable, "-m", "stcn_plugin", "presets", "check", str(shot)],
        env=environment(show), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 1
    assert "plugins" in result.stderr
    assert not (show / "mattes.jsonl").exists()


@pytest.mark.parametrize(
    ("array", "is_float", "top"),
    [
        (np.arange(36, dtype=np.uint8).reshape(3, 4, 3), False, 255),
        (np.arange(12, dtype=np.uint16).reshape(3, 4, 1), False, 65535),
        (np.linspace(-1, 9, 36).reshape(3, 4, 3), True, 1),
    ],
)
def test_npy_plates_are_read_exactly(tmp_path, array, is_float, top):
    """Every value is the saved one; integers are divided by their maximum."""
    from stcn_plugin.studio.plates import plate_files

    np.save(tmp_path / "p.0001.npy", array)
    files = plate_files(studio_hooks([str(PACKAGE)]), str(tmp_path / "p.####.npy"), part=None, layer=None)
    picture = files.picture(tmp_path / "p.0001.npy", where="frame 1")
    np.testing.assert_allclose(picture.pixels, array.astype(np.float64) / top, rtol=1e-6)
    assert (picture.is_float, picture.header) == (is_float, files.header(tmp_path / "p.0001.npy", where="frame 1"))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((3, 4)), r"the array is \(3, 4\) of float64"),
        (np.zeros((3, 4, 4), np.uint8), r"the array is \(3, 4, 4\) of uint8"),
        (np.zeros((3, 4, 3), np.int16), r"the array is \(3, 4, 3\) of int16"),
        (np.array([{}]), "Python objects"),
    ],
)
def test_an_npy_that_is_not_an_image_is_refused(tmp_path, array, message):
    """Arrays that cannot be a plate are refused with the frame; pickled objects are never loaded."""
    from stcn_plugin.studio.plates import plate_files

    np.save(tmp_path / "p.0001.npy", array, allow_pickle=True)
    files = plate_files(studio_hooks([str(PACKAGE)]), str(tmp_path / "p.####.npy"), part=None, layer=None)
    with pytest.raises(STCNError, match=rf"^frame 1: .*{message}"):
        files.header(tmp_path / "p.0001.npy", where="frame 1")
