"""The GPU kit runs on the CPU: data, augmentation, every stage, and its use of time."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmarks.gpu import graphs, kit, memory_limits, speed
from benchmarks.gpu.budget import Budget
from benchmarks.gpu.graphs import EagerRecording, Replayed, keeps
from benchmarks.gpu.pack import Pack
from benchmarks.gpu.packing import Limits, pack
from benchmarks.gpu.parts import joined, write_parts
from benchmarks.gpu.photometric import gaussian_blur
from benchmarks.gpu.placements import compose, placement, sample_crops
from benchmarks.gpu.plan import Context, Plan
from benchmarks.gpu.resident import Images, Resident, Sequences, load_resident
from benchmarks.gpu.results import JSON, TEXT, Results
from benchmarks.gpu.scenes import DeviceScenes
from benchmarks.machine import machine
from benchmarks.published import PublishedLoop, load_published
from benchmarks.stand_in_checkout import CONV_STATE, write_checkout
from golden.comparing import LITE_CASES
from PIL import Image
from safetensors.torch import load
from training.drawn import disc, laid, save, save_clip, save_pair, square, texture

from stcn_plugin.errors import TrainingError
from stcn_plugin.memory.bank import MemoryBank, ReadSettings
from stcn_plugin.network.variants import LIGHT, PUBLISHED
from stcn_plugin.training import augment, warps
from stcn_plugin.training.batch import MIN_COVERAGE, SLOTS
from stcn_plugin.training.config import Mixture, TrainingConfig
from stcn_plugin.training.elements import ElementReader, find_elements
from stcn_plugin.training.initialisation import initial_network
from stcn_plugin.training.pictures import PictureReader, find_clips
from stcn_plugin.training.trainer import Trainer
from stcn_plugin.weights.reading import LoadedWeights, read_weights
from stcn_plugin.weights.store import WeightsStore

CPU = torch.device("cpu")
STEPS = {"total": 40, "batch_size": 2, "crop_size": [48, 64], "frame_gap": [2]}


@pytest.fixture(scope="module")
def config(tmp_path_factory) -> TrainingConfig:
    folder = tmp_path_factory.mktemp("data")
    save_clip(folder / "clips" / "ball", frames=6, seed=1, colour=(0.9, 0.2, 0.1))
    save_pair(folder / "clips" / "pair", frames=6)
    for number, mask in enumerate([square(30, 20, 40), disc((60, 50), 25)]):
        save(folder / "stills", f"still_{number}", laid(mask, texture(20 + number), texture(10 + number)), mask)
    (folder / "drawn").mkdir()
    for number in range(8):
        alpha = disc((40, 40), 20 + number, (80, 80))
        pixels = np.rint(np.concatenate([texture(number, (80, 80)), alpha[..., None]], -1) * 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / "drawn" / f"disc_{number}.png")
    return TrainingConfig.model_validate(
        {
            "variant": "light",
            "out": str(folder / "run"),
            "data": {
                "clips": [{"folder": str(folder / "clips"), "licence": "CC0"}],
                "stills": [{"folder": str(folder / "stills"), "licence": "drawn for the test"}],
                "elements": [{"folder": str(folder / "drawn"), "licence": "MIT"}],
                "short_side": 96,
            },
            "steps": STEPS,
            "optimiser": {"warmup_steps": 2, "ema_decay": 0.9},
            "compute": {"precision": "float32"},
        }
    )


@pytest.fixture(scope="module")
def packed(config, tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("pack") / "pack.zip"
    limits = Limits(20 << 20, clip_frames=4, element_frames=3, puppets=2, least_element=16)
    pack(config, file, limits=limits, store=WeightsStore())
    return file


@pytest.fixture(scope="module")
def resident(packed) -> Resident:
    return load_resident(Pack(packed), CPU, threads=1)


def test_masks_and_alpha_of_a_pack_are_exact(config, packed, tmp_path):
    """Plates are close; names of folders and licences are in it, directories are not."""
    opened = Pack(packed)
    with ThreadPoolExecutor(1) as threads:
        pictures, cut_outs = opened.pictures(threads), opened.cut_outs(threads)
    reader = PictureReader(short_side=96)
    ball = next(clip for clip in find_clips(Path(config.data.clips[0].folder)) if clip.name == "ball")
    expected = [reader.read(ball.pictures[index]) for index in (0, 2, 3, 5)]
    (start,) = [
        clip.first
        for clip in opened.contents.clips
        if clip.length == 4 and np.array_equal(pictures[clip.first][3], *expected[0].masks.values())
    ]
    for number, pixels in enumerate(expected):
        rgb, masks = pictures[start + number][:3], pictures[start + number][3:]
        assert np.array_equal(masks, np.stack(list(pixels.masks.values())))
        assert np.abs(rgb.astype(float) - np.moveaxis(pixels.rgb, -1, 0)).mean() < 4
    rgba = ElementReader().read(find_elements(Path(config.data.elements[0].folder))[0])
    alphas = [image[3] for image in cut_outs]
    assert any(np.array_equal(alpha, (rgba[0, 3] * 255).round().numpy()) for alpha in alphas)
    kinds = [(each.kind, each.length) for each in opened.contents.cut_outs]
    assert kinds.count(("puppet", 4)) == 2
    assert kinds.count(("element", 1)) == 8
    assert sorted(clip.objects for clip in opened.contents.clips) == [1, 1, 1, 2]
    stored = opened.contents.config.model_dump_json()
    assert [each.licence for each in opened.contents.config.data.stills] == ["drawn for the test"]
    assert opened.contents.config.data.stills[0].folder == "stills"
    assert str(Path(config.out).parent) not in stored


def test_a_pack_has_the_initial_network(config, packed):
    """In half precision."""
    expected = initial_network(config, store=WeightsStore()).state_dict()
    found = load(Pack(packed).weights)
    assert found.keys() == expected.keys()
    for name, entry in expected.items():
        assert torch.equal(found[name], entry.half() if entry.is_floating_point() else entry)


def test_a_pack_has_a_maximum_size(config, packed, tmp_path):
    """Every folder gets the same share; those that are used up are packed completely."""
    limits = Limits(len(Pack(packed).weights) + 240_000, clip_frames=6, puppets=500, least_element=16)
    sizes = pack(config, tmp_path / "pack.zip", limits=limits, store=WeightsStore())
    assert limits.size - 64_000 < (tmp_path / "pack.zip").stat().st_size <= limits.size
    contents = Pack(tmp_path / "pack.zip").contents
    assert sorted(clip.length for clip in contents.clips) == [1, 1, 6, 6]
    kinds = [each.kind for each in contents.cut_outs]
    assert kinds.count("element") == 8
    assert 2 < kinds.count("puppet") < 500
    assert max(sizes, key=lambda name: sizes[name]) == "puppets"


def test_other_files_are_not_packs(tmp_path):
    """The error names the file."""
    (tmp_path / "other.zip").write_bytes(b"something else")
    with pytest.raises(ValueError, match=r"other\.zip is not a pack"):
        Pack(tmp_path / "other.zip")


def test_placements_equal_those_of_the_training():
    """For scale, rotation, shear and mirroring, alone and composed."""
    rng = np.random.default_rng(0)
    for mirrored in (False, True):
        values = {"scale": 1.7, "degrees": 33.0, "shear": -8.0}
        expected = warps.placement(size=48, centre=(20.5, 31.0), mirrored=mirrored, **values)
        tensors = {name: torch.tensor([value]) for name, value in values.items()}
        found = placement(torch.tensor([[20.5, 31.0]]), size=48, mirrored=torch.tensor([mirrored]), **tensors)
        np.testing.assert_allclose(found[0], expected, atol=1e-4)
        other = warps.random_jitter(rng, 48, 1.0)
        both = compose(torch.from_numpy(other).float()[None], found)
        np.testing.assert_allclose(both[0], warps.compose(other, expected), atol=1e-4)


@pytest.mark.parametrize("padding", ["reflection", "zeros"])
def test_crops_equal_those_of_the_training(padding):
    """Also outside of images that are smaller than their canvas, and with a displacement."""
    rng = np.random.default_rng(1)
    pictures = [torch.rand(4, 30, 44), torch.rand(4, 38, 26)]
    canvas = torch.zeros(2, 4, 38, 44)
    for slot, picture in zip(canvas, pictures, strict=True):
        slot[:, : picture.shape[1], : picture.shape[2]] = picture
    matrices = [warps.placement(size=32, centre=(22, 15), scale=1.3, degrees=25 + 60 * number) for number in range(2)]
    displacements = [warps.random_flow(rng, 32, 0.05) for _ in range(2)]
    found = sample_crops(
        canvas,
        torch.tensor([[30, 44], [38, 26]]),
        torch.from_numpy(np.stack(matrices)).float(),
        size=32,
        displacement=torch.stack(displacements),
        is_reflected=padding == "reflection",
    )
    for crop, picture, matrix, displacement in zip(found, pictures, matrices, displacements, strict=True):
        expected = warps.sample_crop(picture, matrix, size=32, displacement=displacement, padding=padding)
        torch.testing.assert_close(crop, expected, atol=2e-3, rtol=0)


def test_supersampling_averages():
    """A pattern of single pixels becomes grey, instead of black or white."""
    pattern = torch.zeros(1, 1, 64, 64)
    pattern[..., ::2] = 1
    matrix = torch.tensor([[[4.0, 0, 0], [0, 4.0, 0]]])
    sizes = torch.tensor([[64, 64]])
    crop = sample_crops(pattern, sizes, matrix, size=16, is_reflected=True, supersampling=2)
    torch.testing.assert_close(crop, torch.full_like(crop, 0.5))


def test_blur_equals_that_of_the_training():
    """Each sample has its own standard deviation, and 0 leaves it unchanged."""
    frames = torch.rand(2, 3, 3, 32, 32)
    blurred = gaussian_blur(frames, torch.tensor([2.0, 0.0]))
    torch.testing.assert_close(blurred[0], augment.gaussian_blur(frames[0], 2.0))
    torch.testing.assert_close(blurred[1], frames[1])


def coloured() -> Resident:
    """Pictures of a red disc on blue, stills and a clip in which it moves, and green cut-outs."""
    masks = [disc((50 + 6 * number, 48), 24) for number in range(6)]
    planes = [np.stack([mask, np.zeros_like(mask), 1 - mask, mask]) for mask in masks]
    pictures = torch.from_numpy(np.stack(planes) * 255).round().byte()
    round_ = torch.from_numpy(disc((32, 32), 30, (64, 64)) * 255).round().byte()
    cut_out = torch.stack([torch.zeros_like(round_), round_, torch.zeros_like(round_), round_])[None]
    points = torch.tensor([[[50.0 + 6 * number, 48.0]] for number in range(6)])

    def sequences(*spans: tuple[int, int]) -> Sequences:
        first, length = zip(*spans, strict=True) if spans else ((), ())
        return Sequences(torch.tensor(first), torch.tensor(length), torch.ones(len(spans)))

    return Resident(
        pictures=Images(pictures, torch.tensor([pictures.shape[2:]] * 6)),
        points=points,
        clips=sequences((0, 4), (4, 1), (5, 1)),
        cut_outs=Images(cut_out, torch.tensor([[64, 64]])),
        elements=sequences(),
        puppets=sequences((0, 1)),
        objects=sequences(),
    )


@pytest.mark.parametrize("clips", [0.0, 1.0])
@pytest.mark.parametrize("composites", [0.0, 1.0])
def test_masks_follow_the_pixels(clips, composites):
    """Red is where the mask of the picture's object is, and green where that of the composited one is."""
    mixture = Mixture(
        clips=clips, composites=composites, second_object=0.0 if composites else 1.0, occluders=0.0, puppets=1.0,
        motion_blur=0.0, blur=0.0, noise=0.0, crop_scale=(0.9, 1.0),
    )  # fmt: skip
    batch = DeviceScenes(coloured(), mixture, seed=4).draw(6, size=64, frame_gap=2)
    assert batch.frames.shape == (6, 3, 3, 64, 64)
    red, green, blue = batch.frames.unbind(2)
    union = batch.masks.sum(2) > 0.5
    is_object = green > torch.maximum(red, blue)
    if not (composites and not clips):  # then the objects of the pictures are not tracked
        is_object = is_object | (red > torch.maximum(green, blue))
    agreement = (union == is_object).float().mean((1, 2, 3))
    assert agreement.min() > 0.98
    assert 0.02 < union.float().mean() < 0.98
    moved = (union[:, 0] != union[:, 2]).float().mean()
    assert moved > 0.005  # the frames of a sample differ


