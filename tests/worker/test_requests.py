"""A request of a host: the shot that it describes, what is saved, and what is run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from golden.stand_in import golden_frames, golden_masks
from job.conftest import STARTER
from PIL import Image

from stcn_plugin import load_shot
from stcn_plugin.bridge.build import BuildOptions
from stcn_plugin.bridge.job import JobRequest, KeyframeFile, Setting
from stcn_plugin.config import yaml_source
from stcn_plugin.errors import CancelledError, DeviceError, KeyframeError, PresetError, STCNError
from stcn_plugin.media.matte_encoding import write_exr
from stcn_plugin.media.window import FrameHeader, Window
from stcn_plugin.network.devices import choose_precision
from stcn_plugin.network.engine import Engine
from stcn_plugin.regular_files import read_regular
from stcn_plugin.shot.model import Keyframe
from stcn_plugin.weights.reading import build_network, read_weights
from stcn_plugin.worker.shots import run_shot, shot_of

SIZE = 64, 96
DISCS = {"hero": 0, "ball": 2, "third": 1}


def mask(frame: int, name: str) -> np.ndarray:
    return golden_masks(*SIZE, frame - 1001)[DISCS[name]].astype(np.float32)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A plate of five frames in the current folder."""
    monkeypatch.chdir(tmp_path)
    for variable in ("STCN_PRESET_PATH", "STCN_PLUGINS"):
        monkeypatch.delenv(variable, raising=False)
    for number, frame in enumerate(golden_frames(5, *SIZE)):
        Image.fromarray(frame).save(tmp_path / f"plate.{1001 + number}.png")
    return tmp_path


def layers(path: Path, frame: int, *names: str) -> str:
    """Write a keyframe file with a layer per object."""
    window = Window(0, 0, *SIZE[::-1])
    planes = {f"{name}.A": mask(frame, name) for name in names}
    write_exr(path, planes, "half", header=FrameHeader(window, window), attributes={})
    return str(path)


def grey(path: Path, frame: int, name: str) -> str:
    Image.fromarray((mask(frame, name) * 255).astype(np.uint8)).save(path)
    return str(path)


def shot_file(here: Path, keyframes: str, *more: str) -> str:
    path = here / "shot.yaml"
    lines = ["plate: plate.####.png", "out: out/m.####.exr", *more, "keyframes:", keyframes]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def on_frame(request: JobRequest, frame: int) -> list[Keyframe]:
    return [keyframe for keyframe in shot_of(request).keyframes if keyframe.frame == frame]


def test_the_request_overrides_the_shot_file(here):
    """Key by key; settings of both are merged."""
    file = shot_file(here, "  1001: a.exr", "extends: draft", "memory: {interval: 3}", "range: 1001-1003")
    request = JobRequest(
        shot_file=file,
        out="elsewhere/é🎬.####.exr",
        range="1001-1004",
        objects={"left.arm": "1001-1002,1004", "ball": None},
        preset="hero",
        settings={"memory.top_k": Setting("7", "--set memory.top_k=7", is_yaml=True)},
    )
    shot = shot_of(request)
    assert shot.out == str(here / "elsewhere" / "é🎬.####.exr")
    assert shot.range == "1001-1004"
    assert shot.objects["left.arm"].ranges == (range(1001, 1003), range(1004, 1005))
    assert shot.objects["ball"].range is None
    assert (shot.settings.size, shot.settings.memory.interval, shot.settings.memory.top_k) == ("720", 3, 7)


def test_a_keyframe_on_another_frame_is_added(here):
    """Files of other frames are not opened and need not exist."""
    file = shot_file(here, "  1001: gone.exr")
    shot = shot_of(JobRequest(shot_file=file, keyframes=(KeyframeFile(1003, "new.exr"),)))
    assert [(each.frame, each.file.name) for each in shot.keyframes] == [(1001, "gone.exr"), (1003, "new.exr")]


def test_a_file_replaces_itself(here):
    """A file that was rendered again is there once, with any objects."""
    file = shot_file(here, "  1001: {file: key.exr, objects: [hero, ball]}")
    again = KeyframeFile(1001, str(here / "key.exr"), {"hero": "hero"})
    assert on_frame(JobRequest(shot_file=file, keyframes=(again,)), 1001) == [
        Keyframe(frame=1001, file=here / "key.exr", objects={"hero": "hero"})
    ]


