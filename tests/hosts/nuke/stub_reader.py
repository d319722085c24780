"""Reads the published stubs of Nuke's module with ast."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

Signature = tuple[tuple[str, bool], ...] | None
"""Parameters and whether each is required; ``None`` if the stub has no signature."""


@dataclass
class StubClass:
    """A class of the stubs."""

    bases: list[str]
    methods: dict[str, list[Signature]] = field(default_factory=dict)
    attributes: set[str] = field(default_factory=set)


@dataclass
class Stubs:
    """The names of a module."""

    functions: dict[str, list[Signature]] = field(default_factory=dict)
    classes: dict[str, StubClass] = field(default_factory=dict)
    values: set[str] = field(default_factory=set)

    @property
    def names(self) -> set[str]:
        return {*self.functions, *self.classes, *self.values}

    def method(self, cls: str, name: str) -> list[Signature] | None:
        """Return the signatures of a method of the class or its bases."""
        stub = self.classes.get(cls)
        if stub is None:
            return None
        if name in stub.methods:
            return stub.methods[name]
        return next((found for base in stub.bases if (found := self.method(base, name)) is not None), None)

    def members(self) -> set[str]:
        """Return the names of all methods and attributes of all classes."""
        return {name for stub in self.classes.values() for name in (*stub.methods, *stub.attributes)}


@cache
def read_stubs(*modules: str) -> Stubs:
    """Read modules of the stubs as one."""
    listed = distribution("types-nuke").files or []
    files = {Path(file).name: Path(str(file.locate())) for file in listed if file.suffix == ".pyi"}
    stubs = Stubs()
    for module in modules:
        _read(ast.parse(files[f"{module}.pyi"].read_text("utf-8")), stubs)
    return stubs


def nuke_stubs() -> Stubs:
    """The module ``nuke``."""
    return read_stubs("_nuke", "utils", "callbacks", "colorspaces", "executeInMain", "overrides")


def curve_stubs() -> Stubs:
    """The module ``nuke.rotopaint``."""
    return read_stubs("_nuke", "_curvelib", "_curveknob")


def _read(tree: ast.Module, stubs: Stubs) -> None:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            stubs.functions.setdefault(node.name, []).append(_signature(node, 0))
        elif isinstance(node, ast.AnnAssign):
            stubs.values.add(ast.unparse(node.target))
        elif isinstance(node, ast.Assign):
            stubs.values.update(map(ast.unparse, node.targets))
        elif isinstance(node, ast.ClassDef):
            bases = [base.id for base in node.bases if isinstance(base, ast.Name)]
            stub = stubs.classes[node.name] = StubClass(bases)  # of two modules' classes the later one counts
            for member in node.body:
                if isinstance(member, ast.FunctionDef):
                    stub.methods.setdefault(member.name, []).append(_signature(member, 1))
                elif isinstance(member, ast.AnnAssign):
                    stub.attributes.add(ast.unparse(member.target))


def _signature(node: ast.FunctionDef, skipped: int) -> Signature:
    if node.args.vararg or node.args.kwarg:
        return None
    parameters = node.args.args[skipped:]
    optional = len(node.args.defaults)
    return tuple((each.arg, index < len(parameters) - optional) for index, each in enumerate(parameters))
