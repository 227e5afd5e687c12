"""What networks have read: kept by digest, read once, in a process of its own."""

import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from digits import seeded_network, small_split

from mnist_core import places
from mnist_core.config import NONE, SHIPPED
from mnist_core.digits.datasets import load_shown
from mnist_core.digits.split import Split
from mnist_core.errors import CheckpointError
from mnist_core.evaluation import DIGIT, Evaluation, evaluate
from mnist_core.page.networks import network_at
from mnist_core.runs.readings import MOST, Readings, digest_of, read_here
from mnist_core.runs.workers import Workers

SPLIT = small_split(2_300)
MODEL = seeded_network("quick")
NETWORK = digest_of(MODEL)


@pytest.fixture
def readings(tmp_path):
    """Of a run whose folder there is."""
    (tmp_path / "run").mkdir()
    return Readings.of(tmp_path / "run" / "checkpoint.pt")


def test_what_is_kept_is_found_again_by_the_same_weights_and_digits_alone(readings):
    read = evaluate(MODEL, SPLIT)
    assert readings.find(NETWORK, SPLIT) is None
    readings.keep(NETWORK, SPLIT, read)
    same = Split(SPLIT.images.clone(), SPLIT.labels.clone())
    found = Readings.of(readings.beside.with_name("checkpoint.pt")).find(NETWORK, same)
    assert torch.allclose(found.log_probabilities, read.log_probabilities, rtol=3e-3, atol=1e-6)
    assert torch.equal(found.predictions, read.predictions)
    assert readings.find(digest_of(seeded_network("quick", seed=2)), SPLIT) is None
    assert readings.find(NETWORK, Split(SPLIT.images, 9 - SPLIT.labels)) is None
    assert readings.find(NETWORK, Split(255 - SPLIT.images, SPLIT.labels)) is None


def test_rounding_never_changes_which_digit_is_the_most_probable(readings):
    """Two logs of 0.3 and of 0.29999 are one number in half precision."""
    close = torch.tensor([[0.1, 0.29999, 0.3], [0.3, 0.29999, 0.1], [0.2, 0.3, 0.29999]])
    log_probabilities = torch.cat([close, torch.full((3, 7), 0.05)], 1).log()
    split = small_split(3)
    readings.keep(NETWORK, split, Evaluation(log_probabilities, split.labels))
    assert readings.find(NETWORK, split).predictions.tolist() == [2, 0, 1]


def test_rounding_never_changes_what_is_refused(readings):
    """The limit in half precision is another number: what is just below or above it stays there."""
    limit = 1 - DIGIT
    none = torch.tensor([limit * (1 + near) for near in (-1e-4, -1e-6, 1e-6, 1e-4)]).log()
    read = Evaluation(torch.full((4, 10), 0.1).log(), torch.full((4,), NONE), none)
    split = Split(small_split(4).images, read.labels)
    readings.keep(NETWORK, split, read)
    found = readings.find(NETWORK, split, knows_none=True)
    assert found.refused.tolist() == read.refused.tolist() == [False, False, True, True]
    assert torch.allclose(found.none, none, rtol=1e-3)
    assert readings.find(NETWORK, split) is None


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", "shape", "objects"])
def test_a_file_that_is_no_such_reading_is_as_if_it_were_not_there(readings, content):
    readings.keep(NETWORK, SPLIT, evaluate(MODEL, SPLIT))
    (file,) = readings.beside.iterdir()
    if content == "shape":
        np.save(file, np.zeros((5, 10), np.float16))
    elif content == "objects":
        np.save(file, np.array([{}] * 5, object), allow_pickle=True)
    else:
        file.write_bytes(content)
    assert readings.find(NETWORK, SPLIT) is None


def test_a_run_that_was_deleted_meanwhile_does_not_come_back(readings):
    shutil.rmtree(readings.beside.parent)
    readings.keep(NETWORK, SPLIT, evaluate(MODEL, SPLIT))
    assert not readings.beside.parent.exists()


def test_of_many_the_oldest_go(readings):
    split = small_split(1)
    read = evaluate(MODEL, split)
    for number in range(MOST + 3):
        readings.keep(f"{number:020}", split, read)
        (file,) = readings.beside.glob(f"{number:020}-*")
        os.utime(file, (number, number))
    kept = sorted(file.name[:20] for file in readings.beside.iterdir())
    assert kept[0] == f"{3:020}"
    assert len(kept) == MOST


def test_what_shipped_weights_lack_is_kept_in_the_cache(cache_dir):
    shipped = Readings.of(places.shipped_weights("modern"))
    before = set(shipped.beside.glob("*"))
    split = small_split(7)
    shipped.keep(NETWORK, split, evaluate(MODEL, split))
    assert list((cache_dir / "readings").glob(f"{NETWORK[:20]}-*"))
    assert set(shipped.beside.glob("*")) == before
    assert shipped.find(NETWORK, split) is not None


@pytest.mark.parametrize("recipe", SHIPPED)
def test_shipped_weights_bring_what_they_read_of_every_set_that_the_page_shows(mnist_dir, recipe):
    network = network_at(places.shipped_weights(recipe))
    brought = replace(network.readings, keeping=network.readings.beside)
    assert len([*brought.beside.glob(f"{network.digest[:20]}-*")]) == 4  # two are synthetic
    for name in ("mnist test", "mnist train"):
        split = load_shown(name, mnist_dir)
        found = brought.find(network.digest, split, network.tells != "nothing")
        few = Split(split.images[:300], split.labels[:300])
        read = evaluate(network.model, few, class_means=network.class_means)
        assert torch.equal(found.predictions[:300], read.predictions), name


def test_a_place_that_cannot_be_written_to_is_a_sentence(readings):
    readings.beside.write_bytes(b"a file where the folder should be")
    with pytest.raises(CheckpointError, match="could not be written"):
        readings.keep(NETWORK, SPLIT, evaluate(MODEL, SPLIT))


def test_a_worker_reads_part_by_part_what_would_be_read_here(children):
    workers = Workers()
    try:
        parts = list(workers.read(MODEL, SPLIT.images))
        assert [len(part) for part in parts] == [1000, 1000, 300]
        here = torch.cat(list(read_here(MODEL, SPLIT.images)))
        assert torch.allclose(torch.cat(parts), here, atol=1e-5)
        assert len(children()) == 1  # and it can be asked again
        assert len(list(workers.read(MODEL, SPLIT.images[:1]))) == 1
    finally:
        workers.close()


def test_a_worker_tells_by_class_means_as_here():
    means, workers = torch.rand(10, 576), Workers()
    try:
        (there,) = workers.read(MODEL, SPLIT.images[:50], means)
        (here,) = read_here(MODEL, SPLIT.images[:50], means)
        assert here.shape == (50, NONE + 1)
        assert torch.allclose(there, here, atol=1e-5)
    finally:
        workers.close()
    assert digest_of(MODEL, means) != NETWORK


def test_a_reader_that_dies_is_told_to_who_asks(children):
    workers = Workers()
    reading = workers.read(MODEL, small_split(200).images.repeat(100, 1, 1))
    next(reading)
    (process,) = children()
    process.kill()
    with pytest.raises(Exception, match="has ended"):
        list(reading)
    workers.close()


def test_the_digest_is_of_images_and_labels():
    assert SPLIT.digest == small_split(2_300).digest == replace(SPLIT, shards=(SPLIT,)).digest
    assert SPLIT.digest != small_split(2_299).digest
