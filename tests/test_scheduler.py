"""All visitors' runs, on small made-up data: owned, in line, limited, found again, uploaded."""

import contextvars
import time
from dataclasses import replace

import pytest
import torch
from training_runs import (
    LONG,
    SHORT,
    TEST,
    TRAIN,
    ended,
    finished,
    load,
    pause,
    saved,
    under_way,
    uninterrupted,
    until,
)

from mnist_core.errors import BusyError, CheckpointError, ConfigError, DataError
from mnist_core.evaluation import classify
from mnist_core.runs import drive
from mnist_core.runs.download import MnistDownload
from mnist_core.runs.folder import new_visitor
from mnist_core.runs.scheduler import Scheduler


def test_a_second_run_waits_in_line_and_gets_its_turn(open_scheduler):
    scheduler, first, second = open_scheduler(slots=1), new_visitor(), new_visitor()
    one, two = scheduler.start(first, LONG), scheduler.start(second, SHORT)
    assert scheduler.look(second, two).status == "waiting"
    assert scheduler.look(second, two).place == 1
    under_way(scheduler, first, one)
    scheduler.stop(first, one)
    assert ended(scheduler, second, two).status == "finished"


def test_one_who_leaves_the_line_lets_the_others_move_up(open_scheduler):
    scheduler, visitors = open_scheduler(slots=1), [new_visitor() for _ in range(3)]
    runs = [scheduler.start(visitor, LONG) for visitor in visitors]
    assert scheduler.look(visitors[2], runs[2]).place == 2
    scheduler.stop(visitors[1], runs[1])
    assert scheduler.look(visitors[1], runs[1]).status == "stopped"
    assert scheduler.look(visitors[2], runs[2]).place == 1


def test_a_paused_run_gives_its_slot_away_and_goes_on_when_there_is_one(open_scheduler):
    scheduler, first, second = open_scheduler(slots=1), new_visitor(), new_visitor()
    one = scheduler.start(first, LONG)
    under_way(scheduler, first, one)
    two = scheduler.start(second, LONG)
    pause(scheduler, first, one)
    under_way(scheduler, second, two)
    seen = scheduler.look(first, one).examples_seen
    scheduler.set_pace(first, one, "run")
    assert scheduler.look(first, one).status == "waiting"
    assert scheduler.look(second, two).active
    scheduler.stop(second, two)
    until(lambda: scheduler.look(first, one).examples_seen > seen)
    pause(scheduler, first, one)
    scheduler.stop(first, one)
    run = scheduler.look(first, one)
    assert (run.status, run.history.resumes) == ("stopped", [])


def test_a_visitor_may_have_so_many_runs_and_no_more(open_scheduler, visitor):
    scheduler = open_scheduler(active=2, runs=3)
    runs = [scheduler.start(visitor, LONG) for _ in range(2)]
    with pytest.raises(BusyError, match="2 under way"):
        scheduler.start(visitor, LONG)
    for run_id in runs:
        scheduler.stop(visitor, run_id)
        ended(scheduler, visitor, run_id)
    finished(scheduler, visitor)
    with pytest.raises(BusyError, match="delete one"):
        scheduler.start(visitor, SHORT)


def test_runs_that_belong_together_begin_all_or_not_at_all(open_scheduler, visitor):
    scheduler, names = open_scheduler(active=3, runs=4), ("Tutorial", "Modern")
    assert len(scheduler.start_together(visitor, [LONG, SHORT], "cpu", names)) == 2
    with pytest.raises(BusyError, match="2 under way"):
        scheduler.start_together(visitor, [LONG, SHORT], "cpu", names)
    assert len(scheduler.runs(visitor)) == 2


def test_new_runs_are_numbered_apart(open_scheduler, visitor):
    scheduler = open_scheduler(active=9)
    for name in ("Tutorial", "教程", "Tutorial"):
        scheduler.start(visitor, LONG, name=name)
    names = {run.about.name for run in scheduler.runs(visitor)}
    assert names == {"Tutorial 1", "教程 1", "Tutorial 2"}


def test_a_run_is_idle_only_when_its_slot_is_free(open_scheduler, visitor):
    scheduler = open_scheduler(slots=1)
    for _ in range(3):
        run_id = scheduler.start(visitor, LONG)
        under_way(scheduler, visitor, run_id)
        scheduler.stop(visitor, run_id)
        until(lambda run_id=run_id: not scheduler.look(visitor, run_id).active)
        scheduler.resume(visitor, run_id)
        assert scheduler.look(visitor, run_id).status != "waiting"
        scheduler.stop(visitor, run_id)
        until(lambda run_id=run_id: not scheduler.look(visitor, run_id).active)


