"""Updates: only what a changed keyframe reaches is written again, and it is what the whole shot would have given."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from stcn_plugin import make_shot
from stcn_plugin.errors import CancelledError, KeyframeError, OutputError
from stcn_plugin.evaluation.hard import region_overlap
from stcn_plugin.media.images import read_image
from stcn_plugin.media.keyframes import read_keyframe
from stcn_plugin.media.mattes import MatteWriter
from stcn_plugin.media.sequences import FrameSequence
from stcn_plugin.media.window import FrameHeader, Window
from stcn_plugin.propagation.plan import plan_passes
from stcn_plugin.shot.job import prepare
from stcn_plugin.shot.run import run
from stcn_plugin.shot.update import Recall, affected, plan_parts
from stcn_plugin.shot.watcher import Watcher

FRAMES = range(1001, 1009)
LENGTH = 14
NAMES = ("a", "b")
RECALL = Recall(interval=5, schedule="absolute", most=24)


# Which frames, and which passes.


@st.composite
def shots(draw):
    """Keyframes of two objects, their lives, a direction, and one more keyframe: its index and its objects."""
    life = {}
    keyframes: dict[int, set[str]] = {}
    for name in NAMES:
        first, last = sorted(draw(st.tuples(*[st.integers(0, LENGTH - 1)] * 2)))
        if draw(st.booleans()):
            life[name] = first, last
        else:
            first, last = 0, LENGTH - 1
        for index in draw(st.sets(st.integers(first, last), min_size=1, max_size=5)):
            keyframes.setdefault(index, set()).add(name)
    changed = draw(st.sampled_from(sorted(keyframes)))
    return keyframes, life, draw(st.sampled_from(["both", "forward", "backward"])), changed


def reaching(keyframes, name, index, direction):
    """The keyframes that a matte is made of."""
    own = [key for key, names in keyframes.items() if name in names]
    before, after = max((k for k in own if k <= index), default=None), min((k for k in own if k >= index), default=None)
    return {"both": (before, after), "forward": before, "backward": after}[direction]


def alive(life, name):
    """The first index of an object, and the one after its last."""
    first, last = life.get(name, (0, LENGTH - 1))
    return first, last + 1


def differing(one, other, life, direction):
    """The indices on which an object that is there is made of other keyframes."""
    return {
        index
        for name in NAMES
        for index in range(*alive(life, name))
        if reaching(one, name, index, direction) != reaching(other, name, index, direction)
    }


def found(keyframes, life, direction, changed):
    parts = affected(changed, length=LENGTH, objects=NAMES, keyframes=keyframes, life=life, direction=direction)
    assert all(earlier.stop < later.start for earlier, later in pairwise(parts))
    return {index for part in parts for index in part}


@given(shots())
def test_affected_are_the_frames_whose_keyframes_differ(shot):
    """A new keyframe affects exactly the mattes that are made of other keyframes with it than without it."""
    keyframes, life, direction, changed = shot
    without = {index: names for index, names in keyframes.items() if index != changed}
    assert found(keyframes, life, direction, [changed]) == differing(keyframes, without, life, direction)


@given(shots())
def test_affected_by_a_keyframe_that_is_gone(shot):
    """Where no keyframe is left, the mattes of every object that may have had one there are affected."""
    keyframes, life, direction, changed = shot
    without = {index: names for index, names in keyframes.items() if index != changed}
    had = {name for name in NAMES if changed in range(*alive(life, name))}
    assert found(without, life, direction, [changed]) == differing(without | {changed: had}, without, life, direction)


def planned(shot, parts):
    keyframes, life, direction, _ = shot
    whole = plan_passes(length=LENGTH, objects=NAMES, keyframes=keyframes, life=life, direction=direction)
    return whole, plan_parts(whole, parts, objects=NAMES, keyframes=keyframes, recall=RECALL)


@given(shots())
def test_a_part_that_is_the_whole_is_planned_as_the_whole(shot):
    """Where everything is wanted, the passes of the part are those of the shot, and nothing is taken from disk."""
    whole, (part,) = planned(shot, [range(LENGTH)])
    np.testing.assert_array_equal(part.plan.weight, whole.weight)
    assert list(part.plan.backward) == list(whole.backward)
    assert list(part.plan.forward) == list(whole.forward)
    assert not part.on_disk


@given(shots(), st.sets(st.integers(0, LENGTH - 1), max_size=2))
def test_every_matte_of_a_part_is_reached_as_in_the_whole(shot, gone):
    """The passes give what the weights ask for, from given mattes, and take from disk only what is not written."""
    keyframes, life, direction, changed = shot
    changes = {changed, *(gone - keyframes.keys())}
    parts = affected(changes, length=LENGTH, objects=NAMES, keyframes=keyframes, life=life, direction=direction)
    whole, planned_parts = planned(shot, parts)
    written_by_any = {index for part in parts for index in part}
    for part in planned_parts:
        outside = [index for index in range(LENGTH) if index not in part.written]
        np.testing.assert_array_equal(part.plan.weight[list(part.written)], whole.weight[list(part.written)])
        assert np.isnan(part.plan.weight[outside]).all()
        assert not set(part.on_disk) & written_by_any
        for visits, step in ((part.plan.forward, 1), (part.plan.backward, -1)):
            assert all((later - earlier) * step > 0 for earlier, later in pairwise(visits))
            in_play: set[str] = set()
            for index in visits:
                shown = set(keyframes.get(index, ())) | set(part.on_disk.get(index, ()))
                in_play = {name for name in in_play if index in range(*alive(life, name))}
                if index not in part.written:
                    assert shown, "nothing is visited in vain"
                    assert shown >= in_play or index in written_by_any, "no matte that stays is guessed again"
                in_play |= shown
                for column, name in enumerate(NAMES):
                    weight = part.plan.weight[index, column]
                    assert name in in_play or not (weight > 0 if step == 1 else weight < 1)
            for column in range(len(NAMES)):
                weight = part.plan.weight[:, column]
                assert set(np.flatnonzero(weight > 0 if step == 1 else weight < 1)) <= set(visits)


def test_recalled_frames():
    """They are those of the whole shot's schedule, the nearest ones, and never more than asked for."""
    assert Recall(5, "absolute", 24).between(17, 0) == [15, 10, 5]
    assert Recall(5, "absolute", 2).between(17, 40) == [20, 25]
    assert Recall(5, "relative", 24).between(17, 0) == [12, 7, 2]
    assert Recall(3, "relative", None).between(17, 28) == [20, 23, 26]
    assert Recall(5, "absolute", 24).between(17, 17) == []


