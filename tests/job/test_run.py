"""Whole shots: what is written for which frame, and that it is what the propagator and the artist said."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from golden.stand_in import golden_frames, golden_masks

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
from stcn_plugin.job import prepare as job_module
from stcn_plugin.job import run as run_module
from stcn_plugin.job.prepare import prepare
from stcn_plugin.job.propagate import propagate
from stcn_plugin.job.run import propagation_settings, run
from stcn_plugin.job.watcher import Watcher
from stcn_plugin.media.images import read_image
from stcn_plugin.media.matte_writer import MatteWriter
from stcn_plugin.media.plates import PlateReader
from stcn_plugin.presets.model import Memory, Preset
from stcn_plugin.propagation.propagator import PropagationSettings, Propagator

FRAMES = range(1001, 1009)
BLACK, WHITE = 0.15, 0.85  # the defaults


def clipped(probabilities):
    return np.clip((probabilities - BLACK) / (WHITE - BLACK), 0, 1)


def direct(engine, clip, keyframes, order):
    """What a bare propagator says of object a0, frame by frame in the order given."""
    images = torch.from_numpy(golden_frames(8, 96, 144)).permute(0, 3, 1, 2).float() / 255
    propagator = Propagator(engine, objects=["a0"], settings=PropagationSettings())
    found = {}
    for frame in order:
        mask = {"a0": torch.from_numpy(clip.mask(frame, 0))} if frame in keyframes else None
        found[frame] = propagator.step(frame - 1001, images[frame - 1001], keyframe=mask).own[0].numpy()
    return found


@pytest.mark.slow
def test_mattes_are_the_objects_own_probabilities(clip, engine, propagated):
    """From one keyframe every matte is the propagator's own probability between the clip points, to half precision."""
    report = propagated({1001: clip.keyframe(1001, 0)})
    assert report.frames == tuple(FRAMES)
    expected = direct(engine, clip, {1001}, FRAMES)
    for frame in FRAMES[1:]:
        np.testing.assert_allclose(clip.matte(frame), clipped(expected[frame]), atol=2e-3)
        assert region_overlap(clip.matte(frame) > 0.5, clip.mask(frame, 0) > 0.5) > 0.8


def test_keyframe_carries_the_artists_matte(clip, propagated, tmp_path):
    """On a keyframe the artist's soft matte is written as it is, whatever the clip points."""
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
def test_both_directions_meet_between_keyframes(clip, engine, propagated):
    """Between two keyframes a matte is the two passes' probabilities, weighed by nearness."""
    propagated({1002: clip.keyframe(1002, 0), 1006: clip.keyframe(1006, 0)})
    forward = direct(engine, clip, {1002, 1006}, range(1002, 1009))
    backward = direct(engine, clip, {1002, 1006}, range(1006, 1000, -1))
    for frame, weight in {1001: 0, 1003: 0.75, 1004: 0.5, 1005: 0.25, 1007: 1, 1008: 1}.items():
        ahead = weight * forward[frame] if weight else 0
        back = (1 - weight) * backward[frame] if weight < 1 else 0
        np.testing.assert_allclose(clip.matte(frame), clipped(ahead + back), atol=2e-3, err_msg=str(frame))
    for frame in (1002, 1006):
        np.testing.assert_array_equal(clip.matte(frame), clip.mask(frame, 0))


@pytest.mark.parametrize(("direction", "reached"), [("forward", range(1004, 1009)), ("backward", range(1001, 1005))])
def test_one_direction_on_request(clip, propagated, direction, reached):
    """Where no keyframe reaches, a clear matte is written: the sequence has no holes."""
    report = propagated({1004: clip.keyframe(1004, 0)}, f"direction={direction}")
    assert report.frames == tuple(FRAMES)
    assert [frame for frame in FRAMES if clip.matte(frame).any()] == list(reached)


@pytest.mark.slow
def test_objects_on_different_keyframes_and_lives(clip, propagated):
    """A late object is found backwards too, unless its range says that it is not there yet."""
    keyframes = {1001: clip.keyframe(1001, 0), 1004: clip.keyframe(1004, 1, 2)}
    propagated(keyframes, objects={"a1": "1003-1006"})
    for frame in FRAMES:
        assert region_overlap(clip.matte(frame, "a0") > 0.5, clip.mask(frame, 0) > 0.5) > 0.8
        assert region_overlap(clip.matte(frame, "a2") > 0.5, clip.mask(frame, 2) > 0.5) > 0.6
        assert clip.matte(frame, "a1").any() == (1003 <= frame <= 1006)
        total = sum(clip.matte(frame, name) for name in ("a0", "a1", "a2"))
        assert total.max() <= 1.002  # three half floats


