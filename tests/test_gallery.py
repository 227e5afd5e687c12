"""What the Test digits tab shows of weights, whatever they are called."""

from digits import small_split

from mnist_core.config import SHIPPED, shipped_weights
from mnist_core.gallery import Gallery, Weights
from mnist_core.view import View


def test_two_networks_of_one_name_are_still_two():
    weights = [Weights("Mine", shipped_weights(recipe)) for recipe in SHIPPED]
    alike = Gallery(small_split(50), weights)
    assert alike.second is not None
    assert not alike.first.log_probabilities.equal(alike.second.log_probabilities)
    assert alike.summary().count("<p>") == 2
    assert "Mine (2)" in alike.matrices(View())


def test_the_same_weights_on_both_sides_agree():
    same = Gallery(small_split(50), [Weights("Mine", shipped_weights("tutorial"))] * 2)
    assert "digit-cell" not in same.page(View(show="read differently"))