# Files.


def state(folder: Path) -> dict[str, tuple[bytes, int, int]]:
    """What every file of a folder holds, when it was written, and which file it is."""
    return {
        path.name: (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino) for path in sorted(folder.iterdir())
    }


def frames_written(before, after) -> list[int]:
    """The frames whose files are others than before; fails where a file is gone or half there."""
    assert set(after) >= set(before)
    return sorted({int(name.split(".")[-2]) for name in after if after[name] != before.get(name)})


@pytest.fixture
def updated(clip, engine):
    """Run a shot with the old keyframes, then update it with the new ones; return the report and what was written."""

    def call(old, new, frames, *settings, **arguments):
        def shot(keyframes):
            overrides = ["compute.precision=float32", *settings]
            given = {"plate": clip.plate, "out": clip.out, "keyframes": keyframes, "overrides": overrides}
            return make_shot(**(given | arguments))

        run(prepare(shot(old)), engine)
        folder = Path(shot(new).out).parent
        before = state(folder)
        report = run(prepare(shot(new), update=frames), engine)
        assert frames_written(before, state(folder)) == list(report.frames)
        return report

    return call


A, B = 0, 2  # discs that the starter weights follow well


@pytest.mark.parametrize(
    ("old", "new", "update", "settings", "written"),
    [
        pytest.param([1001, 1003, 1007], [1001, 1003, 1005, 1007], [1005], [], [1004, 1005, 1006], id="between two"),
        pytest.param([1001, 1003, 1007], [1001, 1003, 1007], [1003], [], range(1002, 1007), id="a changed one"),
        pytest.param([1003, 1006], [1001, 1003, 1006], [1001], [], [1001, 1002], id="before the first"),
        pytest.param([1002, 1005], [1002, 1005, 1007], [1007], [], [1006, 1007, 1008], id="after the last"),
        pytest.param([1004], [1004], [1004], [], FRAMES, id="the only one"),
        pytest.param([1001, 1004, 1006], [1001, 1006], [1004], [], range(1002, 1006), id="one that is gone"),
        pytest.param([1003, 1006], [1006], [1003], [], range(1001, 1006), id="the first is gone"),
        pytest.param([1001, 1004, 1008], [1001, 1002, 1004, 1006, 1008], [1002, 1006], [], [1002, 1003, 1005, 1006, 1007], id="two spans"),
        pytest.param([1001, 1008], [1001, 1003, 1005, 1008], [1003, 1005], [], range(1002, 1008), id="two that meet"),
        pytest.param([1001, 1007], [1001, 1004, 1007], [1004], ["direction=forward"], [1004, 1005, 1006], id="forward"),
        pytest.param([1001, 1007], [1001, 1004, 1007], [1004], ["direction=backward"], [1002, 1003, 1004], id="backward"),
        pytest.param([1003], [1003, 1006], [1006], ["direction=backward"], [1004, 1005, 1006], id="backward, last"),
        pytest.param([1001, 1003, 1007], [1001, 1003, 1005, 1007], [1005], ["memory.schedule=relative", "memory.interval=1"], [1004, 1005, 1006], id="relative"),
    ],
)  # fmt: skip
def test_only_affected_frames_are_written(clip, updated, old, new, update, settings, written):
    """Files outside of the span are the same files: bytes, time and inode."""
    report = updated(
        {frame: clip.keyframe(frame, A) for frame in old},
        {frame: clip.keyframe(frame, A) for frame in new},
        update,
        *settings,
    )
    assert list(report.frames) == list(written)
    assert report.files == tuple(clip.out.replace("####", str(frame)) for frame in written)
    for frame in new:
        np.testing.assert_array_equal(clip.matte(frame), clip.mask(frame, A))


