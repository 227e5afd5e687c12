"""The one answer of the Test digits tab: what has changed, of what the page asks for."""

import base64
import shutil
from pathlib import Path

import pytest

from mnist_core.config import TrainConfig
from mnist_core.page.lab import Lab
from mnist_core.page.test_digits import answer
from mnist_core.page.words import Words
from mnist_core.places import shipped_weights
from mnist_core.training import Trainer

TOP = ["time", "summary", "page", "matrices"]
BELOW = ["detail", "cloud", "network", "counts"]
VIEW = {"show": "mistakes", "truth": -1, "read_as": -1, "order": "worst first", "seed": 1}
FIRST = {
    "weights": "tutorial",
    "digits": "mnist test",
    "against": "",
    "view": VIEW,
    "moment": None,
    "page": 0,
    "chosen": None,
    "drawing": None,
    "parts": TOP + BELOW,
    "has": {},
    "time": 1_700_000_000_000,
}


class LabWithMine(Lab):
    """A lab that has a file of ours among its weights, called "mine"."""

    mine = Path()

    def find(self, say, name):
        return ("Mine", self.mine) if name == "mine" else super().find(say, name)


@pytest.fixture
def lab(mnist_dir, tmp_path):
    """A lab with the weights "mine": the tutorial's, without any earlier moment."""
    lab = LabWithMine(mnist_dir, tmp_path / "runs")
    lab.mine = tmp_path / "mine.pt"
    shutil.copy(shipped_weights("tutorial"), lab.mine)
    yield lab
    lab.close()


@pytest.fixture
def ask(lab):
    """`ask(language="en", **changes)` → the answer to FIRST, so changed."""

    def ask(language="en", **changes):
        while True:
            reply = answer(lab, Words(language), FIRST | changes)
            if "waiting" not in reply:
                return reply

    return ask


def test_the_first_answer_has_every_part_and_the_next_none(ask):
    first = ask()
    assert set(first["parts"]) == set(first["marks"]) == {*TOP, *BELOW}
    again = ask(has=first["marks"])
    assert again == {"parts": {}, "marks": first["marks"]}
    assert set(ask(parts=["summary"])["parts"]) == {"summary"}


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"chosen": 5}, {"detail"}),
        ({"drawing": base64.b64encode(bytes(range(196)) * 4).decode()}, {"detail"}),
        ({"page": 1}, {"page"}),
        ({"view": VIEW | {"truth": 4, "read_as": 9, "show": "all"}}, {"page", "matrices"}),
        ({"view": VIEW | {"order": "random"}}, {"page"}),
        ({"moment": 64}, {*TOP, *BELOW}),
        ({"weights": "modern", "against": "tutorial"}, {*TOP, *BELOW}),
    ],
    ids=lambda given: ", ".join(sorted(map(str, given))),
)
def test_a_change_brings_the_parts_that_it_concerns(ask, change, parts):
    assert set(ask(has=ask()["marks"], **change)["parts"]) == parts


MOMENTS = shipped_weights("tutorial").with_name("tutorial-snapshots")


def test_a_moment_that_is_no_longer_kept_is_as_saved_and_the_slider_says_so(ask, tmp_path):
    kept = shutil.copytree(MOMENTS, tmp_path / "mine-snapshots")

    def moments():
        shown = ask(weights="mine", moment=704, parts=["time", "summary"])["parts"]
        return shown["time"]["times"], shown["time"]["place"], shown["summary"]

    times, place, summary = moments()
    assert (times[0], times[-1]) == ((0, "untrained"), (None, "as saved"))
    assert times[place] == (704, "after 704 examples")
    assert "Mine, after 704 examples" in summary
    (kept / f"{64:010d}.pt").unlink()  # another goes: this one is still meant
    times, place, _ = moments()
    assert times[place] == (704, "after 704 examples")
    (kept / f"{704:010d}.pt").unlink()
    times, place, summary = moments()
    assert place == len(times) - 1
    assert "704" not in summary


def test_the_end_of_the_slider_stays_as_saved_while_moments_are_added(ask, tmp_path):
    """The moment asked for is None, however many there are before it."""

    def saved():
        times = ask(weights="mine", parts=["time"])["parts"]["time"]
        return len(times["times"]), times["times"][times["place"]]

    assert saved() == (1, (None, "as saved"))
    (tmp_path / "mine-snapshots").mkdir()
    for moment in (0, 64, 704):
        shutil.copy(MOMENTS / f"{moment:010d}.pt", tmp_path / "mine-snapshots")
    assert saved() == (4, (None, "as saved"))


def test_files_are_asked_for_in_the_same_way(ask):
    files = ask(parts=["sheet", "csv"])["parts"]
    kinds = {name: (file["name"], file["href"][:15]) for name, file in files.items()}
    assert kinds == {
        "sheet": ("digits.png", "data:image/png;"),
        "csv": ("results.csv", "data:text/csv;b"),
    }


def test_what_cannot_be_shown_is_a_sentence_in_the_visitors_language(ask):
    assert ask(digits="mnist+handwriting test") == {"error": "There are no such digits."}
    assert ask("zh", digits="x") == {"error": "没有这样的数字集。"}
    assert "error" in ask(weights="x/y")
    assert "error" in ask("zh", against=["mine"])
    assert ask(view=VIEW | {"show": "both wrong"})["error"].startswith("There is no view")
    assert "draw it again" in ask(drawing="é")["error"]
    for seed in (None, 10**30, -5):
        assert "error" not in ask(view=VIEW | {"order": "random", "seed": seed})


def test_what_is_no_digit_is_a_set_like_the_others_but_for_the_cloud_and_the_counts(ask):
    first = ask(digits="nondigits test", weights="modern")["parts"]
    assert "of 2,000 refused" in first["summary"]
    assert "an eleventh output" in first["summary"]
    assert (first["counts"], first["cloud"]["numbers"]) == ("", [])
    assert "parameters" in first["network"]
    compared = ask(digits="nondigits test", weights="modern", against="tutorial", parts=TOP)
    assert compared["parts"]["summary"].count("of 2,000 refused") == 2


def test_what_is_not_there_yet_says_how_far_it_is_and_stays_with_the_run(
    lab, tmp_path, monkeypatch
):
    """Synthetic digits that no cache has, read by weights that nobody has asked for before."""
    monkeypatch.setenv("MNIST_CACHE_DIR", str(tmp_path / "cache"))
    Trainer(TrainConfig(network="quick", seed=77)).checkpoint().save(lab.mine)
    asked = FIRST | {"weights": "mine", "digits": "handwriting test", "parts": ["summary"]}
    shares = {"Making": [], "Reading": []}
    while "waiting" in (reply := answer(lab, Words(), asked)):
        if reply["share"] is not None:
            shares[reply["waiting"].split()[0]].append(reply["share"])
    assert "of 10,000 right" in reply["parts"]["summary"]
    assert shares["Making"] == sorted(shares["Making"])
    assert 0 < shares["Making"][-1] <= 1
    assert shares["Reading"] == sorted(shares["Reading"])
    assert shares["Reading"]  # a process is started for it, which takes longer than an answer may
    assert len(list((tmp_path / "mine-readings").iterdir())) == 1
