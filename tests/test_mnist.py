"""MNIST: downloads against a small local server, and reading what is on disk."""

import gzip
import hashlib
import struct
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import torch

from mnist_core.digits import mnist, split
from mnist_core.errors import DataError


def idx(array):
    """u8 array → bytes in MNIST's IDX format: magic (type 8, dimensions), sizes, values."""
    return struct.pack(f">I{array.ndim}I", 0x0800 + array.ndim, *array.shape) + array.tobytes()


def small_files():
    rng = np.random.default_rng(0)
    return {
        "train-images-idx3-ubyte": idx(rng.integers(0, 256, (6, 28, 28), dtype=np.uint8)),
        "train-labels-idx1-ubyte": idx(rng.integers(0, 10, 6, dtype=np.uint8)),
        "t10k-images-idx3-ubyte": idx(rng.integers(0, 256, (4, 28, 28), dtype=np.uint8)),
        "t10k-labels-idx1-ubyte": idx(rng.integers(0, 10, 4, dtype=np.uint8)),
    }


class Mirror(BaseHTTPRequestHandler):
    def __init__(self, answers, *arguments):
        self.answers = answers
        super().__init__(*arguments)

    def do_GET(self):
        status, body, claimed = self.answers(self.path.strip("/"))
        self.send_response(status)
        self.send_header("Content-Length", str(claimed))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def mirror(monkeypatch):
    """`mirror(answers)` → the address of a server; its files are what torchvision expects."""
    from torchvision.datasets import MNIST

    packed = {f"{name}.gz": gzip.compress(body, mtime=0) for name, body in small_files().items()}
    sums = [(name, hashlib.md5(body).hexdigest()) for name, body in packed.items()]
    monkeypatch.setattr(MNIST, "resources", sums)
    servers = []

    def start(answers=None):
        whole = lambda name: (200, packed[name], len(packed[name]))  # noqa: E731
        handler = partial(Mirror, (lambda name: answers(name, packed)) if answers else whole)
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_download_puts_the_four_unpacked_files_in_place(tmp_path, mirror):
    mnist.fetch_mnist(tmp_path / "data", [mirror()])
    assert mnist.has_mnist(tmp_path / "data")
    for name, body in small_files().items():
        assert (tmp_path / "data" / "MNIST" / "raw" / name).read_bytes() == body
    assert [entry.name for entry in (tmp_path / "data").iterdir()] == ["MNIST"]


def test_the_next_mirror_is_tried_when_one_fails(tmp_path, mirror):
    broken = mirror(lambda name, packed: (503, b"", 0))
    mnist.fetch_mnist(tmp_path, [broken, mirror()])
    assert mnist.has_mnist(tmp_path)


def last_file(answer):
    """A mirror that is fine but for the last file: earlier ones must not be left behind."""

    def answers(name, packed):
        whole = packed[name]
        return answer(whole) if name.startswith("t10k-labels") else (200, whole, len(whole))

    return answers


HTML = b"<html>Please sign in to the network</html>"
FAILURES = {
    "forbidden": (last_file(lambda whole: (403, b"no", 2)), "no mirror answered"),
    "gone": (last_file(lambda whole: (404, b"", 0)), "no mirror answered"),
    "a page in place of a file": (last_file(lambda _: (200, HTML, len(HTML))), "not MNIST"),
    "corrupt": (last_file(lambda whole: (200, whole[::-1], len(whole))), "not MNIST"),
    "cut short": (last_file(lambda whole: (200, whole[:20], 20)), "not MNIST"),
    "broken off": (last_file(lambda whole: (200, whole[:20], len(whole))), "MNIST could not be"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failed_download_is_one_sentence_and_leaves_nothing(tmp_path, mirror, name):
    answers, reason = FAILURES[name]
    address = mirror(answers)
    with pytest.raises(DataError) as caught:
        mnist.fetch_mnist(tmp_path, [address])
    assert reason in str(caught.value)
    assert address in str(caught.value)
    assert "Try again later" in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    mnist.fetch_mnist(tmp_path, [mirror()])  # and the next try is not poisoned
    assert mnist.has_mnist(tmp_path)


def test_no_network_is_one_sentence(tmp_path):
    with pytest.raises(DataError, match="no mirror answered"):
        mnist.fetch_mnist(tmp_path, ["http://127.0.0.1:1/"])
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_as_such(tmp_path, mirror, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(mnist.os, "replace", full)
    with pytest.raises(DataError, match="No space left on device"):
        mnist.fetch_mnist(tmp_path, [mirror()])
    assert not mnist.has_mnist(tmp_path)


def test_a_data_folder_that_cannot_be_made_is_said_as_such(tmp_path, mirror):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="could not be stored"):
        mnist.fetch_mnist(tmp_path / "file" / "data", [mirror()])


def test_what_is_there_is_not_fetched_again(tmp_path, mirror):
    mnist.fetch_mnist(tmp_path, [mirror()])
    mnist.fetch_mnist(tmp_path, ["http://127.0.0.1:1/"])


def test_files_that_are_not_the_whole_of_mnist_are_called_damaged(tmp_path, mirror):
    mnist.fetch_mnist(tmp_path, [mirror()])
    with pytest.raises(DataError, match="damaged"):
        mnist.load_mnist(tmp_path)
    for name in small_files():
        (tmp_path / "MNIST" / "raw" / name).write_bytes(b"<html>")
    with pytest.raises(DataError, match="damaged"):
        mnist.load_mnist(tmp_path)


def test_mnist_is_what_it_should_be(mnist_dir):
    train, test = mnist.load_mnist(mnist_dir)
    assert (len(train), len(test)) == (60_000, 10_000)
    assert train.images.dtype == torch.uint8
    assert torch.bincount(test.labels).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009
    ]  # fmt: skip
    pixels = train.images.float() / 255
    assert float(pixels.mean()) == pytest.approx(split.MEAN, abs=5e-5)
    assert float(pixels.std()) == pytest.approx(split.STD, abs=5e-5)
    assert mnist.load_mnist(mnist_dir)[0] is train
    assert mnist.load_mnist_test(mnist_dir) is test


def test_a_download_in_progress_tells_its_share(tmp_path):
    assert mnist.fetched_share(tmp_path) == 0.0
    raw = tmp_path / ".download-abc" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / "train-images-idx3-ubyte.gz").write_bytes(bytes(mnist.MNIST_BYTES // 4))
    assert mnist.fetched_share(tmp_path) == pytest.approx(0.25, abs=1e-6)
