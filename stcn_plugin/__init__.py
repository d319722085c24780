"""STCN video object segmentation for compositors: a keyframe matte in, soft mattes for the whole shot out."""

__version__ = "0.1.0"
