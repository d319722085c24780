"""Elements: cut-outs with alpha."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from media.picture_files import write
from training.drawn import disc, laid, texture

from stcn_plugin.errors import PlateError, TrainingError
from stcn_plugin.training.elements import ElementReader, element_cut_out, find_elements

ALPHA = disc((60, 50), 30)  # from column 30 to 90 and line 20 to 80


def encoded(linear: float) -> float:
    return 1.055 * linear ** (1 / 2.4) - 0.055


def test_elements_are_found_recursively(tmp_path):
    """File formats with alpha only; hidden files are ignored."""
    for name in ("b.png", "deep/er/a.exr", ".hidden.png", "photo.jpg", "notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert find_elements(tmp_path) == ((tmp_path / "b.png",), (tmp_path / "deep/er/a.exr",))
    with pytest.raises(TrainingError, match="no images that may have alpha"):
        find_elements(tmp_path / "nowhere")


def test_a_folder_without_alpha_is_an_error(tmp_path):
    """Otherwise a run would go on without any of its cut-outs."""
    for name in ("a", "b"):
        write(tmp_path / f"{name}.png", np.zeros((8, 8, 3), np.float32), "uint8", "RGB")
    with pytest.raises(TrainingError, match="none of the images has alpha") as caught:
        find_elements(tmp_path)
    assert caught.value.where == str(tmp_path)
    write(tmp_path / "c.png", np.zeros((8, 8, 4), np.float32), "uint8", "RGBA")
    assert len(find_elements(tmp_path)) == 3


def test_numbered_pictures_are_frames_of_one_element(tmp_path):
    """In numeric order. A folder that also contains other images is not animated."""
    for name in (
        "walk/9.png",
        "walk/10.png",
        "walk/11.png",
        "one/1.png",
        "mixed/1.png",
        "mixed/2.png",
        "mixed/cat.png",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    mixed = [(tmp_path / "mixed" / name,) for name in ("1.png", "2.png", "cat.png")]
    walk = tuple(tmp_path / "walk" / name for name in ("9.png", "10.png", "11.png"))
    assert find_elements(tmp_path) == (*mixed, (tmp_path / "one/1.png",), walk)


def test_frames_of_an_element_share_a_crop(tmp_path):
    """A disc that moves by 20 pixels moves by 20 pixels in the result."""
    files = []
    for number, centre in enumerate((40, 60)):
        alpha = disc((centre, 50), 15)
        rgba = np.concatenate([laid(alpha, (1, 1, 1), 0.0), alpha[..., None]], -1)
        files.append(write(tmp_path / f"{number}.exr", rgba, "float", "RGBA"))
    first, second = ElementReader().read(tuple(files))[:, 3]
    assert first.shape == second.shape == (30, 50)
    torch.testing.assert_close(second[:, 20:], first[:, :30])
    assert float(second[:, :20].max()) == 0


def test_frames_of_different_sizes_are_rejected(tmp_path):
    """Their alignment is unknown."""
    files = []
    for number, size in enumerate(((100, 120), (100, 110))):
        alpha = disc((60, 50), 30, size)
        rgba = np.concatenate([laid(alpha, (1, 1, 1), 0.0), alpha[..., None]], -1)
        files.append(write(tmp_path / f"{number}.exr", rgba, "float", "RGBA"))
    assert ElementReader().read(tuple(files)) is None
    assert ElementReader().read(tuple(files[:1])) is not None


@pytest.mark.parametrize("kind", ["png", "exr"])
def test_an_element_is_premultiplied_display_rgb_cropped_to_its_alpha(kind, tmp_path):
    """From straight sRGB in PNG, and from premultiplied linear in EXR, including soft edges."""
    colour = np.array([0.6, 0.3, 0.1])
    premultiplied = laid(ALPHA, colour, 0.0) if kind == "exr" else np.broadcast_to(colour, (*ALPHA.shape, 3))
    rgba = np.concatenate([premultiplied, ALPHA[..., None]], -1)
    attributes = {} if kind == "exr" else {"oiio:UnassociatedAlpha": 1}
    depth = "float" if kind == "exr" else "uint8"
    file = write(tmp_path / f"e.{kind}", rgba.astype(np.float32), depth, "RGBA", attributes=attributes)
    (element,) = ElementReader().read((file,))
    expected = [encoded(value) for value in colour] if kind == "exr" else colour.tolist()
    window = np.s_[20:80, 30:90]
    np.testing.assert_allclose(element[3], ALPHA[window], atol=0.004)
    there = element[3] > 0.05
    seen = element[:3, there] / element[3, there]
    torch.testing.assert_close(seen, torch.tensor(expected)[:, None].expand_as(seen).float(), atol=0.02, rtol=0)


def test_a_large_element_is_scaled_down(tmp_path):
    """To 256 pixels on its longer side, with the same relative coverage."""
    alpha = disc((200, 200), 180, (400, 400))
    rgba = np.concatenate([laid(alpha, (1, 1, 1), 0.0), alpha[..., None]], -1)
    (element,) = ElementReader().read((write(tmp_path / "e.exr", rgba, "float", "RGBA"),))
    assert element.shape == (4, 256, 256)
    assert float(element[3].mean()) == pytest.approx(np.pi / 4, abs=0.01)


@pytest.mark.parametrize("alpha", [None, np.ones_like(ALPHA), disc((60, 50), 8)], ids=["none", "solid", "tiny"])
def test_a_picture_without_usable_alpha_is_rejected(alpha, tmp_path):
    """No alpha channel, solid alpha, or almost none."""
    layers = [texture(1)] if alpha is None else [texture(1), alpha[..., None]]
    channels = "RGB" if alpha is None else "RGBA"
    file = write(tmp_path / "e.exr", np.concatenate(layers, -1), "float", channels)
    assert ElementReader().read((file,)) is None


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_alpha_that_is_not_finite_is_replaced(broken, tmp_path):
    """Otherwise one pixel would turn the sample, and then the weights, into NaN."""
    rgba = np.concatenate([texture(1), ALPHA[..., None]], -1)
    rgba[50, 60, 3] = broken
    (element,) = ElementReader().read((write(tmp_path / "e.exr", rgba, "float", "RGBA"),))
    assert bool(element.isfinite().all())
    assert float(element[3].mean()) == pytest.approx(np.pi / 4, abs=0.01)


@pytest.mark.slow
def test_a_picture_above_16_megapixels_is_rejected_without_reading_it(tmp_path):
    """The pixels of the large file are missing, and reading them would be an error."""
    sizes = {"fits": (4000, 4000), "large": (4001, 4000)}
    found = {}
    for name, size in sizes.items():
        rgba = np.zeros((*size, 4), np.float32)
        rgba[1000:3000, 1000:3000] = 1
        file = write(tmp_path / f"{name}.png", rgba, "uint8", "RGBA")
        if name == "large":
            file.write_bytes(file.read_bytes()[:1000])  # the header is complete
        found[name] = ElementReader().read((file,))
    assert found["fits"].shape == (1, 4, 256, 256)
    assert found["large"] is None


def test_a_damaged_element_is_an_error_that_names_the_file(tmp_path):
    """A truncated EXR."""
    rgba = np.concatenate([texture(1), ALPHA[..., None]], -1)
    file = write(tmp_path / "e.exr", rgba, "float", "RGBA")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(PlateError) as caught:
        ElementReader().read((file,))
    assert caught.value.where == str(file)


def test_an_element_keeps_its_alpha_and_may_get_a_texture():
    """None, half or all of its colour comes from the texture, at random."""
    alpha = 0.1 + 0.9 * torch.rand(1, 40, 30, generator=torch.Generator().manual_seed(0))
    rgba = torch.cat([torch.zeros(3, 40, 30), alpha])
    white = np.full((50, 60, 3), 255, np.uint8)
    amounts = set()
    for seed in range(20):
        (pose,) = element_cut_out(np.random.default_rng(seed), rgba[None], white).poses
        torch.testing.assert_close(pose[3], rgba[3])
        colour = pose[:3] / pose[3]
        assert float(colour.std()) == pytest.approx(0, abs=1e-5)
        amounts.add(round(float(colour.mean()), 3))
    assert amounts == {0.0, 0.5, 1.0}
