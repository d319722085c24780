"""Validate the extension, install and enable it, each by Blender's own command."""

import importlib
import sys

import bpy

importlib.import_module("addon_utils").enable("bl_pkg")  # bpy brings both
cli = importlib.import_module("bl_pkg.bl_extension_cli")


def command(*arguments):
    """Run what ``blender --command extension`` runs."""
    try:
        code = cli.cli_extension_handler(list(arguments))
    except SystemExit as exit_:
        code = exit_.code
    assert not code, (arguments, code)


command("validate", sys.argv[2])
command("install-file", "-r", "user_default", "-e", sys.argv[2])
assert "bl_ext.user_default.stcn_plugin" in bpy.context.preferences.addons.keys()  # noqa: SIM118 - the addons themselves are what it iterates over
