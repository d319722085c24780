"""Curves of a Roto, by the names of Nuke's module."""

from nuke_stage.curves import (
    AnimControlPoint,
    AnimCTransform,
    CurveKnob,
    Element,
    Layer,
    Shape,
    ShapeControlPoint,
    Stroke,
)

__all__ = [
    "AnimCTransform",
    "AnimControlPoint",
    "CurveKnob",
    "Element",
    "Layer",
    "Shape",
    "ShapeControlPoint",
    "Stroke",
]
