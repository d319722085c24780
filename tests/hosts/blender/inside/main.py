"""Run a script as ``blender -b [FILE] --python-exit-code 3 -P SCRIPT -- ...`` would, in Blender as a module.

main.py SCRIPT FILE-or-"" ARGUMENTS...
"""

import atexit
import importlib
import os
import runpy
import sys
import traceback
from pathlib import Path

import bpy

EXTENSION = "bl_ext.user_default.stcn_plugin"

script, file, *arguments = sys.argv[1:]
installed = Path(bpy.utils.user_resource("EXTENSIONS"), "user_default", "stcn_plugin")
if installed.is_dir() and Path(script).name != "install.py":
    # The program reads at its start which extensions are enabled; as a module it does not.
    importlib.import_module("addon_utils").enable(EXTENSION, default_set=True)
if file:
    bpy.ops.wm.open_mainfile(filepath=file)
sys.argv = ["blender", "--", *arguments]
code = 0
try:
    runpy.run_path(script, run_name="__main__")
except SystemExit as exit_:
    code = exit_.code or 0
except Exception:  # noqa: BLE001 - as the program does, whatever it is
    traceback.print_exc()
    code = 3
atexit._run_exitfuncs()
sys.stdout.flush()
sys.stderr.flush()
os._exit(code)  # bpy 4.2 crashes here once a property has a callback; the program itself does not
