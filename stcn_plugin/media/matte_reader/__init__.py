"""Reads matte files: keyframes, mattes on disk, and the truth that they are compared with.

What a file holds is decided here and nowhere else. What is acceptable is up to who reads: a keyframe may not be empty,
a matte that is to be scored may.
"""

from stcn_plugin.media.matte_reader.file import UNNAMED, Contents, MatteFile
from stcn_plugin.media.matte_reader.source import Plane, Source
from stcn_plugin.media.matte_reader.values import is_faint, is_far_above, is_whole

__all__ = ["UNNAMED", "Contents", "MatteFile", "Plane", "Source", "is_faint", "is_far_above", "is_whole"]
