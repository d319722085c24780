"""Whole jobs: the frames that are written, and that their mattes are those of the propagator and the artist."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from golden.stand_in import golden_frames, golden_masks
from PIL import Image

from stcn_plugin import make_shot
from stcn_plugin.errors import (
    CancelledError,
    DeviceError,
    KeyframeError,
    MissingFrameError,
    OutputError,
    PresetError,
    UnexpectedError,
)
from stcn_plugin.evaluation.hard import region_overlap
from stcn_plugin.job import keyframes as keyframes_module
from stcn_plugin.job import prepare as prepare_module
from stcn_plugin.job import run as run_module
from stcn_plugin.job.build import build
from stcn_plugin.job.prepare import prepare
from stcn_plugin.job.propagate import propagate
from stcn_plugin.job.run import propagation_settings
from stcn_plugin.job.watcher import Watcher
from stcn_plugin.media.images import read_image
from stcn_plugin.media.matte_writer import MatteWriter
from stcn_plugin.media.plates import PlateReader
from stcn_plugin.presets.model import Compute, Memory, Preset
from stcn_plugin.propagation.propagator import PropagationSettings, Propagator

FRAMES = range(1001, 1009)
BLACK, WHITE = 0.15, 0.85  # the defaults


def clipped(probabilities):
    return np.clip((probabilities - BLACK) / (WHITE - BLACK), 0, 1)


def direct(engine, clip, keyframes, order):
    """Propagate object a0 with a bare propagator, over frames in the given order."""
    images = torch.from_numpy(golden_frames(8, 96, 144)).permute(0, 3, 1, 2).float() / 255
    propagator = Propagator(engine, objects=["a0"], settings=PropagationSettings())
    found = {}
    for frame in order:
        mask = {"a0": torch.from_numpy(clip.mask(frame, 0))} if frame in keyframes else None
        found[frame] = propagator.step(images[frame - 1001], mask).own[0].numpy()
    return found


@pytest.mark.slow
def test_mattes_are_the_objects_own_probabilities(clip, engine, propagated):
    """From one keyframe, every matte is the propagator's probability after the matte levels, in half precision."""
    report = propagated({1001: clip.keyframe(1001, 0)}, "matte.stabilise=off", "matte.edges=off")
    assert report.frames == tuple(FRAMES)
    expected = direct(engine, clip, {1001}, FRAMES)
    for frame in FRAMES[1:]:
        np.testing.assert_allclose(clip.matte(frame), clipped(expected[frame]), atol=2e-3)
        assert region_overlap(clip.matte(frame) > 0.5, clip.mask(frame, 0) > 0.5) > 0.8


def test_keyframes_are_delivered_unchanged(clip, propagated, tmp_path):
    """The artist's soft matte is written as it is, whatever the matte levels."""
    from stcn_plugin.media.matte_writer import MatteWriter
    from stcn_plugin.media.sequences import FrameSequence
    from stcn_plugin.media.window import FrameHeader, Window

    soft = np.linspace(0, 1, 96 * 144, dtype=np.float32).reshape(96, 144)
    window = Window(0, 0, 144, 96)
    writer = MatteWriter(FrameSequence.parse(tmp_path / "soft.####.exr"), objects=["a0"], depth="float")
    (path,) = writer.write(1004, {"a0": soft}, window=window, header=FrameHeader(window, window))
    propagated({1004: str(path)}, "output.depth=float")
    np.testing.assert_array_equal(clip.matte(1004), soft)


@pytest.mark.slow
def test_mattes_between_keyframes_blend_both_passes(clip, engine, propagated):
    """The weights are the distances to the keyframes."""
    propagated({1002: clip.keyframe(1002, 0), 1006: clip.keyframe(1006, 0)}, "matte.stabilise=off", "matte.edges=off")
    forward = direct(engine, clip, {1002, 1006}, range(1002, 1009))
    backward = direct(engine, clip, {1002, 1006}, range(1006, 1000, -1))
    for frame, weight in {1001: 0, 1003: 0.75, 1004: 0.5, 1005: 0.25, 1007: 1, 1008: 1}.items():
        ahead = weight * forward[frame] if weight else 0
        back = (1 - weight) * backward[frame] if weight < 1 else 0
        np.testing.assert_allclose(clip.matte(frame), clipped(ahead + back), atol=2e-3, err_msg=str(frame))
    for frame in (1002, 1006):
        np.testing.assert_array_equal(clip.matte(frame), clip.mask(frame, 0))


