"""Procedural materials; every pattern is computed from vertex attributes or positions, none is an image."""

from __future__ import annotations

from collections.abc import Sequence

import bpy

Socket = bpy.types.NodeSocket
Value = Socket | float | Sequence[float]


class Nodes:
    """A short way to write a shader: every method adds one node and returns an output socket."""

    def __init__(self, name: str) -> None:
        self.material = bpy.data.materials.new(name)
        self.material.use_nodes = True
        self.tree = self.material.node_tree
        self.tree.nodes.clear()

    def add(self, kind: str, inputs: dict[str | int, Value], output: str | int = 0, **settings: object) -> Socket:
        """Add a node, set its properties and connect or set its inputs."""
        node = self.tree.nodes.new(f"ShaderNode{kind}")
        for key, setting in settings.items():
            setattr(node, key, setting)
        for key, value in inputs.items():
            if isinstance(value, Socket):
                self.tree.links.new(value, node.inputs[key])
            else:
                wants_alpha = getattr(node.inputs[key], "type", "") == "RGBA" and len(value) == 3
                node.inputs[key].default_value = (*value, 1.0) if wants_alpha else value
        return node.outputs[output]

    def attribute(self, name: str) -> Socket:
        """Read a vertex attribute."""
        return self.add("Attribute", {}, "Vector", attribute_name=name)

    def split(self, vector: Value) -> tuple[Socket, Socket, Socket]:
        """Take a vector apart."""
        outputs = self.add("SeparateXYZ", {0: vector}).node.outputs
        return outputs[0], outputs[1], outputs[2]

    def join(self, x: Value, y: Value, z: Value = 0.0) -> Socket:
        """Put a vector together."""
        return self.add("CombineXYZ", {0: x, 1: y, 2: z})

    def math(self, operation: str, a: Value, b: Value = 0.0, c: Value = 0.0) -> Socket:
        """Compute ``operation`` of up to three values."""
        return self.add("Math", {0: a, 1: b, 2: c}, operation=operation)

    def scale(self, vector: Value, by: Sequence[float]) -> Socket:
        """Multiply a vector component by component."""
        return self.add("VectorMath", {0: vector, 1: by}, operation="MULTIPLY")

    def noise(self, vector: Value, scale: float, detail: float = 2.0) -> Socket:
        """Return fractal noise around 0.5."""
        return self.add("TexNoise", {"Vector": vector, "Scale": scale, "Detail": detail}, "Fac")

    def step(self, value: Value, low: float, high: float) -> Socket:
        """Ease from 0 at ``low`` to 1 at ``high``."""
        inputs: dict[str | int, Value] = {"Value": value, "From Min": low, "From Max": high}
        return self.add("MapRange", inputs, interpolation_type="SMOOTHSTEP")

    def mix(self, factor: Value, a: Value, b: Value, blend: str = "MIX") -> Socket:
        """Blend two colours."""
        return self.add("MixRGB", {"Fac": factor, "Color1": a, "Color2": b}, blend_type=blend)

    def bump(self, height: Value, strength: float, distance: float) -> Socket:
        """Turn a height into a normal."""
        return self.add("Bump", {"Height": height, "Strength": strength, "Distance": distance})

    def principled(self, **inputs: Value) -> Socket:
        """Add a Principled BSDF; underscores in names stand for blanks."""
        return self.add("BsdfPrincipled", {key.replace("_", " "): value for key, value in inputs.items()})

    def done(self, shader: Socket) -> bpy.types.Material:
        """Connect the shader to the output and return the material."""
        self.tree.links.new(shader, self.tree.nodes.new("ShaderNodeOutputMaterial").inputs["Surface"])
        return self.material


def plain(
    name: str, colour: Sequence[float], *, roughness: float = 0.5, metallic: float = 0.0, coat: float = 0.0
) -> bpy.types.Material:
    """One colour with a little unevenness."""
    n = Nodes(name)
    position = n.attribute("rest")
    shade = n.mix(n.step(n.noise(position, 9.0), 0.3, 0.7), [0.82 * c for c in colour], colour)
    rough = n.math("ADD", n.math("MULTIPLY", n.noise(position, 22.0), 0.16), roughness - 0.08)
    return n.done(
        n.principled(Base_Color=shade, Roughness=rough, Metallic=metallic, Coat_Weight=coat, Coat_Roughness=0.05)
    )


