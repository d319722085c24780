"""Running a shot again: what is done, what is not, and why."""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from clip_files import A, B, state
from PIL import Image

from stcn_plugin import make_shot
from stcn_plugin.bridge.build import BuildOptions
from stcn_plugin.errors import CancelledError, OutputError, PresetError
from stcn_plugin.job.build import build
from stcn_plugin.job.prepare import prepare
from stcn_plugin.job.watcher import Watcher
from stcn_plugin.propagation.propagator import Propagator

FRAMES = list(range(1001, 1009))


@dataclass
class Builds:
    """Builds the clip, and counts the frames that the network sees."""

    clip: object
    engine: object
    steps: list[int] = field(default_factory=list)
    loaded: int = 0

    def __call__(self, keyframes, *settings, watcher=Watcher(), **options):
        arguments = options.pop("arguments", {})
        overrides = ["compute.precision=float32", "size=64", *settings]
        given = {"plate": self.clip.plate, "out": self.clip.out, "keyframes": keyframes, "overrides": overrides}
        self.steps.clear()
        self.loaded = 0
        return build(
            prepare(make_shot(**given | arguments)), self._engine, options=BuildOptions(**options), watcher=watcher
        )

    def _engine(self, _settings):
        self.loaded += 1
        return self.engine

    @property
    def cache(self) -> Path:
        return self.clip.folder / "out" / "matte.exr.stcn-cache"


@pytest.fixture
def built(clip, engine, monkeypatch):
    builds = Builds(clip, engine)
    step = Propagator.step
    monkeypatch.setattr(Propagator, "step", lambda *args, **kwargs: (builds.steps.append(1), step(*args, **kwargs))[1])
    return builds


@pytest.fixture
def keys(clip):
    return {frame: clip.keyframe(frame, A) for frame in (1001, 1003, 1005, 1006, 1008)}


def some(keys, *frames):
    return {frame: keys[frame] for frame in frames}


def reasons(report):
    return {segment.frames: segment.reasons for segment in report.plan.segments if segment.reasons}


def test_nothing_is_done_twice(clip, built, keys):
    """No file changes, and not even the weights are loaded."""
    first = built(some(keys, 1001, 1005))
    assert list(first.frames) == FRAMES
    assert reasons(first) == {
        "1001-1004": ("there is no earlier run",),
        "1005-1008": ("there is no earlier run",),
    }
    before = state(clip.folder / "out")
    again = built(some(keys, 1001, 1005))
    assert (again.frames, again.files, built.loaded, len(built.steps)) == ((), (), 0, 0)
    assert (again.device, again.patterns, again.plan.reasons) == ("none", first.patterns, ())
    assert state(clip.folder / "out") == before


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("matte.black=0.3", "matte.black has changed from 0.15 to 0.3"),
        ("output.compression=piz", "output.compression has changed from zips to piz"),
        ("output.layout=cryptomatte", "output.layout has changed from auto to cryptomatte"),
    ],
)
def test_finishing_does_not_need_the_network(clip, built, keys, setting, reason):
    """All mattes are those of a whole run with this setting."""
    built(some(keys, 1001, 1005))
    report = built(some(keys, 1001, 1005), setting)
    assert (list(report.frames), built.loaded) == (FRAMES, 0)
    assert set(reasons(report).values()) == {(reason,)}
    finished = {name: content for name, (content, _, _) in state(clip.folder / "out").items()}
    built(some(keys, 1001, 1005), setting, rebuild=True)
    assert {name: content for name, (content, _, _) in state(clip.folder / "out").items()} == finished


@pytest.mark.parametrize("setting", ["memory.interval=2", "size=80", "compute.region=whole", "colour.highlights=clip"])
def test_settings_of_the_network_do_all_again(built, keys, setting):
    """Except keyframes, which are delivered as the artist drew them."""
    built(some(keys, 1001, 1005))
    report = built(some(keys, 1001, 1005), setting)
    key = setting.partition("=")[0]
    assert list(report.frames) == [frame for frame in FRAMES if frame not in (1001, 1005)]
    assert all(key in " ".join(each) for each in reasons(report).values())


@pytest.mark.parametrize("setting", ["memory.budget_mb=4", "compute.threads=1"])
def test_settings_of_speed_change_nothing(built, keys, setting):
    """The mattes do not depend on them."""
    built(some(keys, 1001, 1005))
    assert built(some(keys, 1001, 1005), setting).frames == ()


