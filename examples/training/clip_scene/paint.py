"""Random materials: a procedural pattern in two to five colours, and a finish."""

from __future__ import annotations

import colorsys
from collections.abc import Callable, Sequence

import bpy
import numpy as np
from scene.materials import Nodes, Socket

from clip_scene.sampling import happens, log_uniform, pick

Colour = tuple[float, float, float]


def palette(rng: np.random.Generator, count: int) -> list[Colour]:
    """Return random linear colours, with or without a colour scheme."""
    hue, scheme = rng.random(), pick(rng, ("free", "near", "opposite", "grey", "shades"), (3, 2, 2, 1, 2))
    colours = []
    for number in range(count):
        saturation, value = rng.uniform(0.1, 1.0), rng.uniform(0.2, 1.0)
        if scheme == "free":
            tone = rng.random()
        elif scheme == "near":
            tone = hue + rng.normal(0, 0.06)
        elif scheme == "opposite":
            tone = hue + 0.5 * (number % 2) + rng.normal(0, 0.03)
        else:
            tone, saturation = hue, 0.6 * saturation if scheme == "shades" else rng.uniform(0, 0.08)
        red, green, blue = colorsys.hsv_to_rgb(tone % 1, saturation, value)
        colours.append((0.03 + 0.8 * red**2.2, 0.03 + 0.8 * green**2.2, 0.03 + 0.8 * blue**2.2))
    return colours


def paint(rng: np.random.Generator, name: str, *, unit: float, plain: float = 0.2) -> bpy.types.Material:
    """Return a random material.

    Args:
        rng: Random generator.
        name: Name of the material.
        unit: Size of the object; patterns repeat 1 to 12 times over it.
        plain: Probability of no pattern.
    """
    n = Nodes(name)
    colours = palette(rng, int(rng.integers(2, 6)))
    if happens(rng, plain):
        factor = _noise(n, rng, _coordinates(n, rng, unit))
        shades = [tuple(c * strength for c in colours[0]) for strength in (0.85, 1.0)]
        colour = _ramp(n, rng, factor, shades, hard=False)
    else:
        pattern = pick(rng, PATTERNS)
        colour = _ramp(n, rng, pattern(n, rng, _coordinates(n, rng, unit)), colours, hard=happens(rng, 0.5))
        if happens(rng, 0.3):
            other = pick(rng, PATTERNS)(n, rng, _coordinates(n, rng, unit))
            over = _ramp(n, rng, other, palette(rng, 3), hard=happens(rng, 0.5))
            where = n.step(_noise(n, rng, _coordinates(n, rng, 2 * unit)), 0.45, rng.uniform(0.46, 0.7))
            colour = n.mix(where, colour, over)
    return n.done(_finish(n, rng, colour, unit))


def one_colour(rng: np.random.Generator, name: str) -> bpy.types.Material:
    """Return a random material without a pattern."""
    n = Nodes(name)
    return n.done(_finish(n, rng, palette(rng, 1)[0], 1.0))


def _finish(n: Nodes, rng: np.random.Generator, colour: Socket | Colour, unit: float) -> Socket:
    kind = pick(rng, ("matt", "satin", "gloss", "metal", "coat"), (5, 3, 2, 1, 1))
    roughness = {"matt": (0.6, 1), "satin": (0.3, 0.6), "gloss": (0.08, 0.3), "metal": (0.15, 0.5), "coat": (0.3, 0.8)}
    inputs = {"Base_Color": colour, "Roughness": rng.uniform(*roughness[kind]), "Metallic": float(kind == "metal")}
    if kind == "coat":
        inputs |= {"Coat_Weight": rng.uniform(0.3, 1.0), "Coat_Roughness": rng.uniform(0.03, 0.2)}
    if happens(rng, 0.15):
        height = n.noise(n.attribute("rest"), log_uniform(rng, 3, 20) / unit, 1.0)
        inputs["Normal"] = n.bump(height, rng.uniform(0.2, 0.7), 0.05 * unit)
    return n.principled(**inputs)


def _coordinates(n: Nodes, rng: np.random.Generator, unit: float) -> Socket:
    """Return texture coordinates, randomly rotated and stretched, with 1 to 12 repetitions per unit."""
    scale = log_uniform(rng, 1.0, 12.0) / unit
    stretch = np.exp(rng.normal(0, 0.5, 3)) if happens(rng, 0.4) else np.ones(3)
    return n.add(
        "Mapping",
        {
            "Vector": n.attribute("rest"),
            "Location": rng.uniform(-50, 50, 3).tolist(),
            "Rotation": rng.uniform(0, 6.28, 3).tolist(),
            "Scale": (scale * stretch).tolist(),
        },
    )