def tinted(name: str, *, roughness: float = 0.6, weave: float = 0.0) -> bpy.types.Material:
    """The colour of the ``tint`` attribute, worn a little; ``weave`` adds a cloth-like grain of that many threads a unit."""
    n = Nodes(name)
    position = n.attribute("rest")
    worn = n.math("MULTIPLY_ADD", n.noise(position, 14.0, 2.0), 0.5, 0.75)
    colour = n.add("VectorMath", {0: n.attribute("tint"), "Scale": worn}, operation="SCALE")
    grain = n.noise(n.scale(position, (1, 1, 0.35)), weave or 60.0, 1.0)
    normal = n.bump(grain, 0.4 if weave else 0.1, 0.01)
    return n.done(n.principled(Base_Color=colour, Roughness=roughness, Normal=normal))


def glow(name: str, colour: Sequence[float], strength: float) -> bpy.types.Material:
    """Light of its own, well above display white; too small to be worth sampling as a light."""
    n = Nodes(name)
    n.material.cycles.emission_sampling = "NONE"
    return n.done(n.add("Emission", {"Color": colour, "Strength": strength}))


def lantern(name: str) -> bpy.types.Material:
    """Lit paper over wire ribs: bright in the middle, dark along each rib."""
    n = Nodes(name)
    n.material.cycles.emission_sampling = "NONE"
    _, _, height = n.split(n.attribute("rest"))
    rib = n.math("ABSOLUTE", n.math("SINE", n.math("MULTIPLY", height, 62.0)))
    paper = n.mix(n.step(rib, 0.05, 0.4), (0.45, 0.16, 0.04), (1.0, 0.55, 0.22))
    fibre = n.math("MULTIPLY_ADD", n.noise(n.attribute("rest"), 30.0), 0.9, 0.9)
    return n.done(n.add("Emission", {"Color": paper, "Strength": fibre}))


def floorboards(name: str) -> bpy.types.Material:
    """Oiled planks that run across the frame."""
    n = Nodes(name)
    position = n.attribute("rest")
    plank = n.add(
        "TexBrick",
        {
            "Vector": position, "Scale": 1.0, "Color1": (0.30, 0.15, 0.065), "Color2": (0.14, 0.062, 0.026),
            "Mortar": (0.012, 0.007, 0.004), "Mortar Size": 0.008, "Mortar Smooth": 0.1, "Brick Width": 1.9,
            "Row Height": 0.26,
        },
        offset=0.37,
    )  # fmt: skip
    grain = n.noise(n.scale(position, (1.2, 16.0, 1.0)), 3.0, 3.0)
    colour = n.mix(0.75, plank, n.mix(n.step(grain, 0.35, 0.68), (0.45, 0.42, 0.4), (1.25, 1.2, 1.15)), "MULTIPLY")
    gap = n.math("SUBTRACT", 1.0, plank.node.outputs["Fac"])
    height = n.math("ADD", gap, n.math("MULTIPLY", grain, 0.25))
    rough = n.math("MULTIPLY_ADD", grain, 0.25, 0.2)
    return n.done(n.principled(Base_Color=colour, Roughness=rough, Normal=n.bump(height, 0.5, 0.02)))


