"""What the artist sets in the panel; saved with the scene."""

from collections.abc import Iterator

import bpy
from bpy.props import (
    CollectionProperty,
    EnumProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from .kept import KEPT
from .trees import compositor_tree

_PRESETS = (
    ("default", "balanced quality and speed"),
    ("draft", "a fast look"),
    ("hero", "the shots that matter"),
    ("long_shot", "hundreds or thousands of frames"),
)
_WEIGHTS = (("starter", "ship with stcn_plugin"),)
_DEVICES = (("auto", "the fastest there is"), ("cpu", "processor"), ("cuda", "NVIDIA GPU"))
_PLATE_NODES = ("CompositorNodeImage", "CompositorNodeMovieClip")
_PLATES = (
    ("NODE", "Node", "An Image or Movie Clip node of the compositor"),
    ("IMAGE", "Image", "An image sequence"),
    ("CLIP", "Clip", "A movie clip made of an image sequence"),
)
_KEYFRAMES = (
    ("MASK", "Mask", "Every layer of a mask is an object; Blender renders it at the keyframes"),
    ("FILES", "Files", "Matte files, one or more for each keyframe"),
)
_COLOURS = (
    ("BLENDER", "As in Blender", "The colour space that Blender reads the plate in"),
    ("PRESET", "As in preset", "What the preset says, or the file itself"),
)
_WIRINGS = (
    ("SET_ALPHA", "Set Alpha", "A Set Alpha node for each object, with the plate and the object's matte"),
    ("SOCKETS", "Sockets only", "Leave the mattes as named sockets"),
)


def _offered(menu: str, fallback: tuple[tuple[str, str], ...], text: str) -> Iterator[tuple[str, str]]:
    """Yield what the worker offers, or what every worker offers until it has answered."""
    known = getattr(KEPT.description, menu, None)
    entries = [(each.name, each.label) for each in known] if known else fallback
    return (entry for entry in entries if text.lower() in entry[0].lower())


def _search_presets(_settings: object, _context: object, text: str) -> Iterator[tuple[str, str]]:
    return _offered("presets", _PRESETS, text)


def _search_weights(_settings: object, _context: object, text: str) -> Iterator[tuple[str, str]]:
    return _offered("weights", _WEIGHTS, text)


def _search_devices(_settings: object, _context: object, text: str) -> Iterator[tuple[str, str]]:
    return _offered("devices", _DEVICES, text)


def _search_nodes(_settings: object, context: bpy.types.Context, text: str) -> list[str]:
    tree = compositor_tree(context.scene)
    nodes = tree.nodes if tree else ()
    return [node.name for node in nodes if node.bl_idname in _PLATE_NODES and text.lower() in node.name.lower()]


class StcnKeyframeFile(bpy.types.PropertyGroup):
    """One matte file of a keyframe."""

    frame: IntProperty(name="Frame", description="Frame of the scene that the matte is for")
    file: StringProperty(
        name="File",
        description="Matte file, and after a colon what to take from it: roto.1001.exr:hero.A",
        subtype="FILE_PATH",
    )


class StcnSettings(bpy.types.PropertyGroup):
    """The settings of a scene."""

    plate_kind: EnumProperty(name="Plate", items=_PLATES, default="NODE")
    plate_node: StringProperty(
        name="Node",
        description="Image or Movie Clip node that shows the plate; empty takes the active one",
        search=_search_nodes,
        search_options={"SUGGESTION"},
    )
    plate_image: PointerProperty(name="Image", type=bpy.types.Image)
    plate_shift: IntProperty(
        name="File Offset",
        description="Number of the plate's file minus the scene's frame; 0 where file 1001 stands at frame 1001",
    )
    plate_clip: PointerProperty(name="Clip", type=bpy.types.MovieClip)

    keyframe_kind: EnumProperty(name="Keyframes", items=_KEYFRAMES, default="MASK")
    mask: PointerProperty(name="Mask", type=bpy.types.Mask, description="Every layer is an object by the layer's name")
    keyframes_at: StringProperty(
        name="At",
        description="Frames at which the mask is right, such as 1001,1040; empty takes the mask's own keys",
    )
    keyframe_files: CollectionProperty(type=StcnKeyframeFile)
    keyframe_index: IntProperty()

    preset: StringProperty(
        name="Preset",
        description="Preset by its name, or a YAML file",
        default="default",
        search=_search_presets,
        search_options={"SUGGESTION"},
    )
    frame_range: StringProperty(
        name="Range",
        description="Frames of the scene to matte, such as 1001-1100; empty takes all of the plate",
    )
    weights: StringProperty(
        name="Weights",
        description="Weights by their name; empty takes those of the preset",
        search=_search_weights,
        search_options={"SUGGESTION"},
    )
    device: StringProperty(
        name="Device",
        description="Where the network runs; empty takes what the preset says",
        search=_search_devices,
        search_options={"SUGGESTION"},
    )
    colour: EnumProperty(name="Colour", items=_COLOURS, default="BLENDER")
    overrides: StringProperty(
        name="Settings",
        description="Settings over those of the preset, such as memory.interval=3 size=720",
    )
    out: StringProperty(
        name="Mattes",
        description="Folder of the mattes, or their frame pattern such as //mattes/hero.####.exr",
        default="//mattes/",
        subtype="FILE_PATH",
    )
    wiring: EnumProperty(name="Wiring", items=_WIRINGS, default="SET_ALPHA")

    shot_file: StringProperty(
        name="Shot File",
        description="Saved beside the mattes by the last job; what an update runs again",
        subtype="FILE_PATH",
    )


def register() -> None:
    """Give every scene its settings."""
    bpy.utils.register_class(StcnKeyframeFile)
    bpy.utils.register_class(StcnSettings)
    bpy.types.Scene.stcn = PointerProperty(type=StcnSettings)


def unregister() -> None:
    """Take the settings away; what is saved in a file stays in it."""
    del bpy.types.Scene.stcn
    bpy.utils.unregister_class(StcnSettings)
    bpy.utils.unregister_class(StcnKeyframeFile)