def test_an_empty_keyframe_without_names_replaces_all_objects(here):
    """It applies to all objects. An empty one of the shot file applies to the objects that the request does not give."""
    Image.new("L", SIZE[::-1]).save(here / "black.png")
    file = shot_file(here, "  1001:\n  - {file: both.png, objects: {hero: 1, ball: 2}}\n  - third.exr:third.A")
    black = KeyframeFile(1001, "black.png")
    assert [each.file.name for each in on_frame(JobRequest(shot_file=file, keyframes=(black,)), 1001)] == ["black.png"]
    file = shot_file(here, "  1001: black.png")
    hero = KeyframeFile(1001, "hero.png", {"hero": "A"})
    found = on_frame(JobRequest(shot_file=file, keyframes=(hero,)), 1001)
    assert [each.file.name for each in found] == ["black.png", "hero.png"]


def test_a_keyframe_replaces_only_its_objects(here):
    """Other objects in the files of that frame stay."""
    file = shot_file(here, "  1001:\n  - {file: both.png, objects: {hero: 1, ball: 2}}\n  - third.exr:third.A")
    layers(here / "third.exr", 1001, "third")
    new = KeyframeFile(1001, "hero.png", {"hero": "A"})
    assert on_frame(JobRequest(shot_file=file, keyframes=(new,)), 1001) == [
        Keyframe(frame=1001, file=here / "both.png", objects={"ball": 2}),
        Keyframe(frame=1001, file=here / "third.exr", selector="third.A"),
        Keyframe(frame=1001, file=here / "hero.png", objects={"hero": "A"}),
    ]


def test_objects_are_read_from_the_files_if_the_shot_does_not_name_them(here):
    """The layers of a file are its objects; the remaining objects of a file are then named."""
    file = shot_file(here, "  1001: both.exr")
    layers(here / "both.exr", 1001, "hero", "ball")
    new = KeyframeFile(1001, layers(here / "new.exr", 1001, "hero"))
    assert on_frame(JobRequest(shot_file=file, keyframes=(new,)), 1001) == [
        Keyframe(frame=1001, file=here / "both.exr", objects={"ball": "ball"}),
        Keyframe(frame=1001, file=here / "new.exr"),
    ]


def test_a_grey_file_has_the_only_object_of_the_shot(here):
    """A file with that object replaces it."""
    file = shot_file(here, "  1001: old.png", "objects: {hero: 1001-1005}")
    grey(here / "old.png", 1001, "hero")
    new = KeyframeFile(1001, grey(here / "new.png", 1001, "hero"), {"hero": "Y"})
    assert [each.file.name for each in on_frame(JobRequest(shot_file=file, keyframes=(new,)), 1001)] == ["new.png"]


def test_a_grey_file_stays_next_to_another_object(here):
    """A grey matte that is named by the shot stays the same."""
    file = shot_file(here, "  1001: [old.png, {file: b.png, objects: {ball: Y}}]", "objects: {hero: 1001-1005}")
    grey(here / "old.png", 1001, "hero")
    new = KeyframeFile(1001, grey(here / "new.png", 1001, "ball"), {"ball": "Y"})
    assert on_frame(JobRequest(shot_file=file, keyframes=(new,)), 1001) == [
        Keyframe(frame=1001, file=here / "old.png"),
        Keyframe(frame=1001, file=here / "new.png", objects={"ball": "Y"}),
    ]


def test_a_missing_file_is_an_error_if_its_objects_are_needed(here):
    """The error names file and frame."""
    file = shot_file(here, "  1001: gone.exr")
    with pytest.raises(KeyframeError, match=r"gone\.exr, frame 1001: "):
        shot_of(JobRequest(shot_file=file, keyframes=(KeyframeFile(1001, "new.png", {"hero": "A"}),)))


@pytest.mark.parametrize(("request_", "missing"), [(JobRequest(out="m.####.exr"), "plate"), (JobRequest(plate="p.####.exr"), "out")])  # fmt: skip
def test_without_a_shot_file_plate_and_out_are_required(request_, missing):
    """The error names the missing key."""
    with pytest.raises(PresetError, match=f"'{missing}'"):
        shot_of(request_)


