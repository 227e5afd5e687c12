"""All visitors' runs, on small made-up data: owned, in line, limited, found again, uploaded."""

import contextvars
import os
import time
from dataclasses import replace

import pytest
import torch
from training_runs import (
    LONG,
    SHORT,
    TEST,
    TRAIN,
    assert_same_result,
    ended,
    load,
    pause,
    saved,
    under_way,
    uninterrupted,
    until,
)

from mnist_core.checkpoint import export_tutorial
from mnist_core.config import TrainConfig
from mnist_core.errors import BusyError, CheckpointError, ConfigError, DataError
from mnist_core.evaluation import classify
from mnist_core.runs import drive
from mnist_core.runs.download import MnistDownload
from mnist_core.runs.folder import new_visitor
from mnist_core.runs.scheduler import Scheduler
from mnist_core.training import Trainer


@pytest.fixture
def visitor():
    return new_visitor()


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
    ended(scheduler, visitor, scheduler.start(visitor, SHORT))
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


def test_a_stopped_run_is_found_again_by_another_server_and_so_is_one_that_trained(
    open_scheduler, visitor
):
    scheduler = open_scheduler(slots=2)
    runs = [scheduler.start(visitor, LONG) for _ in range(2)]
    for run_id in runs:
        under_way(scheduler, visitor, run_id)
    scheduler.stop(visitor, runs[0])
    ended(scheduler, visitor, runs[0])
    scheduler.close()
    before = [scheduler.look(visitor, run_id) for run_id in runs]
    assert [run.status for run in before] == ["stopped", "stopped"]
    again = open_scheduler()
    after = [again.look(visitor, run_id) for run_id in runs]
    assert [run.status for run in after] == ["stopped", "stopped"]
    assert [run.examples_seen for run in after] == [run.examples_seen for run in before]
    assert [run.history.steps for run in after] == [run.history.steps for run in before]


def test_a_second_server_over_the_same_folder_says_so_and_deletes_nothing(open_scheduler, visitor):
    first = open_scheduler()
    run_id = first.start(visitor, LONG)
    half_written = first.checkpoint_file(visitor, run_id).with_name(".checkpoint.pt-half")
    until(half_written.parent.is_dir)
    half_written.touch()
    with pytest.raises(BusyError, match=r"Another server uses the folder .*MNIST_RUNS_DIR"):
        Scheduler(half_written.parents[2], load)
    assert half_written.exists()
    first.close()
    Scheduler(half_written.parents[2], load).close()


def test_after_a_restart_a_run_shows_test_digits_before_it_trains(open_scheduler, visitor):
    scheduler = open_scheduler()
    run_id = scheduler.start(visitor, SHORT)
    ended(scheduler, visitor, run_id)
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


def test_a_run_that_nobody_looks_at_saves_and_stops(open_scheduler, visitor):
    scheduler = open_scheduler(unseen_seconds=0.5)
    run_id = scheduler.start(visitor, LONG)
    until(lambda: time.sleep(1) or scheduler.look(visitor, run_id).sentence)
    assert "Nobody looked at the run for a while" in scheduler.look(visitor, run_id).sentence
    assert saved(scheduler, visitor, run_id).batches_done > 0


def test_a_run_that_nobody_looked_at_while_it_waited_is_passed_over(open_scheduler, visitor):
    scheduler, gone = open_scheduler(slots=1, unseen_seconds=0.5), new_visitor()
    first, second = scheduler.start(visitor, LONG), scheduler.start(gone, LONG)
    for _ in range(20):
        assert scheduler.look(visitor, first).active
        time.sleep(0.05)
    scheduler.stop(visitor, first)
    ended(scheduler, visitor, first)
    run = scheduler.look(gone, second)
    assert (run.status, run.sentence) == ("stopped", "Nobody looked at the run while it waited.")


def test_a_page_that_is_open_keeps_a_run_that_it_does_not_show(open_scheduler, visitor):
    scheduler = open_scheduler(unseen_seconds=0.5)
    run_id = scheduler.start(visitor, LONG)
    for _ in range(20):
        scheduler.renew(visitor)
        time.sleep(0.05)
    assert scheduler.look(visitor, run_id).active


def test_a_run_paused_for_long_stops(open_scheduler, visitor):
    scheduler = open_scheduler(unseen_seconds=0.5)
    run_id = scheduler.start(visitor, LONG)
    under_way(scheduler, visitor, run_id)
    scheduler.set_pace(visitor, run_id, "pause")
    run = ended(scheduler, visitor, run_id)
    assert (run.status, run.sentence) == ("stopped", "The run was paused for long.")


def test_the_oldest_runs_make_room_and_none_in_use_goes(open_scheduler, visitor):
    scheduler = open_scheduler()
    runs = []
    for age in (3, 2, 1):
        runs.append(scheduler.start(visitor, SHORT))
        ended(scheduler, visitor, runs[-1])
        file = scheduler.checkpoint_file(visitor, runs[-1])
        os.utime(file, (file.stat().st_mtime - 1000 * age,) * 2)
    room = sum(f.stat().st_size for f in file.parent.rglob("*") if f.is_file()) * 2.5
    open_scheduler(total_bytes=room).runs(new_visitor())
    assert [run.run_id for run in open_scheduler().runs(visitor)] == runs[:0:-1]
    open_scheduler(age_seconds=1500).runs(new_visitor())
    assert [run.run_id for run in open_scheduler().runs(visitor)] == runs[2:]
    scheduler = open_scheduler(age_seconds=0)
    scheduler.look(visitor, runs[2])
    scheduler.runs(visitor)
    assert [run.run_id for run in scheduler.runs(visitor)] == runs[2:]


