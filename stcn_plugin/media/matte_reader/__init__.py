"""Reads matte files: keyframes, mattes from earlier runs, and ground truth.

This package alone determines the objects in a file. Callers decide what is acceptable: a faint keyframe is refused, but
a faint matte under evaluation is not.
"""

from stcn_plugin.media.matte_reader.file import UNNAMED, Contents, MatteFile
from stcn_plugin.media.matte_reader.source import Plane, Source
from stcn_plugin.media.matte_reader.values import is_faint, is_far_above, is_whole

__all__ = ["UNNAMED", "Contents", "MatteFile", "Plane", "Source", "is_faint", "is_far_above", "is_whole"]
