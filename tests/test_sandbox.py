"""Strangers' files are opened in a process with limits: what comes back, and what is refused."""

import io
import multiprocessing
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import opened
import pytest
from PIL import Image
from training_runs import until

from mnist_core.digits import photo
from mnist_core.digits.photo import MAX_PIXELS
from mnist_core.errors import BusyError, DrawingError
from mnist_core.runs import sandbox
from mnist_core.runs.sandbox import Sandbox

REFUSAL = DrawingError("This takes too much.")


@pytest.fixture
def make() -> Iterator:
    made: list[Sandbox] = []

    def make(open_, **limits):
        made.append(Sandbox(**limits))
        return partial(made[-1], open_, REFUSAL)

    yield make
    for box in made:
        box.close()


def test_plain_values_and_arrays_come_back_as_they_were(make):
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    values = [1, 0.1, "é", None, True, b"\x00\xff", {"a": [1], 2: {}}, []]
    *back, returned = make(opened.same)(*values, array)
    assert back == values
    assert returned.dtype == array.dtype
    assert (returned == array).all()


def test_an_error_keeps_its_kind_its_template_and_its_values(make):
    with pytest.raises(DrawingError, match="At most 1,000: it is 1") as caught:
        make(opened.refuse)(1000)
    assert caught.value.message.template == "At most {most:,}: {reason}"
    assert caught.value.message.values["reason"].template == "it is {n}"


@pytest.mark.skipif(not hasattr(os, "nice"), reason="no niceness here")
def test_it_gives_way_to_others_from_its_first_import_on(make):
    assert make(opened.niceness)() == min(os.nice(0) + sandbox.NICENESS, 19)


def test_one_process_opens_many_files_and_another_follows_one_that_was_ended(make):
    open_ = make(opened.process_id)
    first = open_()
    assert open_() == first
    open_.func.close()
    assert open_() != first


def test_another_function_gets_a_process_of_its_own_and_the_one_before_is_ended(make):
    process_id = make(opened.process_id)
    first = process_id()
    assert process_id.func(opened.same, REFUSAL, 1) == [1]
    assert first not in [child.pid for child in multiprocessing.active_children()]


@pytest.mark.parametrize(
    ("open_", "argument"), [(opened.wait_for, "nothing"), (opened.compute, 60), (opened.die, None)]
)
def test_a_file_that_takes_too_long_or_ends_the_process_is_refused(
    make, tmp_path, monkeypatch, open_, argument
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DrawingError, match="too much"):
        make(open_, seconds=0.5)(argument)


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit on memory")
def test_a_file_cannot_take_more_memory_than_the_limit(make):
    open_ = make(opened.take_memory, memory_bytes=200 * 2**20)
    assert open_(50) == 50 * 2**20
    with pytest.raises(DrawingError, match="too much"):
        open_(1000)
    assert open_(50) == 50 * 2**20


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit on memory")
@pytest.mark.parametrize(
    ("mode", "white", "options"),
    [
        ("RGB", (255,) * 3, {"format": "PNG"}),
        ("RGBA", (255,) * 4, {"format": "PNG"}),
        ("I;16", 65535, {"format": "PNG"}),
        ("RGB", (255,) * 3, {"format": "JPEG", "progressive": True, "subsampling": 0}),
    ],
)
def test_the_largest_picture_is_read_within_the_limit(make, mode, white, options):
    side = int(MAX_PIXELS**0.5)
    picture, file = Image.new(mode, (side, side)), io.BytesIO()
    picture.paste(white, (side // 2, side // 4, side // 2 + side // 20, side // 4 + side // 2))
    picture.save(file, compress_level=1, **options)
    assert make(photo.prepare_file)(file.getvalue())["image"].max() > 200


def test_when_many_wait_one_more_is_told_so(make, monkeypatch, tmp_path):
    monkeypatch.setattr(sandbox, "WAITING", 1)
    open_, file = make(opened.wait_for), tmp_path / "file"
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(open_, str(file))
        until((tmp_path / "file.waits").exists)
        with pytest.raises(BusyError, match="try again"):
            open_(str(file))
        file.touch()
        assert first.result() is None
    open_(str(file))
