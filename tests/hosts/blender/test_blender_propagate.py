"""The installed extension at work: a real worker's mattes, and what Blender composites of them."""

from __future__ import annotations

from pathlib import Path

import cryptomatte_api
import numpy as np
import pytest
from blender_shot import COUNT, FIRST, SHIFT, disc, read_channels

FRAMES = [1, 4, 8]


def written(layout: str, folder: Path, name: str, number: int) -> np.ndarray:
    """The matte as it stands on disk."""
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


def test_blender_composites_what_was_written(blender, plates, tmp_path, layout):
    """Every object's matte comes out of Blender's compositor as it is on disk, at the right frame, run once or twice."""
    said = blender.run("propagate", tmp_path, plate=str(plates), layout=layout, frames=FRAMES)
    largest = 0.0
    for key, path in said["renders"].items():
        name, _, frame = key.rpartition(":")
        matte = written(layout, tmp_path, name, int(frame) + SHIFT)
        assert matte.max() > 0.3, key
        largest = max(largest, float(np.abs(read_channels(path)["R"] - matte).max()))
    print(f"Blender {said['version']}, {layout}: largest difference {largest}, {said['seconds']} s")
    assert len(said["renders"]) == 2 * len(FRAMES)
    assert largest <= 1e-6

    follows = written(layout, tmp_path, "hero", FIRST + COUNT - 1) > 0.5
    truth = disc(FIRST + COUNT - 1) > 0.5
    assert (follows & truth).sum() / (follows | truth).sum() > 0.6  # it is the right frame's matte

    assert said["second"] == said["first"]
    assert said["same_worker"]
    assert said["same_images"]
    assert said["colour_space"] == "Non-Color"
    assert said["source"] == "SEQUENCE"
    assert said["span"] == [1, 1000, COUNT]
    assert said["plate_links"] == 2  # to a Set Alpha node for each object; the artist's own link went to the renders
    assert said["shot_file"] == said["on_node"] == str(tmp_path / "mattes" / "sh010" / "sh010_matte.stcn.yaml")