# Running


@pytest.fixture(scope="module")
def engine():
    return Engine(build_network(read_weights(STARTER), device=torch.device("cpu")))


@pytest.fixture
def ran(engine):
    """Run a request; return its report and the frames that were reported as written."""

    def call(request: JobRequest, *, stop_after: int | None = None):
        steps, frames = [], []
        report = run_shot(
            request,
            lambda _: engine,
            on_progress=steps.append,
            on_frame=lambda frame, _: frames.append(frame),
            on_warning=lambda text: "non-commercial" in text or pytest.fail(text),
            is_cancelled=lambda: stop_after is not None and len(steps) >= stop_after,
        )
        return report, sorted(frames)

    return call


def test_a_saved_shot_gets_more_keyframes_and_is_saved_again(here, ran):
    """Propagate and save, add a keyframe, correct another; each run starts from the saved shot and does what is missing."""
    first = JobRequest(
        plate="plate.####.png",
        out="out/m.####.exr",
        keyframes=tuple(
            KeyframeFile(frame, layers(here / f"key.{frame}.exr", frame, "hero", "ball")) for frame in (1001, 1005)
        ),
        preset="draft",
        settings={"compute.precision": Setting("float32", "STCN panel, Precision")},
        save_as="out/shot.yaml",
    )
    report, frames = ran(first)
    assert frames == [1001, 1002, 1003, 1004, 1005]
    assert report.shot_file == str(here / "out" / "shot.yaml")
    saved = load_shot(report.shot_file)
    assert saved == shot_of(first).model_copy(update={"path": saved.path, "origins": saved.origins})
    added = KeyframeFile(1003, grey(here / "hero.1003.png", 1003, "hero"), {"hero": "Y"})
    second = JobRequest(shot_file=report.shot_file, keyframes=(added,), save_as=report.shot_file)
    report, frames = ran(second)
    assert frames == list(report.frames) == [1002, 1003, 1004]
    assert [each.frame for each in load_shot(report.shot_file).keyframes] == [1001, 1003, 1005]
    assert "extends: draft" in Path(report.shot_file).read_text()
    assert load_shot(report.shot_file).settings == saved.settings
    ball = KeyframeFile(1005, grey(here / "ball.1005.png", 1004, "ball"), {"ball": "Y"})
    report, frames = ran(JobRequest(shot_file=report.shot_file, keyframes=(ball,), save_as=report.shot_file))  # fmt: skip
    assert frames == [1002, 1003, 1004, 1005]
    keyframes = [(each.frame, each.file.name, each.objects) for each in load_shot(report.shot_file).keyframes]
    assert keyframes[-2:] == [(1005, "key.1005.exr", {"hero": "hero"}), (1005, "ball.1005.png", {"ball": "Y"})]
    again, frames = ran(JobRequest(shot_file=report.shot_file))
    assert (frames, again.files, again.device) == ([], (), "none")
    assert (again.first, again.last, again.patterns) == (1001, 1005, report.patterns)
    _, frames = ran(JobRequest(shot_file=report.shot_file, build=BuildOptions(rebuild=True)))
    assert frames == [1001, 1002, 1003, 1004, 1005]


def test_a_cancelled_job_saves_its_shot(here, ran):
    """The shot file is written before the first matte, and can be run."""
    key = layers(here / "key.exr", 1001, "hero")
    request = JobRequest(plate="plate.####.png", out="out/m.####.exr", keyframes=(KeyframeFile(1001, key),), save_as="s.yaml")  # fmt: skip
    with pytest.raises(CancelledError):
        ran(request, stop_after=1)
    written = [int(path.suffixes[0][1:]) for path in sorted((here / "out").glob("*.exr"))]
    assert len(written) < 5
    assert written + ran(JobRequest(shot_file="s.yaml"))[1] == [1001, 1002, 1003, 1004, 1005]


def test_an_invalid_shot_is_not_saved(here, ran):
    """The previous shot file stays."""
    (here / "s.yaml").write_text("the last good one")
    request = JobRequest(plate="plate.####.png", out="out/m.####.exr", keyframes=(KeyframeFile(1001, "gone.png"),), save_as="s.yaml")  # fmt: skip
    with pytest.raises(KeyframeError, match=r"gone\.png"):
        ran(request)
    assert (here / "s.yaml").read_text() == "the last good one"