def plaster(name: str, colour: Sequence[float]) -> bpy.types.Material:
    """A painted wall with a stencilled leaf pattern."""
    n = Nodes(name)
    position = n.attribute("rest")
    across, _, up = n.split(position)
    row = n.math("FLOOR", n.math("MULTIPLY", up, 3.2))
    u = n.math("SUBTRACT", n.math("FRACT", n.math("MULTIPLY_ADD", row, 0.5, n.math("MULTIPLY", across, 3.2))), 0.5)
    v = n.math("SUBTRACT", n.math("FRACT", n.math("MULTIPLY", up, 3.2)), 0.5)

    # A leaf is where two circles overlap; its vein is a thin line left out of it.
    def circle(side: float) -> Socket:
        return n.math("SQRT", n.math("ADD", n.math("POWER", n.math("ADD", u, side), 2.0), n.math("POWER", v, 2.0)))

    leaf = n.math("SUBTRACT", 0.42, n.math("MAXIMUM", circle(0.26), circle(-0.26)))
    vein = n.step(n.math("ABSOLUTE", u), 0.008, 0.02)
    stencil = n.math("MULTIPLY", n.step(leaf, 0.0, 0.012), vein)
    patchy = n.step(n.noise(position, 3.0, 2.0), 0.3, 0.7)
    paint = n.mix(patchy, [0.8 * c for c in colour], [1.1 * c for c in colour])
    shade = n.mix(n.math("MULTIPLY", stencil, 0.75), paint, (0.42, 0.33, 0.17))
    return n.done(
        n.principled(Base_Color=shade, Roughness=0.8, Normal=n.bump(n.noise(position, 40.0, 1.0), 0.25, 0.01))
    )


def rug(name: str) -> bpy.types.Material:
    """A round braided rug: rings of colour, plaited along each ring."""
    n = Nodes(name)
    x, y, _ = n.split(n.attribute("rest"))
    radius = n.math("SQRT", n.math("ADD", n.math("POWER", x, 2.0), n.math("POWER", y, 2.0)))
    angle = n.math("ARCTAN2", y, x)
    ring = n.math("MULTIPLY", radius, 17.0)
    strand = n.math("SINE", n.math("MULTIPLY_ADD", angle, 90.0, n.math("MULTIPLY", n.math("FRACT", ring), 5.0)))
    pick = n.noise(n.join(n.math("FLOOR", ring), 3.7, 0.0), 0.83, 0.0)
    warm = n.mix(n.step(pick, 0.42, 0.47), (0.33, 0.055, 0.045), (0.5, 0.40, 0.26))
    colour = n.mix(n.step(pick, 0.54, 0.58), warm, (0.035, 0.085, 0.13))
    shade = n.mix(n.step(strand, -0.9, 0.4), n.mix(0.6, colour, (0.02, 0.015, 0.01)), colour)
    height = n.math(
        "ADD", n.math("MULTIPLY", strand, 0.3), n.math("SINE", n.math("MULTIPLY", n.math("FRACT", ring), 3.14159))
    )
    return n.done(n.principled(Base_Color=shade, Roughness=0.95, Normal=n.bump(height, 0.7, 0.012)))


def painting(name: str) -> bpy.types.Material:
    """An abstract landscape on canvas."""
    n = Nodes(name)
    position = n.attribute("rest")
    _, _, up = n.split(position)
    hills = n.math("ADD", up, n.math("MULTIPLY", n.noise(n.scale(position, (1.4, 1, 0.3)), 4.0, 4.0), 0.35))
    field = n.mix(n.step(hills, 1.76, 1.79), (0.42, 0.22, 0.03), (0.05, 0.16, 0.16))
    colour = n.mix(n.step(hills, 1.95, 1.98), field, (0.55, 0.42, 0.36))
    return n.done(
        n.principled(Base_Color=colour, Roughness=0.6, Normal=n.bump(n.noise(position, 70.0, 2.0), 0.3, 0.01))
    )


def leaf(name: str) -> bpy.types.Material:
    """A waxy leaf with a pale midrib and side veins."""
    n = Nodes(name)
    along, across, _ = n.split(n.attribute("st"))
    side = n.math("ABSOLUTE", n.math("SUBTRACT", across, 0.5))
    vein = n.math("SINE", n.math("MULTIPLY", n.math("SUBTRACT", along, n.math("MULTIPLY", side, 0.35)), 60.0))
    green = n.mix(n.step(vein, 0.75, 1.0), (0.028, 0.12, 0.03), (0.10, 0.24, 0.06))
    colour = n.mix(n.step(side, 0.05, 0.02), green, (0.22, 0.34, 0.10))
    return n.done(n.principled(Base_Color=colour, Roughness=0.3, Normal=n.bump(vein, 0.25, 0.01)))