def test_a_clock_that_jumps_ahead_removes_nothing(open_scheduler, visitor, monkeypatch):
    scheduler = open_scheduler()
    run_id = scheduler.start(visitor, SHORT)
    ended(scheduler, visitor, run_id)
    scheduler, now = open_scheduler(), time.time()
    monkeypatch.setattr(time, "time", lambda: now + 1e9)
    scheduler.runs(new_visitor())
    assert [run.run_id for run in scheduler.runs(visitor)] == [run_id]


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


@pytest.mark.parametrize("damage", ["checkpoint.pt", "run.json"])
def test_a_damaged_run_is_shown_as_such_and_can_be_deleted(open_scheduler, visitor, damage):
    scheduler = open_scheduler()
    run_id = scheduler.start(visitor, SHORT)
    ended(scheduler, visitor, run_id)
    (scheduler.checkpoint_file(visitor, run_id).parent / damage).write_bytes(b"\x00 not it")
    scheduler = open_scheduler()
    (run,) = scheduler.runs(visitor)
    if damage == "checkpoint.pt":
        assert run.status == "failed"
        assert "cannot be read" in run.sentence or "not a checkpoint" in run.sentence
        scheduler.resume(visitor, run_id, epochs=5)
        assert ended(scheduler, visitor, run_id).status == "failed"
    else:
        assert run.status == "finished"
    scheduler.delete(visitor, run_id)
    assert scheduler.runs(visitor) == []


def test_an_uploaded_checkpoint_goes_on_exactly(open_scheduler, visitor, tmp_path):
    config = TrainConfig(epochs=1, batch_size=16)
    uninterrupted(config).save(tmp_path / "mine.pt")
    scheduler = open_scheduler()
    run_id = scheduler.upload(visitor, [tmp_path / "mine.pt"], "Mine")
    assert scheduler.look(visitor, run_id).about.name == "Mine 1"
    assert scheduler.look(visitor, run_id).accuracy is not None
    with pytest.raises(ConfigError, match="choose more"):
        scheduler.resume(visitor, run_id)
    scheduler.resume(visitor, run_id, epochs=2)
    ended(scheduler, visitor, run_id)
    longer = uninterrupted(replace(config, epochs=2))
    assert_same_result(saved(scheduler, visitor, run_id), longer)


def test_an_uploaded_run_goes_on_from_a_mark_in_the_middle_of_an_epoch(
    open_scheduler, visitor, tmp_path
):
    trainer = Trainer.fresh(TrainConfig(epochs=1, batch_size=64, log_interval=1))
    for _ in zip(range(5), trainer.batches(TRAIN, TEST), strict=False):
        pass
    assert trainer.batches_done == 4
    trainer.checkpoint().save(tmp_path / "mine.pt")
    scheduler = open_scheduler()
    run_id = scheduler.upload(visitor, [tmp_path / "mine.pt"])
    scheduler.resume(visitor, run_id)
    assert len(ended(scheduler, visitor, run_id).history.resumes) == 1


def test_an_uploaded_run_with_a_gap_in_its_curve_comes_to_an_end(open_scheduler, visitor, tmp_path):
    whole = uninterrupted(SHORT)
    history = replace(whole.history, evaluations=whole.history.evaluations[-1:])
    replace(whole, history=history).save(tmp_path / "mine.pt")
    scheduler = open_scheduler()
    run_id = scheduler.upload(visitor, [tmp_path / "mine.pt"])
    scheduler.resume(visitor, run_id)
    assert ended(scheduler, visitor, run_id).status == "finished"


@pytest.mark.parametrize("swapped", [False, True])
def test_the_tutorials_pair_is_taken_in_either_order_and_goes_on(
    open_scheduler, visitor, tmp_path, swapped
):
    files = [tmp_path / "a.pth", tmp_path / "b.pth"]
    export_tutorial(uninterrupted(TrainConfig(epochs=1, momentum=0.7)), *files)
    scheduler = open_scheduler()
    run_id = scheduler.upload(visitor, files[::-1] if swapped else files)
    assert scheduler.look(visitor, run_id).config.momentum == 0.7
    scheduler.resume(visitor, run_id)
    run = ended(scheduler, visitor, run_id)
    assert run.status == "finished"
    assert run.history.evaluations[0].accuracy > 0.1


@pytest.mark.parametrize("swapped", [False, True])
def test_a_pair_that_does_not_fit_is_told_by_its_names_and_the_true_reason(
    open_scheduler, visitor, tmp_path, swapped
):
    files = [tmp_path / "model.pth", tmp_path / "optimizer.pth"]
    other = Trainer.fresh(TrainConfig(network="modern")).checkpoint()
    export_tutorial(other, *files)
    with pytest.raises(CheckpointError, match=r"model\.pth and optimizer\.pth .*another network"):
        open_scheduler().upload(visitor, files[::-1] if swapped else files)


def test_a_refused_upload_leaves_nothing(open_scheduler, visitor, tmp_path):
    (tmp_path / "mine.pt").write_bytes(b"PK\x03\x04 cut short")
    scheduler = open_scheduler()
    for count in (1, 2, 0, 3):
        with pytest.raises(CheckpointError):
            scheduler.upload(visitor, [tmp_path / "mine.pt"] * count)
    assert scheduler.runs(visitor) == []


def test_a_download_that_fails_is_a_sentence(tmp_path):
    (tmp_path / "data").write_text("not a folder")
    download = MnistDownload(tmp_path / "data")
    download.start()
    until(lambda: not download.running)
    assert "MNIST could not be stored" in download.error
