"""An OCIO config: the names that it knows."""

from __future__ import annotations

import difflib

import OpenImageIO as oiio  # noqa: N813 - the name its documentation uses

from stcn_plugin.errors import ColourError
from stcn_plugin.media.opening import oiio_error


class OCIOConfig:
    """The names that a config knows.

    Args:
        config: A file, or a built-in one such as ``ocio://default``.

    Raises:
        ColourError: It cannot be read.
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
        # OpenImageIO keeps only its default config loaded, and reads any other again for every conversion.
        self.handle = "" if oiio.ColorConfig.default_colorconfig().configname() == config else config

    def find(self, name: str) -> str | None:
        """Return the config's own name of a space, an alias or a role."""
        return self._known.get(name.casefold())

    def first(self, spellings: tuple[str, ...]) -> str | None:
        """Return the first of several spellings that the config knows, by its own name."""
        return next((known for name in spellings if (known := self.find(name))), None)

    def srgb_by_role(self) -> str | None:
        """Return the space in which the config's artists paint, where its name says that it is sRGB."""
        painted = (self.find(role) for role in ("texture_paint", "matte_paint", "color_picking"))
        return next((name for name in painted if name and "srgb" in name.casefold()), None)

    def is_data(self, name: str) -> bool:
        """Whether the config holds a space for numbers that are no colours."""
        return bool(self._config.isData(name))

    def is_linear(self, name: str) -> bool:
        """Whether a space is proportional to light."""
        return bool(self._config.isColorSpaceLinear(name))

    def near(self, name: str) -> str:
        """Return the spellings nearest to a name, each with its other names."""
        found = difflib.get_close_matches(name.casefold(), self._known, n=6, cutoff=0.5)
        spaces = list(dict.fromkeys(self._known[key] for key in found))[:3] or list(self.names[:8])
        return "; ".join(self._with_aliases(space) for space in spaces)

    def _with_aliases(self, name: str) -> str:
        aliases = self._config.getAliases(name)[:3]
        return f"{name} (also {', '.join(aliases)})" if aliases else name
