"""What a visitor's own digits say of their runs: the column, and what teaching one changed."""

from dataclasses import replace
from functools import partial

import pytest
from digits import drawn
from training_runs import SHORT, ended, load, until

from mnist_core.checkpoint import Checkpoint
from mnist_core.config import TUTORIAL, teaching
from mnist_core.page.mine import Mine, read_right, taught
from mnist_core.page.run_view import Choice, Page, look
from mnist_core.page.words import Words
from mnist_core.places import shipped_weights
from mnist_core.runs.folds import judge
from mnist_core.training import Trainer

pytestmark = pytest.mark.usefixtures("one_thread")

SAY = Words()


@pytest.fixture
def visit(open_scheduler, visitor):
    """A scheduler, a visitor of it, and what digits say of that visitor's runs."""
    scheduler = open_scheduler()

    def mine(own, judge=judge):
        file_of = partial(scheduler.checkpoint_file, visitor)
        return Mine(own=own, file_of=file_of, judge=judge, load=load)

    return scheduler, visitor, mine


def teach(scheduler, visitor, own):
    start = Checkpoint.load(shipped_weights("tutorial"))
    config = replace(teaching(TUTORIAL), epochs=2, learning_rate=0.005)
    begun = Trainer.start_from(start, config, own=own).checkpoint()
    return ended(scheduler, visitor, scheduler.start_from(visitor, begun, name="Mine"))


def settled(say):
    until(lambda: "%" not in say() and "…" not in say())
    return say()


def test_a_taught_run_says_before_and_after_by_networks_that_were_not_taught_the_drawing(visit):
    scheduler, visitor, mine = visit
    own = drawn(30)
    run = teach(scheduler, visitor, own)
    begun = taught(mine(own), run, SAY)
    assert "by networks taught only the others" in begun
    said = settled(lambda: taught(mine(None), run, SAY))
    before, after = (int(said.split()[n]) for n in (2, 8))
    assert "of 30 read right before" in said
    assert before < 20 < after
    assert settled(lambda: read_right(mine(own), run, SAY)) == f"{after} of 30"
    text = look(scheduler, page(visitor), SAY, mine(own))["parts"]
    assert said in text["next"]
    assert "MNIST: 98.28 % before" in text["next"]
    assert f"<td>{after} of 30</td>" in text["table"]

    def unwanted(teaching):
        raise AssertionError("what was judged is kept with the run: it was judged once more")

    assert settled(lambda: taught(mine(None, unwanted), run, SAY)) == said


def page(visitor):
    return Page(visitor=visitor, choice=Choice(), epochs=3, drawing=None, marks={}, points={})


def test_drawings_that_a_run_was_not_taught_are_judged_by_its_own_network(visit):
    scheduler, visitor, mine = visit
    run = teach(scheduler, visitor, drawn(20))
    others = drawn(40, seed=9)
    right, count = settled(lambda: read_right(mine(others), run, SAY)).split(" of ")
    assert (int(count), int(right) > 30) == (40, True)


def test_any_run_is_compared_on_them_and_without_any_the_column_is_empty(visit):
    scheduler, visitor, mine = visit
    run = ended(scheduler, visitor, scheduler.start(visitor, SHORT))
    own = drawn(12)
    assert settled(lambda: read_right(mine(own), run, SAY)).endswith(" of 12")
    assert read_right(mine(None), run, SAY) == ""
    assert taught(mine(own), run, SAY) == ""
    again = replace(run, status="running")
    assert read_right(mine(own), again, SAY) == "…", "the column stays"
    assert read_right(mine(None), again, SAY) == ""
    assert "Mine: your" not in look(scheduler, page(visitor), SAY, mine(None))["parts"]["table"]


def test_a_run_whose_first_weights_are_not_known_is_judged_on_what_it_was_not_taught(
    visit, tmp_path
):
    scheduler, visitor, mine = visit
    own = drawn(10)
    start = Checkpoint.load(shipped_weights("tutorial"))
    begun = Trainer.start_from(start, replace(teaching(TUTORIAL), epochs=1), own=own)
    list(begun.events(*begun.splits(load)))
    begun.checkpoint().save(tmp_path / "mine.pt")
    run_id = scheduler.upload(visitor, [tmp_path / "mine.pt"])
    run = scheduler.look(visitor, run_id)
    assert settled(lambda: taught(mine(own), run, SAY)) == ""
    assert settled(lambda: read_right(mine(own), run, SAY)) == ""
    others = drawn(5, seed=8)
    assert settled(lambda: read_right(mine(others), run, SAY)).endswith(" of 5")
