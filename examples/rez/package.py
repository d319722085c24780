"""rez package of stcn_plugin: the command line, and the plugin for Nuke. Build it with ``STCN_PYTHON=... rez-build --install``."""

name = "stcn_plugin"
version = "0.1.0"
description = "Propagate a keyframe matte over a shot: soft mattes at plate resolution for Nuke and Blender."
tools = ["stcn"]
build_command = "python3 {root}/build.py {install}"


def commands():
    """Add the command line to PATH and the plugin to NUKE_PATH, and name the files for Blender."""
    env.PATH.append("{root}/bin")  # noqa: F821 - rez provides env
    env.NUKE_PATH.append("{root}/nuke")  # noqa: F821
    env.STCN_NUKE_BATCH = "{root}/nuke/stcn/batch.py"  # noqa: F821
    env.STCN_BLENDER_EXTENSION = "{root}/blender/stcn.zip"  # noqa: F821