def test_the_report_names_the_shot_file(here, ran):
    """There is none if the request had none and nothing was saved."""
    layers(here / "key.exr", 1001, "hero")
    file = shot_file(here, "  1001: key.exr", "range: 1001-1002")
    assert ran(JobRequest(shot_file=file))[0].shot_file == file
    keys = JobRequest(plate="plate.####.png", out="out/m.####.exr", range="1001", keyframes=(KeyframeFile(1001, "key.exr"),))  # fmt: skip
    assert ran(keys)[0].shot_file is None


# Errors name what the user filled in.

_ORIGINS = {"range": "--range", "objects": "--object", "out": "--out", "preset": "STCN panel, Preset", "keyframes": "--keyframe"}  # fmt: skip


@pytest.mark.parametrize("has_file", [True, False])
@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"range": "12-x"}, "--range"),
        ({"objects": {"a.b": "99-x"}}, "--object a.b"),
        ({"out": "m.exr"}, "--out"),
        ({"preset": "nope"}, "STCN panel, Preset"),
        ({"range": "1001-1002", "keyframes": (KeyframeFile(1003, "k.png"),)}, "--keyframe 1003"),
        ({"settings": {"compute.device": Setting("gpu", "--device")}}, "--device"),
        ({"settings": {"memory.interval": Setting("x", "STCN panel, Settings memory.interval=x", True)}}, "STCN panel, Settings memory.interval=x"),
        ({"settings": {"size": Setting("[1", "--set size=[1", True)}}, "--set size=[1"),
        ({"settings": {"weights": Setting("nope", "STCN panel, Weights")}}, "STCN panel, Weights: "),
        ({"settings": {"colour.input": Setting("nope", "STCN panel, Colour")}}, "STCN panel, Colour: ocio://default"),
        ({"settings": {"colour.config": Setting("/no.ocio", "the Nuke script")}}, "the Nuke script: /no.ocio"),
    ],
)  # fmt: skip
def test_an_error_names_the_flag_or_field(here, ran, has_file, wrong, where):
    """Whether the value is refused while it is read or only when it is used, and with a shot file or without."""
    grey(here / "k.png", 1001, "hero")
    fields = {"plate": "plate.####.png", "out": "out/m.####.exr", "keyframes": (KeyframeFile(1001, "k.png"),)} | wrong
    file = {"shot_file": shot_file(here, "  1001: k.png")} if has_file else {}
    with pytest.raises(STCNError) as caught:
        ran(JobRequest(**file, **fields, origins=_ORIGINS))
    assert caught.value.where is not None
    assert caught.value.where.startswith(where) if where.endswith(": ") else caught.value.where == where


def test_a_late_error_names_the_line_of_the_file(here, ran):
    """A device that this machine lacks is known only when the network is loaded."""
    grey(here / "k.png", 1001, "hero")
    file = shot_file(here, "  1001: k.png", "compute:", "  precision: float16", "  device: cpu")

    def fails(settings):
        choose_precision(settings.compute.precision, torch.device("cpu"))

    with pytest.raises(DeviceError, match="float16") as caught:
        run_shot(
            JobRequest(shot_file=file),
            fails,
            on_progress=lambda _: None,
            on_frame=lambda *_: None,
            on_warning=lambda _: None,
            is_cancelled=lambda: False,
        )
    assert caught.value.where == f"{file}:4"


def test_a_shot_file_is_read_once(here, ran, monkeypatch):
    """Also where a keyframe of the request joins one of the file, and the shot is saved again."""
    file = shot_file(here, "  1001: k.png")
    grey(here / "k.png", 1001, "hero")
    grey(here / "new.png", 1001, "hero")
    reads = []

    def counted(path, *arguments, **others):
        reads.append(Path(path).name)
        return read_regular(path, *arguments, **others)

    monkeypatch.setattr(yaml_source, "read_regular", counted)
    ran(JobRequest(shot_file=file, keyframes=(KeyframeFile(1001, "new.png"),), save_as="saved.yaml"))
    assert reads.count("shot.yaml") == 1
