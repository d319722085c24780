"""Curves of a Roto, by the names of Nuke's module."""

from nuke_stage.curves import (
    AnimAttributes,
    AnimControlPoint,
    AnimCTransform,
    AnimCurve,
    AnimCurveKey,
    CurveKnob,
    Element,
    Layer,
    Shape,
    ShapeControlPoint,
    Stroke,
)

__all__ = [
    "AnimAttributes",
    "AnimCTransform",
    "AnimControlPoint",
    "AnimCurve",
    "AnimCurveKey",
    "CurveKnob",
    "Element",
    "Layer",
    "Shape",
    "ShapeControlPoint",
    "Stroke",
]