def test_a_new_keyframe_reuses_the_passes_towards_it(clip, built, keys):
    """Only those that start at it run; the result is that of a whole run, file by file."""
    built(some(keys, 1001, 1008))
    report = built(some(keys, 1001, 1005, 1008))
    assert list(report.frames) == [*range(1002, 1008)]
    assert len(built.steps) == 4 + 3  # backward from 1005 to 1002, forward from 1005 to 1007
    assert reasons(report) == {"1001-1004": ("keyframe 1005 is new",), "1005-1008": ("keyframe 1005 is new",)}
    found = {name: content for name, (content, _, _) in state(clip.folder / "out").items()}
    built(some(keys, 1001, 1005, 1008), rebuild=True)
    assert {name: content for name, (content, _, _) in state(clip.folder / "out").items()} == found


def test_a_moved_or_removed_keyframe(built, keys):
    """The segments on both sides are built again."""
    built(some(keys, 1001, 1005, 1008))
    report = built(some(keys, 1001, 1006, 1008))
    assert list(report.frames) == [*range(1002, 1008)]
    assert reasons(report) == {
        "1001-1005": ("keyframe 1005 was removed", "keyframe 1006 is new"),
        "1006-1008": ("keyframe 1006 is new",),
    }
    report = built(some(keys, 1001, 1008))
    assert list(report.frames) == [*range(1002, 1008)]
    assert reasons(report) == {"1001-1008": ("keyframe 1006 was removed",)}


def test_a_keyframe_saved_again_without_a_change_changes_nothing(clip, built, keys):
    """Keyframes are compared by their pixels."""
    built(some(keys, 1001, 1005))
    with Image.open(keys[1005]["file"]) as image:
        image.load()
        image.save(keys[1005]["file"], compress_level=1)
    assert built(some(keys, 1001, 1005)).frames == ()


@pytest.mark.parametrize("damage", ["missing", "truncated", "touched"])
def test_a_missing_or_damaged_matte_is_written_again(clip, built, keys, damage):
    """That frame alone, to the same bytes, without the network."""
    built(some(keys, 1001, 1005))
    matte = Path(clip.out.replace("####", "1003"))
    content = matte.read_bytes()
    if damage == "missing":
        matte.unlink()
    elif damage == "truncated":
        os.truncate(matte, 1000)
    else:
        matte.write_bytes(content)
        os.utime(matte, (5, 5))
    report = built(some(keys, 1001, 1005))
    assert (report.frames, built.loaded) == ((1003,), 0)
    assert matte.read_bytes() == content
    assert reasons(report) == {
        "1001-1004": (f"matte files {'are missing' if damage == 'missing' else 'were modified'}",)
    }


def test_a_damaged_cache_is_built_again(clip, built, keys):
    """As far as it is needed: the pass up to the damaged frame; the mattes are the same."""
    built(some(keys, 1001, 1005))
    content = {name: content for name, (content, _, _) in state(clip.folder / "out").items()}
    os.truncate(built.cache / "forward.1003.exr", 500)
    for frame in (1002, 1003):
        Path(clip.out.replace("####", str(frame))).unlink()
    report = built(some(keys, 1001, 1005))
    assert (report.frames, len(built.steps)) == ((1002, 1003), 3)
    assert {name: content for name, (content, _, _) in state(clip.folder / "out").items()} == content


@pytest.mark.parametrize("name", ["manifest.json", "mattes.1003.json"])
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"version": 99}', b"\xff\x00"])
def test_damaged_notes_are_not_trusted(clip, built, keys, name, content):
    """Nothing fails; a frame without its record is written again, to the same bytes."""
    built(some(keys, 1001, 1005))
    before = {file: content for file, (content, _, _) in state(clip.folder / "out").items()}
    (built.cache / name).write_bytes(content)
    report = built(some(keys, 1001, 1005))
    assert report.frames == ((1003,) if "mattes" in name else ())
    assert {file: content for file, (content, _, _) in state(clip.folder / "out").items()} == before


@pytest.mark.parametrize("rate", ["1e999", "NaN", "-1", '"fast"', "null"])
def test_damaged_rates_are_not_trusted(clip, built, keys, rate):
    """A dry run measures again."""
    built(some(keys, 1001, 1005))
    manifest = built.cache / "manifest.json"
    text, count = re.subn(r'"(step|frame|memory)": [0-9.e-]+', rf'"\1": {rate}', manifest.read_text())
    assert count == 3
    manifest.write_text(text)
    needs = built(some(keys, 1001, 1005), "matte.black=0.3", is_dry_run=True).estimate
    assert 0 < needs.seconds < 100


