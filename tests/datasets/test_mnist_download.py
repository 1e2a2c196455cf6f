import hashlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from mnist_making import write_mnist

from netcli.data.mnist import FILES, make_mnist_lmdbs
from netcli.data.mnist_download import MD5, download_mnist
from netcli.errors import RunError

NAMES = [f"{name}.gz" for name in FILES]
FIRST = NAMES[0]


class Mirror(ThreadingHTTPServer):
    """Serves ``files`` on localhost; ``requests`` lists (path, Range header). ``cut`` bytes after which it hangs up."""

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = files
        self.requests: list[tuple[str, str | None]] = []
        self.cut: int | None = None
        self.ranges = True
        self.url = f"http://127.0.0.1:{self.server_port}/mnist/"


class Handler(BaseHTTPRequestHandler):
    server: Mirror

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        name = self.path.removeprefix("/mnist/")
        self.server.requests.append((name, asked))
        content = self.server.files.get(name)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.server.ranges else 0
        if content is None:
            self.send_error(404)
        elif start and start >= len(content):
            self.send_error(416)
        else:
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            self.wfile.write(content[start:][: self.server.cut])

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def files(tmp_path: Path) -> dict[str, bytes]:
    (tmp_path / "originals").mkdir()
    return write_mnist(tmp_path / "originals")


@pytest.fixture
def checksums(files: dict[str, bytes]) -> dict[str, str]:
    return {name: hashlib.md5(content).hexdigest() for name, content in files.items()}


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def mirrors(files: dict[str, bytes]) -> Iterator[list[Mirror]]:
    """Two mirrors that have everything."""
    made = [Mirror(dict(files)) for _ in range(2)]
    threads = [threading.Thread(target=mirror.serve_forever, kwargs={"poll_interval": 0.01}) for mirror in made]
    for thread in threads:
        thread.start()
    yield made
    for mirror, thread in zip(made, threads, strict=True):
        mirror.shutdown()
        mirror.server_close()
        thread.join()


