"""The benchmarks run, find every stage, and can run a checkout of the published code on the CPU."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmarks.cases import Case, Workshop
from benchmarks.command import benchmark
from benchmarks.edges import steps
from benchmarks.edges.command import edge_benchmark
from benchmarks.edges.drawing import Polygons, floats, render
from benchmarks.edges.scenes import SCENES
from benchmarks.footage import looped, make_footage
from benchmarks.hosts.command import host_benchmark
from benchmarks.published import PublishedLoop, Schedule, load_published
from benchmarks.roofline import STAGES, multiply_adds
from benchmarks.side_by_side import compare
from benchmarks.stand_in_checkout import CONV_STATE, NETWORK, write_checkout
from benchmarks.stopwatch import Work
from click.testing import CliRunner
from PIL import Image

from stcn_plugin.network import devices
from stcn_plugin.network.variants import PUBLISHED
from stcn_plugin.weights.reading import LoadedWeights

pytestmark = pytest.mark.slow


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A stand-in for the published repository, with its module names, `cuda` calls and download."""
    return write_checkout(tmp_path / "checkout")


@pytest.fixture
def state() -> dict[str, torch.Tensor]:
    return CONV_STATE


def figures(data: object) -> list[float]:
    """Return every number of a JSON value."""
    if isinstance(data, dict):
        return [number for value in data.values() for number in figures(value)]
    if isinstance(data, list):
        return [number for value in data for number in figures(value)]
    return [data] if isinstance(data, int | float) else []


