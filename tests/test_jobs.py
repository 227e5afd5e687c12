"""Runs as jobs, on small made-up data: owned, in line, watched, stopped, found again."""

import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from digits import small_split

from mnist_core.checkpoint import Checkpoint, export_tutorial
from mnist_core.config import TrainConfig
from mnist_core.errors import BusyError, CheckpointError, ConfigError, DataError
from mnist_core.evaluation import classify
from mnist_core.history import EvalEvent
from mnist_core.jobs import Jobs, Limits, MnistDownload
from mnist_core.runs import new_visitor
from mnist_core.training import Trainer

TRAIN, TEST = small_split(640, seed=1), small_split(100, seed=2)
LONG = TrainConfig(epochs=100, batch_size=8, log_interval=2)
SHORT = TrainConfig(epochs=2, batch_size=64, log_interval=2)


@pytest.fixture
def make_jobs(tmp_path):
    """`make_jobs(**limits)`: jobs over one and the same folder; all stop with the test."""
    made = []

    def make(**limits):
        made.append(Jobs(tmp_path / "runs", lambda dataset: (TRAIN, TEST), Limits(**limits)))
        return made[-1]

    before = torch.get_num_threads()
    yield make
    for jobs in made:
        jobs.close()
    torch.set_num_threads(before)


def until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.01)


def ended(jobs, visitor, run_id):
    until(lambda: not jobs.look(visitor, run_id).active)
    return jobs.look(visitor, run_id)


def under_way(jobs, visitor, run_id, steps=3):
    until(lambda: len(jobs.look(visitor, run_id).history.steps) >= steps)


def pause(jobs, visitor, run_id):
    jobs.set_pace(visitor, run_id, "pause")
    until(lambda: jobs.look(visitor, run_id).status == "paused")


def uninterrupted(config):
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    trainer = Trainer.fresh(config)
    for _ in trainer.batches(TRAIN, TEST):
        pass
    torch.set_num_threads(before)
    return trainer.checkpoint()


def assert_same_result(one, other):
    assert one.batches_done == other.batches_done
    for name, tensor in other.model.items():
        assert torch.equal(one.model[name], tensor), name
    for index, state in other.optimizer["state"].items():
        mine = one.optimizer["state"][index]["momentum_buffer"]
        assert torch.equal(mine, state["momentum_buffer"])
    assert [(e.examples_seen, e.loss) for e in one.history.steps] == [
        (e.examples_seen, e.loss) for e in other.history.steps
    ]


def test_a_run_trains_to_its_end_and_says_how_far_it_is(make_jobs):
    jobs, visitor = make_jobs(), new_visitor()
    run = ended(jobs, visitor, jobs.start(visitor, SHORT))
    assert run.status == "finished"
    assert run.examples_seen == run.total == 2 * 640
    assert [e.examples_seen for e in run.history.evaluations] == [0, 640, 1280]
    assert run.samples.images.shape == (6, 28, 28)
    assert run.readings.shape == (6, 10)


def test_stopped_and_resumed_it_equals_the_uninterrupted_run_to_the_last_bit(make_jobs):
    config = TrainConfig(epochs=3, batch_size=16, log_interval=5)
    jobs, visitor = make_jobs(), new_visitor()
    run_id = jobs.start(visitor, config)
    under_way(jobs, visitor, run_id)
    pause(jobs, visitor, run_id)
    jobs.set_pace(visitor, run_id, "batch")
    jobs.stop(visitor, run_id)
    assert ended(jobs, visitor, run_id).status == "stopped"
    jobs.resume(visitor, run_id)
    assert ended(jobs, visitor, run_id).status == "finished"
    saved = Checkpoint.load(jobs.checkpoint_file(visitor, run_id))
    assert len(saved.history.resumes) == 1
    assert_same_result(saved, uninterrupted(config))


