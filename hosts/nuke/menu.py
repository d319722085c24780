"""Adds the STCN menu and toolbar to Nuke's interface."""

import nuke

try:
    from stcn_nuke.menus import add_menus
except ImportError as error:  # Nuke itself must start all the same
    nuke.tprint(f"STCN is not available ({error}). Run `stcn install nuke` again.")
else:
    add_menus()