def test_gaps_in_the_range_are_no_frames(clip, updated):
    """With steps the neighbours are those of the range, and frames between have no files."""
    keys = {frame: clip.keyframe(frame, A) for frame in (1001, 1005, 1007)}
    report = updated({1001: keys[1001], 1007: keys[1007]}, keys, [1005], range="1001-1008x2")
    assert list(report.frames) == [1003, 1005]


@pytest.mark.parametrize(("policy", "written"), [("skip", [1004, 1006]), ("hold", [1004, 1005, 1006])])
def test_missing_frames_by_their_policy(clip, updated, policy, written):
    """Frames that are held are written like others, those that are skipped are not there."""
    (clip.folder / "plate.1005.png").unlink()
    keys = {frame: clip.keyframe(frame, A) for frame in (1001, 1003, 1006, 1007)}
    old = {frame: keys[frame] for frame in (1001, 1003, 1007)}
    assert list(updated(old, keys, [1006], f"read.missing={policy}").frames) == written


def test_it_is_what_the_whole_shot_would_give(clip, updated, propagated):
    """Where all that a pass remembers are the artist's mattes, an update equals a run of everything to the bit."""
    keys = {frame: clip.keyframe(frame, A) for frame in (1001, 1003, 1005, 1007)}
    updated({frame: keys[frame] for frame in (1001, 1003, 1007)}, keys, [1005])
    ours = {frame: clip.matte(frame) for frame in FRAMES}
    propagated(keys)
    for frame in (1004, 1005, 1006):
        np.testing.assert_array_equal(ours[frame], clip.matte(frame))