def test_a_finished_run_goes_on_to_more_epochs_on_the_same_curve(make_jobs):
    jobs, visitor = make_jobs(), new_visitor()
    run_id = jobs.start(visitor, SHORT)
    ended(jobs, visitor, run_id)
    with pytest.raises(ConfigError, match="choose more"):
        jobs.resume(visitor, run_id)
    jobs.resume(visitor, run_id, epochs=4)
    run = ended(jobs, visitor, run_id)
    assert run.epochs_done == 4
    assert run.history.resumes == [1280]


def test_a_step_is_one_batch_and_an_epoch_ends_at_its_evaluation(make_jobs):
    jobs, visitor = make_jobs(), new_visitor()
    run_id = jobs.start(visitor, LONG)
    under_way(jobs, visitor, run_id)
    pause(jobs, visitor, run_id)
    before = jobs.look(visitor, run_id).examples_seen
    for taken in (1, 2, 3):
        jobs.set_pace(visitor, run_id, "batch")
        until(lambda taken=taken: jobs.look(visitor, run_id).examples_seen == before + 8 * taken)
        until(lambda: jobs.look(visitor, run_id).status == "paused")
    jobs.set_pace(visitor, run_id, "epoch")
    until(lambda: jobs.look(visitor, run_id).epochs_done > before // 640)
    until(lambda: jobs.look(visitor, run_id).status == "paused")
    assert jobs.look(visitor, run_id).examples_seen % 640 == 0


def test_a_second_run_waits_in_line_and_gets_its_turn(make_jobs):
    jobs, first, second = make_jobs(slots=1), new_visitor(), new_visitor()
    one, two = jobs.start(first, LONG), jobs.start(second, SHORT)
    third = jobs.start(new_visitor(), SHORT)
    assert jobs.look(second, two).status == "waiting"
    assert jobs.look(second, two).place == 1
    under_way(jobs, first, one)
    jobs.stop(first, one)
    assert ended(jobs, second, two).status == "finished"
    assert third


def test_one_who_leaves_the_line_lets_the_others_move_up(make_jobs):
    jobs, visitors = make_jobs(slots=1), [new_visitor() for _ in range(3)]
    runs = [jobs.start(visitor, LONG) for visitor in visitors]
    assert jobs.look(visitors[2], runs[2]).place == 2
    jobs.stop(visitors[1], runs[1])
    assert jobs.look(visitors[1], runs[1]).status == "stopped"
    assert jobs.look(visitors[2], runs[2]).place == 1


def test_two_runs_at_once_do_not_touch_each_other(make_jobs):
    jobs, visitors = make_jobs(slots=2), [new_visitor(), new_visitor()]
    configs = [TrainConfig(epochs=2, batch_size=16, seed=seed) for seed in (1, 2)]
    runs = [jobs.start(v, config) for v, config in zip(visitors, configs, strict=True)]
    for visitor, run_id, config in zip(visitors, runs, configs, strict=True):
        assert ended(jobs, visitor, run_id).status == "finished"
        saved = Checkpoint.load(jobs.checkpoint_file(visitor, run_id))
        assert_same_result(saved, uninterrupted(config))


def test_a_visitor_may_have_so_many_runs_and_no_more(make_jobs):
    jobs, visitor = make_jobs(active=2, runs=3), new_visitor()
    runs = [jobs.start(visitor, LONG) for _ in range(2)]
    with pytest.raises(BusyError, match="2 under way"):
        jobs.start(visitor, LONG)
    for run_id in runs:
        jobs.stop(visitor, run_id)
        ended(jobs, visitor, run_id)
    ended(jobs, visitor, jobs.start(visitor, SHORT))
    with pytest.raises(BusyError, match="delete one"):
        jobs.start(visitor, SHORT)


def test_runs_that_belong_together_begin_all_or_not_at_all(make_jobs):
    jobs, visitor = make_jobs(active=3, runs=4), new_visitor()
    assert len(jobs.start_together(visitor, [LONG, SHORT], "cpu")) == 2
    with pytest.raises(BusyError, match="2 under way"):
        jobs.start_together(visitor, [LONG, SHORT], "cpu")
    assert len(jobs.runs(visitor)) == 2


def test_a_run_is_idle_only_when_its_slot_is_free(make_jobs):
    jobs, visitor = make_jobs(), new_visitor()
    run_id = jobs.start(visitor, LONG)
    under_way(jobs, visitor, run_id)
    (job,) = jobs._training
    with jobs._lock:
        job.stop()
        job.thread.join(1)
        assert job.active
    until(lambda: not job.active)
    assert not jobs._training


def test_no_visitor_reaches_anothers_run(make_jobs):
    jobs, owner, stranger = make_jobs(), new_visitor(), new_visitor()
    run_id = jobs.start(owner, LONG)
    under_way(jobs, owner, run_id)
    for attempt in (
        jobs.look,
        jobs.stop,
        jobs.resume,
        jobs.delete,
        jobs.checkpoint_file,
        lambda visitor, run: jobs.rename(visitor, run, "mine"),
        lambda visitor, run: jobs.set_pace(visitor, run, "pause"),
    ):
        with pytest.raises(ConfigError, match="no such run"):
            attempt(stranger, run_id)
    assert jobs.runs(stranger) == []
    assert jobs.look(owner, run_id).status == "running"


@pytest.mark.parametrize(
    "run_id",
    ["", ".", "..", "../..", "/etc", "0" * 15, "0" * 17, "0" * 16 + "\n", "../" + "0" * 16, 7, None,
     "0123456789ABCDEF", "0123456789abcde/", "\x00" * 16, ["0123456789abcdef"]],
)  # fmt: skip
def test_what_is_no_run_id_never_becomes_a_path(make_jobs, tmp_path, run_id):
    jobs, visitor = make_jobs(), new_visitor()
    (tmp_path / "runs").mkdir()
    with pytest.raises(ConfigError, match="no such run"):
        jobs.look(visitor, run_id)
    with pytest.raises(ConfigError, match="no such run"):
        jobs.delete(visitor, run_id)
    assert (tmp_path / "runs").is_dir()


@pytest.mark.parametrize("token", ["", "..", "a" * 21, "a" * 65, "../" + "a" * 30, None, 5, [1]])
def test_what_is_no_token_finds_no_runs(make_jobs, token):
    with pytest.raises(ConfigError, match="reload the page"):
        make_jobs().runs(token)


def test_runs_are_found_again_by_another_server_with_their_curve(make_jobs):
    jobs, visitor = make_jobs(), new_visitor()
    run_id = jobs.start(visitor, LONG)
    under_way(jobs, visitor, run_id)
    jobs.stop(visitor, run_id)
    before = ended(jobs, visitor, run_id)
    (after,) = make_jobs().runs(visitor)
    assert (after.run_id, after.status) == (run_id, "stopped")
    assert after.examples_seen == before.examples_seen
    assert after.history.steps == before.history.steps


def test_a_closed_server_has_saved_every_run(make_jobs):
    jobs, visitor = make_jobs(), new_visitor()
    run_id = jobs.start(visitor, LONG)
    under_way(jobs, visitor, run_id)
    jobs.close()
    stopped = jobs.look(visitor, run_id)
    assert stopped.status == "stopped"
    assert make_jobs().look(visitor, run_id).examples_seen == stopped.examples_seen


def test_after_a_restart_a_run_shows_six_test_digits_before_it_trains(make_jobs):
    jobs, visitor = make_jobs(), new_visitor()
    run_id = jobs.start(visitor, SHORT)
    ended(jobs, visitor, run_id)
    jobs.close()
    again = make_jobs()
    until(lambda: again.look(visitor, run_id).readings is not None)
    found = again.look(visitor, run_id)
    network = Checkpoint.load(again.checkpoint_file(visitor, run_id)).network()
    assert torch.equal(found.samples.images, TEST.images[:6])
    assert torch.allclose(found.readings, classify(network, TEST.images[:6]), atol=1e-6)


def test_an_idle_run_shows_test_digits_as_soon_as_there_are_any(tmp_path):
    there = []

    def load(dataset):
        if not there:
            raise DataError("MNIST is not on this machine.")
        assert dataset == "mnist", "the synthetic digits take long to make and are not shown"
        return TRAIN, TEST

    mixed = replace(SHORT, dataset="mnist+handwriting")
    replace(uninterrupted(SHORT), config=mixed).save(tmp_path / "mine.pt")
    jobs, visitor = Jobs(tmp_path / "runs", load), new_visitor()
    run_id = jobs.upload(visitor, [tmp_path / "mine.pt"])
    for _ in range(3):
        assert jobs.look(visitor, run_id).samples is None
        time.sleep(0.05)
    there.append(True)
    until(lambda: jobs.look(visitor, run_id).samples is not None)


def test_a_run_that_nobody_looks_at_saves_and_stops(make_jobs, tmp_path):
    jobs, visitor = make_jobs(unseen_seconds=0.5), new_visitor()
    run_id = jobs.start(visitor, LONG)
    folder = jobs.checkpoint_file(visitor, run_id)
    until(lambda: not jobs._training)
    assert Checkpoint.load(folder).batches_done > 0
    assert "Nobody looked" in jobs.look(visitor, run_id).sentence


def test_a_page_that_is_open_keeps_a_run_that_it_does_not_show(make_jobs):
    jobs, visitor = make_jobs(unseen_seconds=0.5), new_visitor()
    run_id = jobs.start(visitor, LONG)
    for _ in range(20):
        jobs.renew(visitor)
        time.sleep(0.05)
    assert jobs._training
    assert jobs.look(visitor, run_id).active


def test_a_run_paused_for_long_gives_up_its_slot(make_jobs):
    jobs, visitor = make_jobs(unseen_seconds=0.5), new_visitor()
    run_id = jobs.start(visitor, LONG)
    under_way(jobs, visitor, run_id)
    jobs.set_pace(visitor, run_id, "pause")
    run = ended(jobs, visitor, run_id)
    assert (run.status, run.sentence) == ("stopped", "The run was paused for long.")


def test_the_oldest_runs_make_room_and_none_in_use_goes(make_jobs, tmp_path):
    jobs, visitor = make_jobs(), new_visitor()
    runs = []
    for age in (3, 2, 1):
        runs.append(jobs.start(visitor, SHORT))
        ended(jobs, visitor, runs[-1])
        file = jobs.checkpoint_file(visitor, runs[-1])
        os.utime(file, (file.stat().st_mtime - 1000 * age,) * 2)
    room = sum(f.stat().st_size for f in file.parent.rglob("*") if f.is_file()) * 2.5
    make_jobs(total_bytes=room).runs(new_visitor())
    assert [run.run_id for run in make_jobs().runs(visitor)] == runs[:0:-1]
    make_jobs(age_seconds=1500).runs(new_visitor())
    assert [run.run_id for run in make_jobs().runs(visitor)] == runs[2:]
    jobs = make_jobs(age_seconds=0)
    jobs.look(visitor, runs[2])
    jobs.runs(visitor)
    assert [run.run_id for run in jobs.runs(visitor)] == runs[2:]


def test_a_clock_that_jumps_ahead_removes_nothing(make_jobs, monkeypatch):
    jobs, visitor = make_jobs(), new_visitor()
    run_id = jobs.start(visitor, SHORT)
    ended(jobs, visitor, run_id)
    jobs = make_jobs()
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 1e9)
    jobs.runs(new_visitor())
    assert [run.run_id for run in jobs.runs(visitor)] == [run_id]


