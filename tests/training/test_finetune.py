"""Fine-tuning on keyframes."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from training.short_runs import stcn

from stcn_plugin.cli.finetune import finetune as command
from stcn_plugin.errors import TrainingError, WeightsError
from stcn_plugin.shot.file import load_shot
from stcn_plugin.training.finetune import finetune
from stcn_plugin.training.keyframe_pictures import write_keyframe_pictures
from stcn_plugin.training.pictures import PictureReader, find_clips
from stcn_plugin.weights.entry import read_metadata
from stcn_plugin.weights.reading import read_weights
from stcn_plugin.weights.store import STARTER, WeightsStore, builtin_files

SHOT = Path(__file__).parents[2] / "examples" / "shot"
OBJECTS = ("hare", "koi")


def pixels(path: Path, *channels: str) -> np.ndarray:
    """Channels of a file by name, ``(H, W, C)``."""
    image = oiio.ImageBuf(str(path))
    return image.get_pixels(oiio.FLOAT)[..., [image.spec().channelnames.index(name) for name in channels]]


def test_keyframes_are_written_as_training_pictures(tmp_path):
    """Plates in display sRGB and unchanged soft mattes, one clip per shot even if shot files share a name."""
    shot = load_shot(SHOT / "shot.yaml", overrides=["size=native"])
    folder = write_keyframe_pictures([shot, shot], tmp_path)
    assert [clip.name for clip in find_clips(folder)] == ["01_shot", "02_shot"]
    linear = np.maximum(pixels(SHOT / "plates" / "two_objects.1001.exr", *"RGB").astype(float), 0)
    display = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    rolled = np.where(display <= 0.8, display, 1 - 0.2 * np.exp(-(display - 0.8) / 0.2))
    layers = [f"{name}.A" for name in OBJECTS]
    for clip in find_clips(folder):
        (picture,) = clip.pictures
        assert picture.frame == 1001
        np.testing.assert_allclose(np.asarray(Image.open(picture.plate)), rolled * 255, atol=0.52)  # 8-bit rounding
        drawn = pixels(SHOT / "keyframes" / "keyframe.1001.exr", *layers)
        np.testing.assert_array_equal(pixels(picture.mask, *layers), drawn)
        assert 0.001 < ((drawn > 0.1) & (drawn < 0.9)).mean() < 0.1  # the edges are soft
        assert set(PictureReader(short_side=96).read(picture).masks) == set(OBJECTS)


def test_different_keyframes_have_different_folders(tmp_path):
    """A run is not resumed with other keyframes, and old keyframes are not trained on."""
    small, smaller = (load_shot(SHOT / "shot.yaml", overrides=[f"size={size}"]) for size in (96, 64))
    first = write_keyframe_pictures([small], tmp_path)
    assert write_keyframe_pictures([small], tmp_path) == first
    assert write_keyframe_pictures([smaller], tmp_path) != first
    assert write_keyframe_pictures([small, small], tmp_path) != first
    assert len(find_clips(first)) == 1


@pytest.mark.slow
def test_finetune_adds_weights_to_the_store(tmp_path):
    """Two steps on the example shot; the key encoder is unchanged."""
    out, environment = tmp_path / "run", {**os.environ, "STCN_WEIGHTS_DIR": str(tmp_path / "store")}
    arguments = [SHOT / "shot.yaml", "--name", "hare_show", "--steps", 2, "--out", out, "--set", "size=96"]
    result = stcn("finetune", *arguments, "--set", "compute.precision=float32", env=environment)
    assert result.returncode == 0, result.stderr
    assert "--weights hare_show" in result.stdout
    file = WeightsStore(tmp_path / "store").path("hare_show")
    tuned, start = read_weights(file), read_weights(builtin_files()[STARTER])
    assert tuned.variant.name == "lite"
    for name, entry in tuned.state.items():
        if name.startswith("key_encoder."):
            torch.testing.assert_close(entry.float(), start.state[name].float(), rtol=1e-3, atol=1e-5)
    changed = [
        not torch.equal(entry, start.state[name].to(entry.dtype))
        for name, entry in tuned.state.items()
        if name.startswith(("decoder.", "value_encoder."))
    ]
    assert np.mean(changed) > 0.5
    assert "the show's own" in read_metadata(file)["license"]
    assert read_metadata(builtin_files()[STARTER])["license"] in read_metadata(file)["license"]
    assert (out / "MODEL_CARD.md").is_file()
    (keyframe,) = out.glob("keyframes-*/01_shot/plates/*")
    assert Image.open(keyframe).size == (171, 96)


def test_shots_with_different_weights_are_an_error(tmp_path):
    """The message names both; nothing is written."""
    shots = [load_shot(SHOT / "shot.yaml", overrides=[f"weights={name}"]) for name in ("starter", "other")]
    with pytest.raises(TrainingError, match="the shots use different weights: other, starter"):
        finetune(shots, out=tmp_path / "run", steps=1, store=WeightsStore(tmp_path / "store"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("name", "what"),
    [("taken", "there are already weights called 'taken'"), ("starter", "the name of weights in the package")],
)
def test_a_name_in_use_is_an_error_before_training(name, what, tmp_path):
    """Nothing is written to the folder of the run or to the store."""
    store = tmp_path / "store"
    store.mkdir()
    (store / "taken.safetensors").touch()
    arguments = [str(SHOT / "shot.yaml"), "--name", name, "--out", str(tmp_path / "run")]
    result = CliRunner().invoke(command, arguments, env={"STCN_WEIGHTS_DIR": str(store)})
    assert isinstance(result.exception, WeightsError)
    assert what in str(result.exception)
    assert sorted(tmp_path.rglob("*")) == [store, store / "taken.safetensors"]