def test_a_bad_stretch_gets_better(clip, updated):
    """A keyframe of the wrong disc is put right by another; what followed from it follows the truth after that."""
    wrong = {"file": clip.keyframe(1003, B)["file"], "objects": {"a0": B + 1}}
    right = clip.keyframe(1001, A)

    def overlap(frame):
        return region_overlap(clip.matte(frame) > 0.5, clip.mask(frame, A) > 0.5)

    updated({1001: right, 1003: wrong}, {1001: right, 1003: wrong}, [1003])
    assert max(overlap(frame) for frame in range(1004, 1009)) < 0.3
    updated({1001: right, 1003: wrong}, {1001: right, 1003: clip.keyframe(1003, A)}, [1003])
    assert min(overlap(frame) for frame in range(1002, 1009)) > 0.8


LAYOUTS = [
    ("exr", "layers"),
    ("exr", "per_object"),
    ("png", "per_object"),
    ("tif", "per_object"),
    ("exr", "cryptomatte"),
]


def delivered(clip, layout, suffix, frame, name):
    """A matte as a keyframe reader finds it in the files."""
    window = Window(0, 0, 144, 96)
    by_object = layout == "per_object"
    path = clip.folder / "out" / (f"m.{name}.{frame}.{suffix}" if by_object else f"m.{frame}.{suffix}")
    selector = {"layers": f"{name}.A", "cryptomatte": name}.get(layout)
    mattes = read_keyframe(path, frame=frame, window=window, display=window, selector=selector, default_name=name)
    return mattes[name]


@pytest.mark.parametrize(("suffix", "layout"), LAYOUTS)
def test_objects_without_a_keyframe_go_on_from_their_files(clip, updated, propagated, suffix, layout):
    """In every layout the other object of a rewritten file stays on its truth, near what the whole shot gives."""
    arguments = {"out": str(clip.folder / "out" / f"m.####.{suffix}")}
    settings = [f"output.layout={layout}"]
    old = {1001: clip.keyframe(1001, A, B), 1003: clip.keyframe(1003, A), 1007: clip.keyframe(1007, A)}
    new = {**old, 1005: clip.keyframe(1005, A)}
    report = updated(old, new, [1005], *settings, **arguments)
    assert list(report.frames) == [1004, 1005, 1006]
    assert report.layout == layout
    ours = {(frame, name): delivered(clip, layout, suffix, frame, name) for frame in FRAMES for name in ("a0", "a2")}
    propagated(new, *settings, **arguments)
    for frame in report.frames:
        for name, disc in (("a0", A), ("a2", B)):
            assert region_overlap(ours[frame, name] > 0.5, clip.mask(frame, disc) > 0.5) > 0.8
            # The other object's memory has its own clipped mattes, where a run of everything has probabilities.
            difference = np.abs(ours[frame, name] - delivered(clip, layout, suffix, frame, name))
            assert difference.mean() < 2e-3


def test_an_object_outside_of_its_life_stays_away(clip, updated):
    """Neither does it appear on the new frames, nor does its absence keep the others from being updated."""
    old = {1001: clip.keyframe(1001, A), 1003: clip.keyframe(1003, B), 1008: clip.keyframe(1008, A)}
    new = {**old, 1006: clip.keyframe(1006, A)}
    report = updated(old, new, [1006], objects={"a2": "1002-1004"})
    assert list(report.frames) == list(range(1002, 1008))
    for frame in FRAMES:
        assert clip.matte(frame, "a2").any() == (1002 <= frame <= 1004)
    assert list(updated(old, {**old, 1004: clip.keyframe(1004, B)}, [1004], objects={"a2": "1002-1004"}).frames) == [
        1004
    ]


