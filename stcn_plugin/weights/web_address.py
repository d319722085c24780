"""Addresses that weights are downloaded from: https only, credentials kept apart."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, replace
from urllib.parse import unquote, urlsplit, urlunsplit

from stcn_plugin.errors import WeightsError

_CREDENTIALS = re.compile(r"(?<=://)[^/?#\s]*@")


@dataclass(frozen=True)
class WebAddress:
    """An https address.

    Args:
        url: The address without credentials.
        authorization: Value of the Authorization header; ``None`` without credentials.
    """

    url: str
    authorization: str | None = None

    @property
    def recorded(self) -> str:
        """The address for metadata: without the query, which is often a key."""
        return self.url.partition("?")[0]

    def of(self, file: str) -> WebAddress:
        """Return the address of a file in the folder at this address."""
        folder, question, query = self.url.partition("?")
        return replace(self, url=f"{folder.rstrip('/')}/{file}{question}{query}")


def web_address(text: str) -> WebAddress:
    """Parse an address.

    Args:
        text: An address, with ``name:password@`` before the server if needed.

    Raises:
        WeightsError: It is not an https address. The error does not contain credentials.
    """
    shown = without_credentials(text)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise WeightsError("is not a web address", where=shown, fix="Write it as https://server/folder") from None
    if parts.scheme.lower() != "https" or not parts.hostname:
        what = f"is not an https address ({parts.scheme or 'no scheme'}), so the download could be tampered with"
        raise WeightsError(what, where=shown, fix="Download the file yourself and use: stcn weights add FILE")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    clean = urlunsplit(("https", f"{host}:{port}" if port else host, parts.path, parts.query, ""))
    if parts.username is None:
        return WebAddress(clean)
    secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return WebAddress(clean, "Basic " + base64.b64encode(secret.encode()).decode("ascii"))


def without_credentials(text: str) -> str:
    """Return text without the credentials of addresses in it.

    >>> without_credentials("from https://me:secret@example.org/w.pth, by hand")
    'from https://example.org/w.pth, by hand'

    Args:
        text: Any text.
    """
    return _CREDENTIALS.sub("", text)
