"""Adds the STCN menu and toolbar to Nuke's interface."""

import nuke

try:
    from stcn_nuke.commands import add_menus

    add_menus()
except Exception as error:  # noqa: BLE001 - Nuke must start even if this plugin fails
    nuke.tprint(f"STCN is not available ({type(error).__name__}: {error}). Run `stcn install nuke` again.")