def test_motion_blur_softens_both(monkeypatch):
    """With an open shutter more pixels are partly covered."""
    soft = []
    for blur in (0.0, 1.0):
        mixture = Mixture(clips=0.0, composites=1.0, second_object=0.0, puppets=1.0, motion_blur=blur, blur=0, noise=0)
        masks = DeviceScenes(coloured(), mixture, seed=2).draw(8, size=96, frame_gap=1).masks
        soft.append(((masks > 0.1) & (masks < 0.9)).sum() / (masks > 0.5).sum())
    assert soft[1] > 1.3 * soft[0]


def test_batches_are_as_the_trainer_expects(resident):
    """Empty slots come last, coverage sums to 1 at most, and every sample has a visible object."""
    scenes = DeviceScenes(resident, Mixture(second_object=1.0), seed=3)
    batch = scenes.draw(12, size=48, frame_gap=2)
    assert batch.frames.shape[1:] == (3, 3, 48, 48)
    assert batch.masks.shape[1:] == (3, SLOTS, 48, 48)
    assert batch.present.any(1).all()
    assert torch.equal(batch.present, batch.present.int().cummin(1).values.bool())
    assert ((batch.masks[:, 0].mean((2, 3)) >= MIN_COVERAGE) == batch.present).all()
    assert batch.masks.sum(2).max() <= 1 + 1e-5
    assert (batch.frames.min(), batch.frames.max()) >= (0, 0)
    assert batch.frames.max() <= 1
    again = DeviceScenes(resident, Mixture(second_object=1.0), seed=3).draw(12, size=48, frame_gap=2)
    assert torch.equal(again.frames, batch.frames)


