"""The datasets by their names: what is read or made for each, and where it is kept."""

import pytest
import torch

from mnist_core.digits import datasets
from mnist_core.digits.mnist import load_mnist
from mnist_core.errors import DataError


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """A user's cache folder with nothing in it."""
    monkeypatch.setenv("MNIST_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize("name", ["mnist", "mnist+handwriting"])
def test_the_test_digits_with_mnist_are_mnists_and_nothing_is_made_for_them(cache, mnist_dir, name):
    test = datasets.load_test(name, mnist_dir)
    assert test is load_mnist(mnist_dir)[1]
    assert datasets.load_shown("mnist test", mnist_dir) is test
    assert not cache.exists()


def test_synthetic_digits_are_made_once_with_progress_and_kept_in_the_cache_alone(cache, tmp_path):
    data, told = tmp_path / "data", []
    data.mkdir()
    test = datasets.load_test("handwriting", data, told.append)
    assert torch.bincount(test.labels).tolist() == [1000] * 10
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert len(told) > 10
    assert len(list(cache.iterdir())) == 1
    assert list(data.iterdir()) == []
    assert datasets.load_shown("handwriting test", data) is test


@pytest.mark.parametrize("name", ["mnist", "mnist+handwriting", "mnist+nondigits"])
@pytest.mark.parametrize("load", [datasets.load, datasets.load_test])
def test_missing_mnist_is_said_with_what_to_do_before_anything_is_made(cache, tmp_path, name, load):
    with pytest.raises(DataError, match="MNIST_DATA_DIR"):
        load(name, tmp_path)
    assert not cache.exists()


def test_a_dataset_that_there_is_not_is_named(tmp_path):
    for load in (datasets.load, datasets.load_test):
        with pytest.raises(DataError, match="called cifar"):
            load("cifar", tmp_path)
