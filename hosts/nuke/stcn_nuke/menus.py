"""The STCN menu, in the menu bar and in the node toolbar."""

from __future__ import annotations

import nuke

from stcn_nuke.commands import Commands

_MENU = "STCN"
_PLACES = ("Nuke", "Nodes")  # the menu bar, and the toolbar of nodes


def add_menus() -> None:
    """Add the menus; all of them share one worker and one job."""
    commands = Commands()
    for place in _PLACES:
        menu = nuke.menu(place).addMenu(_MENU)
        menu.addCommand("Propagate roto...", commands.propagate)
        menu.addCommand("Update...", commands.update)
        menu.addCommand("Cancel", commands.cancel)
        menu.addSeparator()
        menu.addCommand("Test the worker", commands.test)
