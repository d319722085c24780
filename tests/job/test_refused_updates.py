"""Updates that are refused before anything is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from clip_files import A, B, state

from stcn_plugin import make_shot
from stcn_plugin.errors import KeyframeError, OutputError
from stcn_plugin.job.build import build
from stcn_plugin.job.prepare import prepare


@pytest.mark.slow
def test_an_update_needs_the_mattes_of_the_other_frames(clip, engine):
    """Nothing is written, and the error names the frames without mattes."""
    keys = {frame: clip.keyframe(frame, A) for frame in (1001, 1003, 1005, 1007)}
    shot = make_shot(plate=clip.plate, out=clip.out, keyframes=keys)
    with pytest.raises(OutputError, match=r"^.*: 5 .* a0: 1001-1003,1007-1008\. .*whole shot"):
        prepare(shot, update=[1005])
    assert not list((clip.folder / "out").iterdir())
    build(prepare(shot), lambda _: engine)
    Path(clip.out.replace("####", "1008")).unlink()
    with pytest.raises(OutputError, match=r": 1 .* a0: 1008\."):
        prepare(shot, update=[1005])


def test_frames_to_update_are_frames_of_the_shot(clip):
    """The error names a frame that the shot does not have."""
    shot = make_shot(plate=clip.plate, out=clip.out, keyframes={1001: clip.keyframe(1001, A)})
    with pytest.raises(KeyframeError, match=r"frame 1050 .* 1001-1008"):
        prepare(shot, update=[1001, 1050])


def test_an_update_outside_all_object_ranges_is_refused(clip, propagated):
    """It would change nothing, which is a mistake and not a success."""
    keyframes, objects = {1003: clip.keyframe(1003, A)}, {"a0": "1003-1005"}
    propagated(keyframes, objects=objects)
    shot = make_shot(plate=clip.plate, out=clip.out, keyframes=keyframes, objects=objects)
    with pytest.raises(KeyframeError, match=r"frame 1001 .*objects"):
        prepare(shot, update=[1001])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "then", "message"),
    [
        ({"discs": (A,)}, {"discs": (A, B)}, r"matte\.1003\.exr: the file has a0, not a0, a2\. Run the whole shot again"),
        ({"discs": (A, B)}, {"discs": (A,)}, r"matte\.1003\.exr: the file has a0, a2, not a0"),
        ({"discs": (A,)}, {"settings": ["output.layout=cryptomatte"]}, r"matte\.1003\.exr: the file has a0, not a0"),
        ({"settings": ["output.layout=cryptomatte"]}, {"discs": (A, B), "settings": ["output.layout=cryptomatte"]}, "the file has a0, not a0, a2"),
        ({"settings": ["output.layout=per_object"], "out": "matte.<object>.####.exr"}, {"out": "matte.a0.####.exr"}, "the file has one matte, not a0"),
    ],
)  # fmt: skip
def test_mattes_of_other_objects_or_another_layout_are_not_mixed(clip, engine, first, then, message):
    """If the files of the other frames have other objects or another layout, nothing is written."""

    def shot(frames, discs=(A,), settings=(), out="matte.####.exr"):
        keyframes = {frame: clip.keyframe(frame, *discs) for frame in frames}
        # The second object's range is inside the update; otherwise the whole shot would be written.
        objects = {"a2": "1004-1006"} if discs == (A, B) and 1003 not in frames else {}
        return make_shot(plate=clip.plate, out=str(clip.folder / "out" / out), keyframes=keyframes, overrides=settings, objects=objects)  # fmt: skip

    build(prepare(shot([1001, 1003, 1007], **first)), lambda _: engine)
    before = state(clip.folder / "out")
    later = shot([1005], **then)
    kept = shot([1001, 1003, 1007])
    mixed = later.model_copy(update={"keyframes": (*kept.keyframes, *later.keyframes)})
    with pytest.raises(OutputError, match=message):
        prepare(mixed, update=[1005])
    assert state(clip.folder / "out") == before