def closed_port() -> str:
    """A URL that nobody listens to."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_four_files_then_lmdbs(tmp_path, files, checksums, mirrors):
    told: list[tuple[str, int, int | None]] = []
    folder = tmp_path / "new" / "mnist"
    got = download_mnist(folder, [mirrors[0].url], lambda *progress: told.append(progress), checksums=checksums)
    assert got == [folder / name for name in NAMES]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == files
    assert told[0][0] == FIRST
    assert (told[-1][1], told[-1][2]) == (len(files[NAMES[-1]]), len(files[NAMES[-1]]))
    assert len(make_mnist_lmdbs(folder)) == 2


def test_what_is_there_is_not_fetched_again(tmp_path, files, checksums, mirrors):
    folder = tmp_path / "mnist"
    folder.mkdir()
    (folder / FIRST).write_bytes(files[FIRST])
    (folder / FILES[1]).write_bytes(b"plain")
    got = download_mnist(folder, [mirrors[0].url], checksums=checksums)
    assert [path.name for path in got] == NAMES[2:]
    assert [name for name, _ in mirrors[0].requests] == NAMES[2:]


def test_a_present_file_with_another_checksum_is_not_touched(tmp_path, checksums, mirrors):
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / FIRST).write_bytes(b"mine")
    with pytest.raises(RunError, match=checksums[FIRST]) as caught:
        download_mnist(tmp_path / "mnist", [mirrors[0].url], checksums=checksums)
    assert caught.value.code == "NC218"
    assert (tmp_path / "mnist" / FIRST).read_bytes() == b"mine"


def test_a_partial_download_is_continued(tmp_path, files, checksums, mirrors):
    (tmp_path / f"{FIRST}.part").write_bytes(files[FIRST][:100])
    download_mnist(tmp_path, [mirrors[0].url], checksums=checksums)
    assert mirrors[0].requests[0] == (FIRST, "bytes=100-")
    assert (tmp_path / FIRST).read_bytes() == files[FIRST]
    assert not (tmp_path / f"{FIRST}.part").exists()


def test_a_complete_part_is_recognised(tmp_path, files, checksums, mirrors):
    (tmp_path / f"{FIRST}.part").write_bytes(files[FIRST])
    download_mnist(tmp_path, [mirrors[0].url], checksums=checksums)
    assert [name for name, _ in mirrors[0].requests] == NAMES
    assert (tmp_path / FIRST).read_bytes() == files[FIRST]


def test_a_server_without_ranges_sends_the_whole_file(tmp_path, files, checksums, mirrors):
    mirrors[0].ranges = False
    (tmp_path / f"{FIRST}.part").write_bytes(files[FIRST][:100])
    download_mnist(tmp_path, [mirrors[0].url], checksums=checksums)
    assert (tmp_path / FIRST).read_bytes() == files[FIRST]


@pytest.mark.parametrize("length", [50, 10**6])
def test_a_damaged_part_is_fetched_anew(tmp_path, files, checksums, mirrors, length):
    (tmp_path / f"{FIRST}.part").write_bytes(b"x" * length)
    download_mnist(tmp_path, [mirrors[0].url], checksums=checksums)
    assert mirrors[0].requests[:2] == [(FIRST, f"bytes={length}-"), (FIRST, None)]
    assert (tmp_path / FIRST).read_bytes() == files[FIRST]


def test_a_cut_connection_is_continued_at_the_next_mirror(tmp_path, files, checksums, mirrors):
    mirrors[0].cut = 60
    download_mnist(tmp_path, [mirror.url for mirror in mirrors], checksums=checksums)
    assert (FIRST, "bytes=60-") in mirrors[1].requests
    assert {name: (tmp_path / name).read_bytes() for name in NAMES} == files


def test_a_cut_connection_leaves_a_part_for_the_next_run(tmp_path, files, checksums, mirrors):
    mirrors[0].cut = 60
    with pytest.raises(RunError, match=f"after 60 of {len(files[FIRST])} bytes") as caught:
        download_mnist(tmp_path, [mirrors[0].url], checksums=checksums)
    assert caught.value.code == "NC217"
    assert (tmp_path / f"{FIRST}.part").read_bytes() == files[FIRST][:60]
    mirrors[0].cut = None
    download_mnist(tmp_path, [mirrors[0].url], checksums=checksums)
    assert (tmp_path / FIRST).read_bytes() == files[FIRST]


def test_the_next_mirror_is_asked_when_one_has_nothing(tmp_path, files, checksums, mirrors):
    mirrors[0].files = {}
    download_mnist(tmp_path, [closed_port(), mirrors[0].url, mirrors[1].url], checksums=checksums)
    assert [name for name, _ in mirrors[0].requests] == NAMES
    assert {name: (tmp_path / name).read_bytes() for name in NAMES} == files


def test_the_next_mirror_is_asked_when_one_sends_something_else(tmp_path, files, checksums, mirrors):
    mirrors[0].files[FIRST] = b"<html>sign in to the hotel's network</html>"
    download_mnist(tmp_path, [mirror.url for mirror in mirrors], checksums=checksums)
    assert (tmp_path / FIRST).read_bytes() == files[FIRST]


def test_wrong_checksum_everywhere(tmp_path, checksums, mirrors):
    mirrors[0].files[FIRST] = b"damaged"
    with pytest.raises(RunError, match=f"wrong MD5 .* instead of {checksums[FIRST]}") as caught:
        download_mnist(tmp_path / "mnist", [mirrors[0].url], checksums=checksums)
    assert caught.value.code == "NC218"
    assert names(tmp_path / "mnist") == []


def test_offline_says_what_to_put_where(tmp_path):
    url = closed_port()
    with pytest.raises(RunError) as caught:
        download_mnist(tmp_path / "mnist", [url])
    assert caught.value.code == "NC217"
    message = str(caught.value)
    assert "refused" in message
    assert url in message
    for name in NAMES:
        assert name in message
    assert str(tmp_path / "mnist") in message


@pytest.mark.parametrize("url", ["no url at all", "http://127.0.0.1:99999/", "http://[broken/"])
def test_a_malformed_url_is_one_failed_mirror(tmp_path, url):
    with pytest.raises(RunError) as caught:
        download_mnist(tmp_path, [url])
    assert caught.value.code == "NC217"


def test_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError) as caught:
        download_mnist(tmp_path / "file" / "mnist", [closed_port()])
    assert caught.value.code == "NC209"


def test_there_is_a_checksum_for_every_file():
    assert sorted(MD5) == sorted(NAMES)
