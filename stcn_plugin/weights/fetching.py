"""Download of published weights into the store, from the authors' release or a mirror."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from stcn_plugin.errors import CancelledError, WeightsError
from stcn_plugin.weights.download import download
from stcn_plugin.weights.entry import WeightsEntry, clean, file_hash
from stcn_plugin.weights.known_hashes import KnownHashes, is_sha256
from stcn_plugin.weights.official import LICENCE, OFFICIAL, RELEASE, OfficialWeights
from stcn_plugin.weights.store import WeightsStore
from stcn_plugin.weights.web_address import WebAddress, web_address


def fetch(
    store: WeightsStore,
    name: str,
    *,
    confirm: Callable[[str], bool],
    progress: Callable[[int, int | None], None],
    base_url: str | None = None,
    sha256: str | None = None,
    replace: bool = False,
) -> WeightsEntry:
    """Download published weights and add them to the store, complete or not at all.

    The file must have the hash published by its authors; without one, that of its first download into this store.

    Args:
        store: The store.
        name: Name of the published weights, see `stcn_plugin.weights.official`.
        confirm: Called once with a question, before anything is downloaded.
        progress: Called with the bytes so far, and their total if the server states it.
        base_url: https address of the folder with the files; the authors' release by default.
        sha256: Hash that the file must have, hexadecimal. Replaces the known hash.
        replace: Overwrite an entry of that name.

    Raises:
        CancelledError: ``confirm`` returned false.
        WeightsError: They are not published, cannot be downloaded directly, are incomplete, have another hash, or do
            not fit.
    """
    official = OFFICIAL.get(name)
    if official is None:
        raise WeightsError(
            f"no published weights are called '{clean(name)}'",
            fix=f"Choose {', '.join(OFFICIAL)}, or add your own file",
        )
    store.check_name(name, replace=replace)
    if official.pages and base_url is None:
        raise WeightsError(
            f"'{name}' is published on pages that only a browser can download from",
            fix=f"Download {official.file} from {' or '.join(official.pages)} "
            f"and use: stcn weights add {official.file} --name {name}",
        )
    if sha256 is not None and not is_sha256(sha256.lower()):
        raise WeightsError("is not a SHA-256 hash", where=clean(sha256), fix="Give 64 hexadecimal digits")
    address = web_address(base_url or RELEASE).of(official.file)
    known = KnownHashes(store.folder)
    expected = (sha256 or official.sha256 or known.get(official.file)).lower()
    if not confirm(_question(official, address, expected, store.folder)):
        raise CancelledError("nothing was downloaded")
    with store.temporary(name) as part:
        download(address, part, progress=progress)
        found = file_hash(part)
        if expected and found != expected:
            raise WeightsError(
                f"the downloaded file has the sha256 {found}, expected {expected}",
                where=address.url,
                fix="Do not use it. If you know that it is the right file, give its hash with --sha256",
            )
        try:
            entry = store.add(part, name=name, licence=LICENCE, source=address.recorded, replace=replace)
        except WeightsError as error:
            raise WeightsError(
                f"the downloaded file cannot be used: {error.what}", where=address.url, fix=error.fix
            ) from error
        known.add(official.file, found)
        return entry


def _question(official: OfficialWeights, address: WebAddress, expected: str, folder: Path) -> str:
    unknown = "not published; the hash of this download is recorded, and later downloads must match it"
    return (
        f"Download {address.url}\n  trained on: {official.training}\n  licence: {LICENCE}\n"
        f"  sha256: {expected or unknown}\n  to: {folder}\nDownload it?"
    )
