"""STCN inside Nuke 14 to 16: menu, panels, jobs in the background, nodes of the mattes. Python 3.9 and later."""
