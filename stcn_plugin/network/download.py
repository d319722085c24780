"""One file from a web server, whole or not at all.

The standard library does this: one file, seldom, with proxies from the environment and certificates from the system.
A further dependency would have nothing to add.
"""

from __future__ import annotations

import http.client
from collections.abc import Callable
from pathlib import Path
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from stcn_plugin.errors import WeightsError

_TIMEOUT = 30.0  # seconds without a byte
_CHUNK = 1 << 20
_BY_HAND = "Check the network and the proxy (HTTPS_PROXY), or download it elsewhere and use: stcn weights add FILE"


def download(url: str, file: Path, *, progress: Callable[[int, int | None], None]) -> None:
    """Download a file; nothing is left of one that did not come whole.

    Args:
        url: An http or https address.
        file: Where it goes; what is there is overwritten.
        progress: Told the bytes so far, and their total where the server says it, after every megabyte.

    Raises:
        WeightsError: The address is of another kind, the server refuses, or the file ends early.
    """
    _require_web(url, url)
    try:
        with urlopen(Request(url, headers={"User-Agent": "stcn-plugin"}), timeout=_TIMEOUT) as response:  # noqa: S310
            _require_web(response.url, url)
            _save(response, file, progress, url)
    except HTTPError as error:
        raise WeightsError(f"the server answers {error.code} {error.reason}", where=url, fix=_BY_HAND) from error
    except (URLError, OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise WeightsError(f"the download failed ({_text(reason)})", where=url, fix=_BY_HAND) from error


def _save(
    response: http.client.HTTPResponse, file: Path, progress: Callable[[int, int | None], None], url: str
) -> None:
    """Copy a response to a file, and make sure that it is complete."""
    header = response.headers.get("Content-Length", "")
    total = int(header) if header.isdecimal() else None
    complete = False
    try:
        with file.open("wb") as output:
            done = _copy(response, output, file, lambda done: progress(done, total))
        complete = total is None or done == total
        if not complete:
            raise WeightsError(f"the download broke off after {done} of {total} bytes", where=url, fix="Try again")
    finally:
        if not complete:
            file.unlink(missing_ok=True)


def _copy(response: http.client.HTTPResponse, output: IO[bytes], file: Path, progress: Callable[[int], None]) -> int:
    done = 0
    while chunk := response.read(_CHUNK):
        try:
            output.write(chunk)
        except OSError as error:  # the disk's fault, not the network's
            raise WeightsError(f"the file cannot be written ({error.strerror})", where=str(file)) from error
        done += len(chunk)
        progress(done)
    return done


def _require_web(url: str, asked: str) -> None:
    """Refuse what is not http or https, and a redirection from https to http."""
    scheme = urlsplit(url).scheme.lower()
    if scheme not in ("http", "https"):
        raise WeightsError(f"'{scheme or url}' is no http or https address", where=asked)
    if scheme == "http" and urlsplit(asked).scheme.lower() == "https":
        raise WeightsError("the server redirects to an address without encryption", where=asked, fix=_BY_HAND)


def _text(reason: object) -> str:
    return str(reason).strip().rstrip(".") or type(reason).__name__