def test_rename_and_delete(make_jobs, tmp_path):
    jobs, visitor = make_jobs(), new_visitor()
    run_id = jobs.start(visitor, LONG)
    jobs.rename(visitor, run_id, "  my   <b>first</b> ")
    assert jobs.look(visitor, run_id).about.name == "my <b>first</b>"
    for name in ("", " ", "x" * 41, "a\x00b"):
        with pytest.raises(ConfigError, match="letters"):
            jobs.rename(visitor, run_id, name)
    with pytest.raises(BusyError, match="Stop"):
        jobs.delete(visitor, run_id)
    jobs.stop(visitor, run_id)
    ended(jobs, visitor, run_id)
    assert make_jobs().look(visitor, run_id).about.name == "my <b>first</b>"
    jobs.delete(visitor, run_id)
    assert jobs.runs(visitor) == []
    assert list((tmp_path / "runs").glob("*/*")) == []


def test_a_run_that_trained_unseen_is_read_with_what_it_has_learned(make_jobs):
    jobs, visitor = make_jobs(), new_visitor()
    run_id = jobs.start(visitor, SHORT)
    jobs.look(visitor, run_id, TEST.images[0])
    until(lambda: not jobs._training)
    reading = jobs.look(visitor, run_id, TEST.images[0]).reading
    network = Checkpoint.load(jobs.checkpoint_file(visitor, run_id)).network()
    assert torch.allclose(reading, classify(network, TEST.images[:1])[0], atol=1e-6)