def test_range_with_steps(clip, propagated):
    """Only the frames of the range are read and written."""
    report = propagated({1003: clip.keyframe(1003, 0)}, range="1001-1008x2")
    assert report.frames == (1001, 1003, 1005, 1007)


def test_smaller_internal_size_gives_mattes_at_plate_size(clip, propagated):
    """Mattes have the plate's size whatever the internal size."""
    propagated({1001: clip.keyframe(1001, 0)}, "size=64")
    assert clip.matte(1005).shape == (96, 144)
    assert region_overlap(clip.matte(1005) > 0.5, clip.mask(1005, 0) > 0.5) > 0.7


@pytest.mark.slow
def test_missing_frames(clip, propagated):
    """A missing frame stops the job before it starts; on request it is held or skipped."""
    key = {1001: clip.keyframe(1001, 0)}
    (clip.folder / "plate.1004.png").unlink()
    with pytest.raises(MissingFrameError, match=r"1 of 8 frames have no file: 1004.*read\.missing"):
        propagated(key)
    assert propagated(key, "read.missing=skip").frames == (1001, 1002, 1003, 1005, 1006, 1007, 1008)
    assert propagated(key, "read.missing=hold").frames == tuple(FRAMES)
    np.testing.assert_allclose(clip.matte(1004), clip.matte(1003), atol=0.35)


@pytest.mark.slow
def test_skipped_frames_do_not_cost_memory_frames(clip, engine, propagated):
    """The schedule counts the frames that are there, in both directions; what appears later changes nothing."""
    for frame in (1003, 1005, 1007):
        (clip.folder / f"plate.{frame}.png").unlink()
    keyframes = {1001: clip.keyframe(1001, 0), 1008: clip.keyframe(1008, 0)}
    settings = ["compute.precision=float32", "read.missing=skip", "memory.interval=2"]
    job = prepare(make_shot(plate=clip.plate, out=clip.out, keyframes=keyframes, overrides=settings))
    assert job.frames == (1001, 1002, 1004, 1006, 1008)
    (clip.folder / "plate.1003.png").symlink_to(clip.folder / "plate.1002.png")
    assert run(job, engine).frames == (1001, 1002, 1004, 1006, 1008)


@pytest.mark.parametrize("plate", ["plate.####.png", "plate.1001.png"])
def test_sources_are_never_overwritten(clip, propagated, plate):
    """Mattes that would fall on the plate or on a keyframe's file are refused, however the files are named."""
    key = {1001: clip.keyframe(1001, 0)}
    before = {path: path.read_bytes() for path in clip.folder.iterdir()}
    with pytest.raises((OutputError, PresetError), match="overwritten"):
        propagated(key, plate=str(clip.folder / plate), out=str(clip.folder / "plate.####.png"))
    with pytest.raises(OutputError, match=r"key\.1001\.0\.png: this file is a keyframe of the shot"):
        propagated(key, out=str(clip.folder / "key.####.0.png"))
    assert {path: path.read_bytes() for path in clip.folder.iterdir()} == before


def test_an_unwritable_folder_is_told_before_anything_runs(clip, propagated):
    """Where mattes cannot be written, the job stops before the first step."""
    (clip.folder / "file").write_text("in the way")
    with pytest.raises(OutputError, match="a part of this path is a file"):
        prepare(
            make_shot(
                plate=clip.plate, out=str(clip.folder / "file" / "m.####.exr"), keyframes={1001: clip.keyframe(1001, 0)}
            )
        )


def test_overscan_of_any_frame_is_propagated(clip, engine, tmp_path):
    """An object that reaches into the overscan of a later frame is not cut at the format."""
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
    run(prepare(shot), engine)
    matte = read_image(tmp_path / "out" / "m.1003.exr")
    assert matte.header.data == Window(-32, 0, 176, 96)
    assert matte.header.display == display
    found = matte.channel("matte.A") > 0.5
    assert region_overlap(found[:, :32], truth[2][:, :32] > 0) > 0.5
    assert read_image(tmp_path / "out" / "m.1001.exr").header.data == display


