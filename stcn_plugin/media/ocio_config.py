"""Looks up colour spaces in an OCIO config."""

from __future__ import annotations

import difflib

import OpenImageIO as oiio  # noqa: N813 - the name its documentation uses

from stcn_plugin.errors import ColourError
from stcn_plugin.media.opening import oiio_error


class OCIOConfig:
    """The colour spaces, aliases and roles of an OCIO config.

    Args:
        config: A file, or a built-in config such as ``ocio://default``.

    Raises:
        ColourError: The config cannot be read.
    """

    def __init__(self, config: str) -> None:
        loaded = oiio.ColorConfig(config)
        if problem := oiio_error(loaded):
            raise ColourError(
                f"the OCIO config cannot be read ({problem})",
                where=config,
                fix="Set colour.config to an OCIO config file, or to ocio://default",
                setting="colour.config",
            )
        self._config = loaded
        self.names: tuple[str, ...] = tuple(loaded.getColorSpaceNames())
        self._known: dict[str, str] = {
            role.casefold(): loaded.getColorSpaceNameByRole(role) for role in loaded.getRoles()
        }
        for name in self.names:
            self._known |= {alias.casefold(): name for alias in loaded.getAliases(name)}
        self._known |= {name.casefold(): name for name in self.names}
        # OpenImageIO caches only its default config, and rereads any other for every conversion.
        self.handle = "" if oiio.ColorConfig.default_colorconfig().configname() == config else config

    def find(self, name: str) -> str | None:
        """Return the space of a name, alias or role; ``None`` if there is none."""
        return self._known.get(name.casefold())

    def first(self, spellings: tuple[str, ...]) -> str | None:
        """Return the space of the first spelling that the config knows; ``None`` if it knows none."""
        return next((known for name in spellings if (known := self.find(name))), None)

    def srgb_by_role(self) -> str | None:
        """Return the space of a painting role if its name contains sRGB."""
        spaces = (self.find(role) for role in ("texture_paint", "matte_paint", "color_picking"))
        return next((name for name in spaces if name and "srgb" in name.casefold()), None)

    def is_data(self, name: str) -> bool:
        """Whether a space holds data instead of colours."""
        return bool(self._config.isData(name))

    def is_linear(self, name: str) -> bool:
        """Whether a space is linear."""
        return bool(self._config.isColorSpaceLinear(name))

    def close_matches(self, name: str) -> str:
        """Return the spaces with the most similar names, each with its aliases, for an error message."""
        found = difflib.get_close_matches(name.casefold(), self._known, n=6, cutoff=0.5)
        spaces = list(dict.fromkeys(self._known[key] for key in found))[:3] or list(self.names[:8])
        return "; ".join(self._with_aliases(space) for space in spaces)

    def _with_aliases(self, name: str) -> str:
        aliases = self._config.getAliases(name)[:3]
        return f"{name} (also {', '.join(aliases)})" if aliases else name
