"""The scenes of the edge benchmark: what moves, how, before what, and at which size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.edges.anatomy import Path, Subject
from benchmarks.edges.creatures import creature, portrait
from benchmarks.edges.hair import Fur
from benchmarks.edges.surroundings import Ground
from benchmarks.edges.things import crate, leaf, spider, wheel

TWO_K = (1152, 2048)
UHD = (2160, 3840)


@dataclass(frozen=True)
class Scene:
    """A scene.

    Args:
        name: Its name.
        shows: What it shows.
        subjects: Makes what is matted, by object name, from back to front.
        ground: What is behind.
        size: ``(H, W)``.
        shutter: Length of the exposure in frames.
        times: Times in the exposure that are averaged.
        pan: Movement of the camera per frame, in fractions of the plate's width.
        defocus: Radius of the circle of confusion of the objects in pixels of a plate of 2048, in the first frame and the
            change per frame.
        grain: Standard deviation of the grain at middle grey, in display-referred values.
    """

    name: str
    shows: str
    subjects: Callable[[], dict[str, Subject]]
    ground: Ground
    size: tuple[int, int] = TWO_K
    shutter: float = 0.5
    times: int = 16
    pan: tuple[float, float] = (0.0, 0.0)
    defocus: tuple[float, float] = (0.0, 0.0)
    grain: float = 0.012


SHORT_FUR = Fur(9000, 0.2, width=1.7)
LONG_HAIR = Fur(
    6000, 1.0, width=1.5, spread=0.2, hang=2.6, curl=0.2, stray=0.05, wind=0.02, colour=(0.24, 0.12, 0.05), steps=14
)
WHITE_FUR = Fur(9000, 0.22, width=1.6, colour=(0.62, 0.58, 0.5), variety=0.2)
DARK_FUR = Fur(9000, 0.26, width=1.8, colour=(0.09, 0.06, 0.045))

SCENES = (
    Scene(
        "hair 2K",
        "long hair, translation with motion blur, moving camera",
        lambda: {"head": portrait(LONG_HAIR, Path((0.36, 0.56), speed=(0.012, 0.0), radius=0.16, sway=0.06))},
        "room",
    ),
    Scene(
        "fur leap UHD",
        "furry animal, fast, 40 pixels of motion blur",
        lambda: {
            "animal": creature(
                Fur(11000, 0.2, width=1.5, colour=(0.42, 0.24, 0.1)),
                Path((0.25, 0.68), speed=(0.021, 0.0), bounce=(0.13, 10), radius=0.13),
                stride=0.5,
            )
        },
        "foliage",
        size=UHD,
        times=28,
    ),
    Scene(
        "hair wind UHD",
        "long hair in the wind, in place",
        lambda: {
            "head": portrait(
                Fur(
                    6500,
                    1.0,
                    width=1.3,
                    spread=0.28,
                    hang=1.8,
                    curl=0.3,
                    stray=0.06,
                    wind=0.12,
                    colour=(0.5, 0.33, 0.14),
                    steps=14,
                ),
                Path((0.5, 0.58), radius=0.13, sway=0.03),
                seed=8,
            )
        },
        "lights",
        size=UHD,
        times=12,
    ),
    Scene(
        "small UHD",
        "a tenth of the width, before detail, with a pan",
        lambda: {
            "animal": creature(
                Fur(7000, 0.2, width=1.2, colour=(0.38, 0.3, 0.22)),
                Path((0.4, 0.6), speed=(0.004, 0.0), radius=0.036),
                stride=0.4,
            )
        },
        "bricks",
        size=UHD,
        pan=(0.002, 0.0),
    ),
    Scene(
        "thin 2K",
        "thin legs that walk and wires",
        lambda: {"robot": spider(Path((0.35, 0.5), speed=(0.007, 0.0), radius=0.15, bounce=(0.015, 6)))},
        "wall",
    ),
    Scene(
        "wheel 2K",
        "a spoked wheel that rolls",
        lambda: {"wheel": wheel(Path((0.3, 0.52), speed=(0.012, 0.0), radius=0.15, spin=0.08))},
        "room",
        times=24,
    ),
    Scene(
        "defocus 2K",
        "furry animal out of focus, coming closer",
        lambda: {
            "animal": creature(
                DARK_FUR, Path((0.45, 0.55), speed=(-0.004, 0.002), radius=0.13, zoom=0.02), stride=0.2, seed=5
            )
        },
        "foliage",
        defocus=(7.0, 0.35),
        times=8,
    ),
    Scene(
        "leaf 2K",
        "a leaf with a translucent margin that flutters",
        lambda: {"leaf": leaf(Path((0.5, 0.5), radius=0.13, sway=0.05))},
        "lights",
        times=12,
    ),
    Scene(
        "grass 2K",
        "fur before grass, with a pan",
        lambda: {
            "animal": creature(
                Fur(9000, 0.2, width=1.7, colour=(0.3, 0.26, 0.12)),
                Path((0.4, 0.55), speed=(0.003, 0.0), radius=0.13),
                stride=0.5,
                seed=9,
            )
        },
        "grass",
        pan=(0.006, 0.0),
        times=12,
    ),
    Scene(
        "hard 2K",
        "a crate with hard edges that turns slowly",
        lambda: {"crate": crate(Path((0.45, 0.5), speed=(0.003, 0.001), radius=0.14, spin=0.02))},
        "room",
        shutter=0.1,
        times=8,
    ),
    Scene(
        "crossing 2K",
        "two furry animals cross",
        lambda: {
            "white": creature(
                WHITE_FUR, Path((0.66, 0.5), speed=(-0.012, 0.0), radius=0.11, bounce=(0.02, 7)), stride=0.5, seed=4
            ),
            "dark": creature(
                DARK_FUR, Path((0.3, 0.6), speed=(0.012, 0.0), radius=0.11, bounce=(0.02, 8)), stride=0.5, seed=6
            ),
        },
        "room",
    ),
)

QUICK = ("small UHD", "grass 2K", "hard 2K")
"""The scenes of a short run."""
