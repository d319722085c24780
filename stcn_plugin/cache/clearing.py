"""Finding cache folders, and deleting what is in them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from stcn_plugin.cache.claims import active_claims
from stcn_plugin.cache.folder import SUFFIX, CacheFolder, access_error
from stcn_plugin.errors import OutputError


def caches_below(folder: Path, *, on_error: Callable[[OutputError], None]) -> Iterator[CacheFolder]:
    """Yield the cache folders in a folder and its subfolders, sorted. Links are not followed.

    Args:
        folder: The folder, which may be a cache folder itself.
        on_error: Called for every folder that cannot be read.
    """
    if folder.absolute().suffix == SUFFIX:
        yield CacheFolder(folder.absolute())
        return

    def report(error: OSError) -> None:
        on_error(access_error(Path(error.filename), "the folder cannot be read", error))

    for place, folders, _ in os.walk(folder, onerror=report):
        caches = {name for name in folders if Path(name).suffix == SUFFIX}
        for name in sorted(caches):
            if not (path := Path(place, name)).is_symlink():
                yield CacheFolder(path)
        folders[:] = sorted(name for name in folders if name not in caches)


def clear(cache: CacheFolder, *, all_files: bool = False) -> int:
    """Delete the probabilities and states of a cache, or all its files. Other files and links remain.

    Without probabilities, mattes that are up to date remain so, but changed matte settings need the network again.

    Args:
        cache: The cache folder, which need not exist.
        all_files: Also delete the manifest and the records, so that the next run makes every matte again.

    Returns:
        The bytes that were freed.

    Raises:
        OutputError: The path is a link or not a cache folder, a job is using it, or a file cannot be deleted.
    """
    if cache.path.is_symlink() or cache.path.suffix != SUFFIX:
        what = "this is a link" if cache.path.is_symlink() else f"the name of a cache folder ends with {SUFFIX}"
        raise OutputError(f"{what}; nothing was deleted", where=str(cache.path), fix="Name the cache folder itself")
    if claims := active_claims(cache):
        what = f"the cache is in use by {claims[0].text}"
        raise OutputError(what, where=str(cache.path), fix="Wait for the job, or stop it", retry=True)
    freed = 0
    for file in cache.files():
        if all_files or not file.is_small:
            path = cache.path / file.name
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise access_error(path, "the file cannot be deleted", error) from error
            freed += file.size
    if all_files:
        with suppress(OSError):  # files of others remain
            cache.path.rmdir()
    return freed
