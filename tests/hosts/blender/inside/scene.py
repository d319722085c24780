"""Shared by the scripts: the enabled extension, scenes with a plate and a mask, rendered images."""

import importlib
import json
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path

import bpy

NAME = "bl_ext.user_default.stcn_plugin"
IS_5 = bpy.app.version >= (5, 0)


def arguments():
    return json.loads(sys.argv[2])


def write_results(**results):
    results["version"] = ".".join(map(str, bpy.app.version))
    Path(sys.argv[3]).write_text(json.dumps(results))


def enable():
    """Enable the installed extension, as Blender does when it starts; return its package."""
    importlib.import_module("addon_utils").enable(NAME, default_set=True)
    return importlib.import_module(NAME)


def module(name):
    """Return a module of the extension."""
    return importlib.import_module(f"{NAME}.{name}")


def new_tree(scene):
    """Give a scene an empty compositor; return the tree and the socket that is rendered."""
    if IS_5:
        tree = bpy.data.node_groups.new("Comp", "CompositorNodeTree")
        scene.compositing_node_group = tree
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        return tree, tree.nodes.new("NodeGroupOutput").inputs[0]
    scene.use_nodes = True
    scene.node_tree.nodes.clear()
    return scene.node_tree, scene.node_tree.nodes.new("CompositorNodeComposite").inputs[0]


def tree_of(scene):
    return scene.compositing_node_group if IS_5 else scene.node_tree


def all_nodes(tree):
    """The nodes of a tree and of the node groups in it."""
    for node in tree.nodes:
        yield node
        if node.bl_idname == "CompositorNodeGroup":
            yield from node.node_tree.nodes


def matte_images(tree):
    """The Image nodes that show mattes."""
    return [node for node in all_nodes(tree) if node.bl_idname == "CompositorNodeImage" and "stcn_mattes" in node]


def sequence(path):
    image = bpy.data.images.load(path)
    image.source = "SEQUENCE"
    return image


def plate_node(tree, path, start, offset, count):
    node = tree.nodes.new("CompositorNodeImage")
    node.name = "Plate"
    node.image = sequence(path)
    node.frame_start, node.frame_offset, node.frame_duration = start, offset, count
    return node


def mask_of(name, **layers):
    """Make a mask of closed polygons: layer name to points in pixels of an image, rows counted from the top."""
    mask = bpy.data.masks.new(name)
    for layer, (points, (width, height)) in layers.items():
        spline = mask.layers.new(name=layer).splines.new()
        spline.use_cyclic = True
        spline.points.add(len(points) - 1)
        set_points(spline, points, width, height)
    return mask


def set_points(spline, points, width, height):
    side = max(width, height)
    for point, (x, y) in zip(spline.points, points, strict=True):
        position = (x - width / 2) / side + 0.5, (height / 2 - y) / side + 0.5
        point.co = position
        point.handle_type = "VECTOR"
        point.handle_left = point.handle_right = position


def insert_keys(mask, scene, *layers):
    """Key the shape of layers, or of all, at the scene's frame, as the artist does in an editor."""
    window = bpy.context.window_manager.windows[0]
    area = window.screen.areas[0]
    area.type = "IMAGE_EDITOR"
    area.spaces.active.mode = "MASK"
    area.spaces.active.mask = mask
    for layer in mask.layers:
        for spline in layer.splines:
            for point in spline.points:
                for name in ("select", "select_control_point"):
                    if hasattr(point, name):
                        setattr(point, name, not layers or layer.name in layers)
    region = next(each for each in area.regions if each.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region, scene=scene):
        assert bpy.ops.mask.shape_key_insert() == {"FINISHED"}


def render(scene, frame, socket, target, path):
    """Render one socket of the compositor at a frame to a float EXR."""
    tree = tree_of(scene)
    tree.links.new(socket, target)
    settings = scene.render.image_settings
    settings.file_format, settings.color_mode, settings.color_depth = "OPEN_EXR", "RGBA", "32"
    scene.view_settings.view_transform = "Raw"
    scene.render.filepath = str(path)
    scene.frame_set(frame)
    bpy.ops.render.render(write_still=True, scene=scene.name)
    return str(path)


def matte_sockets(tree):
    """The socket of every object's matte, as connected to its Set Alpha node."""
    alphas = [node for node in tree.nodes if node.bl_idname == "CompositorNodeSetAlpha"]
    return {node["stcn_object"]: node.inputs["Alpha"].links[0].from_socket for node in alphas}


def render_objects(scene, target, frames, folder):
    """Render the matte of every object at frames; return object and frame, such as ``hero:1001``, to the file."""
    return {
        f"{name}:{frame}": render(scene, frame, socket, target, folder / f"{number}.{frame}.exr")
        for number, (name, socket) in enumerate(matte_sockets(tree_of(scene)).items())
        for frame in frames
    }


def marker_list(scene):
    return sorted([marker.frame, marker.name] for marker in scene.timeline_markers)


def file_times(folder):
    """When each EXR file of a folder and its subfolders was written."""
    return {str(file.relative_to(folder)): file.stat().st_mtime_ns for file in sorted(folder.rglob("*.exr"))}


def copy_mattes(folder, name):
    """Keep a copy of the mattes as they are now."""
    shutil.copytree(folder / "mattes", folder / name)


@contextmanager
def cancelling_after(count):
    """Cancel the job when some of its mattes are on disk, as the artist does with the button."""
    module_of_host, status = module("host"), module("state").STATE
    host, seen = module_of_host.BlenderHost, []
    show_frame = host.stcn_show_frame

    @module_of_host.hookimpl
    def cancelling(self, frame, files):
        show_frame(self, frame, files)
        seen.append(frame)
        status.status.is_cancelled = len(seen) >= count

    host.stcn_show_frame = cancelling
    try:
        yield
    finally:
        host.stcn_show_frame = show_frame
