"""Machines with rotating parts: vehicles, windmills, cranes."""

from __future__ import annotations

import numpy as np
from scene.geometry import Shape, box, ellipsoid, merge, turn, turned

from clip_scene.figure import Figure
from clip_scene.sampling import happens, log_uniform, pick, sign

ORIGIN = (0.0, 0.0, 0.0)


def vehicle(rng: np.random.Generator) -> Figure:
    """A car, a truck or a cart: a body on rotating wheels."""
    spin = sign(rng) * log_uniform(rng, 1, 40)
    length, wide, tall = rng.uniform(0.7, 1.3), rng.uniform(0.1, 0.6), rng.uniform(0.15, 0.45)
    radius = rng.uniform(0.18, 0.45)
    axles = np.linspace(-0.75 * length, 0.75 * length, int(rng.integers(2, 5)))
    rubber = _wheel(rng, radius)
    chassis = [box((-length, -wide, 0.8 * radius), (length, wide, 0.8 * radius + tall))]
    front, back = np.sort(rng.uniform(-length, length, 2))
    roof = 0.8 * radius + tall + rng.uniform(0.1, 0.6)
    chassis.append(box((front, -0.9 * wide, 0.8 * radius + 0.9 * tall), (back, 0.9 * wide, roof), slot=1))
    if happens(rng, 0.5):
        chassis.append(ellipsoid((0.9 * length, 0, radius + 0.5 * tall), (0.3, 0.8 * wide, 0.4 * tall), slot=1))
    if happens(rng, 0.4):
        mast = (front + back) / 2
        chassis.append(box((mast, -0.03, roof), (mast + 0.06, 0.03, roof + rng.uniform(0.2, 0.9)), slot=2))
    hull = merge([_crisp(part) for part in chassis])

    def at(time: float) -> Shape:
        turned_by = turn("y", spin * time)
        rock = turn("y", 2 * np.sin(0.8 * time))
        wheels = [rubber.moved((x, side * wide, radius), turned_by) for x in axles for side in (-1, 1)]
        return merge([hull.moved(ORIGIN, rock), *wheels])

    return Figure(at, slots=3, stands=True, moves=True)


def mill(rng: np.random.Generator) -> Figure:
    """A windmill, a propeller or a fan: rotating blades on a post."""
    spin, count = sign(rng) * log_uniform(rng, 1, 40), int(rng.integers(2, 7))
    long, wide = rng.uniform(0.6, 1.2), rng.uniform(0.06, 0.25)
    blade = _crisp(box((0.1, -0.02, -wide), (long, 0.02, wide), slot=1)).moved(ORIGIN, turn("x", rng.uniform(0, 50)))
    tall = rng.uniform(0.3, 2.0)
    post = turned([(0.001, 0), (rng.uniform(0.1, 0.5), 0), (0.12, tall), (0.001, tall)], sides=pick(rng, (4, 8, 24)))
    hub = ellipsoid((0, -0.3, tall), (0.12, 0.25, 0.12), slot=2)

    def at(time: float) -> Shape:
        blades = [blade.moved((0, -0.4, tall), turn("y", spin * time + 360 * n / count)) for n in range(count)]
        return merge([post, hub, *blades])

    return Figure(at, slots=3, stands=True, moves=True)


def crane(rng: np.random.Generator) -> Figure:
    """An arm with several independent joints."""
    count = int(rng.integers(2, 6))
    lengths, thick = rng.uniform(0.3, 0.8, count), rng.uniform(0.06, 0.15)
    speeds = np.array([log_uniform(rng, 0.05, 0.9) for _ in range(count)])
    swings, rest, phases = rng.uniform(10, 60, count), rng.uniform(-50, 50, count), rng.uniform(0, 6.28, count)
    foot = _crisp(box((-0.4, -0.4, 0), (0.4, 0.4, 0.15), slot=1))
    bar = [_crisp(box((-thick, -thick, 0), (thick, thick, length))) for length in lengths]
    joint = ellipsoid(ORIGIN, (1.5 * thick,) * 3, detail=16, slot=1)
    claw = ellipsoid(ORIGIN, rng.uniform(1.0, 2.6, 3) * thick, detail=20, slot=2)

    def at(time: float) -> Shape:
        parts, place, way = [foot], np.array([0, 0, 0.15]), np.eye(3)
        for number in range(count):
            angle = rest[number] + swings[number] * np.sin(speeds[number] * time + phases[number])
            way = way @ turn("y" if number % 2 == 0 else "x", angle)
            parts += [joint.moved(place), bar[number].moved(place, way)]
            place = place + way @ np.array([0, 0, lengths[number]])
        return merge([*parts, claw.moved(place, way)])

    return Figure(at, slots=3, stands=True, moves=True)


def _wheel(rng: np.random.Generator, radius: float) -> Shape:
    """Return a wheel in the xz plane, with spokes that show its rotation."""
    half = rng.uniform(0.05, 0.12)
    inner = radius * rng.uniform(0.4, 0.8)
    tyre = turned(
        [(inner, -half), (radius, -half), (1.05 * radius, 0), (radius, half), (inner, half), (inner, -half)], slot=2
    )
    count = int(rng.integers(3, 8))
    spoke = _crisp(box((0, -0.08 * radius, -0.6 * half), (inner, 0.08 * radius, 0.6 * half), slot=1))
    spokes = [spoke.moved(ORIGIN, turn("z", 360 * number / count)) for number in range(count)]
    return merge([tyre, *spokes]).moved(ORIGIN, turn("x", 90))


def _crisp(shape: Shape) -> Shape:
    """Split the faces of boxes for flat shading; shapes with more faces are unchanged."""
    if len(shape.faces) > 6:
        return shape
    corners = shape.faces.ravel()
    faces = np.arange(len(corners)).reshape(shape.faces.shape)
    return Shape(shape.points[corners], faces, shape.slot, shape.st[corners], shape.tint[corners])


MACHINES = (vehicle, vehicle, mill, crane)