def test_no_visitor_reaches_anothers_run(open_scheduler):
    scheduler, owner, stranger = open_scheduler(), new_visitor(), new_visitor()
    run_id = scheduler.start(owner, LONG)
    under_way(scheduler, owner, run_id)
    for attempt in (
        scheduler.look,
        scheduler.stop,
        scheduler.resume,
        scheduler.delete,
        scheduler.checkpoint_file,
        lambda visitor, run: scheduler.rename(visitor, run, "mine"),
        lambda visitor, run: scheduler.set_pace(visitor, run, "pause"),
    ):
        with pytest.raises(ConfigError, match="no such run"):
            attempt(stranger, run_id)
    assert scheduler.runs(stranger) == []
    assert scheduler.look(owner, run_id).status == "running"


@pytest.mark.parametrize(
    "run_id",
    ["", ".", "..", "../..", "/etc", "0" * 15, "0" * 17, "0" * 16 + "\n", "../" + "0" * 16, 7, None,
     "0123456789ABCDEF", "0123456789abcde/", "\x00" * 16, ["0123456789abcdef"]],
)  # fmt: skip
def test_what_is_no_run_id_never_becomes_a_path(open_scheduler, visitor, tmp_path, run_id):
    scheduler = open_scheduler()
    for attempt in (scheduler.look, scheduler.delete):
        with pytest.raises(ConfigError, match="no such run"):
            attempt(visitor, run_id)
    assert (tmp_path / "runs").is_dir()


@pytest.mark.parametrize("token", ["", "..", "a" * 21, "a" * 65, "../" + "a" * 30, None, 5, [1]])
def test_what_is_no_token_finds_no_runs(open_scheduler, token):
    with pytest.raises(ConfigError, match="reload the page"):
        open_scheduler().runs(token)


def test_after_a_restart_a_run_shows_test_digits_before_it_trains(open_scheduler, visitor):
    scheduler = open_scheduler()
    run_id = finished(scheduler, visitor)
    again = open_scheduler()
    until(lambda: again.look(visitor, run_id).readings is not None)
    found = again.look(visitor, run_id)
    network = saved(again, visitor, run_id).network()
    assert torch.equal(found.samples.images, TEST.images[:6])
    read = classify(network, TEST.images)
    assert torch.allclose(found.readings, read[:6], atol=1e-6)
    assert torch.equal(found.cloud.read, read[found.cloud.numbers].argmax(1))


@pytest.mark.parametrize("dataset", ["handwriting", "mnist+handwriting"])
def test_an_idle_run_shows_mnists_test_digits_as_soon_as_there_are_any(
    open_scheduler, visitor, tmp_path, dataset
):
    there = []

    def load(asked):
        if not there:
            raise DataError("MNIST is not on this machine.")
        assert asked == "mnist", "the synthetic digits take long to make and are not shown"
        return TRAIN, TEST

    config = replace(SHORT, dataset=dataset)
    replace(uninterrupted(SHORT), config=config).save(tmp_path / "mine.pt")
    scheduler = open_scheduler(load)
    run_id = scheduler.upload(visitor, [tmp_path / "mine.pt"])
    for _ in range(3):
        assert scheduler.look(visitor, run_id).samples is None
        time.sleep(0.05)
    there.append(True)
    until(lambda: scheduler.look(visitor, run_id).samples is not None)


def test_a_run_that_nobody_looks_at_saves_and_stops(open_scheduler, visitor, clock):
    scheduler = open_scheduler()
    run_id = scheduler.start(visitor, LONG)
    under_way(scheduler, visitor, run_id)

    def said():
        clock.seconds += 601
        time.sleep(0.1)  # in which nobody looks
        return scheduler.look(visitor, run_id).sentence

    until(said)
    assert "Nobody looked at the run for a while" in said()
    assert saved(scheduler, visitor, run_id).batches_done > 0


def test_a_run_that_nobody_looked_at_while_it_waited_is_passed_over(open_scheduler, visitor, clock):
    scheduler, gone = open_scheduler(slots=1), new_visitor()
    first, second = scheduler.start(visitor, LONG), scheduler.start(gone, LONG)
    for _ in range(2):
        clock.seconds += 400
        assert scheduler.look(visitor, first).active
    scheduler.stop(visitor, first)
    ended(scheduler, visitor, first)
    run = scheduler.look(gone, second)
    assert (run.status, run.sentence) == ("stopped", "Nobody looked at the run while it waited.")


