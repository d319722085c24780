"""The settings of the panel, saved with the scene."""

from collections.abc import Iterator, Sequence

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from stcn_plugin.bridge import Choice
from stcn_plugin.bridge.panel import PANEL_SETTINGS, PanelSetting, Value

from .node_trees import compositor_tree
from .state import STATE

_RELATIVE = {"PATH_SUPPORTS_BLEND_RELATIVE"} if bpy.app.version >= (4, 5) else set()
"""Option of paths that may start with ``//``, the folder of the .blend file."""

_BY_PRESET = "PRESET"
_PLATE_NODES = ("CompositorNodeImage", "CompositorNodeMovieClip")
_PROPERTY = "stcn"
"""Name of the settings among the properties of a scene."""

_PLATE_KINDS = (
    ("NODE", "Node", "An Image or Movie Clip node of the compositor"),
    ("IMAGE", "Image", "An image sequence"),
    ("CLIP", "Clip", "A movie clip with an image sequence"),
)
_KEYFRAME_KINDS = (
    ("MASK", "Mask", "Each layer of a mask is an object; Blender renders it at the keyframes"),
    ("FILES", "Files", "Matte files, one or more per keyframe"),
)
_COLOURS = (
    ("BLENDER", "From Blender", "Blender's colour space for the plate"),
    ("PRESET", "From preset", "The colour space of the preset, or the one named in the files"),
)
_WIRINGS = (
    ("SET_ALPHA", "Set Alpha", "Add a Set Alpha node per object, connected to the plate and the object's matte"),
    ("SOCKETS", "Sockets only", "Add only nodes with one socket per object"),
)


def _matching(choices: Sequence[Choice], text: str) -> Iterator[tuple[str, str]]:
    return ((each.name, each.label) for each in choices if text.lower() in each.name.lower())


def _search_presets(_settings: object, _context: object, text: str) -> Iterator[tuple[str, str]]:
    return _matching(STATE.worker.choices.presets, text)


def _search_weights(_settings: object, _context: object, text: str) -> Iterator[tuple[str, str]]:
    return _matching(STATE.worker.choices.weights, text)


def _search_devices(_settings: object, _context: object, text: str) -> Iterator[tuple[str, str]]:
    return _matching(STATE.worker.choices.devices, text)


def _search_nodes(_settings: object, context: bpy.types.Context, text: str) -> list[str]:
    tree = compositor_tree(context.scene) if context.scene else None
    nodes = tree.nodes if tree else ()
    return [node.name for node in nodes if node.bl_idname in _PLATE_NODES and text.lower() in node.name.lower()]


class StcnKeyframeFile(bpy.types.PropertyGroup):
    """A matte file and its frame."""

    frame: IntProperty(name="Frame", description="Frame of the scene")
    file: StringProperty(
        name="File",
        description="Matte file, optionally with a layer or channel after a colon: roto.1001.exr:hero.A",
        subtype="FILE_PATH",
        options=_RELATIVE,
    )


class StcnStillLayer(bpy.types.PropertyGroup):
    """A layer without shape keys, named after mask and layer, and the frame at which it is a keyframe."""

    frame: IntProperty()