def run(tmp_path: Path, *arguments: str) -> dict:
    """Run the command on something tiny and return its JSON."""
    tiny = ["--variant", "lite", "--device", "cpu", "--precision", "float32", "--size", "64", "--repeat", "1"]
    file = tmp_path / "figures.json"
    result = CliRunner().invoke(benchmark, [*tiny, *arguments, "--json", str(file)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    data = json.loads(file.read_text())
    assert all(math.isfinite(number) for number in figures(data))
    return data


def test_a_job_is_measured_whole_and_by_stage(tmp_path):
    """Every stage of the library is found, takes time, and has its multiply-adds."""
    (job,) = run(tmp_path, "--objects", "2", "--frames", "7")["jobs"]
    assert (job["plate"], job["internal"], job["frames"]) == ([64, 114], [64, 114], 7)
    measured = {name: seconds for name, seconds in job["stages"].items() if name != "other"}
    assert min(measured.values()) > 0, measured
    assert set(measured) == {*STAGES, "read", "colour+resize", "memory add", "aggregate", "finish", "write"}
    calls = {roof["stage"]: roof["calls"] for roof in job["roofs"]}
    assert calls["encode key"] == pytest.approx(8 / 7)  # every frame, and the keyframe once more for its response
    assert calls["encode value"] == pytest.approx(2 / 7)  # the keyframe and frame 5
    assert all(roof["multiply_adds"] > 0 and roof["fraction"] > 0 for roof in job["roofs"])
    assert 0 < job["decoded"] <= 1


def test_the_decoded_fraction_can_be_set(tmp_path):
    """For weights that do not know the object."""
    (job,) = run(tmp_path, "--objects", "1", "--frames", "3", "--decoded", "0.25")["jobs"]
    assert job["decoded"] == pytest.approx(2 * 4 / (4 * 8)), "half of 4 x 8 elements each way"


def test_a_long_shot_and_the_memory_read_are_measured(tmp_path):
    """A looped plate is measured at its end, and the memory read equals the dense form."""
    data = run(tmp_path, "--objects", "1", "--frames", "3", "--long", "9", "--memory")
    (long,) = data["long"]
    assert [mark["frame"] for mark in long["marks"]] == [4, 9]
    assert all(mark["seconds"] > 0 and mark["resident"] > 1e7 for mark in long["marks"])
    assert [read["frames"] for read in data["memory"]] == [1, 5, 10, 24, 50]
    assert max(read["difference"] for read in data["memory"]) < 1e-3


def test_multiply_adds_of_the_key_encoder():
    """ResNet-50 to stride 16 has 3.29 G at 224 x 224; the convolutions after it are computed by hand."""
    projection = 14**2 * 9 * 1024 * 64
    shared = 14**2 * 9 * (1024 * 512 + 2 * 512 * 512) + 28**2 * 9 * 512 * 512 + 56**2 * 9 * 256 * 256
    total = multiply_adds(PUBLISHED, Work("encode key", 1, 14, 14), 20)
    assert total - projection == pytest.approx(3.29e9, rel=0.01)
    assert multiply_adds(PUBLISHED, Work("share", 1, 14, 14), 20) == shared


def test_multiply_adds_of_objects_and_memory():
    """Each object costs the decoder the same; a read compares 64 channels and weighs the top k values."""
    one, three = (multiply_adds(PUBLISHED, Work("decode", objects, 4, 7), 20) for objects in (1, 3))
    assert three == 3 * one
    read = multiply_adds(PUBLISHED, Work("memory read", 3, 4, 7, elements=56), 20)
    assert read == 28 * 56 * 64 + 28 * 20 * 3 * 512


def test_the_footage_covers_a_sixth_for_any_number_of_objects(tmp_path):
    """All objects are visible; a loop goes forward and back."""
    for objects in (1, 10):
        footage = make_footage(tmp_path / str(objects), objects=objects, size=(90, 160), count=3, suffix="png")
        labels = np.asarray(Image.open(footage.keyframe))
        assert set(np.unique(labels)) == set(range(objects + 1))
        assert 0.1 < (labels > 0).mean() < 0.2
    loop = looped(footage, tmp_path / "loop", 6)
    frames = [path.readlink().name.split(".")[1] for path in sorted((tmp_path / "loop").iterdir())]
    assert frames == ["1001", "1002", "1003", "1002", "1001", "1002"]
    assert loop.range == "1-6"


def test_published_code_runs_on_the_cpu(checkout, state):
    """Its `cuda` calls use the CPU, it downloads nothing, and everything is restored afterwards."""
    before = set(sys.modules), sys.path[:], torch.Tensor.cuda, torch.zeros
    code = load_published(checkout)
    loop = PublishedLoop(code, state, device=torch.device("cpu"), mode="autocast")
    seconds = loop.run(torch.ones(4, 3, 8, 8), torch.ones(2, 8, 8), Schedule(3, 7, include_last=True))
    assert seconds > 0
    assert code.core.seen == [(2, 4, 7, 3, True)]
    assert (sys.path, torch.Tensor.cuda, torch.zeros) == before[1:]
    assert not {"inference_core", "model.eval_network", "util.helper"} & (set(sys.modules) - before[0])


def test_published_code_gets_no_weights_from_torchvision(checkout, state, monkeypatch):
    """A network that asks for ImageNet weights is built without them."""
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", lambda *_, **__: pytest.fail("a download"))
    path = checkout / "model" / "eval_network.py"
    wanting = "        self.before = models.resnet18(pretrained=True).fc.out_features\n        self.conv ="
    path.write_text("from torchvision import models\n" + NETWORK.replace("        self.conv =", wanting))
    loop = PublishedLoop(load_published(checkout), state, device=torch.device("cpu"), mode="float32")
    assert loop.run(torch.ones(2, 3, 8, 8), torch.ones(1, 8, 8), Schedule(5, 20, include_last=False)) > 0


def test_a_folder_that_is_no_checkout_is_refused(tmp_path):
    """The message names the missing module."""
    with pytest.raises(FileNotFoundError, match="no inference_core"):
        load_published(tmp_path)


def test_both_sides_run_alternately_on_the_same_frames(checkout, state, tmp_path, monkeypatch):
    """Each has its time and its ratio to each published mode."""
    monkeypatch.setattr(Workshop, "state", lambda _self, _variant: LoadedWeights(PUBLISHED, state, {}))
    code = load_published(checkout)
    workshop = Workshop(tmp_path, {"lite": "starter"})
    footage = make_footage(tmp_path / "plate", objects=2, size=(64, 96), count=8, suffix="png")
    cases = {Case("lite", "cpu", "float32", 2, "64"): footage}
    runs: list[str] = []
    ours, *theirs = compare(code, cases, workshop, modes=("float32", "autocast"), repeat=2, on_run=runs.append)
    assert len(runs) == 3 * 3
    assert runs[-1] == "published, autocast, 2 objects, 64 lines: run 2 of 2"
    assert [each.name for each in theirs] == ["published, float32", "published, autocast"]
    assert [run[1] for run in code.core.seen] == [7, 7, 8, 8, 8, 8]  # a shorter run each to warm up, then in turns
    assert theirs[0].ratios["published, float32"] == 1
    expected = theirs[1].frame.median / ours.frame.median
    assert ours.ratios["published, autocast"] == pytest.approx(expected)


def test_modes_that_the_processor_would_emulate_are_left_out(checkout, state, monkeypatch):
    """They would take minutes a frame."""
    monkeypatch.setattr(Workshop, "state", lambda _self, _variant: LoadedWeights(PUBLISHED, state, {}))
    monkeypatch.setattr(devices, "_cpu_has_bfloat16", lambda: False)
    arguments = [
        "--published",
        str(checkout),
        "--variant",
        "lite",
        "--objects",
        "1",
        "--size",
        "64",
        "--frames",
        "8",
        "--repeat",
        "1",
    ]
    done = CliRunner().invoke(benchmark, [*arguments, "--device", "cpu"])
    assert done.exit_code == 0, done.output
    assert "left out: autocast: this processor emulates bfloat16" in done.output
    assert "published, float32" in done.output
    assert "published, autocast" not in done.output
    refused = CliRunner().invoke(benchmark, [*arguments, "--device", "cpu", "--modes", "autocast"])
    assert refused.exit_code == 2
    assert "add float32 to --modes" in refused.output


def test_mattes_of_edge_scenes_are_exact_coverage():
    """Colour is coverage times the colour of the object, also where it moves; a hole has neither."""
    square = floats([[[20, 20], [60, 20], [60, 60], [20, 60]]])
    hole = Polygons((square - 40) / 4 + 40, floats([[0, 0, 0]]), opacity=0.0)

    def moving(time: float) -> list[list[Polygons]]:
        return [[Polygons(square + floats([16 * time, 0]), floats([[0.6, 0.2, 1]])), hole]]

    layer = render(moving, size=(80, 100), time=0, shutter=1, times=64)
    alpha = layer.alphas[0]
    np.testing.assert_allclose(layer.colour, alpha[..., None] * floats([0.6, 0.2, 1]), atol=1e-3)
    assert alpha[40, 40] == 0 and alpha[25, 40] == 1
    # Each side of the square moves by 16 pixels while the shutter is open, so its edge is a ramp of 16 pixels. Pillow
    # draws polygons up to a sample larger, which is half a pixel.
    np.testing.assert_allclose(alpha[25, 12:28], (np.arange(16) + 0.5) / 16, atol=0.5 / 16 + 0.01)
    np.testing.assert_allclose(alpha[25, 52:68], 1 - (np.arange(16) + 0.5) / 16, atol=0.5 / 16 + 0.01)


def test_objects_of_edge_scenes_share_a_pixel():
    """The one in front covers the other, and a translucent one has its opacity."""
    left, right = floats([[[4, 4], [20, 4], [20, 20], [4, 20]]]), floats([[[12, 4], [28, 4], [28, 20], [12, 20]]])
    white = floats([[1, 1, 1]])

    def still(_time: float) -> list[list[Polygons]]:
        return [[Polygons(left, white)], [Polygons(right, white, opacity=1 / 3)]]

    alphas = render(still, size=(24, 32), time=0, shutter=0, times=4).alphas[:, 10]
    assert alphas[:, 6].tolist() == [1, 0]
    assert alphas[:, 16].tolist() == pytest.approx([0, 1 / 3])


def test_edge_benchmark_compares_rows(tmp_path, monkeypatch):
    """Every row that can run has scores of every scene and their mean; others are named and left out."""
    small = [replace(scene, size=(72, 128), times=2) for scene in SCENES if scene.name in ("hard 2K", "crossing 2K")]
    monkeypatch.setattr("benchmarks.edges.run.SCENES", small)
    file = tmp_path / "figures.json"
    arguments = ["--edges", "--frames", "3", "--folder", str(tmp_path), "--json", str(file), "--set", "size=72"]
    result = CliRunner().invoke(
        edge_benchmark, [*arguments, "--row", "bilinear", "--row", "default"], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    edges = json.loads(file.read_text())["edges"]
    assert {(each["scene"], each["row"]) for each in edges} == {
        (scene, row) for scene in ("hard 2K", "crossing 2K", "mean") for row in ("bilinear", "default")
    }
    assert all(each["scores"]["band_mse"] > 0 and each["cpu_seconds"] > 0 for each in edges)
    hard, crossing, mean = (each["scores"]["mse"] for each in edges if each["row"] == "bilinear")
    assert mean == pytest.approx((hard + crossing) / 2)
    rendered = sorted(path.name for path in (tmp_path / "scenes").glob("hard*/*"))
    assert rendered == [f"{kind}.{frame}.exr" for kind in ("plate", "truth") for frame in (1001, 1002, 1003)]


def test_rows_about_unknown_settings_are_left_out(monkeypatch):
    """A step that is off needs no setting; one that is on does."""
    monkeypatch.setattr(steps, "PLAIN", {"matte.imaginary": "off", "matte.grow": "0"})
    rows = (
        steps.Step("plain", {}),
        steps.Step("grown", {"matte.grow": "1"}),
        steps.Step("lost", {"matte.imaginary": "on"}),
    )
    monkeypatch.setattr(steps, "STEPS", rows)
    assert steps.available(()) == ({"plain": ("matte.grow=0",), "grown": ("matte.grow=1",)}, ["lost"])


def test_the_press_is_measured_in_hosts(tmp_path, monkeypatch):
    """In the stand-in for Nuke: in a first process, then cold and warm."""
    monkeypatch.delenv("STCN_TEST_BLENDER_PYTHONS", raising=False)
    file = tmp_path / "figures.json"
    arguments = ["--hosts", "--repeat", "1", "--json", str(file)]
    result = CliRunner().invoke(host_benchmark, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    (host,) = json.loads(file.read_text())["hosts"]
    assert host["host"] == "Nuke stand-in"
    assert min(host["first"], host["cold"]["median"], host["warm"]["median"]) > 0
    assert (host["cold"]["runs"], host["warm"]["runs"]) == (1, 1)
