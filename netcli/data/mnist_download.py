"""Fetches MNIST's four files: from a list of mirrors, with resume and checksums."""

from __future__ import annotations

import hashlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from netcli.data.lmdb_writer import unwritable
from netcli.data.mnist import FILES
from netcli.errors import RunError

DEFAULT_URLS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "http://yann.lecun.com/exdb/mnist/",
)
"""Folders on the web that hold the four files, tried in this order."""

MD5 = {
    "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
}
"""Known checksums of the original files: against damage, not against forgery."""

_CHUNK = 1 << 16

Progress = Callable[[str, int, int | None], None]
"""Called with the file's name, the bytes that are there and, where the server tells, the bytes in all."""


def download_mnist(
    folder: Path | str,
    urls: Sequence[str] = DEFAULT_URLS,
    progress: Progress | None = None,
    *,
    checksums: Mapping[str, str] = MD5,
    timeout: float = 30.0,
) -> list[Path]:
    """Makes sure that the four gzipped IDX files are in ``folder``.

    Files that are there already, plain or gzipped, are kept. A file is downloaded to NAME.part, checked and then
    renamed; a NAME.part that an interrupted download left is continued, from whichever mirror answers.

    Args:
        folder: where to put them; made if missing.
        urls: mirrors, tried in order for each file.
        progress: told about every chunk.
        checksums: MD5 by file name.
        timeout: seconds to wait for a server that is silent.

    Returns:
        the files that were downloaded now.

    Raises:
        RunError: NC217 no mirror gave a file, NC218 a file has a wrong checksum, NC209 the folder cannot be written.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from error
    fetched = []
    for plain in FILES:
        name = f"{plain}.gz"
        target = folder / name
        if (folder / plain).exists():
            continue
        if target.exists():
            _check_present(target, checksums[name])
            continue
        _fetch_from_any(target, urls, checksums[name], timeout, progress)
        fetched.append(target)
    return fetched


class _MirrorFailed(Exception):
    """One mirror did not give the file, with the reason; ``damaged`` when it gave another one."""

    def __init__(self, reason: str, damaged: bool = False) -> None:
        super().__init__(reason)
        self.damaged = damaged


def _check_present(target: Path, checksum: str) -> None:
    actual = _md5(target)
    if actual != checksum:
        raise RunError.of(
            "NC218",
            f"'{target}' is not the original file",
            expected=f"MD5 {checksum}",
            actual=actual,
            hint="remove it to download it again, or leave --download out to use it as it is",
        )


def _fetch_from_any(
    target: Path, urls: Sequence[str], checksum: str, timeout: float, progress: Progress | None
) -> None:
    """Fetches ``target`` from the first mirror that has it; raises RunError when none does."""
    part = target.with_name(f"{target.name}.part")
    failures: list[tuple[str, _MirrorFailed]] = []
    for base in urls:
        url = f"{base.rstrip('/')}/{target.name}"
        try:
            _fetch_or_restart(url, part, checksum, timeout, progress)
        except _MirrorFailed as failure:
            failures.append((url, failure))
            continue
        try:
            part.replace(target)
        except OSError as error:
            raise unwritable(target, error) from error
        return
    damaged = any(failure.damaged for _, failure in failures)
    raise RunError.of(
        "NC218" if damaged else "NC217",
        f"cannot download {target.name}: " + "; ".join(f"{url}: {failure}" for url, failure in failures),
        hint=f"without a connection, put {', '.join(f'{name}.gz' for name in FILES)} into '{target.parent}' yourself, "
        "or name another mirror",
    )


def _fetch_or_restart(url: str, part: Path, checksum: str, timeout: float, progress: Progress | None) -> None:
    """As ``_fetch``; when what an earlier run left turns out to be damaged, the mirror gets a second, clean try."""
    resumed = part.exists()
    try:
        _fetch(url, part, checksum, timeout, progress)
    except _MirrorFailed as failure:
        if not (failure.damaged and resumed):
            raise
        _fetch(url, part, checksum, timeout, progress)


def _fetch(url: str, part: Path, checksum: str, timeout: float, progress: Progress | None) -> None:
    """Downloads ``url`` to ``part``, continuing what is there; a file with a wrong checksum is removed."""
    there = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "netcli"} | ({"Range": f"bytes={there}-"} if there else {})
    try:
        request = urllib.request.Request(url, headers=headers)
        with urllib.request.urlopen(request, timeout=timeout) as response:
            there = there if response.status == 206 else 0
            total = _total(response, there)
            _store(_chunks(response), part, there, lambda done: progress and progress(part.stem, done, total))
    except urllib.error.HTTPError as error:
        error.close()
        if error.code != 416:
            raise _MirrorFailed(f"HTTP {error.code} {error.reason}") from error
        # 416: nothing follows what is there already, be it complete or damaged; the checksum tells.
        total = None
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise _MirrorFailed(str(getattr(error, "reason", error)) or type(error).__name__) from error
    size = part.stat().st_size
    if total is not None and size < total:
        raise _MirrorFailed(f"the connection was closed after {size} of {total} bytes")
    actual = _md5(part)
    if actual != checksum:
        part.unlink()
        raise _MirrorFailed(f"wrong MD5 {actual} instead of {checksum}", damaged=True)


def _total(response: http.client.HTTPResponse, there: int) -> int | None:
    """Bytes of the whole file, where the server tells."""
    length = response.headers.get("Content-Length")
    return there + int(length) if length and length.isdigit() else None


def _chunks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    while chunk := response.read(_CHUNK):
        yield chunk


def _store(chunks: Iterator[bytes], part: Path, there: int, tell: Callable[[int], object]) -> None:
    """Writes ``chunks`` into ``part`` from byte ``there`` on; a failure to write is a RunError, not the mirror's."""
    try:
        file = part.open("ab" if there else "wb")
    except OSError as error:
        raise unwritable(part, error) from error
    with file:
        done = there
        for chunk in chunks:
            try:
                file.write(chunk)
                file.flush()
            except OSError as error:
                raise unwritable(part, error) from error
            done += len(chunk)
            tell(done)


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