def test_a_delivered_matte_may_be_empty(clip, engine, updated):
    """An object that is hidden next to the span is no mistake, and stays hidden there."""
    old = {1001: clip.keyframe(1001, A), 1002: clip.keyframe(1002, B), 1003: clip.keyframe(1003, A), 1007: clip.keyframe(1007, A)}  # fmt: skip
    updated(old, old, [1007])
    window = Window(0, 0, 144, 96)
    writer = MatteWriter(FrameSequence.parse(clip.out), objects=["a0", "a2"])
    writer.write(1003, {"a0": clip.mask(1003, A)}, window=window, header=FrameHeader(window, window))
    overrides = ["compute.precision=float32"]
    keyframes = {**old, 1005: clip.keyframe(1005, A)}
    shot = make_shot(plate=clip.plate, out=clip.out, keyframes=keyframes, overrides=overrides)
    report = run(prepare(shot, update=[1005]), engine)
    assert list(report.frames) == [1004, 1005, 1006]
    assert not clip.matte(1003, "a2").any()
    assert np.isfinite(clip.matte(1004, "a2")).all()


def test_a_new_object_is_the_whole_shot(clip, updated):
    """An object that no frame has yet reaches everywhere, so that every file gets its layer."""
    keys = {1001: clip.keyframe(1001, A), 1005: clip.keyframe(1005, B)}
    report = updated({1001: keys[1001]}, keys, [1005])
    assert list(report.frames) == list(FRAMES)
    assert all(region_overlap(clip.matte(frame, "a2") > 0.5, clip.mask(frame, B) > 0.5) > 0.7 for frame in FRAMES)


def test_progress_counts_what_an_update_does(clip, engine, propagated):
    """Progress ends at its own total: the span once each way, and the frames that the passes start from."""
    keys = {frame: clip.keyframe(frame, A) for frame in (1001, 1003, 1005, 1007)}
    propagated({frame: keys[frame] for frame in (1001, 1003, 1007)})
    shot = make_shot(plate=clip.plate, out=clip.out, keyframes=keys)
    seen, written = [], []
    watcher = Watcher(on_progress=seen.append, on_frame=lambda frame, _: written.append(frame))
    run(prepare(shot, update=[1005]), engine, watcher=watcher)
    # Backward 1007-1004; forward 1001, which is remembered, and 1003-1006.
    assert [progress.frame for progress in seen] == [1007, 1006, 1005, 1004, 1001, 1003, 1004, 1005, 1006]
    assert [progress.done for progress in seen] == list(range(1, 10))
    assert {progress.total for progress in seen} == {9}
    assert sorted(written) == [1004, 1005, 1006]


def test_cancelled_in_the_middle(clip, engine, propagated):
    """A cancelled update leaves whole files, none outside of its span; run again it comes to the same."""
    keys = {frame: clip.keyframe(frame, A) for frame in (1001, 1003, 1005, 1007)}
    propagated({frame: keys[frame] for frame in (1001, 1003, 1007)})
    before = state(clip.folder / "out")
    shot = make_shot(plate=clip.plate, out=clip.out, keyframes=keys, overrides=["compute.precision=float32"])
    seen = []
    with pytest.raises(CancelledError):
        run(
            prepare(shot, update=[1005]),
            engine,
            watcher=Watcher(on_progress=seen.append, is_cancelled=lambda: len(seen) == 7),
        )
    cancelled = state(clip.folder / "out")
    assert frames_written(before, cancelled) == [1004]
    assert set(cancelled) == set(before)
    for frame in FRAMES:
        assert read_image(clip.out.replace("####", str(frame))).pixels.shape == (96, 144, 5)
    run(prepare(shot, update=[1005]), engine)
    again = {frame: clip.matte(frame) for frame in FRAMES}
    run(prepare(shot), engine)
    for frame in (1004, 1005, 1006):
        np.testing.assert_array_equal(again[frame], clip.matte(frame))


