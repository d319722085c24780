"""Elements: pictures of single things with alpha."""

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


def test_elements_are_found_in_all_folders(tmp_path):
    """Pictures that may have alpha, whatever folder they lie in; hidden files and others are left out."""
    for name in ("b.png", "deep/er/a.exr", ".hidden.png", "photo.jpg", "notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert find_elements(tmp_path) == ((tmp_path / "b.png",), (tmp_path / "deep/er/a.exr",))
    with pytest.raises(TrainingError, match="no pictures that may have alpha"):
        find_elements(tmp_path / "nowhere")


def test_numbered_pictures_in_a_folder_are_one_thing_that_moves(tmp_path):
    """In the order of their numbers; a folder with any other picture in it is a library like any other."""
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


def test_a_thing_that_moves_keeps_its_place_from_frame_to_frame(tmp_path):
    """One window around all frames: what is 20 pixels further right in the second is so in what is read."""
    files = []
    for number, centre in enumerate((40, 60)):
        alpha = disc((centre, 50), 15)
        rgba = np.concatenate([laid(alpha, (1, 1, 1), 0.0), alpha[..., None]], -1)
        files.append(write(tmp_path / f"{number}.exr", rgba, "float", "RGBA"))
    first, second = ElementReader().read(tuple(files))[:, 3]
    assert first.shape == second.shape == (30, 50)
    torch.testing.assert_close(second[:, 20:], first[:, :30])
    assert float(second[:, :20].max()) == 0


def test_frames_of_several_sizes_are_no_element(tmp_path):
    """Nobody knows how they lie over one another."""
    files = []
    for number, size in enumerate(((100, 120), (100, 110))):
        alpha = disc((60, 50), 30, size)
        rgba = np.concatenate([laid(alpha, (1, 1, 1), 0.0), alpha[..., None]], -1)
        files.append(write(tmp_path / f"{number}.exr", rgba, "float", "RGBA"))
    assert ElementReader().read(tuple(files)) is None
    assert ElementReader().read(tuple(files[:1])) is not None


@pytest.mark.parametrize("kind", ["png", "exr"])
def test_an_element_is_its_colour_and_its_alpha_cut_to_what_is_there(kind, tmp_path):
    """Display sRGB times alpha, at soft edges too: of PNG's straight colour, and of EXR's linear, premultiplied one."""
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


def test_a_large_element_is_reduced(tmp_path):
    """To 256 pixels on its longer side; its coverage keeps its share."""
    alpha = disc((200, 200), 180, (400, 400))
    rgba = np.concatenate([laid(alpha, (1, 1, 1), 0.0), alpha[..., None]], -1)
    (element,) = ElementReader().read((write(tmp_path / "e.exr", rgba, "float", "RGBA"),))
    assert element.shape == (4, 256, 256)
    assert float(element[3].mean()) == pytest.approx(np.pi / 4, abs=0.01)


@pytest.mark.parametrize("alpha", [None, np.ones_like(ALPHA), disc((60, 50), 8)], ids=["none", "solid", "tiny"])
def test_a_picture_without_a_shape_is_no_element(alpha, tmp_path):
    """No alpha at all, alpha everywhere, or next to nothing."""
    layers = [texture(1)] if alpha is None else [texture(1), alpha[..., None]]
    channels = "RGB" if alpha is None else "RGBA"
    file = write(tmp_path / "e.exr", np.concatenate(layers, -1), "float", channels)
    assert ElementReader().read((file,)) is None


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_alpha_that_is_no_number_harms_nothing(broken, tmp_path):
    """One such pixel would spread over the whole sample, and from there over the weights."""
    rgba = np.concatenate([texture(1), ALPHA[..., None]], -1)
    rgba[50, 60, 3] = broken
    (element,) = ElementReader().read((write(tmp_path / "e.exr", rgba, "float", "RGBA"),))
    assert bool(element.isfinite().all())
    assert float(element[3].mean()) == pytest.approx(np.pi / 4, abs=0.01)


@pytest.mark.slow
def test_a_picture_too_large_for_memory_is_left_out(tmp_path):
    """Drawings that somebody saved at poster size: above sixteen million pixels they are not even read."""
    sizes = {"fits": (4000, 4000), "large": (4001, 4000)}
    found = {}
    for name, size in sizes.items():
        rgba = np.zeros((*size, 4), np.float32)
        rgba[1000:3000, 1000:3000] = 1
        file = write(tmp_path / f"{name}.png", rgba, "uint8", "RGBA")
        if name == "large":
            file.write_bytes(file.read_bytes()[:1000])  # its pixels are gone, its header is there
        found[name] = ElementReader().read((file,))
    assert found["fits"].shape == (1, 4, 256, 256)
    assert found["large"] is None


def test_a_damaged_element_is_an_error_that_names_it(tmp_path):
    """Half a file."""
    rgba = np.concatenate([texture(1), ALPHA[..., None]], -1)
    file = write(tmp_path / "e.exr", rgba, "float", "RGBA")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(PlateError) as caught:
        ElementReader().read((file,))
    assert caught.value.where == str(file)


def test_an_element_keeps_its_shape_and_may_take_a_texture():
    """Plain, half or wholly painted by chance; its alpha is its own in any case."""
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