@pytest.mark.parametrize(("direction", "reached"), [("forward", range(1004, 1009)), ("backward", range(1001, 1005))])
def test_one_direction(clip, propagated, direction, reached):
    """Frames that no keyframe reaches get empty mattes, so that the sequence has no gaps."""
    report = propagated({1004: clip.keyframe(1004, 0)}, f"direction={direction}")
    assert report.frames == tuple(FRAMES)
    assert [frame for frame in FRAMES if clip.matte(frame).any()] == list(reached)


@pytest.mark.slow
def test_objects_with_keyframes_on_different_frames_and_a_range(clip, propagated):
    """An object is found in both directions from its keyframe, but not outside its range."""
    keyframes = {1001: clip.keyframe(1001, 0), 1004: clip.keyframe(1004, 1, 2)}
    propagated(keyframes, objects={"a1": "1003-1006"})
    for frame in FRAMES:
        assert region_overlap(clip.matte(frame, "a0") > 0.5, clip.mask(frame, 0) > 0.5) > 0.8
        assert region_overlap(clip.matte(frame, "a2") > 0.5, clip.mask(frame, 2) > 0.5) > 0.6
        assert clip.matte(frame, "a1").any() == (1003 <= frame <= 1006)
        total = sum(clip.matte(frame, name) for name in ("a0", "a1", "a2"))
        assert total.max() <= 1.002  # three half floats


def test_frame_range_with_steps(clip, propagated):
    """Only frames of the range are read and written."""
    report = propagated({1003: clip.keyframe(1003, 0)}, range="1001-1008x2")
    assert report.frames == (1001, 1003, 1005, 1007)


def test_mattes_have_plate_size_at_any_internal_size(clip, propagated):
    """Here at two thirds of the plate's height."""
    propagated({1001: clip.keyframe(1001, 0)}, "size=64")
    assert clip.matte(1005).shape == (96, 144)
    assert region_overlap(clip.matte(1005) > 0.5, clip.mask(1005, 0) > 0.5) > 0.7


@pytest.mark.slow
def test_missing_frames_stop_the_job_or_are_skipped_or_held(clip, propagated):
    """A held frame has exactly the mattes of a shot with a copy of the previous plate file."""
    key = {1001: clip.keyframe(1001, 0)}
    (clip.folder / "plate.1004.png").unlink()
    with pytest.raises(MissingFrameError, match=r"1 of 8 .*: 1004\b") as caught:
        propagated(key)
    assert "read.missing" in caught.value.fix
    assert propagated(key, "read.missing=skip").frames == (1001, 1002, 1003, 1005, 1006, 1007, 1008)
    assert propagated(key, "read.missing=hold").frames == tuple(FRAMES)
    held = {frame: clip.matte(frame) for frame in FRAMES}
    (clip.folder / "plate.1004.png").symlink_to("plate.1003.png")
    propagated(key)
    for frame in FRAMES:
        np.testing.assert_array_equal(held[frame], clip.matte(frame))


@pytest.mark.slow
def test_skipped_frames_do_not_count_in_the_memory_interval(clip, engine, propagated):
    """Indices count only existing frames, and files that appear later change nothing."""
    for frame in (1003, 1005, 1007):
        (clip.folder / f"plate.{frame}.png").unlink()
    keyframes = {1001: clip.keyframe(1001, 0), 1008: clip.keyframe(1008, 0)}
    settings = ["compute.precision=float32", "read.missing=skip", "memory.interval=2"]
    job = prepare(make_shot(plate=clip.plate, out=clip.out, keyframes=keyframes, overrides=settings))
    assert job.frames == (1001, 1002, 1004, 1006, 1008)
    (clip.folder / "plate.1003.png").symlink_to(clip.folder / "plate.1002.png")
    assert build(job, lambda _: engine).frames == (1001, 1002, 1004, 1006, 1008)


@pytest.mark.parametrize("plate", ["plate.####.png", "plate.1001.png"])
def test_sources_are_never_overwritten(clip, propagated, plate):
    """Mattes with the file names of the plate or a keyframe are refused."""
    key = {1001: clip.keyframe(1001, 0)}
    before = {path: path.read_bytes() for path in clip.folder.iterdir()}
    with pytest.raises((OutputError, PresetError), match="overwritten"):
        propagated(key, plate=str(clip.folder / plate), out=str(clip.folder / "plate.####.png"))
    with pytest.raises(OutputError, match="keyframe") as caught:
        propagated(key, out=str(clip.folder / "key.####.0.png"))
    assert caught.value.where == str(clip.folder / "key.1001.0.png")
    assert {path: path.read_bytes() for path in clip.folder.iterdir()} == before