def test_two_pages_each_have_their_own_drawing_read(make_jobs):
    jobs, visitor = make_jobs(), new_visitor()
    run_id = jobs.start(visitor, LONG)
    under_way(jobs, visitor, run_id)
    pause(jobs, visitor, run_id)
    readings = [jobs.look(visitor, run_id, TEST.images[n]).reading for n in (0, 1, 0)]
    assert torch.equal(readings[0], readings[2])
    assert not torch.equal(readings[0], readings[1])


def test_a_drawing_is_read_by_the_network_as_it_learns(make_jobs):
    jobs, visitor = make_jobs(), new_visitor()
    run_id = jobs.start(visitor, LONG)
    drawing, truth = TEST.images[0], int(TEST.labels[0])
    until(lambda: jobs.look(visitor, run_id, drawing).reading is not None)
    first = jobs.look(visitor, run_id, drawing).reading[truth]
    until(lambda: jobs.look(visitor, run_id, drawing).reading[truth] > max(0.9, first))
    jobs.stop(visitor, run_id)
    ended(jobs, visitor, run_id)
    reading = make_jobs().look(visitor, run_id, drawing).reading
    assert int(reading.argmax()) == truth


def test_watching_changes_nothing_in_the_result(make_jobs):
    config = TrainConfig(epochs=2, batch_size=16)
    jobs, visitor = make_jobs(), new_visitor()
    run_id = jobs.start(visitor, config)
    until(lambda: not jobs.look(visitor, run_id, TEST.images[1]).active)
    saved = Checkpoint.load(jobs.checkpoint_file(visitor, run_id))
    assert_same_result(saved, uninterrupted(config))