def test_a_cancelled_run_goes_on(clip, built, keys):
    """Steps of the network that are on disk are not repeated; the mattes are those of an undisturbed run."""
    seen = []
    with pytest.raises(CancelledError):
        built(some(keys, 1001, 1008), watcher=Watcher(on_progress=seen.append, is_cancelled=lambda: len(seen) == 7))
    assert len(built.steps) == 7
    report = built(some(keys, 1001, 1008))
    assert reasons(report) == {"1001-1008": ("the last run did not finish these frames",)}
    # The backward pass from 1008 to 1002 is on disk; of the forward pass, nothing was.
    assert len(built.steps) == 7
    resumed = {name: content for name, (content, _, _) in state(clip.folder / "out").items()}
    built(some(keys, 1001, 1008), rebuild=True)
    assert {name: content for name, (content, _, _) in state(clip.folder / "out").items()} == resumed


def test_a_cache_that_disappears_during_a_run_can_be_tried_again(clip, built, keys):
    """A farm tries the task again, and the next run makes what was lost."""

    def delete(progress):
        if progress.done == 8:  # of the forward pass, after the whole backward pass
            for path in built.cache.glob("backward.*.exr"):
                path.unlink()

    with pytest.raises(OutputError) as caught:
        built(some(keys, 1001, 1008), watcher=Watcher(on_progress=delete))
    assert caught.value.retry
    assert Path(caught.value.where).parent == built.cache
    built(some(keys, 1001, 1008))
    assert built(some(keys, 1001, 1008)).frames == ()


def test_a_killed_pass_goes_on_from_its_saved_memory(clip, built, keys, monkeypatch):
    """To the same bits, with at most as many steps repeated as there are between two states."""
    monkeypatch.setattr("stcn_plugin.job.run.STATE_INTERVAL", 3)
    settings = "memory.interval=1", "memory.max_frames=1"
    built(some(keys, 1001), *settings)
    whole = {name: content for name, (content, _, _) in state(clip.folder / "out").items()}
    for number in (1007, 1008):
        (built.cache / f"forward.{number}.exr").unlink()
        Path(clip.out.replace("####", str(number))).unlink()
    report = built(some(keys, 1001), *settings)
    assert (report.frames, len(built.steps)) == ((1007, 1008), 2)  # the state after 1006 is on disk
    assert {name: content for name, (content, _, _) in state(clip.folder / "out").items()} == whole


def test_a_longer_range_goes_on_at_its_end(clip, built, keys):
    """The frames before are as they were; the last of them is stabilised with the new one after it."""
    built(some(keys, 1001), arguments={"range": "1001-1005"})
    report = built(some(keys, 1001))
    assert list(report.frames) == [1005, 1006, 1007, 1008]
    assert reasons(report) == {"1001-1008": ("frames 1006-1008 are new",)}


def test_changed_plate_files(clip, built, keys):
    """The segment with the changed frame, from that frame on; the frame before too, which is stabilised with it."""
    built(some(keys, 1001, 1005))
    path = clip.folder / "plate.1007.png"
    target = path.resolve()
    path.unlink()
    image = np.array(Image.open(target))
    Image.fromarray(255 - image).save(path)
    report = built(some(keys, 1001, 1005))
    assert list(report.frames) == [1006, 1007, 1008]
    assert reasons(report) == {"1005-1008": ("the plate has changed at frame 1007",)}


def test_verify_compares_pixels(clip, built, keys):
    """A copied plate with new times changes nothing; a change with the old size and time is found."""

    def rewrite(path, change=lambda image: image):
        image = np.array(Image.open(path))
        path.unlink()
        Image.fromarray(change(image)).save(path, compress_level=0)  # the size does not depend on the content

    for path in clip.folder.glob("plate.*.png"):
        rewrite(path)
    built(some(keys, 1001, 1005))
    for path in clip.folder.glob("plate.*.png"):
        rewrite(path)
    assert built(some(keys, 1001, 1005), is_dry_run=True).estimate.frames == 8
    assert built(some(keys, 1001, 1005), verify=True).frames == ()
    assert built(some(keys, 1001, 1005)).frames == ()  # the new times are known now
    path = clip.folder / "plate.1007.png"
    status = path.stat()
    rewrite(path, lambda image: np.roll(image, 3, axis=0))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_size == status.st_size
    assert built(some(keys, 1001, 1005)).frames == ()
    assert list(built(some(keys, 1001, 1005), verify=True).frames) == [1006, 1007, 1008]