def test_an_unwritable_folder_is_an_error_before_the_first_step(clip):
    """The path of the mattes leads through a file."""
    (clip.folder / "file").write_text("in the way")
    out = str(clip.folder / "file" / "m.####.exr")
    with pytest.raises(OutputError) as caught:
        prepare(make_shot(plate=clip.plate, out=out, keyframes={1001: clip.keyframe(1001, 0)}))
    assert caught.value.where.startswith(str(clip.folder / "file"))


def test_overscan_of_any_frame_is_propagated(clip, engine, tmp_path):
    """An object that moves into the overscan of a later frame is not cut off at the format."""
    from stcn_plugin.media.matte_encoding import write_exr
    from stcn_plugin.media.window import FrameHeader, Window

    display = Window(0, 0, 144, 96)
    images = golden_frames(4, 96, 176)[:, :, ::-1] / 255.0
    truth = [golden_masks(96, 176, number)[2][:, ::-1] for number in range(4)]
    for number in range(4):
        left = 0 if number == 0 else -32
        data = Window(left, 0, 144 - left, 96)
        planes = dict(zip("RGB", np.moveaxis(images[number][:, 32 + left :].astype(np.float32), -1, 0), strict=True))
        path = tmp_path / f"o.{1001 + number}.exr"
        write_exr(path, planes, "half", header=FrameHeader(display, data), attributes={})
    key = dict.fromkeys("RGBA", truth[0][:, 32:].astype(np.float32))
    write_exr(tmp_path / "key.exr", key, "half", header=FrameHeader(display, display), attributes={})
    overrides = ["compute.precision=float32", "colour.input=srgb_display"]
    out = str(tmp_path / "out" / "m.####.exr")
    shot = make_shot(
        plate=str(tmp_path / "o.####.exr"), keyframes={1001: str(tmp_path / "key.exr")}, out=out, overrides=overrides
    )
    build(prepare(shot), lambda _: engine)
    matte = read_image(tmp_path / "out" / "m.1003.exr")
    assert matte.header.data == Window(-32, 0, 176, 96)
    assert matte.header.display == display
    found = matte.channel("matte.A") > 0.5
    assert region_overlap(found[:, :32], truth[2][:, :32] > 0) > 0.5
    assert read_image(tmp_path / "out" / "m.1001.exr").header.data == display


def test_a_cancelled_job_leaves_complete_files(clip, engine):
    """Complete files of the finished frames, and nothing else. The last frame propagated waits for its neighbour."""
    shot = make_shot(plate=clip.plate, out=clip.out, keyframes={1001: clip.keyframe(1001, 0)})
    seen = []
    with pytest.raises(CancelledError):
        build(
            prepare(shot),
            lambda _: engine,
            watcher=Watcher(on_progress=seen.append, is_cancelled=lambda: len(seen) == 3),
        )
    written = sorted((clip.folder / "out").glob("*.exr"))
    assert [path.name for path in written] == ["matte.1001.exr", "matte.1002.exr"]
    for path in written:
        assert read_image(path).pixels.shape == (96, 144, 5)


@pytest.mark.slow
def test_progress_counts_every_step_of_both_passes(clip, engine):
    """It ends at its total; frames between keyframes count twice."""
    keyframes = {1001: clip.keyframe(1001, 0), 1008: clip.keyframe(1008, 0)}
    seen = []
    build(
        prepare(make_shot(plate=clip.plate, out=clip.out, keyframes=keyframes)),
        lambda _: engine,
        watcher=Watcher(on_progress=seen.append),
    )
    assert [progress.done for progress in seen] == list(range(1, 15))
    assert {progress.total for progress in seen} == {14}


def test_a_keyframe_is_one_step(clip, engine):
    """Although its mattes are written before the pass that starts there."""
    shot, seen = make_shot(plate=clip.plate, out=clip.out, keyframes={1001: clip.keyframe(1001, 0)}), []
    build(prepare(shot), lambda _: engine, watcher=Watcher(on_progress=seen.append))
    assert [(progress.done, progress.total, progress.frame) for progress in seen] == [
        (number, 8, 1000 + number) for number in range(1, 9)
    ]


