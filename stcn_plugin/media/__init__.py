"""Plates in, keyframe mattes in, mattes out: every picture file that is read or written.

Import from the modules: ``from stcn_plugin.media.plates import PlateReader``. Nothing is gathered here, so that
``stcn_plugin.media.window`` loads without OpenImageIO.
"""
