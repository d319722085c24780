"""Masks: at which frames they are keyed, and their mattes, which Blender's own compositor draws."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from stcn_plugin.errors import HostError

from .trees import HAS_NODE_GROUPS, empty_tree

_STILL = 1e-5
"""Speed, in widths of the mask a frame, below which a point does not change its course."""

_SELECTED = ("select", "select_control_point", "select_left_handle", "select_right_handle", "select_single_handle")
"""What a point calls its selection, and those of its handles; older Blenders have the first alone."""


@dataclass(frozen=True)
class LayerMatte:
    """The matte of one layer at one frame.

    Args:
        layer: Name of the layer, which is the object's.
        frame: Frame of the scene.
        file: Where the matte is; all its channels are alike.
    """

    layer: str
    frame: int
    file: str


def find_mask(name: str) -> Any:
    """Return a mask by its name.

    Raises:
        HostError: There is none.
    """
    mask = bpy.data.masks.get(name)
    if mask is None:
        raise HostError("no mask is chosen for the keyframes", where="STCN panel", fix="Choose a mask, or matte files")
    return mask


def keyed_frames(mask: Any, frames: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """Return every drawn layer's own keys.

    Blender does not tell a mask's shape keys to Python. Between two of them points run straight, so a key is where
    they change their course; a layer that never moves has none.

    Args:
        mask: The mask.
        frames: Frames of the scene to look at, ascending and without gaps.

    Returns:
        Layer name to its keys, ascending.
    """
    looked_at = range(frames[0] - 1, frames[-1] + 2)
    with _scene() as scene:
        courses: dict[str, list[tuple[float, ...]]] = {layer.name: [] for layer in _drawn(mask)}
        for frame in looked_at:
            scene.frame_set(frame)
            evaluated = mask.evaluated_get(scene.view_layers[0].depsgraph)
            for name, course in courses.items():
                course.append(_shape(evaluated.layers[name]))
    keys = {}
    for name, course in courses.items():
        triples = zip(looked_at[1:], course, course[1:], course[2:], strict=False)
        keys[name] = tuple(frame for frame, *shapes in triples if _turns(*shapes))
    return keys


def render_layers(
    mask: Any,
    at: Mapping[str, Sequence[int]],
    *,
    scene: bpy.types.Scene,
    size: tuple[int, int],
    folder: Path,
    stem: str,
    shift: int,
) -> list[LayerMatte]:
    """Draw layers of a mask at frames of the scene, one file each.

    Args:
        mask: The mask; it stays as it is.
        at: Layer name to the frames it is wanted at.
        scene: The scene that Blender shows: masks follow its frame, and the tracks they are parented to.
        size: Width and height of the plate.
        folder: Where the files go; made where it is not there.
        stem: What the files' names start with.
        shift: Added to a frame for the number in its file's name.

    Raises:
        HostError: Blender does not draw them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    mattes = []
    now = scene.frame_current
    frames = sorted({frame for frames in at.values() for frame in frames}, key=lambda frame: (frame != now, frame))
    with _scene(size) as own:
        tree, output = empty_tree(own)
        node = tree.nodes.new("CompositorNodeMask")
        tree.links.new(node.outputs[0], output.inputs[0])
        try:
            for frame in frames:
                if frame != scene.frame_current:  # else the artist's changes that are not keyed yet would be lost
                    scene.frame_set(frame)
                with _copied(mask) as node.mask:
                    for name in (name for name, wanted in at.items() if frame in wanted):
                        file = folder / f"{stem}.{_file_name(name)}.{frame + shift:04d}.exr"
                        for layer in node.mask.layers:
                            layer.hide_render = layer.name != name
                        _render(own, file)
                        mattes.append(LayerMatte(name, frame, str(file)))
        finally:
            if scene.frame_current != now:
                scene.frame_set(now)
            if HAS_NODE_GROUPS:
                bpy.data.node_groups.remove(tree)
    return mattes