def test_missing_data_is_a_sentence_of_the_run(tmp_path):
    def load(dataset):
        raise DataError("MNIST is not on this machine.")

    jobs, visitor = Jobs(tmp_path, load), new_visitor()
    run = ended(jobs, visitor, jobs.start(visitor, SHORT))
    assert (run.status, run.sentence) == ("failed", "MNIST is not on this machine.")


def test_a_diverging_run_ends_with_a_sentence_and_keeps_its_last_good_checkpoint(make_jobs):
    jobs, visitor = make_jobs(), new_visitor()
    config = TrainConfig(epochs=100, batch_size=8, learning_rate=10.0, momentum=0.99)
    run_id = jobs.start(visitor, config)
    run = ended(jobs, visitor, run_id)
    assert run.status == "failed"
    assert "smaller learning rate" in run.sentence
    Checkpoint.load(jobs.checkpoint_file(visitor, run_id))


def test_a_folder_that_turns_unwritable_stops_the_run_with_a_sentence(make_jobs, tmp_path):
    jobs, visitor = make_jobs(), new_visitor()
    run_id = jobs.start(visitor, LONG)
    under_way(jobs, visitor, run_id)
    pause(jobs, visitor, run_id)  # a save between the next steps would make the folder anew
    folder = jobs.checkpoint_file(visitor, run_id).parent
    kept = tmp_path / "kept"
    shutil.move(folder, kept)
    folder.write_text("a file where the folder was")
    job = jobs._jobs[next(iter(jobs._jobs))]
    run = job.look
    job.set_pace("run")
    until(lambda: not run().active)
    assert run().status == "failed"
    assert "could not be written" in run().sentence
    assert str(tmp_path) not in run().sentence
    Checkpoint.load(kept / "checkpoint.pt")


