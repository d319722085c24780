"""Felt and knitting."""

from __future__ import annotations

import bpy
import numpy as np

from scene.materials import Nodes, Socket


def felt_and_jumper(name: str) -> bpy.types.Material:
    """Felt in the painted colours; where ``st`` x is 1, a jumper of chevron stitches in stripes."""
    n = Nodes(name)
    position = n.attribute("rest")
    x, y, z = n.split(position)
    jumper, _, _ = n.split(n.attribute("st"))
    knit = n.step(jumper, 0.45, 0.55)
    stitch, column = _stitches(n, n.math("MULTIPLY", n.math("ARCTAN2", y, x), 11.0), n.math("MULTIPLY", z, 62.0))
    row = n.noise(n.join(n.math("FLOOR", n.math("MULTIPLY", column, 0.25)), 5.3), 0.77, 0.0)
    stripes = n.mix(n.step(row, 0.46, 0.48), (0.40, 0.36, 0.34), (0.17, 0.05, 0.24))
    yarn = n.mix(n.step(stitch, 0.1, 0.6), n.mix(0.75, stripes, (0.01, 0.01, 0.015)), stripes)
    fuzz = n.noise(position, 65.0, 4.0)
    blotch = n.math("MULTIPLY_ADD", n.noise(position, 11.0, 4.0), 0.7, 0.65)
    felt = n.add("VectorMath", {0: n.attribute("tint"), "Scale": blotch}, operation="SCALE")
    height = n.add("Mix", {"Factor": knit, "A": n.math("MULTIPLY", fuzz, 0.8), "B": stitch})
    return n.done(
        n.principled(
            Base_Color=n.mix(knit, felt, yarn), Roughness=0.9, Normal=n.bump(height, 0.8, 0.012),
            Sheen_Weight=0.25, Sheen_Roughness=0.4,
        )
    )  # fmt: skip


def ribs(name: str) -> bpy.types.Material:
    """Thick red ribs."""
    n = Nodes(name)
    along, across, _ = n.split(n.attribute("st"))
    stitch, row = _stitches(n, n.math("MULTIPLY", across, 9.0), n.math("MULTIPLY", along, 34.0))
    band = n.step(n.noise(n.join(n.math("FLOOR", n.math("MULTIPLY", row, 0.34)), 1.7), 0.9, 0.0), 0.56, 0.58)
    colour = n.mix(band, (0.10, 0.26, 0.07), (0.42, 0.44, 0.16))
    yarn = n.mix(n.step(stitch, 0.1, 0.6), n.mix(0.7, colour, (0.01, 0.0, 0.0)), colour)
    return n.done(n.principled(Base_Color=yarn, Roughness=0.9, Normal=n.bump(stitch, 0.8, 0.012), Sheen_Weight=0.2))


def _stitches(n: Nodes, columns: Socket, rows: Socket) -> tuple[Socket, Socket]:
    """Knit: every stitch is a V. Returns the height of the yarn and the row it belongs to."""
    slope = n.math("ABSOLUTE", n.math("SUBTRACT", n.math("FRACT", columns), 0.5))
    row = n.math("MULTIPLY_ADD", slope, 1.5, rows)
    strand = n.math("SINE", n.math("MULTIPLY", n.math("FRACT", row), np.pi))
    groove = n.math("ABSOLUTE", n.math("SINE", n.math("MULTIPLY", columns, 2 * np.pi)))
    return n.math("MULTIPLY", strand, n.step(groove, 0.0, 0.5)), row