def test_cancel_leaves_whole_frames(clip, engine):
    """A cancelled job has written whole files of the frames it finished, and nothing else."""
    shot = make_shot(plate=clip.plate, out=clip.out, keyframes={1001: clip.keyframe(1001, 0)})
    seen = []
    with pytest.raises(CancelledError):
        run(prepare(shot), engine, watcher=Watcher(on_progress=seen.append, is_cancelled=lambda: len(seen) == 3))
    written = sorted((clip.folder / "out").iterdir())
    assert [path.name for path in written] == ["matte.1001.exr", "matte.1002.exr", "matte.1003.exr"]
    for path in written:
        assert read_image(path).pixels.shape == (96, 144, 5)


@pytest.mark.slow
def test_progress_counts_every_step_of_both_passes(clip, engine):
    """Progress ends at its total, and a frame between keyframes counts twice."""
    keyframes = {1001: clip.keyframe(1001, 0), 1008: clip.keyframe(1008, 0)}
    seen = []
    run(
        prepare(make_shot(plate=clip.plate, out=clip.out, keyframes=keyframes)),
        engine,
        watcher=Watcher(on_progress=seen.append),
    )
    assert [progress.done for progress in seen] == list(range(1, 16))
    assert {progress.total for progress in seen} == {15}


def test_overlays_and_contact_sheet(clip, propagated):
    """Overlays come beside the mattes: a picture per frame and one sheet of all."""
    report = propagated({1001: clip.keyframe(1001, 0)}, f"overlay.folder={clip.folder / 'look'}")
    assert report.contact_sheet == str(clip.folder / "look" / "contact_sheet.jpg")
    assert len(list((clip.folder / "look").glob("overlay.*.jpg"))) == 8


@pytest.mark.parametrize(
    ("keyframes", "arguments", "error", "message"),
    [
        ({1001: 0}, {"objects": {"cat": "1001-1002", "1": "1001"}}, PresetError, "no keyframe shows the object 'cat'; they show: 1"),
        ({1005: 0}, {"objects": {"1": "1001-1003"}}, PresetError, "the keyframe of '1' on frame 1005 is outside its range 1001-1003"),
        ({1050: 0}, {}, KeyframeError, "frame 1050 is not among the frames 1001-1008"),
    ],
)  # fmt: skip
def test_mistakes_in_a_shot_are_told_before_it_runs(clip, propagated, keyframes, arguments, error, message):
    """Objects and keyframes that do not fit each other are errors that name both."""
    with pytest.raises(error) as caught:
        propagated({frame: clip.keyframe(1001, disc)["file"] for frame, disc in keyframes.items()}, **arguments)
    assert message in str(caught.value)


def test_one_object_twice_on_a_frame_is_refused(clip, propagated):
    """Two files that give the same object on one frame are an error that names both."""
    first, second = clip.keyframe(1001, 0), clip.keyframe(1001, 0, 1)
    with pytest.raises(KeyframeError, match=r"the object '1' of frame 1001 is in .*key\.1001\.0\.png already"):
        propagated({1001: [first["file"], second["file"]]})


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
def test_out_of_memory_is_told_with_what_to_change(clip, engine, monkeypatch, kind, words, where):
    """Whoever ran out of it, and whenever: while the network is loaded, before the first step, or in one."""
    error = kind(words)
    shot = make_shot(plate=clip.plate, out=clip.out, keyframes={1001: clip.keyframe(1001, 0)})
    engine_for = failing(error) if where == "loading" else lambda _: engine
    if where == "starting":
        monkeypatch.setattr(run_module, "Uploader", failing(error))
    elif where == "a step":
        monkeypatch.setattr(Propagator, "step", failing(error))
    with pytest.raises(DeviceError, match=r"the device is out of memory\. Set a smaller size") as caught:
        propagate(shot, engine_for=engine_for)
    assert caught.value.__cause__ is error


def failing_at(owner, name: str, number: int | None, error: Exception):
    """Stand in for a function that fails when it is called with a number, or whenever it is called."""
    real = getattr(owner, name)

    def stand_in(*arguments, **named):
        if number is None or number in [each for each in arguments if isinstance(each, int)]:
            raise error
        return real(*arguments, **named)

    return stand_in