def _ramp(n: Nodes, rng: np.random.Generator, factor: Socket, colours: Sequence[Colour], *, hard: bool) -> Socket:
    """Map 0-1 to colours, in steps or smoothly."""
    colour_out = n.add("ValToRGB", {"Fac": factor})
    ramp = colour_out.node.color_ramp
    ramp.interpolation = "CONSTANT" if hard else "LINEAR"
    places = np.sort(rng.uniform(0.2, 0.8, len(colours)))
    places[0] = 0.0 if hard else places[0]
    while len(ramp.elements) < len(colours):
        ramp.elements.new(0.5)
    for element, place, colour in zip(ramp.elements, places, colours, strict=True):
        element.position, element.color = float(place), (*colour, 1.0)
    return colour_out


def _noise(n: Nodes, rng: np.random.Generator, at: Socket) -> Socket:
    inputs = {"Vector": at, "Scale": 1.0, "Detail": rng.uniform(0, 4), "Distortion": pick(rng, (0.0, 0.0, 2.0))}
    return n.add("TexNoise", inputs, "Fac")


def _voronoi(n: Nodes, rng: np.random.Generator, at: Socket) -> Socket:
    if happens(rng, 0.5):
        cell = n.add("TexVoronoi", {"Vector": at, "Scale": 1.0}, "Color")
        return n.split(cell)[0]
    return n.add("TexVoronoi", {"Vector": at, "Scale": 1.0}, "Distance")


def _wave(n: Nodes, rng: np.random.Generator, at: Socket) -> Socket:
    inputs = {"Vector": at, "Scale": 0.5, "Distortion": pick(rng, (0.0, 2.0, 8.0)), "Detail": 1.0}
    return n.add("TexWave", inputs, "Fac", wave_type=pick(rng, ("BANDS", "RINGS")))


def _checker(n: Nodes, rng: np.random.Generator, at: Socket) -> Socket:
    grey = {"Color1": (0.25, 0.25, 0.25), "Color2": (0.75, 0.75, 0.75)}
    squares = n.split(n.add("TexChecker", {"Vector": at, "Scale": 1.0, **grey}, "Color"))[0]
    return n.mix(rng.uniform(0, 0.5), squares, _noise(n, rng, at))


def _brick(n: Nodes, rng: np.random.Generator, at: Socket) -> Socket:
    grey = {"Color1": (0.2, 0.2, 0.2), "Color2": (0.7, 0.7, 0.7), "Mortar": (1.0, 1.0, 1.0)}
    inputs = {"Vector": at, "Scale": 1.0, "Mortar Size": rng.uniform(0.01, 0.08), "Brick Width": rng.uniform(0.5, 2)}
    return n.split(n.add("TexBrick", {**inputs, **grey, "Row Height": rng.uniform(0.2, 0.8)}, "Color"))[0]


def _magic(n: Nodes, rng: np.random.Generator, at: Socket) -> Socket:
    inputs = {"Vector": at, "Scale": 0.7, "Distortion": rng.uniform(0.5, 2)}
    return n.split(n.add("TexMagic", inputs, "Color", turbulence_depth=int(rng.integers(1, 5))))[0]


def _dots(n: Nodes, rng: np.random.Generator, at: Socket) -> Socket:
    inputs = {"Vector": at, "Scale": 1.0, "Randomness": pick(rng, (0.0, 0.3, 1.0))}
    return n.step(n.add("TexVoronoi", inputs, "Distance"), 0.3, rng.uniform(0.32, 0.45))


def _stripes(n: Nodes, rng: np.random.Generator, at: Socket) -> Socket:
    x, y, _ = n.split(at)
    wobble = n.math("MULTIPLY", n.math("SINE", y), pick(rng, (0.0, 0.0, 0.5)))
    return n.math("FRACT", n.math("ADD", x, wobble))


def _gradient(n: Nodes, rng: np.random.Generator, at: Socket) -> Socket:
    slow = n.scale(at, (0.15, 0.15, 0.15))
    return n.math("PINGPONG", n.split(slow)[0], rng.uniform(0.6, 1.0))


Pattern = Callable[[Nodes, np.random.Generator, Socket], Socket]
PATTERNS: tuple[Pattern, ...] = (
    _noise,
    _noise,
    _voronoi,
    _voronoi,
    _wave,
    _checker,
    _brick,
    _magic,
    _dots,
    _stripes,
    _gradient,
)
