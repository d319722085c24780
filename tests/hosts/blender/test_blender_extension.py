"""The extension in Blender: its messages, its panels, and that disabling it leaves nothing behind."""

from __future__ import annotations

import importlib.util
import os

import pytest

from stcn_plugin.media.colour import ColourTransform

pytestmark = pytest.mark.slow

WORDS = {
    "no node": ["scene Scene", "Image or Movie Clip node"],
    "no editor": ["no plate"],
    "no image": ["STCN panel", "no image"],
    "single image": ["sh010.1001.exr", "Image Sequence"],
    "unsaved file": ["//mattes/", "Save the file"],
    "no mask": ["STCN panel", "no mask"],
    "empty mask": ["roto", "spline"],
    "keyframes": ["keyframes at", "1001,1004"],
    "range": ["1001-1008"],
    "preset": ["hero"],
    "keyframe outside": ["1100"],
    "quotes": ["memory.interval='3", "quotes"],
    "no keyframe file": ["STCN panel", "no keyframe file"],
    "absent keyframe": ["/absent.exr"],
    "worker's Python": ["/no/such/python"],
}


@pytest.fixture(scope="module")
def mistakes(blender, tmp_path_factory, plates):
    return blender.run("mistakes", tmp_path_factory.mktemp("mistakes"), plate=str(plates))


@pytest.mark.parametrize("mistake", WORDS)
def test_a_mistake_ends_in_one_message(mistakes, mistake):
    """Operators report what is wrong, where, and what to do, without a traceback."""
    message = mistakes["messages"][mistake]
    print(message)
    assert [word for word in WORDS[mistake] if word not in message] == []
    assert "Traceback" not in message
    assert "hook" not in message


def test_the_panel_shows_why_a_job_failed(mistakes):
    """Also for a job that could not start."""
    text, error = mistakes["messages"]["status"]
    assert text == "Failed"
    assert "1100" in error
    assert mistakes["messages"]["no python"] == [True, "Failed", False]


def test_the_test_button_starts_the_worker(mistakes):
    """It shows version, devices and weights; presets fill the menu."""
    assert mistakes["messages"]["worker"] == "{'FINISHED'}"
    assert {"default", "draft", "hero", "long_shot"} <= set(mistakes["messages"]["description"])
    assert "Devices: cpu" in mistakes["stdout"] or "Devices: cuda" in mistakes["stdout"]


def test_an_unknown_colour_space_is_a_warning(mistakes):
    """Blender's colour space of the plate is used if the worker knows it; otherwise there is a warning."""
    assert any("'Filmic Log'" in text for text in mistakes["messages"]["warnings"])


def test_panels_stand_in_three_sidebars(mistakes):
    """Compositor, Movie Clip Editor and Image Editor have one."""
    assert mistakes["spaces"] == ["CLIP_EDITOR", "IMAGE_EDITOR", "NODE_EDITOR"]


def test_disabling_removes_everything_and_stops_the_worker(mistakes):
    """No class, property or process is left."""
    assert mistakes["left"] == []
    assert not mistakes["scene_has"]
    assert mistakes["lives"] == [False, False]


def test_the_worker_knows_every_converted_colour_space(extension):
    """Each converted name is a colour space of the worker's own config."""
    spec = importlib.util.spec_from_file_location("colour_spaces", extension / "colour_spaces.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if os.environ.get("OCIO"):
        pytest.skip("$OCIO is set, so names are not converted")
    for name in ("Linear Rec.709", "sRGB", "ACEScg", "ACES2065-1", "Linear Rec.2020", "Display P3", "Rec.1886"):
        ColourTransform(input=module.input_space(name))
    assert module.input_space("Filmic Log") is None
