"""Reads plates and matte files, and writes mattes and overlays.

Import from the modules: ``from stcn_plugin.media.plates import PlateReader``. This file imports nothing, so that
``stcn_plugin.media.window`` loads without OpenImageIO.
"""
