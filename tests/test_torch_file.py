"""Files from strangers: what torch writes for a checkpoint is opened, all else refused cheaply."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hostile import hostile_checkpoints, saved

from mnist_core import torch_file
from mnist_core.errors import CheckpointError

TESTS = Path(__file__).parent
OPENS_ALL = """
import sys
from pathlib import Path
from mnist_core.checkpoint import Checkpoint
from mnist_core.errors import CheckpointError
from mnist_core.places import shipped_weights
Checkpoint.load(shipped_weights("tutorial")).network()
try:
    import resource
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 100 * 2**20,) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
except (ImportError, OSError):
    pass
for file in sorted(Path(sys.argv[1]).iterdir()):
    try:
        Checkpoint.load(file)
        print(file.stem, "was opened")
    except CheckpointError as error:
        print(str(error).replace("\\n", "<newline>"))
"""


def test_hostile_checkpoints_get_a_short_sentence_each_within_100_mb_and_a_minute_in_all(tmp_path):
    for name, content in hostile_checkpoints().items():
        (tmp_path / f"{name}.pt").write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-c", OPENS_ALL, str(tmp_path)], capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(TESTS.parent), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-500:]
    names = sorted(hostile_checkpoints())
    for name, sentence in zip(names, done.stdout.splitlines(), strict=True):
        assert sentence.startswith(f"{name}.pt "), sentence
        assert sentence.endswith(".")
        assert len(sentence) < 300


BY_THEIR_BYTES = [
    "a key that hashes for ever", "a nest of tuples", "a large pickle", "memory by a call",
    "a slow codec", "two directories", "the same before a zip file", "bytes before",
    "bytes between", "bytes behind", "a remark", "deflated", "bz2", "lzma", "a bomb",
    "a second pickle", "a sparse tensor", "no memory behind it", "a long name", "an older format",
]  # fmt: skip


@pytest.mark.parametrize("name", BY_THEIR_BYTES)
def test_what_is_dear_to_open_is_refused_by_its_bytes_alone(name):
    with pytest.raises(CheckpointError, match=r"^mine\.pt .{20,}\.$"):
        torch_file.refuse_unlike_ours(hostile_checkpoints()[name], "mine.pt")


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"a": torch.arange(4), "b": [1.5, None, True, (2, "x")]},
        torch.nn.Linear(3, 2).state_dict(),
        {n: torch.ones(2, dtype=kind) for n, kind in enumerate(
            (torch.float16, torch.bfloat16, torch.float64, torch.int8, torch.bool))},
        {"whole": 2**62, "negative": -(2**40), "text": "一" * 100},
    ],
)  # fmt: skip
def test_what_torch_writes_for_plain_containers_of_tensors_comes_back(tmp_path, content):
    (tmp_path / "mine.pt").write_bytes(saved(content))
    expected = torch.load(io.BytesIO(saved(content)), weights_only=True)
    assert str(torch_file.load(tmp_path / "mine.pt")) == str(expected)


def test_an_empty_cut_or_other_file_is_refused(tmp_path):
    whole = saved({"a": torch.arange(1000)})
    cut = [whole[:100], whole[:-1], whole[: len(whole) // 2], whole[1:]]
    for content in (b"", b"PK", *cut, b"<html>no checkpoint</html>", b"\x89PNG\r\n" + bytes(100)):
        (tmp_path / "mine.pt").write_bytes(content)
        with pytest.raises(CheckpointError, match=r"^mine\.pt cannot be read"):
            torch_file.load(tmp_path / "mine.pt")


def test_a_huge_file_is_refused_unread(tmp_path):
    with (tmp_path / "huge.pt").open("wb") as file:
        file.truncate(torch_file.MAX_BYTES + 1)
    with pytest.raises(CheckpointError, match="larger than 16 MB"):
        torch_file.load(tmp_path / "huge.pt")


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"no checkpoint nothing\.pt"):
        torch_file.load(tmp_path / "nothing.pt")
    with pytest.raises(CheckpointError, match="cannot be read"):
        torch_file.load(tmp_path)