def test_overlays_and_contact_sheet(clip, propagated):
    """An overlay per frame, with the mattes that are delivered, and one contact sheet."""
    look = clip.folder / "look"
    report = propagated({1001: clip.keyframe(1001, 0)}, f"overlay.folder={look}", "overlay.width=144")
    assert report.contact_sheet == str(look / "contact_sheet.jpg")
    overlays = sorted(look.glob("overlay.*.jpg"))
    assert [path.name[8:12] for path in overlays] == [str(frame) for frame in range(1001, 1009)]
    for path in overlays:
        frame = int(path.name[8:12])
        plate = np.asarray(Image.open(clip.folder / f"plate.{frame}.png").convert("RGB"), np.float32)
        change = np.abs(np.asarray(Image.open(path), np.float32) - plate).mean(-1)
        change[80:, :60] = 0  # the frame number
        matte = clip.matte(frame)
        assert (matte == 1).sum() > 100
        assert change[matte == 1].mean() > 20, frame
        assert change[matte == 0].mean() < 4, frame


@pytest.mark.parametrize(
    ("keyframes", "arguments", "error", "words"),
    [
        ({1001: 0}, {"objects": {"cat": "1001-1002", "1": "1001"}}, PresetError, ("no keyframe", "'cat'", ": 1")),
        ({1005: 0}, {"objects": {"1": "1001-1003"}}, PresetError, ("'1'", "frame 1005", "1001-1003")),
        ({1050: 0}, {}, KeyframeError, ("frame 1050", "1001-1008")),
    ],
)
def test_objects_and_keyframes_that_do_not_match_are_errors(clip, propagated, keyframes, arguments, error, words):
    """The message names both."""
    with pytest.raises(error) as caught:
        propagated({frame: clip.keyframe(1001, disc)["file"] for frame, disc in keyframes.items()}, **arguments)
    assert [word for word in words if word not in caught.value.what] == []


def test_one_object_twice_on_a_frame_is_refused(clip, propagated):
    """The error names both files."""
    first, second = clip.keyframe(1001, 0), clip.keyframe(1001, 0, 1)
    with pytest.raises(KeyframeError, match=r"'1' of frame 1001 .*key\.1001\.0\.png") as caught:
        propagated({1001: [first["file"], second["file"]]})
    assert caught.value.where == second["file"]


