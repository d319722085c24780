"""STCN inside Nuke 14 to 16: menu, panels, background jobs and the nodes of the mattes. Supports Python 3.9 and later."""
