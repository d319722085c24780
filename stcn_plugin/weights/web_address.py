"""Web addresses that weights are fetched from: https alone, and without the password that may stand in one."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, replace
from urllib.parse import unquote, urlsplit, urlunsplit

from stcn_plugin.errors import WeightsError

_CREDENTIALS = re.compile(r"(?<=://)[^/?#\s]*@")


@dataclass(frozen=True)
class WebAddress:
    """Where to download from.

    Args:
        url: The address without name and password.
        authorization: What the server is sent in their place; ``None`` where there are none.
    """

    url: str
    authorization: str | None = None

    @property
    def recorded(self) -> str:
        """The address as files may have it: also without what follows a question mark, which is often a key."""
        return self.url.partition("?")[0]

    def of(self, file: str) -> WebAddress:
        """Return the address of a file in the folder that this is."""
        folder, question, query = self.url.partition("?")
        return replace(self, url=f"{folder.rstrip('/')}/{file}{question}{query}")


def web_address(text: str) -> WebAddress:
    """Read an address.

    Args:
        text: As the user wrote it, perhaps with ``name:password@`` before the server.

    Raises:
        WeightsError: It is no https address; the message does not repeat a password.
    """
    shown = without_credentials(text)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise WeightsError("is no web address", where=shown, fix="Write it as https://server/folder") from None
    if parts.scheme.lower() != "https" or not parts.hostname:
        what = f"is no https address, so what came could have been changed on the way ({parts.scheme or 'no scheme'})"
        raise WeightsError(what, where=shown, fix="Download the file yourself and use: stcn weights add FILE")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    clean = urlunsplit(("https", f"{host}:{port}" if port else host, parts.path, parts.query, ""))
    if parts.username is None:
        return WebAddress(clean)
    secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return WebAddress(clean, "Basic " + base64.b64encode(secret.encode()).decode("ascii"))


def without_credentials(text: str) -> str:
    """Return text without the names and passwords of the addresses in it.

    >>> without_credentials("from https://me:secret@example.org/w.pth, by hand")
    'from https://example.org/w.pth, by hand'

    Args:
        text: Any text.
    """
    return _CREDENTIALS.sub("", text)
