"""The installed extension with a real worker: the mattes on disk, and Blender's composite of them."""

from __future__ import annotations

from pathlib import Path

import cryptomatte_api
import numpy as np
import pytest
from blender_shot import COUNT, FIRST, SHIFT, disc, read_channels

pytestmark = pytest.mark.slow

FRAMES = [1, 4, 8]


def written(layout: str, folder: Path, name: str, number: int) -> np.ndarray:
    """The matte on disk."""
    mattes = folder / "mattes" / "sh010"
    if layout == "cryptomatte":
        (file,) = cryptomatte_api.Cryptomatte.load(str(mattes / f"sh010_matte.{number}.exr"))
        return file.mask(name)
    clean = name.replace(" ", "_").replace(".", "_")
    if layout == "layers":
        return read_channels(mattes / f"sh010_matte.{number}.exr")[f"{clean}.A"]
    return read_channels(mattes / f"sh010_matte.{clean}.{number}.exr")["A"]


@pytest.fixture(params=["layers", "cryptomatte", "per_object"])
def layout(request) -> str:
    return request.param


def test_blender_composites_the_mattes_on_disk(blender, plates, tmp_path, layout):
    """Every object's composited matte equals the one on disk at each frame; a second run adds nothing, and a changed setting shows."""
    results = blender.run("propagate", tmp_path, plate=str(plates), layout=layout, frames=FRAMES)
    before, largest = tmp_path / "before", 0.0
    for key, path in results["renders"].items():
        name, _, frame = key.rpartition(":")
        matte = written(layout, before, name, int(frame) + SHIFT)
        assert matte.max() > 0.3, key
        largest = max(largest, float(np.abs(read_channels(path)["R"] - matte).max()))
    print(f"Blender {results['version']}, {layout}: largest difference {largest}, {results['seconds']} s")
    assert len(results["renders"]) == 2 * len(FRAMES)
    assert largest <= 1e-6

    follows = written(layout, before, "hero", FIRST + COUNT - 1) > 0.5
    truth = disc(FIRST + COUNT - 1) > 0.5
    assert (follows & truth).sum() / (follows | truth).sum() > 0.6  # the matte of the right frame

    grown = written(layout, tmp_path, "hero", FRAMES[-1] + SHIFT)
    assert np.abs(read_channels(results["again"])["R"] - grown).max() <= 1e-6
    assert grown.sum() > 1.1 * written(layout, before, "hero", FRAMES[-1] + SHIFT).sum()
    assert results["viewers"] == ["hero"]
    if results["asset"] is not None:  # since Blender 5
        description, sockets = results["asset"]
        assert "hero, left arm.v2" in description
        assert sockets == ["Image", "hero", "left arm.v2", "Image"]

    assert results["second"] == results["first"]
    assert results["same_worker"]
    assert results["same_images"]
    assert results["colour_space"] == "Non-Color"
    assert results["source"] == "SEQUENCE"
    assert results["span"] == [1, 1000, COUNT]
    # To a Set Alpha node for each object, and since Blender 5 to the group; the artist's own link went to the renders.
    assert results["plate_links"] == (2 if results["asset"] is None else 3)
    assert results["shot_file"] == results["on_node"] == str(tmp_path / "mattes" / "sh010" / "sh010_matte.stcn.yaml")

    assert results["weights"].startswith("starter, licence: CC-BY-NC-4.0")
    (warning,) = results["warnings"]
    assert "'starter' are for non-commercial work only" in warning
    preset, own, unknown = results["licences"]
    assert preset.startswith("starter: lite, CC-BY-NC-4.0")
    assert own.startswith("starter-free: light, free for commercial use")
    assert unknown == ""


def test_a_strip_of_the_sequencer_takes_the_mattes(blender, plates, tmp_path):
    """Since Blender 5.2 without a display, as the node group of a compositor modifier: its alpha is that of all objects together."""
    results = blender.run("strip", tmp_path, plate=str(plates), frame=4)
    if results["alpha"] is None:
        pytest.skip(f"Blender {results['version']} has no compositor modifiers")
    mattes = read_channels(tmp_path / "mattes" / "sh010" / f"sh010_matte.{4 + SHIFT}.exr")
    union = np.maximum(mattes["hero.A"], mattes["ball.A"])
    assert union.max() == 1
    assert np.abs(read_channels(results["alpha"])["A"] - union).max() <= 1e-3
