"""Download of one file by https, complete or not at all.

Uses the standard library, which takes proxies from the environment and certificates from the system.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, OpenerDirector, Request, build_opener

from stcn_plugin.errors import WeightsError
from stcn_plugin.regular_files import size_text
from stcn_plugin.weights.torch_files import LARGEST_FILE
from stcn_plugin.weights.web_address import WebAddress, web_address, without_credentials

_TIMEOUT = 30.0  # seconds without a byte
_CHUNK = 1 << 20
_SLOWEST = 1 << 10, 60.0  # minimum bytes per second, measured over a period in seconds
_BY_HAND = "Check the network and the proxy (HTTPS_PROXY), or download it elsewhere and use: stcn weights add FILE"


def download(
    address: WebAddress, file: Path, *, progress: Callable[[int, int | None], None], limit: int = LARGEST_FILE
) -> None:
    """Download a file. An incomplete file is deleted.

    Args:
        address: From `web_address`.
        file: Path of the result; an existing file is overwritten.
        progress: Called with the bytes so far, and their total if the server states it.
        limit: Maximum size in bytes, whatever the server states.

    Raises:
        WeightsError: The server refuses, redirects to an address that is not https, sends too much or too slowly, or the
            download is incomplete.
    """
    url = address.url
    request = Request(url, headers={"User-Agent": "stcn-plugin"})  # noqa: S310 - https only
    if address.authorization:
        request.add_unredirected_header("Authorization", address.authorization)  # not sent to other servers
    try:
        with _opener().open(request, timeout=_TIMEOUT) as response:
            _save(response, file, progress, url, limit)
    except HTTPError as error:
        raise WeightsError(
            f"the server answered {error.code} {_text(error.reason)}", where=url, fix=_BY_HAND
        ) from error
    except (URLError, OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise WeightsError(f"the download failed ({_text(reason)})", where=url, fix=_BY_HAND) from error


class _HttpsOnly(HTTPRedirectHandler):
    """Follows redirects to https only."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: http.client.HTTPMessage, newurl: str
    ) -> Request | None:
        """Check an address before it is requested."""
        try:
            web_address(newurl)
        except WeightsError as error:
            what = f"the server redirects to {error.where}, which {error.what}"
            raise WeightsError(what, where=req.full_url, fix=_BY_HAND) from None
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> OpenerDirector:
    return build_opener(_HttpsOnly)


def _save(
    response: http.client.HTTPResponse,
    file: Path,
    progress: Callable[[int, int | None], None],
    url: str,
    limit: int,
) -> None:
    """Copy a response to a file and check that it is complete."""
    header = response.headers.get("Content-Length", "")
    total = int(header) if header.isascii() and header.isdecimal() and len(header) < 20 else None
    complete = False
    try:
        if total is not None and total > limit:
            raise _too_large(url, limit)
        with file.open("wb") as output:
            done = _copy(response, output, file, lambda done: progress(done, total), url, limit)
        complete = total is None or done == total
        if not complete:
            raise WeightsError(f"the download stopped after {done} of {total} bytes", where=url, fix="Try again")
    finally:
        if not complete:
            file.unlink(missing_ok=True)


def _copy(
    response: http.client.HTTPResponse,
    output: IO[bytes],
    file: Path,
    progress: Callable[[int], None],
    url: str,
    limit: int,
) -> int:
    done, reported = 0, 0
    slowest, period = _SLOWEST
    since, before = time.monotonic(), 0
    while chunk := response.read1(_CHUNK):
        try:
            output.write(chunk)
        except OSError as error:  # of the disk, not of the network
            raise WeightsError(f"the file cannot be written ({error.strerror})", where=str(file)) from error
        done += len(chunk)
        if done > limit:
            raise _too_large(url, limit)
        if (passed := time.monotonic() - since) > period:
            if done - before < slowest * passed:
                what = f"the server sends less than {size_text(slowest)} per second"
                raise WeightsError(what, where=url, fix=_BY_HAND)
            since, before = time.monotonic(), done
        if done - reported >= _CHUNK:
            progress(done)
            reported = done
    if done > reported:
        progress(done)
    return done


def _too_large(url: str, limit: int) -> WeightsError:
    what = f"the server sends more than {size_text(limit)}, which is more than any weights have"
    return WeightsError(what, where=url, fix=_BY_HAND)


def _text(reason: object) -> str:
    return without_credentials(str(reason).strip().rstrip(".")) or type(reason).__name__
