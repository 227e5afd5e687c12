"""What the Test digits tab shows of networks, whatever they are called and wherever they lie."""

import base64
import math
import re
import shutil

import pytest
import torch
from digits import small_split

from mnist_core import models
from mnist_core.config import NONE, SHIPPED
from mnist_core.digits.nondigits import letter_images
from mnist_core.digits.split import Split
from mnist_core.errors import CheckpointError, DrawingError
from mnist_core.page.gallery import Gallery
from mnist_core.page.networks import Network, moments, network_at, readings_of
from mnist_core.page.view import View
from mnist_core.page.words import Words
from mnist_core.places import shipped_weights
from mnist_core.runs.readings import digest_of

SAY, SPLIT = Words(), small_split(250)
TUTORIAL = shipped_weights("tutorial")
LETTERS = Split(*map(torch.from_numpy, letter_images(60, seed=8)))
INK = base64.b64encode(bytes([0, 255] * 392)).decode()


@pytest.fixture(scope="module")
def shown():
    """Two hundred and fifty digits as the tutorial's network reads them."""
    return Gallery(SAY, (("Mine", network_at(TUTORIAL)),), SPLIT)


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_two_networks_of_one_name_are_still_two():
    networks = tuple(("Mine", network_at(shipped_weights(recipe))) for recipe in SHIPPED)
    alike = Gallery(SAY, networks, small_split(50))
    first, second = alike.readings().values()
    assert not first.log_probabilities.equal(second.log_probabilities)
    assert alike.summary().count("<p>") == 2
    assert "Mine (2)" in alike.matrices(View())


def test_the_same_weights_on_both_sides_agree():
    same = Gallery(SAY, (("Mine", network_at(TUTORIAL)),) * 2, small_split(50))
    assert "digit-cell" not in same.page(View(show="read differently"))


def test_equal_weights_are_evaluated_once_and_changed_weights_anew():
    split = small_split(20)
    model, same = models.build("net"), models.build("net")
    same.load_state_dict(model.state_dict())
    first = readings_of(Network.of(model), split)
    assert readings_of(Network.of(same), split) is first
    assert readings_of(Network.of(model), Split(split.images, split.labels)) is not first
    with torch.no_grad():
        same.fc2.bias[3] += 1
    second = readings_of(Network.of(same), split)
    assert second is not first
    shifted = second.log_probabilities.exp() / first.log_probabilities.exp()
    assert (shifted[:, 3] / shifted[:, 0]).allclose(torch.tensor(math.e), rtol=1e-3)


def test_a_checkpoint_is_loaded_again_only_when_its_content_has_changed(tmp_path):
    file = tmp_path / "checkpoint.pt"
    shutil.copy(TUTORIAL, file)
    first = network_at(file)
    file.touch()
    assert network_at(file) is first
    shutil.copy(shipped_weights("modern"), file)
    assert network_at(file) != first
    file.unlink()
    with pytest.raises(CheckpointError, match="no checkpoint"):
        network_at(file)


def test_a_moment_is_named_by_its_examples_while_others_come_and_go(tmp_path):
    """The weights after 64 examples stay the same, though an earlier moment is gone, and are not
    those as saved, which are no moment of their own though they are kept as one."""
    file = tmp_path / "tutorial.pt"
    shutil.copy(TUTORIAL, file)
    shutil.copytree(TUTORIAL.with_name("tutorial-snapshots"), tmp_path / "tutorial-snapshots")
    all_moments, then = moments(file), network_at(file, 64)
    assert all_moments[:2] == [0, 64]
    (tmp_path / "tutorial-snapshots" / f"{0:010d}.pt").unlink()
    assert moments(file) == all_moments[1:]
    assert network_at(file, 64) is then
    assert then != network_at(file)
    assert (tmp_path / "tutorial-snapshots" / f"{480_000:010d}.pt").exists()
    assert digest_of(network_at(file, 480_000).model) == digest_of(network_at(file).model)
    assert 480_000 not in all_moments


def test_a_page_beyond_the_last_is_the_last_and_one_before_the_first_the_first(shown):
    def place(page: int) -> str:
        return re.search(r"page \d of \d", shown.page(View(show="all", page=page)))[0]

    assert [place(page) for page in (-5, 0, 2, 99)] == [
        "page 1 of 3",
        "page 1 of 3",
        "page 3 of 3",
        "page 3 of 3",
    ]


def test_a_digit_is_shown_with_what_it_is_and_how_it_is_read(shown):
    reading = next(iter(shown.readings().values()))
    read, truth = int(reading.predictions[7]), int(SPLIT.labels[7])
    text = words(shown.detail(7))
    assert f"Number 7: it is a {truth}" in text
    assert f"read as {read} ( {100 * float(reading.confidences[7]):.1f} % )".replace(" ", "") in (
        text.replace(" ", "")
    )
    assert f"loss {float(reading.losses[7]):.3f}" in text
    assert f"less sure of a {read}." in text
    assert "10 filters" in shown.detail(7)
    assert shown.detail(10**9) == shown.detail(249)