def test_overlays_of_the_span_and_the_whole_sheet(clip, updated):
    """Only pictures of the span are made again, and the contact sheet shows them among the others."""
    look = clip.folder / "look"
    keys = {frame: clip.keyframe(frame, A) for frame in (1001, 1003, 1005, 1007)}
    old = {frame: keys[frame] for frame in (1001, 1003, 1007)}
    setting = f"overlay.folder={look}"
    updated(old, old, [1007], setting)
    before, sheet = state(look), Image.open(look / "contact_sheet.jpg").copy()
    report = updated(old, keys, [1005], setting)
    assert report.contact_sheet == str(look / "contact_sheet.jpg")
    with Image.open(look / "contact_sheet.jpg") as again:
        assert again.size == sheet.size
        difference = np.abs(np.asarray(again, np.int16) - np.asarray(sheet, np.int16)).mean(axis=-1)
    # Three columns of 144 pixels: tile 0 is frame 1001, tile 4 is 1005.
    assert difference[6:102, 6:150].mean() < 4
    assert set(before) == set(state(look))


# What an update refuses.


def test_there_must_be_mattes(clip, engine):
    """Without the mattes of the other frames nothing is written, and the frames are named."""
    keys = {frame: clip.keyframe(frame, A) for frame in (1001, 1003, 1005, 1007)}
    shot = make_shot(plate=clip.plate, out=clip.out, keyframes=keys)
    with pytest.raises(OutputError, match=r"5 frames outside of the update have no mattes of a0: 1001-1003,1007-1008.*whole shot first"):  # fmt: skip
        prepare(shot, update=[1005])
    assert not list((clip.folder / "out").iterdir())
    run(prepare(shot), engine)
    Path(clip.out.replace("####", "1008")).unlink()
    with pytest.raises(OutputError, match="1 frames outside of the update have no mattes of a0: 1008"):
        prepare(shot, update=[1005])


def test_frames_to_update_are_frames_of_the_shot(clip):
    """A frame that the shot does not have is an error that names it."""
    shot = make_shot(plate=clip.plate, out=clip.out, keyframes={1001: clip.keyframe(1001, A)})
    with pytest.raises(KeyframeError, match="no frame 1050 to update among 1001-1008"):
        prepare(shot, update=[1001, 1050])


def test_an_update_that_reaches_nothing_is_refused(clip, propagated):
    """A frame on which no object lives changes nothing, which is a mistake and not a success."""
    keyframes, objects = {1003: clip.keyframe(1003, A)}, {"a0": "1003-1005"}
    propagated(keyframes, objects=objects)
    shot = make_shot(plate=clip.plate, out=clip.out, keyframes=keyframes, objects=objects)
    with pytest.raises(KeyframeError, match="no object lives on frame 1001, so nothing changes"):
        prepare(shot, update=[1001])


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
    """Where the files outside of the span are not what would be written now, nothing is."""

    def shot(frames, discs=(A,), settings=(), out="matte.####.exr"):
        keyframes = {frame: clip.keyframe(frame, *discs) for frame in frames}
        # The second object lives within the span alone, else the whole shot would be written.
        objects = {"a2": "1004-1006"} if discs == (A, B) and 1003 not in frames else {}
        return make_shot(plate=clip.plate, out=str(clip.folder / "out" / out), keyframes=keyframes, overrides=settings, objects=objects)  # fmt: skip

    run(prepare(shot([1001, 1003, 1007], **first)), engine)
    before = state(clip.folder / "out")
    later = shot([1005], **then)
    kept = shot([1001, 1003, 1007])
    mixed = later.model_copy(update={"keyframes": (*kept.keyframes, *later.keyframes)})
    with pytest.raises(OutputError, match=message):
        prepare(mixed, update=[1005])
    assert state(clip.folder / "out") == before