def test_a_page_that_is_open_keeps_a_run_that_it_does_not_show(open_scheduler, visitor, clock):
    asked = []

    def noting(chunk, control):
        while control() != "stop":
            asked.append(clock.seconds)
            time.sleep(0.01)
        yield drive.Progress(train_size=640, examples_seen=0, checkpoint=chunk.checkpoint)

    scheduler = open_scheduler(lenders={"cpu": noting})
    run_id = scheduler.start(visitor, LONG)
    for seconds in (400, 800, 1200):
        clock.seconds = seconds
        scheduler.renew(visitor)
        until(lambda now=seconds: asked[-1:] == [now])
    assert scheduler.look(visitor, run_id).active


def test_a_run_paused_for_long_stops(open_scheduler, visitor, clock):
    scheduler = open_scheduler()
    run_id = scheduler.start(visitor, LONG)
    under_way(scheduler, visitor, run_id)
    pause(scheduler, visitor, run_id)
    clock.seconds += 601
    run = scheduler.look(visitor, run_id)
    assert (run.status, run.sentence) == ("stopped", "The run was paused for long.")


def test_rename_and_delete(open_scheduler, visitor, tmp_path):
    scheduler = open_scheduler()
    run_id = scheduler.start(visitor, LONG)
    for name, kept in [
        ("  my   <b>first</b> ", "my <b>first</b>"),
        ("5 $ and $x^2$", "5 $ and $x^2$"),
        ("می\u200cروم", "می\u200cروم"),
        ("👩\u200d🔬 " * 13, ("👩\u200d🔬 " * 13).strip()),  # 39 letters, 52 characters
        ("e\u0301" * 40, "e\u0301" * 40),
    ]:
        scheduler.rename(visitor, run_id, name)
        assert scheduler.look(visitor, run_id).about.name == kept
    for name in ("", " ", "x" * 41, "a\x00b", "a\u202eb", "\u200d", "e" + "\u0301" * 200, "\ud800"):
        with pytest.raises(ConfigError, match="letters"):
            scheduler.rename(visitor, run_id, name)
    with pytest.raises(BusyError, match="Stop"):
        scheduler.delete(visitor, run_id)
    scheduler.stop(visitor, run_id)
    ended(scheduler, visitor, run_id)
    scheduler = open_scheduler()
    assert scheduler.look(visitor, run_id).about.name == "e\u0301" * 40
    scheduler.delete(visitor, run_id)
    assert scheduler.runs(visitor) == []
    assert list((tmp_path / "runs").glob("*/*")) == []


def test_nowhere_to_keep_a_run_is_said_at_once(tmp_path):
    (tmp_path / "runs").write_text("not a folder")
    with pytest.raises(CheckpointError, match="could not be written"):
        Scheduler(tmp_path / "runs", load).start(new_visitor(), SHORT)


def test_without_a_gpu_none_can_be_chosen(open_scheduler, visitor):
    scheduler = open_scheduler()
    for device, said in (("cuda", "no GPU"), ("tpu", "cpu or cuda")):
        with pytest.raises(ConfigError, match=said):
            scheduler.start(visitor, SHORT, device)
    assert scheduler.runs(visitor) == []


def test_a_lender_is_asked_in_the_context_of_the_visitors_last_request(open_scheduler, visitor):
    request = contextvars.ContextVar("request", default="nobody")
    seen = []

    def a_batch_at_a_time(chunk, control):
        seen.append(request.get())
        yield from drive.train(replace(chunk, seconds=0.0), control)

    def ask(name, method, *arguments):
        def of_request():
            request.set(name)
            return method(*arguments)

        return contextvars.copy_context().run(of_request)

    scheduler = open_scheduler(lenders={"cuda": a_batch_at_a_time})
    run_id = ask("first", scheduler.start, visitor, LONG, "cuda")
    until(lambda: "first" in seen)
    ask("second", scheduler.renew, visitor)
    until(lambda: seen[-1] == "second")
    pause(scheduler, visitor, run_id)
    ask("third", scheduler.set_pace, visitor, run_id, "run")
    until(lambda: seen[-1] == "third")
    assert "nobody" not in seen


def test_a_download_that_fails_is_a_sentence(tmp_path):
    (tmp_path / "data").write_text("not a folder")
    download = MnistDownload(tmp_path / "data")
    download.start()
    until(lambda: not download.running)
    assert "MNIST could not be stored" in download.error
