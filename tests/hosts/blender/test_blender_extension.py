"""The extension in Blender: what it adds, what it says of mistakes, and that nothing of it stays behind."""

from __future__ import annotations

import importlib.util
import os

import pytest

from stcn_plugin.media.colour import ColourTransform

HINTS = {
    "no node": "no Image or Movie Clip node",
    "no editor": "This editor shows no plate",
    "no image": "no image is chosen as the plate",
    "single picture": "Set its source to Image Sequence",
    "unsaved file": "Save the file first",
    "no mask": "no mask is chosen",
    "empty mask": "no layer with a spline",
    "keyframes": "Write 1001,1004",
    "range": "Write 1001-1008",
    "preset": "hero",
    "keyframe outside": "1100",
    "quotes": "Close the quotes",
    "no keyframe file": "Add a matte file",
    "absent keyframe": "/absent.exr",
    "nothing to update": "Nothing was propagated in this scene yet",
    "shot file gone": "Propagate once",
    "worker's Python": "cannot be started",
}


@pytest.fixture(scope="module")
def mistakes(blender, tmp_path_factory, plates):
    return blender.run("mistakes", tmp_path_factory.mktemp("mistakes"), plate=str(plates))


@pytest.mark.parametrize("mistake", HINTS)
def test_a_mistake_is_one_message_that_says_what_to_do(mistakes, mistake):
    """Operators report what is wrong, where, and what helps; there is no traceback."""
    message = mistakes["told"][mistake]
    print(message)
    assert HINTS[mistake] in message
    assert "Traceback" not in message
    assert "hook" not in message


def test_a_job_that_fails_says_so_in_the_panel(mistakes):
    """Also one that never starts: the panel shows the error that the operator tells, and nothing that looks done."""
    text, error = mistakes["told"]["status"]
    assert text == "Failed"
    assert "1100" in error
    told, text, error, is_running = mistakes["told"]["no start"]
    assert "the worker's Python is not set" in told
    assert (text, error, is_running) == ("Failed", told, False)


def test_the_worker_is_tested_by_a_button(mistakes):
    """It starts, and tells its version, devices, weights and presets, which fill the menus."""
    assert mistakes["told"]["worker"] == "{'FINISHED'}"
    assert {"default", "draft", "hero", "long_shot"} <= set(mistakes["told"]["description"])
    assert "Devices: cpu" in mistakes["stdout"] or "Devices: cuda" in mistakes["stdout"]


def test_a_colour_space_that_the_worker_lacks_is_a_warning(mistakes):
    """The plate's space in Blender is passed on where the worker knows it, else the artist is told."""
    assert any("'Filmic Log'" in text for text in mistakes["told"]["warnings"])


def test_panels_stand_in_three_sidebars(mistakes):
    """Compositor, Movie Clip Editor and Image Editor have one."""
    assert mistakes["spaces"] == ["CLIP_EDITOR", "IMAGE_EDITOR", "NODE_EDITOR"]


def test_disabling_takes_everything_away_and_ends_the_worker(mistakes):
    """No class, no property and no process stays."""
    assert mistakes["left"] == []
    assert not mistakes["scene_has"]
    assert mistakes["lives"] == [False, False]


def test_every_colour_space_that_is_passed_on_is_known_to_the_worker(extension):
    """Each name that the extension makes of Blender's is one of the worker's own config."""
    spec = importlib.util.spec_from_file_location("colour_spaces", extension / "colour_spaces.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if os.environ.get("OCIO"):
        pytest.skip("$OCIO is set, so names are passed as they are")
    for name in ("Linear Rec.709", "sRGB", "ACEScg", "ACES2065-1", "Linear Rec.2020", "Display P3", "Rec.1886"):
        ColourTransform(input=module.input_space(name))
    assert module.input_space("Filmic Log") is None
