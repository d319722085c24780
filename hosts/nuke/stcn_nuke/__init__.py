"""STCN inside Nuke 14 to 17: menu, panels, background jobs and the nodes of the mattes. Supports Python 3.9 and later."""
