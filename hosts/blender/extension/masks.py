"""Masks: the frames at which their layers have keys, and mattes rendered from them by Blender's compositor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from stcn_plugin.errors import HostError

from .node_trees import HAS_NODE_GROUPS, empty_tree

_END = "end"
"""Property of a temporary scene, with a key after all others."""


@dataclass(frozen=True)
class LayerMatte:
    """The matte of one layer at one frame.

    Args:
        layer: Name of the layer, which is also that of the object.
        frame: Frame of the scene.
        file: The image file; its three channels are the same.
    """

    layer: str
    frame: int
    file: Path


def find_mask(name: str) -> Any:
    """Return the mask with a name.

    Raises:
        HostError: There is no such mask.
    """
    mask: Any = bpy.data.masks.get(name)
    if mask is None:
        raise HostError("no mask is chosen for the keyframes", where="STCN panel", fix="Choose a mask, or matte files")
    return mask


def keyed_frames(mask: Any, frames: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """Return the keys of every visible layer: its shape keys, and the frames at which it appears or vanishes.

    Args:
        mask: The mask.
        frames: Frames of the scene, ascending and without gaps.

    Returns:
        Layer name to its keys, ascending.

    Raises:
        HostError: Blender cannot read them now.
    """
    layers = _visible_layers(mask)
    with _temporary_scene() as scene:
        keys = {layer.name: _shape_keys(mask, layer, frames, scene) for layer in layers}
        shown: dict[str, bool] = {}
        for frame in (frames[0] - 1, *frames):
            scene.frame_set(frame)
            evaluated = mask.evaluated_get(scene.view_layers[0].depsgraph)
            for name, found in keys.items():
                is_shown = evaluated.layers[name].alpha > 0
                if is_shown != shown.setdefault(name, is_shown):
                    found.add(frame)
                shown[name] = is_shown
    return {name: tuple(sorted(found)) for name, found in keys.items()}


def render_layers(
    mask: Any,
    at: Mapping[str, Sequence[int]],
    *,
    scene: bpy.types.Scene,
    size: tuple[int, int],
    path: Callable[[str, int], Path],
) -> list[LayerMatte]:
    """Render layers of a mask at frames of the scene, one file each.

    Args:
        mask: The mask, which is not changed.
        at: Layer name to frames.
        scene: The scene that Blender shows: masks follow its frame and the tracks that they are parented to.
        size: Width and height of the plate.
        path: Returns the file for a layer and a frame.

    Raises:
        HostError: Blender cannot render them.
    """
    mattes = []
    current = scene.frame_current
    frames = sorted({frame for frames in at.values() for frame in frames}, key=lambda frame: (frame != current, frame))
    with _temporary_scene(size) as temporary:
        tree, output = empty_tree(temporary)
        node = tree.nodes.new("CompositorNodeMask")
        tree.links.new(node.outputs[0], output.inputs[0])
        try:
            for frame in frames:
                if frame != scene.frame_current:  # setting the same frame would discard changes without a key
                    scene.frame_set(frame)
                with _copied(mask) as node.mask:
                    for name in (name for name, wanted in at.items() if frame in wanted):
                        file = path(name, frame)
                        for layer in node.mask.layers:
                            layer.hide_render = layer.name != name
                        _render(temporary, file)
                        mattes.append(LayerMatte(name, frame, file))
        finally:
            if scene.frame_current != current:
                scene.frame_set(current)
            if HAS_NODE_GROUPS:
                bpy.data.node_groups.remove(tree)
    return mattes


def layers_at(mask: Any, frame: int) -> list[str]:
    """Return the layers that are visible at a frame of the scene."""
    with _temporary_scene() as scene:
        scene.frame_set(frame)
        evaluated = mask.evaluated_get(scene.view_layers[0].depsgraph)
        return [layer.name for layer in _visible_layers(mask) if evaluated.layers[layer.name].alpha > 0]


def _visible_layers(mask: Any) -> list[Any]:
    """Return the layers that are rendered.

    Raises:
        HostError: There are none.
    """
    layers = [layer for layer in mask.layers if not layer.hide_render and len(layer.splines)]
    if not layers:
        raise HostError("the mask has no visible layer with a spline", where=mask.name, fix="Draw the object's outline")
    return layers


def _shape_keys(mask: Any, layer: Any, frames: Sequence[int], scene: bpy.types.Scene) -> set[int]:
    """Return the frames with shape keys of a layer, by jumping from key to key in an empty scene.

    Python has no access to shape keys, but the operator that jumps to the next key does: for the active layer of the mask
    that is being edited, among the keys of the scene and of the active object.
    """
    found: set[int] = set()
    active, end = mask.layers.active, frames[-1] + 1
    mask.layers.active = layer
    scene[_END] = 0.0
    scene.keyframe_insert(
        f'["{_END}"]', frame=end
    )  # without another key, the last jump would be reported to the artist
    scene.frame_set(frames[0] - 1)
    try:
        with bpy.context.temp_override(scene=scene, edit_mask=mask, active_object=None):
            while bpy.ops.screen.keyframe_jump(next=True) == {"FINISHED"} and scene.frame_current < end:
                found.add(scene.frame_current)
    except RuntimeError as error:
        raise HostError(
            f"Blender cannot read the keys of the mask ({str(error).strip()})",
            where=mask.name,
            fix="Wait until Blender has finished rendering, or list the frames of the keyframes in 'At'",
        ) from None
    finally:
        mask.layers.active = active
    return found


@contextmanager
def _copied(mask: Any) -> Iterator[Any]:
    """Yield a copy that does not follow the scene's frame and whose layers can be hidden."""
    copy = mask.copy()
    try:
        yield copy
    finally:
        bpy.data.masks.remove(copy)


@contextmanager
def _temporary_scene(size: tuple[int, int] = (4, 4)) -> Iterator[bpy.types.Scene]:
    """Yield an empty scene, in which changing the frame is cheap; remove it afterwards."""
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
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)  # an old file must not be taken for the new one
    try:
        bpy.ops.render.render(write_still=True, scene=scene.name)
    except RuntimeError as error:
        raise HostError(f"Blender cannot render the mask ({str(error).strip()})", where=str(file)) from None
    if not file.is_file():
        raise HostError("Blender did not write the mask", where=str(file), fix="Check that the folder is writable")