@pytest.mark.parametrize(
    ("owner", "name", "number", "where"),
    [
        (PlateReader, "read", 1003, "reading frame 1003 of the plate ({folder}/plate.1003.png)"),
        (PlateReader, "header", 1001, "reading the header of the plate ({folder}/plate.####.png)"),
        (Propagator, "step", 4, "propagating frame 1005"),
        (MatteWriter, "encode", 1003, "writing the mattes of frame 1003 ({folder}/out/matte.1003.exr)"),
        (keyframes_module, "_read_frame", None, "reading the keyframe of frame 1001 ({folder}/key.1001.0.png)"),
        (job_module, "check_outputs", None, "checking where the mattes go ({folder}/out/matte.####.exr)"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_an_error_that_nobody_foresaw_names_frame_and_file(clip, engine, monkeypatch, owner, name, number, where):
    """Whatever a library raises, in whichever thread: plugins are told the same, and the mattes before are whole."""
    error = UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")
    monkeypatch.setattr(owner, name, failing_at(owner, name, number, error))
    shot = make_shot(plate=clip.plate, out=clip.out, keyframes={1001: clip.keyframe(1001, 0)})
    with pytest.raises(UnexpectedError, match=r"unexpected UnicodeDecodeError: .*invalid start byte") as caught:
        propagate(shot, engine_for=lambda _: engine)
    assert caught.value.where == where.format(folder=clip.folder)
    assert caught.value.__cause__ is error
    for path in (clip.folder / "out").glob("*"):
        assert read_image(path).pixels.shape == (96, 144, 5)


def test_a_lost_gpu_is_told_in_words(clip, engine, monkeypatch):
    """With the frame that it was lost at, and that running again may help."""
    monkeypatch.setattr(Propagator, "step", failing(torch.AcceleratorError("CUDA error: unspecified launch failure")))
    with pytest.raises(DeviceError, match="the GPU stopped working") as caught:
        propagate(
            make_shot(plate=clip.plate, out=clip.out, keyframes={1001: clip.keyframe(1001, 0)}),
            engine_for=lambda _: engine,
        )
    assert caught.value.where == "propagating frame 1001"
    assert "Run the job again" in caught.value.fix


def test_a_cancel_ends_a_step_between_its_stages(clip, engine):
    """A frame that takes minutes need not be finished."""
    steps, running = [], []
    shot = make_shot(plate=clip.plate, out=clip.out, keyframes={1001: clip.keyframe(1001, 0)})
    watcher = Watcher(
        on_progress=steps.append,
        is_cancelled=lambda: len(steps) == 2 and any("propagating" in each.what for each in running[-1]),
        on_activity=running.append,
    )
    with pytest.raises(CancelledError):
        run(prepare(shot), engine, watcher=watcher)
    assert running[-1] == ()
    assert [path.name for path in sorted((clip.folder / "out").iterdir())] == ["matte.1001.exr", "matte.1002.exr"]


def test_a_cancel_ends_the_preparation(clip):
    """Reading the headers of a long plate from a slow disk need not be finished either."""
    shot = make_shot(plate=clip.plate, out=clip.out, keyframes={1001: clip.keyframe(1001, 0)})
    with pytest.raises(CancelledError):
        prepare(shot, watcher=Watcher(is_cancelled=lambda: True))
    assert not (clip.folder / "out").exists()


@pytest.mark.parametrize("fails", [False, True])
def test_memory_is_given_back_after_every_job(clip, engine, monkeypatch, fails):
    """However it ends, the host has its GPU back."""
    given = []
    monkeypatch.setattr(run_module, "release_memory", lambda: given.append("all"))
    job = prepare(make_shot(plate=clip.plate, out=clip.out, keyframes={1001: clip.keyframe(1001, 0)}))
    if fails:
        with pytest.raises(CancelledError):
            run(job, engine, watcher=Watcher(is_cancelled=lambda: True))
    else:
        run(job, engine)
    assert given == ["all"]


@pytest.mark.parametrize(("device", "budget_mb", "expected"), [("cpu", 8, 8), ("cuda", 8, 256), ("cuda", 512, 512)])
def test_a_gpu_reads_memory_in_larger_tiles(device, budget_mb, expected):
    """What suits a processor's cache would leave it idle."""
    settings = propagation_settings(Preset(memory=Memory(budget_mb=budget_mb)), torch.device(device))
    assert settings.read.budget_bytes == expected << 20


def test_weights_of_the_passes_are_sent_once(clip, propagated, monkeypatch):
    """Once for a segment, and not again for every frame, which a GPU would wait for."""
    sent, from_numpy = [], torch.from_numpy
    monkeypatch.setattr(torch, "from_numpy", lambda array: sent.append(array.shape) or from_numpy(array))
    propagated({1002: clip.keyframe(1002, 0), 1006: clip.keyframe(1006, 0)})
    assert sent.count((8, 1)) == 1
    assert (1,) not in sent
