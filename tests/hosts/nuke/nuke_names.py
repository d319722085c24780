"""Names of Nuke that the plugin uses and that the published stubs (types-nuke) lack, each with its source.

The stubs know functions, classes and methods. They know no node classes, no knobs, and nothing of nukescripts.
"""

FOUNDRY = "learn.foundry.com, Nuke 14 to 16, reference guide of the node"
SCRIPTS = "seen in .nk files that Nuke saved, in public repositories"
DEVGUIDE = "learn.foundry.com, Nuke Python developer's guide 13.2 to 16.0"
SCRIPTS_OF_NUKE = "panels.py of nukescripts, which comes with Nuke"
HOSTS = "our own notes on what hosts do"

NODE_CLASSES = {
    "BackdropNode": DEVGUIDE,
    "Copy": SCRIPTS,
    "Cryptomatte": FOUNDRY,
    "Dot": SCRIPTS,
    "Read": DEVGUIDE,
    "Reformat": SCRIPTS,
    "Write": DEVGUIDE,
}
"""Node classes that the plugin creates."""

RECOGNISED_CLASSES = {
    "Read": DEVGUIDE,
    "Roto": FOUNDRY,
    "RotoPaint": FOUNDRY,
    "StickyNote": SCRIPTS,
    "Viewer": SCRIPTS,
    "BackdropNode": DEVGUIDE,
}
"""Node classes that the plugin recognises."""

KNOBS = {
    "Read": {
        "file": HOSTS,
        "first": HOSTS,
        "last": HOSTS,
        "origfirst": HOSTS,
        "origlast": HOSTS,
        "origset": SCRIPTS,
        "before": HOSTS,
        "after": HOSTS,
        "on_error": HOSTS,
        "colorspace": HOSTS,
        "raw": HOSTS,
        "frame": FOUNDRY,
        "reload": DEVGUIDE,
    },
    "Write": {
        "file": HOSTS,
        "file_type": HOSTS,
        "channels": HOSTS,
        "datatype": SCRIPTS,
        "raw": SCRIPTS,
    },
    "Roto": {"curves": DEVGUIDE},
    "Copy": {f"{end}{slot}": SCRIPTS for end in ("from", "to") for slot in range(4)},
    "Cryptomatte": {"matteList": FOUNDRY},
    "Reformat": {
        "type": SCRIPTS,
        "box_width": SCRIPTS,
        "box_height": SCRIPTS,
        "box_fixed": SCRIPTS,
        "box_pixel_aspect": FOUNDRY,
        "resize": SCRIPTS,
        "center": SCRIPTS,
    },
    "BackdropNode": {"label": DEVGUIDE, "tile_color": DEVGUIDE, "bdwidth": DEVGUIDE, "bdheight": DEVGUIDE},
    "Root": {
        "name": DEVGUIDE,
        "proxy": HOSTS,
        "colorManagement": SCRIPTS,
        "OCIO_config": SCRIPTS,
        "customOCIOConfigPath": SCRIPTS,
        "workingSpaceLUT": SCRIPTS,
    },
}
"""Knobs by node class."""

NUKESCRIPTS = {
    "PythonPanel": DEVGUIDE,
    "PythonPanel.__init__": DEVGUIDE,
    "PythonPanel.addKnob": DEVGUIDE,
    "PythonPanel.knobChanged": DEVGUIDE,
    "PythonPanel.showModalDialog": DEVGUIDE,
    "PythonPanel.show": SCRIPTS_OF_NUKE,
    "PythonPanel.hide": SCRIPTS_OF_NUKE,
    "PythonPanel.removeCallback": SCRIPTS_OF_NUKE,
}
"""The names of nukescripts that are used."""