def test_a_drawing_has_no_truth_and_a_broken_one_is_a_sentence(shown):
    text = words(shown.detail(None, INK))
    assert "Your drawing" in text
    assert "loss" not in text
    assert words(shown.detail(None)) == "Choose a digit to look inside the network."
    for broken in ("", "AAAA", "é", INK + INK):
        with pytest.raises(DrawingError, match="draw it again"):
            shown.detail(None, broken)


def test_the_network_is_told_in_its_stages_and_the_digits_in_their_counts(shown):
    text = words(shown.network())
    assert text.startswith("The network: 21,840 parameters input 28×28 pixels 1×28×28 conv1")
    assert "conv1 convolution 5×5, max pool, ReLU 10×12×12 260 parameters" in text
    counts = torch.bincount(SPLIT.labels, minlength=10).tolist()
    expected = " ".join(f"{digit} {count}" for digit, count in enumerate(counts))
    assert words(shown.counts()) == f"How often each digit occurs {expected}"


def others(recipe, say=SAY, moment=None):
    """Sixty letters and signs as shipped weights read them, at a moment."""
    network = network_at(shipped_weights(recipe), moment)
    return Gallery(say, (("Mine", network),), LETTERS)


def test_of_what_is_no_digit_it_is_shown_what_slips_through_and_what_is_refused():
    shown = others("tutorial")
    (read,) = shown.readings().values()
    refused = int(read.refused.sum())
    assert 0 < refused < 60
    summary = words(shown.summary())
    assert f"Mine: {refused} of 60 refused" in summary
    assert f"{60 - refused} slip through as digits" in summary
    assert "by the cosine" in summary
    assert shown.page(View()).count("digit-cell digit-wrong") == 60 - refused
    everything = words(shown.page(View(show="all")))
    assert len(re.findall(r"– → \(\d\)", everything)) == refused
    assert len(re.findall(r"– → \d ✗", everything)) == 60 - refused
    assert "In brackets: refused" in everything
    assert shown.page(View(show="all", read_as=NONE)).count("digit-cell") == refused
    (row,) = re.findall(r"<tbody>(.*)</tbody>", shown.matrices(View()), re.DOTALL)
    counts = re.findall(r'data-truth="10" data-read="(-1|\d+)".*?>([\d,]*)</button>', row)
    slipped = {int(digit): int(count or 0) for digit, count in counts if digit not in ("-1", "10")}
    assert dict(counts)["10"] == str(refused)
    assert sum(slipped.values()) == 60 - refused
    assert slipped == {digit: int(read.counts[NONE, digit]) for digit in range(10)}
    number = int(read.refused.nonzero()[0])
    detail = words(shown.detail(number))
    assert f"Number {number}: it is no digit" in detail
    assert "refused: no digit" in detail
    assert "loss" not in detail
    assert shown.counts() == ""
    files = shown.sheet(View(show="all")), shown.csv()
    sheet, csv = (base64.b64decode(file["href"].partition(",")[2]) for file in files)
    assert sheet.startswith(b"\x89PNG")
    assert csv.decode().count("no digit,no digit") == refused


def test_what_a_network_tells_by_is_said():
    said = {
        "an eleventh output": others("modern"),
        "by the cosine": others("tutorial"),
        "takes everything for a digit": others("tutorial", moment=64),
    }
    for sentence, shown in said.items():
        assert sentence in words(shown.summary())
    assert "0 of 60 refused" in words(shown.summary())
    assert 'data-read="10"' not in shown.matrices(View())


def test_refused_digits_are_marked_and_counted_beside_what_they_are_read_as(shown):
    read = next(iter(shown.readings().values()))
    assert read.refused.any()
    assert f"{int(read.refused.sum())} refused as no digit" in words(shown.summary())
    assert shown.page(View(show="all", read_as=NONE)).count("(refused)") == min(
        100, int(read.refused.sum())
    )
    matrix = shown.matrices(View())
    refused = torch.bincount(SPLIT.labels[read.refused], minlength=10).tolist()
    found = re.findall(r'data-truth="(\d)" data-read="10".*?>([\d,]*)</button>', matrix)
    assert [int(count or 0) for _, count in found] == refused
    assert "count as what they would be read as" in matrix
    detail = words(shown.detail(int(read.refused.nonzero()[0])))
    assert "refused: no digit" in detail
    assert "loss" in detail


def test_every_part_is_said_in_chinese_too():
    chinese = Gallery(Words("zh"), (("甲", network_at(TUTORIAL)),), SPLIT)
    for recipe in SHIPPED:
        none = others(recipe, Words("zh"))
        for html in (none.summary(), none.page(View(show="all")), none.matrices(View())):
            assert not re.search(r"[a-z]{3,} [a-z]{2,}", words(html))
    for html in (chinese.summary(), chinese.page(View()), chinese.matrices(View())):
        assert not re.search(r"[a-z]{3,} [a-z]{2,}", words(html))
    assert "点一个数字" in chinese.detail(None)
    assert "实际是" in chinese.detail(1)
    assert "卷积 5×5" in chinese.network()