def layers_at(mask: Any, frame: int) -> list[str]:
    """Return the layers that show something at a frame of the scene."""
    with _scene() as scene:
        scene.frame_set(frame)
        evaluated = mask.evaluated_get(scene.view_layers[0].depsgraph)
        return [layer.name for layer in _drawn(mask) if evaluated.layers[layer.name].alpha > 0]


def edited_layers(mask: Any, frame: int) -> list[str]:
    """Return the layers that the artist is at: those with selected points, else the active one.

    Args:
        mask: The mask.
        frame: Frame of the scene at which they show something.

    Raises:
        HostError: None of them shows anything there.
    """
    selected = [layer.name for layer in mask.layers if _is_selected(layer)]
    active = [mask.layers.active.name] if mask.layers.active else []
    edited = [name for name in layers_at(mask, frame) if name in (selected or active)]
    if not edited:
        raise HostError(
            f"the selected layer shows nothing at frame {frame}",
            where=f"mask {mask.name}",
            fix="Select points of the layer that is to be a keyframe, or make it the active layer",
        )
    return edited


def _is_selected(layer: Any) -> bool:
    """Whether the artist has selected a point of a layer, or one of its handles, in an editor."""
    points = [point for spline in layer.splines for point in spline.points]
    return not layer.hide and any(getattr(point, name, False) for point in points for name in _SELECTED)


def _drawn(mask: Any) -> list[Any]:
    """Return the layers that are to be mattes.

    Raises:
        HostError: There is none.
    """
    layers = [layer for layer in mask.layers if not layer.hide_render and len(layer.splines)]
    if not layers:
        raise HostError(
            "the mask has no layer with a spline that is rendered", where=mask.name, fix="Draw the object's outline"
        )
    return layers


def _shape(layer: Any) -> tuple[float, ...]:
    """Return all that keys can move in a layer."""
    numbers = [layer.alpha]
    for spline in layer.splines:
        for point in spline.points:
            numbers += [*point.co, *point.handle_left, *point.handle_right, point.weight]
            numbers += [each for feather in point.feather_points for each in (feather.u, feather.weight)]
    return tuple(numbers)


def _turns(before: tuple[float, ...], now: tuple[float, ...], after: tuple[float, ...]) -> bool:
    """Whether any number leaves the straight line it was on."""
    return any(abs(a - 2 * b + c) > _STILL for a, b, c in zip(before, now, after, strict=True))


def _file_name(layer: str) -> str:
    """Return a layer's name as files can have it, another for every layer."""
    clean = re.sub(r"[^\w-]+", "_", layer)
    return clean if clean == layer else f"{clean}_{zlib.crc32(layer.encode()):08x}"


@contextmanager
def _copied(mask: Any) -> Iterator[Any]:
    """Give a copy, which stands still, and whose layers may be hidden from one another."""
    copy = mask.copy()
    try:
        yield copy
    finally:
        bpy.data.masks.remove(copy)


@contextmanager
def _scene(size: tuple[int, int] = (4, 4)) -> Iterator[bpy.types.Scene]:
    """Give an empty scene, whose frames cost nothing, and take it away again."""
    scene = bpy.data.scenes.new("STCN keyframes")
    try:
        render = scene.render
        render.resolution_x, render.resolution_y = size
        render.resolution_percentage = 100
        render.use_compositing, render.use_sequencer = True, False
        render.use_file_extension = False
        render.image_settings.file_format = "OPEN_EXR"
        render.image_settings.color_mode = "RGB"
        render.image_settings.color_depth = "16"
        render.image_settings.exr_codec = "ZIP"
        scene.view_settings.view_transform = "Raw"
        yield scene
    finally:
        bpy.data.scenes.remove(scene)


def _render(scene: bpy.types.Scene, file: Path) -> None:
    scene.render.filepath = str(file)
    file.unlink(missing_ok=True)  # so that one of an earlier job is not taken for this one's
    try:
        bpy.ops.render.render(write_still=True, scene=scene.name)
    except RuntimeError as error:
        raise HostError(f"Blender cannot draw the mask ({str(error).strip()})", where=str(file)) from None
    if not file.is_file():
        raise HostError(
            "Blender did not write the mask", where=str(file), fix="Check that the folder can be written to"
        )