def test_a_disk_that_fills_up_stops_the_run_and_keeps_its_last_checkpoint(make_jobs, tmp_path):
    disk = tmp_path / "runs"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small disk")
    try:
        jobs, visitor = make_jobs(), new_visitor()
        run_id = jobs.start(visitor, LONG)
        under_way(jobs, visitor, run_id)
        with suppress(OSError), (disk / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(bytes(4096))
        run = ended(jobs, visitor, run_id)
        assert run.status == "failed"
        assert "could not be written" in run.sentence
        assert Checkpoint.load(jobs.checkpoint_file(visitor, run_id)).batches_done >= 0
        jobs.close()
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_nowhere_to_keep_a_run_is_said_at_once(tmp_path):
    (tmp_path / "runs").write_text("not a folder")
    jobs = Jobs(tmp_path / "runs", lambda dataset: (TRAIN, TEST))
    with pytest.raises(CheckpointError, match="could not be written"):
        jobs.start(new_visitor(), SHORT)


@pytest.mark.parametrize("damage", ["checkpoint.pt", "run.json"])
def test_a_damaged_run_is_shown_as_such_and_can_be_deleted(make_jobs, damage):
    jobs, visitor = make_jobs(), new_visitor()
    run_id = jobs.start(visitor, SHORT)
    ended(jobs, visitor, run_id)
    (jobs.checkpoint_file(visitor, run_id).parent / damage).write_bytes(b"\x00 not it")
    jobs = make_jobs()
    (run,) = jobs.runs(visitor)
    if damage == "checkpoint.pt":
        assert run.status == "failed"
        assert "cannot be read" in run.sentence or "not a checkpoint" in run.sentence
        jobs.resume(visitor, run_id, epochs=5)
        assert ended(jobs, visitor, run_id).status == "failed"
    else:
        assert run.status == "finished"
    jobs.delete(visitor, run_id)
    assert jobs.runs(visitor) == []


def test_an_uploaded_checkpoint_goes_on_exactly(make_jobs, tmp_path):
    config = TrainConfig(epochs=1, batch_size=16)
    uninterrupted(config).save(tmp_path / "mine.pt")
    jobs, visitor = make_jobs(), new_visitor()
    run_id = jobs.upload(visitor, [tmp_path / "mine.pt"])
    assert jobs.look(visitor, run_id).accuracy is not None
    jobs.resume(visitor, run_id, epochs=2)
    ended(jobs, visitor, run_id)
    saved = Checkpoint.load(jobs.checkpoint_file(visitor, run_id))
    assert_same_result(saved, uninterrupted(TrainConfig(epochs=2, batch_size=16)))


def test_an_uploaded_run_goes_on_from_a_mark_in_the_middle_of_an_epoch(make_jobs, tmp_path):
    trainer = Trainer.fresh(TrainConfig(epochs=1, batch_size=64, log_interval=1))
    for _ in zip(range(5), trainer.batches(TRAIN, TEST), strict=False):
        pass
    assert trainer.batches_done == 4
    trainer.checkpoint().save(tmp_path / "mine.pt")
    jobs, visitor = make_jobs(), new_visitor()
    run_id = jobs.upload(visitor, [tmp_path / "mine.pt"])
    jobs.resume(visitor, run_id)
    assert len(ended(jobs, visitor, run_id).history.resumes) == 1


def test_an_uploaded_run_with_a_gap_in_its_curve_comes_to_an_end(make_jobs, tmp_path):
    whole = uninterrupted(SHORT)
    history = replace(whole.history, evaluations=whole.history.evaluations[-1:])
    replace(whole, history=history).save(tmp_path / "mine.pt")
    jobs, visitor = make_jobs(), new_visitor()
    run_id = jobs.upload(visitor, [tmp_path / "mine.pt"])
    jobs.resume(visitor, run_id)
    assert ended(jobs, visitor, run_id).status == "finished"


@pytest.mark.parametrize("swapped", [False, True])
def test_the_tutorials_pair_is_taken_in_either_order_and_goes_on(make_jobs, tmp_path, swapped):
    files = [tmp_path / "a.pth", tmp_path / "b.pth"]
    export_tutorial(uninterrupted(TrainConfig(epochs=1, momentum=0.7)), *files)
    jobs, visitor = make_jobs(), new_visitor()
    run_id = jobs.upload(visitor, files[::-1] if swapped else files)
    assert jobs.look(visitor, run_id).config.momentum == 0.7
    jobs.resume(visitor, run_id)
    run = ended(jobs, visitor, run_id)
    assert run.status == "finished"
    assert run.history.evaluations[0].accuracy > 0.1


def test_a_refused_upload_leaves_nothing(make_jobs, tmp_path):
    (tmp_path / "mine.pt").write_bytes(b"PK\x03\x04 cut short")
    jobs, visitor = make_jobs(), new_visitor()
    for files in (
        [tmp_path / "mine.pt"],
        [tmp_path / "mine.pt"] * 2,
        [],
        [tmp_path / "mine.pt"] * 3,
    ):
        with pytest.raises(CheckpointError):
            jobs.upload(visitor, files)
    assert jobs.runs(visitor) == []


def test_a_download_that_fails_is_a_sentence(tmp_path):
    (tmp_path / "data").write_text("not a folder")
    download = MnistDownload(tmp_path / "data")
    download.start()
    until(lambda: not download.running)
    assert "MNIST could not be stored" in download.error["en"]


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from digits import small_split
from mnist_core.config import TrainConfig
from mnist_core.jobs import Jobs
data = small_split(640, seed=1), small_split(100, seed=2)
jobs = Jobs(Path({runs!r}), lambda dataset: data)
runs = jobs.runs({visitor!r})
if runs:
    jobs.resume({visitor!r}, runs[0].run_id)
else:
    jobs.start({visitor!r}, TrainConfig(epochs=100, batch_size=4, log_interval=1))
print("training", flush=True)
input()
"""


def test_a_server_killed_at_any_moment_leaves_a_readable_checkpoint(make_jobs, tmp_path):
    """MNIST_KILLS sets how often; each time the run goes on from where the last left it."""
    visitor, tests = new_visitor(), Path(__file__).parent
    program = KILLED.format(tests=str(tests), runs=str(tmp_path / "runs"), visitor=visitor)
    done = 0

    def checkpoints():
        return list((tmp_path / "runs").glob("*/*/checkpoint.pt"))

    for kill in range(int(os.environ.get("MNIST_KILLS", "3"))):
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            cwd=tests.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        process.stdout.readline()
        until(checkpoints)
        started = checkpoints()[0].stat().st_mtime_ns
        until(lambda before=started: checkpoints()[0].stat().st_mtime_ns > before)
        time.sleep(0.037 * (kill + 1) % 0.5)
        process.kill()
        process.wait()
        saved = Checkpoint.load(checkpoints()[0])
        assert saved.batches_done >= done
        done = saved.batches_done
    assert done > 0
    (run,) = make_jobs().runs(visitor)
    assert run.status in ("stopped", "finished")
    assert all(isinstance(e, EvalEvent) for e in run.history.evaluations)