class StcnSettings(bpy.types.PropertyGroup):
    """The settings of a scene."""

    plate_kind: EnumProperty(name="Plate", items=_PLATE_KINDS, default="NODE")
    plate_node: StringProperty(
        name="Node",
        description="Image or Movie Clip node with the plate; empty uses the active node",
        search=_search_nodes,
        search_options={"SUGGESTION"},
    )
    plate_image: PointerProperty(name="Image", type=bpy.types.Image)
    plate_shift: IntProperty(
        name="File Offset",
        description="Number of a plate file minus the frame of the scene that shows it; 0 if file 1001 is at frame 1001",
    )
    plate_clip: PointerProperty(name="Clip", type=bpy.types.MovieClip)

    keyframe_kind: EnumProperty(name="Keyframes", items=_KEYFRAME_KINDS, default="MASK")
    mask: PointerProperty(name="Mask", type=bpy.types.Mask, description="Each layer is an object named after the layer")
    keyframes_at: StringProperty(
        name="At",
        description="Frames at which all layers are keyframes, such as 1001,1040; empty uses the shape keys of each layer",
    )
    still_layers: CollectionProperty(type=StcnStillLayer)
    keyframe_files: CollectionProperty(type=StcnKeyframeFile)
    keyframe_index: IntProperty()

    preset: StringProperty(
        name="Preset",
        description="Name of a preset, or a YAML file",
        default="default",
        search=_search_presets,
        search_options={"SUGGESTION"},
    )
    frame_range: StringProperty(
        name="Range",
        description="Frames of the scene to matte, such as 1001-1100; empty uses all frames of the plate",
    )
    weights: StringProperty(
        name="Weights",
        description="Name of the weights; empty uses those of the preset",
        search=_search_weights,
        search_options={"SUGGESTION"},
    )
    device: StringProperty(
        name="Device",
        description="Device that the network runs on; empty uses that of the preset",
        search=_search_devices,
        search_options={"SUGGESTION"},
    )
    colour: EnumProperty(name="Colour", items=_COLOURS, default="BLENDER")
    overrides: StringProperty(
        name="Settings",
        description="Any other settings that override the preset, such as memory.interval=3 size=720",
    )
    out: StringProperty(
        name="Mattes",
        description="Folder of the mattes, or their frame pattern such as //mattes/hero.####.exr",
        default="//mattes/",
        subtype="FILE_PATH",
        options=_RELATIVE,
    )
    wiring: EnumProperty(name="Wiring", items=_WIRINGS, default="SET_ALPHA")

    shot_file: StringProperty(
        name="Shot File",
        description="Shot file of the last job, which runs without Blender",
        subtype="FILE_PATH",
        options=_RELATIVE,
    )


def _panel_properties() -> Iterator[tuple[str, object]]:
    """Yield the properties of the settings in the panel: a menu for a choice, a switch and a number for a number."""
    for setting in PANEL_SETTINGS:
        if setting.is_number:
            yield switch_name(setting), BoolProperty(name=setting.label, description=setting.help)
            yield (
                setting.name,
                FloatProperty(
                    name=setting.label,
                    description=setting.help,
                    default=setting.default,
                    min=setting.minimum,
                    max=setting.maximum,
                    soft_max=min(setting.maximum, 200.0),
                ),
            )
        else:
            choices = setting.choices or (("yes", "yes"), ("no", "no"))
            items = [(_BY_PRESET, "From preset", ""), *((name, label, "") for name, label in choices)]
            yield setting.name, EnumProperty(name=setting.label, description=setting.help, items=items)


def switch_name(setting: PanelSetting) -> str:
    """Return the property that turns a number on."""
    return f"use_{setting.name}"


def chosen_values(settings: StcnSettings) -> dict[str, Value]:
    """Return the values of the panel's settings that are not left to the preset."""
    values: dict[str, Value] = {}
    for setting in PANEL_SETTINGS:
        value = getattr(settings, setting.name)
        if setting.is_number:
            if getattr(settings, switch_name(setting)):
                values[setting.key] = value
        elif value != _BY_PRESET:
            values[setting.key] = value
    return values


StcnSettings.__annotations__.update(_panel_properties())


def scene_settings(scene: bpy.types.Scene | None) -> StcnSettings:
    """Return the settings of a scene."""
    settings: StcnSettings = getattr(scene, _PROPERTY)
    return settings


def add_settings() -> None:
    """Add the settings to all scenes."""
    setattr(bpy.types.Scene, _PROPERTY, PointerProperty(type=StcnSettings))


def remove_settings() -> None:
    """Remove the settings from all scenes; those saved in files are kept."""
    delattr(bpy.types.Scene, _PROPERTY)


CLASSES = (StcnKeyframeFile, StcnStillLayer, StcnSettings)
"""For Blender to register, in this order."""