@pytest.mark.parametrize("gap", [1, 2, 9])
def test_frames_are_in_order_and_near(resident, gap):
    """Forwards or backwards through the clip, at most the gap apart; a still is repeated."""
    scenes = DeviceScenes(resident, Mixture(), seed=5)
    clip = Sequences(torch.tensor([10, 40]), torch.tensor([12, 1]), torch.tensor([1.0, 1.0]))
    frames = scenes._drawn_frames(clip, 400, gap)
    moving = frames[frames[:, 0] < 40]
    assert torch.equal(frames[frames[:, 0] >= 40], torch.full_like(frames[frames[:, 0] >= 40], 40))
    assert (moving.min(), moving.max()) == (10, 21)
    steps = moving.diff(dim=1)
    assert ((steps > 0).all(1) | (steps < 0).all(1)).all()
    assert steps.abs().max() == min(gap, 5)
    assert {1, -1} == set(steps.sign().flatten().tolist())


def test_files_in_parts_are_replaced_as_a_whole(tmp_path):
    """A version of which a part is missing is not read, and the one before is still there until all are written."""
    write_parts(tmp_path, "state", b"0123456789", version=3, limit=4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["state.3.1of3", "state.3.2of3", "state.3.3of3"]
    (tmp_path / "state.4.1of2").write_bytes(b"abcd")
    assert joined(tmp_path, "state") == b"0123456789"
    write_parts(tmp_path, "state", b"abcdefgh", version=4, limit=4)
    assert joined(tmp_path, "state") == b"abcdefgh"
    assert len(list(tmp_path.iterdir())) == 2
    assert joined(tmp_path, "other") is None


def test_replayed_results_stay_as_they_are():
    """A later replay does not change results that were returned before, nor the arguments of the caller."""
    doubled = Replayed(lambda x: (2 * x, x + 1), EagerRecording)
    one, other = torch.ones(3), torch.full((3,), 5.0)
    first = doubled(one)
    second = doubled(other)
    assert [each.tolist() for each in first] == [[2] * 3, [2] * 3]
    assert [each.tolist() for each in second] == [[10] * 3, [6] * 3]
    assert one.tolist() == [1] * 3
    assert doubled(torch.ones(2))[0].shape == (2,)  # another shape is another recording
    assert len(doubled._recordings) == 2


def test_changed_memory_is_noticed():
    """An element that is overwritten is a change, one that is added is none."""
    bank = MemoryBank(ReadSettings())
    bank.add(torch.rand(64, 2, 3), torch.rand(1, 8, 2, 3), retention="permanent")
    before = bank.state()
    bank.add(torch.rand(64, 2, 3), torch.rand(1, 8, 2, 3), retention="evictable")
    assert keeps(before, bank.state())
    bank._values[2] += 1
    assert not keeps(before, bank.state())


class Ticking:
    """A clock that advances by a fixed time whenever it is read."""

    def __init__(self, tick: float) -> None:
        self.now, self._tick = 0.0, tick

    def __call__(self) -> float:
        self.now += self._tick
        return self.now


def tiny(out: Path, packed: Path | None = None, **settings) -> Plan:
    defaults = {
        "minutes": 9.0, "variants": ("light",), "sizes": (64,), "objects": (2,), "frames": 3, "repeat": 1,
        "golden": LITE_CASES[:1], "memory_mib": (8, 4), "max_file_bytes": 5_000_000,
    }  # fmt: skip
    return Plan(CPU, out, pack=packed, **{**defaults, **settings})


def read(folder: Path) -> dict[str, dict]:
    return {stage["name"]: stage for stage in json.loads((folder / JSON).read_text())["stages"]}


@pytest.mark.slow
def test_a_run_uses_its_time(packed, tmp_path, monkeypatch):
    """Results are on disk before the next stage begins; training saves every minute, and ends before the time does."""
    seen: list[dict[str, str]] = []

    def watched(stage):
        def run(context: Context) -> None:
            seen.append({name: each["status"] for name, each in read(tmp_path).items()})
            stage(context)

        return run

    monkeypatch.setattr(kit, "STAGES", {name: (part, watched(stage)) for name, (part, stage) in kit.STAGES.items()})
    clock = Ticking(4.0)
    kit.run(tiny(tmp_path, packed), clock=clock)
    names = list(kit.STAGES)
    assert seen == [{**dict.fromkeys(names[:number], "done"), names[number]: "running"} for number in range(5)]
    stages = read(tmp_path)
    assert [stage["status"] for stage in stages.values()] == ["done"] * 5
    golden = stages["golden outputs"]["rows"]
    assert [row["precision"] for row in golden] == ["float32", "bfloat16"]
    assert golden[0]["largest difference"] < 1e-3 < golden[1]["largest difference"] < 0.2
    assert {row["side"] for row in stages["speed"]["rows"]} >= {"light, float32"}
    (graph,) = stages["CUDA graphs"]["rows"]
    assert (graph["largest difference"], graph["memory unchanged"]) == (0, True)
    assert {row["outcome"] for row in stages["memory limits"]["rows"]} == {"finished"}
    assert clock.now < 9 * 60
    training = stages["training"]
    steps = [row["step"] for row in training["rows"]]
    # A step reads the clock twice, 8 s: a checkpoint follows the eighth.
    assert steps[:-1] == list(range(8, steps[-1], 8))
    assert training["seconds"] > 9 * 60 - 60 - sum(stages[name]["seconds"] for name in names[:-1])
    rows = (tmp_path / "steps.csv").read_text().splitlines()
    assert len(rows) == 1 + steps[-1]
    assert float(rows[-1].split(",")[3]) < 0.2 * max(float(row.split(",")[3]) for row in rows[1:])  # learning rate
    weights = read_weights(tmp_path / "weights.safetensors")
    assert weights.variant is LIGHT
    assert weights.metadata["license"] == "all of: CC0 + drawn for the test + MIT"
    assert weights.metadata["source"] == f"stcn train, {steps[-1]} steps"
    parts = [path for path in tmp_path.iterdir() if path.name.startswith(f"checkpoint.pt.{steps[-1]}.")]
    assert len(parts) > 1
    assert max(path.stat().st_size for path in parts) == 5_000_000
    files = {JSON, TEXT, "steps.csv", "weights.safetensors", *(path.name for path in parts)}
    assert {path.name for path in tmp_path.iterdir()} == files

    resumed = tmp_path / "resumed"
    kit.run(tiny(resumed, packed, resume=tmp_path, minutes=1.5), stages=("training",), clock=Ticking(4.0))
    (row,) = read(resumed)["training"]["rows"]
    assert row["step"] > steps[-1]
    assert read_weights(resumed / "weights.safetensors").metadata["source"] == f"stcn train, {row['step']} steps"


@pytest.mark.parametrize(("infinite", "status"), [({2, 3}, "done"), (set(range(3, 99)), "failed")])
def test_batches_with_infinite_gradients_are_left_out(packed, tmp_path, monkeypatch, infinite, status):
    """A few are noted, and the run goes on. If all are infinite, training ends, and what was trained is saved."""
    train_step, tried = Trainer.train_step, []

    def failing(trainer, batch):
        tried.append(len(tried) + 1)
        if tried[-1] in infinite:
            raise TrainingError("the gradient is not finite")
        return train_step(trainer, batch)

    monkeypatch.setattr(Trainer, "train_step", failing)
    kit.run(tiny(tmp_path, packed, minutes=1.5), stages=("training",), clock=Ticking(3.0))
    training = read(tmp_path)["training"]
    assert training["status"] == status
    left_out = infinite.intersection(tried)
    assert training["notes"].count("the gradient is not finite.") == len(left_out) == (2 if status == "done" else 6)
    steps = len(tried) - len(left_out)
    assert steps >= 2
    assert read_weights(tmp_path / "weights.safetensors").metadata["source"] == f"stcn train, {steps} steps"
    assert len((tmp_path / "steps.csv").read_text().splitlines()) == 1 + steps


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupted_run_leaves_its_results(tmp_path, monkeypatch, error):
    """Those of earlier stages, and the rows of the stage that was running."""

    def first(context: Context) -> None:
        context.add({"figure": 1.5})

    def second(context: Context) -> None:
        context.add({"figure": 2.5})
        assert read(tmp_path)["second"]["rows"] == [{"figure": 2.5}]
        raise error

    monkeypatch.setattr(kit, "STAGES", {"first": (1.0, first), "second": (1.0, second), "third": (1.0, first)})
    with pytest.raises(error):
        kit.run(tiny(tmp_path), stages=("first", "second", "third"))
    found = {name: (stage["status"], stage["rows"]) for name, stage in read(tmp_path).items()}
    assert found == {"first": ("done", [{"figure": 1.5}]), "second": ("stopped", [{"figure": 2.5}])}
    assert "second: stopped" in (tmp_path / TEXT).read_text()


def test_a_stage_that_fails_does_not_end_the_run(tmp_path, monkeypatch):
    """Its error is noted."""

    def broken(context: Context) -> None:
        raise RuntimeError("no such kernel")

    monkeypatch.setattr(
        kit, "STAGES", {"broken": (1.0, broken), "next": (1.0, lambda context: context.add({"n": 1.0}))}
    )
    kit.run(tiny(tmp_path), stages=("broken", "next"))
    stages = read(tmp_path)
    assert (stages["broken"]["status"], stages["broken"]["notes"]) == ("failed", ["RuntimeError: no such kernel"])
    assert stages["next"]["status"] == "done"


def context_of(plan: Plan, *, tick: float = 0.0) -> Context:
    clock = Ticking(tick)
    results = Results(plan.out, machine(0.0), clock)
    with results.stage("stage") as stage:
        return Context(plan, Budget.of(clock, 60), stage, results)


def test_a_stage_stops_when_its_time_is_used_up(tmp_path):
    """The sizes and numbers of objects that were not measured are noted once."""
    plan = tiny(tmp_path, sizes=(32, 48), objects=(1, 2))
    context = context_of(plan, tick=25.0)
    speed.measure_speed(context)
    assert {(row["lines"], row["objects"]) for row in context.stage.rows} <= {(32, 1)}
    assert context.stage.notes == ["stopped early: its part of the time is used up"]


@pytest.mark.parametrize(("fits", "outcome"), [(1, "finished"), (0, "error: ")])
def test_too_little_memory(tmp_path, monkeypatch, fits, outcome):
    """Fewer objects at a time are tried; if not even one fits, the error is the one of jobs."""

    @contextmanager
    def limited(engine, mib):
        decode = engine._folded.decode

        def decoding(readout, *shared):
            if mib is not None and len(readout) > fits:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return decode(readout, *shared)

        monkeypatch.setattr(engine, "_budget", 1 << 40)
        object.__setattr__(engine._folded, "decode", decoding)
        yield
        object.__setattr__(engine._folded, "decode", decode)

    monkeypatch.setattr(memory_limits, "limited", limited)
    context = context_of(tiny(tmp_path, objects=(3,), memory_mib=(8,), sizes=(48,)))
    memory_limits.measure_limits(context)
    small, unlimited = context.stage.rows
    assert small["outcome"].startswith(outcome)
    assert small["reductions"].startswith("out of memory with 3 objects together, trying 1")
    assert (small["limit MiB"], unlimited["limit MiB"], unlimited["outcome"]) == (8, None, "finished")
    if not fits:
        assert "out of memory" in small["outcome"]
        assert "memory.max_frames" in small["outcome"]


def test_changed_memory_frames_are_reported(tmp_path, monkeypatch):
    """Results that share memory with the recording are found out."""
    assert run_graphs(tmp_path)["memory unchanged"] is True
    add = MemoryBank.add

    def corrupting(bank, *arguments, **named):
        if bank.elements:
            bank._values[0] += 1
        add(bank, *arguments, **named)

    monkeypatch.setattr(MemoryBank, "add", corrupting)
    assert run_graphs(tmp_path)["memory unchanged"] is False


def test_what_cannot_be_recorded_is_noted(tmp_path, monkeypatch):
    """The other cases are still measured."""
    record = EagerRecording

    def failing(function, inputs):
        if inputs[0].shape[2] == 48:
            raise RuntimeError("operation not permitted when stream is capturing")
        return record(function, inputs)

    monkeypatch.setattr(graphs, "EagerRecording", failing)
    context = context_of(tiny(tmp_path, sizes=(48, 32), objects=(1,), frames=5))
    graphs.measure_graphs(context)
    assert [row["lines"] for row in context.stage.rows] == [32]
    assert context.stage.notes == ["light, 48, 1: operation not permitted when stream is capturing"]


def run_graphs(folder: Path) -> dict:
    context = context_of(tiny(folder, sizes=(48,), objects=(1,), frames=5))
    graphs.measure_graphs(context)
    (row,) = context.stage.rows
    return row


def test_the_published_code_is_measured_beside_ours(tmp_path, monkeypatch):
    """With and without its AMP, on frames padded to the stride, in turns with ours."""
    code = load_published(write_checkout(tmp_path / "checkout"))
    monkeypatch.setattr(speed, "load_published", lambda _: code)
    monkeypatch.setattr(speed, "weights_of", lambda *_: LoadedWeights(PUBLISHED, CONV_STATE, {}))
    runs, run = [], PublishedLoop.run

    def recording(loop, images, masks, schedule):
        runs.append((loop._is_half, tuple(images.shape), tuple(masks.shape)))
        return run(loop, images, masks, schedule)

    monkeypatch.setattr(PublishedLoop, "run", recording)
    context = context_of(tiny(tmp_path / "out", published=tmp_path, sizes=(40,), frames=8, repeat=2))
    speed.measure_speed(context)
    rows = {row["side"]: row for row in context.stage.rows}
    assert rows.keys() - {"light, bfloat16"} == {"light, float32", "published code", "published code, AMP"}
    for row in rows.values():
        assert row["frames/s"] == pytest.approx(1e3 / row["ms/frame"])
        assert row["runs"] == 2
    assert code.core.seen == [(2, 7, 20, 5, False)] * 2 + [(2, 8, 20, 5, False)] * 4
    assert runs[:2] == [(half, (7, 3, 48, 80), (2, 48, 80)) for half in (False, True)]
    assert runs[2:] == [(half, (8, 3, 48, 80), (2, 48, 80)) for half in (False, True)] * 2


def test_a_run_needs_no_openimageio(tmp_path):
    """A machine with a GPU may only have what training and propagation need."""
    script = (
        "import sys; sys.modules['OpenImageIO'] = None; import benchmarks.gpu.kit, benchmarks.gpu.plan;"
        " print(sorted({'fileseq', 'mmh3', 'OpenImageIO'} & {name for name, module in sys.modules.items() if module}))"
    )
    folders = {"PYTHONPATH": f"{Path(__file__).parent}:{Path(__file__).parents[1]}"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=folders, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


def test_the_command_writes_to_out(tmp_path, monkeypatch):
    """`gpu.sh` runs the kit; $OUT is the default folder."""
    command = Path(__file__).parent / "benchmarks" / "gpu.sh"
    options = ["--device", "cpu", "--only", "training", "--minutes", "1"]
    variables = {"PATH": "/usr/bin:/bin", "PYTHON": sys.executable, "OUT": str(tmp_path / "out"), "HOME": str(tmp_path)}
    done = subprocess.run([command, *options], capture_output=True, text=True, env=variables, check=False)
    assert done.returncode == 0, done.stderr
    assert "nothing was trained" in done.stdout
    assert done.stdout.startswith("training: done")
    assert read(tmp_path / "out")["training"]["status"] == "done"
