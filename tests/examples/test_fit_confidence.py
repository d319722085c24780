"""The scripts that fit the confidence: clips with ground truth, the fit, and the plot of its calibration."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from stcn_plugin.confidence.model import INPUTS, Model

FOLDER = Path(__file__).parents[2] / "examples" / "training"


@pytest.fixture
def scripts(monkeypatch):
    """The scripts as modules."""
    monkeypatch.syspath_prepend(str(FOLDER))
    import calibration_plot
    import fit_confidence

    return fit_confidence, calibration_plot


def samples(scripts, model: Model, count: int = 400):
    """Return samples of eight clips whose J is what a model expects."""
    rng = np.random.default_rng(0)
    found = []
    for number in range(count):
        kind = ("both", "one")[number % 2]
        inputs = {"certainty": float(rng.uniform(-2, 3)), "outline": float(-rng.uniform(0, 2))}
        j = model.expected_of(inputs, kind=kind)
        found.append(scripts[0].Sample(f"clip {number % 8}", "shot", "hero", number, count, kind, inputs, j))
    return found


def test_the_fit_finds_the_coefficients(scripts):
    """Except for what the ridge takes away, the coefficients of the model that made the samples are found."""
    true = {
        "both": {"certainty": 0.9, "outline": 0.3, "intercept": 0.5},
        "one": {"certainty": 0.7, "outline": 0.6, "intercept": 0.1},
    }
    found = scripts[0].fit(samples(scripts, Model(**true)))
    for kind, coefficients in true.items():
        for name in (*INPUTS, "intercept"):
            assert getattr(found, kind)[name] == pytest.approx(coefficients[name], abs=0.05)


def test_a_clip_is_predicted_without_itself(scripts):
    """A clip whose J has nothing to do with its inputs does not change its own prediction."""
    model = Model(*[{"certainty": 0.9, "outline": 0.3, "intercept": 0.5}] * 2)
    usual = samples(scripts, model)
    odd = [scripts[0].Sample(**(vars(each) | {"j": 0.5})) if each.clip == "clip 0" else each for each in usual]
    first = [number for number, each in enumerate(usual) if each.clip == "clip 0"]
    np.testing.assert_allclose(scripts[0].held_out(odd)[first], scripts[0].held_out(usual)[first])


def test_the_plot_shows_groups_where_they_are(scripts):
    """A group of frames with a confidence of 0.5 and a J of 0.75 is half across and three quarters up."""
    _, plot = scripts
    confidence, true = np.full(4, 0.5), np.full(4, 0.75)
    assert plot.groups_of(confidence, true) == [(0.5, 0.75, 0.75, 0.75)] * 4
    root = ElementTree.fromstring(plot.calibration_plot({"a < b": (confidence, true)}))
    box = next(each for each in root if each.get("class") == "axis")
    left, top, side = (float(box.get(name)) for name in ("x", "y", "width"))
    circles = [each for each in root if each.tag.endswith("circle")]
    assert {(float(each.get("cx")), float(each.get("cy"))) for each in circles} == {
        (left + 0.5 * side, top + 0.25 * side)
    }


def test_a_clip_depends_on_its_seed_alone(tmp_path):
    """It has a plate and a mask of every frame; the mask moves."""
    stills, rng = tmp_path / "stills", np.random.default_rng(1)
    for name in ("plates", "masks"):
        (stills / name).mkdir(parents=True)
    for number in range(3):
        colours = gaussian_filter(rng.random((200, 300, 3)), (6, 6, 0))
        Image.fromarray((255 * (colours - colours.min()) / np.ptp(colours)).astype(np.uint8)).save(
            stills / "plates" / f"{number}.jpg"
        )
        mask = np.zeros((200, 300), np.uint8)
        mask[40:160, 90:210] = 255
        Image.fromarray(mask).save(stills / "masks" / f"{number}.png")
    for out in ("first", "second"):
        arguments = ["--stills", stills, "--clips", "1", "--frames", "3", "--seed", "4"]
        subprocess.run(
            [sys.executable, FOLDER / "confidence_clips.py", tmp_path / out, *arguments], check=True, timeout=300
        )
    first, second = (sorted((tmp_path / out / "composite_4_001").rglob("*.*")) for out in ("first", "second"))
    names = [f"masks/000{number}.png" for number in (1, 2, 3)] + [f"plates/000{number}.jpg" for number in (1, 2, 3)]
    assert [path.relative_to(tmp_path / "first" / "composite_4_001").as_posix() for path in first] == names
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    masks = [np.asarray(Image.open(path)) for path in first[:3]]
    assert all(mask.shape == (288, 512) and mask.max() == 255 for mask in masks)
    assert all(0.01 < (mask > 127).mean() < 0.6 for mask in masks)
    assert ((masks[0] > 127) != (masks[2] > 127)).any()