def test_without_a_cache_only_notes_are_kept(clip, built, keys):
    """Mattes are the same; an identical run does nothing; a changed clip point runs the network again."""
    built(some(keys, 1001, 1008))
    cached = {name: content for name, (content, _, _) in state(clip.folder / "out").items()}
    shutil.rmtree(clip.folder / "out")
    built(some(keys, 1001, 1008), "cache=off")
    assert {name: content for name, (content, _, _) in state(clip.folder / "out").items()} == cached
    assert {path.suffix for path in built.cache.iterdir()} == {".json"}
    assert built(some(keys, 1001, 1008), "cache=off").frames == ()
    assert list(built(some(keys, 1001, 1008), "cache=off", "matte.black=0.2").frames) == FRAMES
    assert len(built.steps) == 2 * 7


def test_a_cache_elsewhere(clip, built, keys, tmp_path):
    """Shots with mattes of the same name do not share one."""
    folder = tmp_path / "cache"
    built(some(keys, 1001), f"cache={folder}")
    assert not built.cache.exists()
    built(some(keys, 1001), f"cache={folder}", arguments={"out": str(tmp_path / "two" / "matte.####.exr")})
    assert len(list(folder.iterdir())) == 2


def test_segments_one_by_one_in_any_order(clip, built, keys):
    """Each writes only its own frames; together they are the files of one run."""
    built(some(keys, 1001, 1003, 1006), rebuild=True)
    whole = {name: content for name, (content, _, _) in state(clip.folder / "out").items()}
    shutil.rmtree(clip.folder / "out")
    written = [list(built(some(keys, 1001, 1003, 1006), segments=(number,)).frames) for number in (3, 1, 2)]
    assert written == [[1006, 1007, 1008], [1001, 1002], [1003, 1004, 1005]]
    assert {name: content for name, (content, _, _) in state(clip.folder / "out").items()} == whole
    with pytest.raises(PresetError, match=r"no segment 4; the shot has 3 segments"):
        built(some(keys, 1001, 1003, 1006), segments=(2, 4))


def test_a_dry_run_writes_nothing_and_measures(clip, built, keys):
    """Its numbers are those of the run that follows."""
    report = built(some(keys, 1001, 1005), is_dry_run=True)
    plan, needs = report.plan, report.estimate
    assert (needs.frames, plan.propagated) == (8, 4 + 4 + 4)
    assert [(each.number, each.frames, each.written) for each in plan.segments] == [
        (1, "1001-1004", "1001-1004"),
        (2, "1005-1008", "1005-1008"),
    ]
    assert needs.seconds > 0
    assert needs.memory_bytes > 50 << 20
    assert needs.free_bytes == pytest.approx(shutil.disk_usage(clip.folder).free, rel=0.1)
    assert not state(clip.folder / "out")
    assert list(built.cache.iterdir()) == []
    built(some(keys, 1001, 1005))
    size = sum(path.stat().st_size for path in built.cache.glob("*.exr"))
    assert needs.cache_bytes == pytest.approx(size, rel=0.6)
    assert needs.matte_bytes == pytest.approx(
        sum(len(each[0]) for each in state(clip.folder / "out").values()), rel=0.6
    )


def test_the_manifest_says_what_every_frame_is_made_from(built, keys):
    """JSON with the settings, the plate, the keyframes, and digests by frame."""
    built(some(keys, 1001, 1005))
    manifest = json.loads((built.cache / "manifest.json").read_bytes())
    assert manifest["version"] == 1
    assert manifest["propagation"]["memory.interval"] == 5
    assert manifest["plate"]["1003"]["name"] == "plate.1003.png"
    assert list(manifest["keyframes"]) == ["1001", "1005"]
    assert manifest["frames"]["1001"] | {"mattes": ""} == {"forward": None, "backward": None, "mattes": ""}
    assert len({each["mattes"] for each in manifest["frames"].values()}) == 8


def test_two_objects_and_a_new_one(clip, built):
    """All files get the new layer; the passes of the first object alone are not those of both."""
    built({1001: clip.keyframe(1001, A), 1005: clip.keyframe(1005, A)})
    report = built({1001: clip.keyframe(1001, A), 1005: clip.keyframe(1005, A, B)})
    assert list(report.frames) == FRAMES
    assert all(
        "the objects have changed" in each or "keyframe 1005 has changed" in each for each in reasons(report).values()
    )