FULL = [
    (torch.OutOfMemoryError, "CUDA out of memory. Tried to allocate 2.00 GiB."),
    (torch.AcceleratorError, "CUDA error: out of memory"),
    (RuntimeError, "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    (RuntimeError, "MPS backend out of memory"),
    (RuntimeError, "DefaultCPUAllocator: can't allocate memory"),
    (MemoryError, ""),
]


def failing(error: Exception):
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize(("kind", "words"), FULL)
@pytest.mark.parametrize("where", ["loading", "starting", "a step"])
def test_out_of_memory_is_a_device_error_with_advice(clip, engine, monkeypatch, kind, words, where):
    """Whatever ran out of memory, and when: loading the network, before the first step, or in a step."""
    error = kind(words)
    shot = make_shot(plate=clip.plate, out=clip.out, keyframes={1001: clip.keyframe(1001, 0)})
    engine_for = failing(error) if where == "loading" else lambda _: engine
    if where == "starting":
        monkeypatch.setattr(run_module, "Uploader", failing(error))
    elif where == "a step":
        monkeypatch.setattr(Propagator, "step", failing(error))
    with pytest.raises(DeviceError, match="out of memory") as caught:
        propagate(shot, engine_for=engine_for)
    assert "size" in caught.value.fix
    assert caught.value.__cause__ is error


def failing_at(owner, name: str, number: int | str | None, error: Exception):
    """Return a replacement that raises if it is called with a number, the fifth time, or always if that is ``None``."""
    real, calls = getattr(owner, name), []

    def stand_in(*arguments, **named):
        calls.append(name)
        if number == "the fifth call" and len(calls) == 5:
            raise error
        if number is None or number in [each for each in (*arguments, *named.values()) if isinstance(each, int)]:
            raise error
        return real(*arguments, **named)

    return stand_in


@pytest.mark.parametrize(
    ("owner", "name", "number", "where"),
    [
        (PlateReader, "read", 1003, "reading frame 1003 of the plate ({folder}/plate.1003.png)"),
        (PlateReader, "header", 1001, "reading the header of the plate ({folder}/plate.####.png)"),
        (Propagator, "step", "the fifth call", "propagating frame 1005"),
        (MatteWriter, "encode", 1003, "writing the mattes of frame 1003 ({folder}/out/matte.1003.exr)"),
        (keyframes_module, "_read_frame", None, "reading the keyframe of frame 1001 ({folder}/key.1001.0.png)"),
        (prepare_module, "check_outputs", None, "checking the output files ({folder}/out/matte.####.exr)"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_an_unexpected_error_names_frame_and_file(clip, engine, monkeypatch, owner, name, number, where):
    """Raised by any library, on any thread; the mattes before it are complete."""
    error = UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")
    monkeypatch.setattr(owner, name, failing_at(owner, name, number, error))
    shot = make_shot(plate=clip.plate, out=clip.out, keyframes={1001: clip.keyframe(1001, 0)})
    with pytest.raises(UnexpectedError, match=r"unexpected UnicodeDecodeError: .*invalid start byte") as caught:
        propagate(shot, engine_for=lambda _: engine)
    assert caught.value.where == where.format(folder=clip.folder)
    assert caught.value.__cause__ is error
    for path in (clip.folder / "out").glob("*.exr"):
        assert read_image(path).pixels.shape == (96, 144, 5)


def test_a_gpu_failure_is_a_device_error(clip, engine, monkeypatch):
    """It names the frame, and that running again may help."""
    monkeypatch.setattr(Propagator, "step", failing(torch.AcceleratorError("CUDA error: unspecified launch failure")))
    with pytest.raises(DeviceError, match="the GPU stopped working") as caught:
        propagate(
            make_shot(plate=clip.plate, out=clip.out, keyframes={1001: clip.keyframe(1001, 0)}),
            engine_for=lambda _: engine,
        )
    assert caught.value.where == "propagating frame 1001"
    assert "Run the job again" in caught.value.fix


def test_a_cancel_stops_between_the_stages_of_a_step(clip, engine):
    """A frame may take minutes."""
    steps, running = [], []
    shot = make_shot(plate=clip.plate, out=clip.out, keyframes={1001: clip.keyframe(1001, 0)})
    watcher = Watcher(
        on_progress=steps.append,
        is_cancelled=lambda: len(steps) == 2 and any("propagating" in each.what for each in running[-1]),
        on_activity=running.append,
    )
    with pytest.raises(CancelledError):
        build(prepare(shot), lambda _: engine, watcher=watcher)
    assert running[-1] == ()
    assert [path.name for path in sorted((clip.folder / "out").glob("*.exr"))] == ["matte.1001.exr"]


def test_a_cancel_stops_the_preparation(clip):
    """Reading the headers of a long plate may take minutes."""
    shot = make_shot(plate=clip.plate, out=clip.out, keyframes={1001: clip.keyframe(1001, 0)})
    with pytest.raises(CancelledError):
        prepare(shot, watcher=Watcher(is_cancelled=lambda: True))
    assert not (clip.folder / "out").exists()


@pytest.mark.parametrize("fails", [False, True])
def test_device_memory_is_released_after_every_job(clip, engine, monkeypatch, fails):
    """The host may need the GPU."""
    released, seen = [], []
    monkeypatch.setattr(run_module, "release_memory", lambda: released.append(True))
    job = prepare(make_shot(plate=clip.plate, out=clip.out, keyframes={1001: clip.keyframe(1001, 0)}))
    if fails:
        with pytest.raises(CancelledError):
            build(job, lambda _: engine, watcher=Watcher(on_progress=seen.append, is_cancelled=lambda: len(seen) == 3))
    else:
        build(job, lambda _: engine)
    assert released == [True]


def test_propagation_has_the_defaults_of_the_preset():
    """Propagating arrays and running a shot have the same defaults; a job reads plates at the internal size itself."""
    preset = Preset()
    assert propagation_settings(preset) == PropagationSettings(size=None)
    assert preset.size == str(PropagationSettings().size)


@pytest.mark.parametrize(("region", "expected"), [("auto", None), ("region", True), ("whole", False)])
def test_settings_of_a_preset_reach_the_propagator(region, expected):
    """Every memory setting and the region are handed on."""
    memory = Memory(interval=3, top_k=7, include_last=True, max_frames=4, budget_mb=9)
    assert propagation_settings(Preset(memory=memory, compute=Compute(region=region))) == PropagationSettings(
        None, 3, include_last=True, region=expected, top_k=7, max_frames=4, budget_bytes=9 << 20
    )
