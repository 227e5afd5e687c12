"""What the Train tab shows of runs, what it offers, and what its buttons do; without a browser."""

import base64
import io
import json
import os
import time
import zipfile
from dataclasses import replace
from functools import partial

import pytest
import torch
from training_runs import LONG, SHORT, TEST, ended, finished, run, under_way, until

from mnist_core.checkpoint import Checkpoint
from mnist_core.config import MODERN, QUICK, TUTORIAL, TrainConfig
from mnist_core.errors import CheckpointError, ConfigError, DataError
from mnist_core.evaluation import classify
from mnist_core.history import EvalEvent, History, LiveReading, StepEvent
from mnist_core.page.run_actions import Pressed, act, download
from mnist_core.page.run_buttons import controls, resume_target
from mnist_core.page.run_table import table
from mnist_core.page.run_view import Choice, Page, look, now, number, shown_run
from mnist_core.page.run_words import sentence
from mnist_core.page.untrained import untrained
from mnist_core.page.words import Words
from mnist_core.runs.folder import new_visitor
from mnist_core.training import Trainer

SAY, NOTHING_CHOSEN = Words(), Choice()
DRAWING = base64.b64encode(bytes([0, 255] * 392)).decode()


def page(visitor, **changes):
    empty = {"choice": Choice(), "epochs": 3, "drawing": None, "marks": {}, "points": {}}
    return Page(visitor=visitor, **{**empty, **changes})


def press(scheduler, visitor, action, run_id="", value=None, choice=NOTHING_CHOSEN, **settings):
    wanted = {**TrainConfig(epochs=2).to_dict(), **settings}
    pressed = Pressed(action=action, run_id=run_id, value=value, settings=wanted)
    return act(scheduler, visitor, choice, pressed, SAY)


# ---- what is shown ----


def test_before_the_first_run_the_shipped_curve_is_shown_and_train_alone_is_offered(
    open_scheduler, visitor
):
    scheduler = open_scheduler()
    shown = look(scheduler, page(visitor), SAY)
    assert [curve["name"] for curve in shown["curves"]] == ["Tutorial, as shipped"]
    for recipe, curves in ((MODERN, ["Modern, as shipped"]), (QUICK, [])):
        other = look(scheduler, page(visitor, config=recipe), SAY)["curves"]
        assert [curve["name"] for curve in other] == curves
    assert shown["parts"]["controls"].count("disabled") == 3
    assert "An example, read as it learns" in shown["parts"]["reading"]
    assert (shown["active"], shown["running"]) == (False, False)


def test_before_the_first_run_the_untrained_network_reads_where_there_are_digits_to_read(
    open_scheduler, visitor
):
    def missing():
        raise DataError("MNIST is not on this machine.")

    def seen(load_test, **changes):
        before = partial(untrained, load_test)
        return look(open_scheduler(), page(visitor, **changes), SAY, untrained=before)

    shown = seen(lambda: TEST, drawing=DRAWING)
    assert "before it learns" in shown["parts"]["number"]
    assert shown["parts"]["samples"].count("<figure ") == 6
    assert shown["parts"]["samples"].count("run-wrong") >= 3
    assert "10 filters" in shown["parts"]["filters"]
    assert "run-first" in shown["parts"]["reading"]
    assert len(shown["cloud"]["places"]) > 30
    assert len(shown["cloud"]["own"]) == 2
    again = seen(lambda: TEST, drawing=DRAWING, marks=shown["marks"])
    assert (again["parts"], again["cloud"]) == ({}, None)
    without = seen(missing)
    assert "before it learns" in without["parts"]["number"]
    assert "They appear here" in without["parts"]["samples"]
    assert without["cloud"]["places"] == []


@pytest.mark.parametrize("config", [TUTORIAL, replace(TUTORIAL, seed=2), MODERN])
def test_the_untrained_network_is_that_which_the_settings_would_train(config):
    drawing = torch.arange(784, dtype=torch.uint8).reshape(28, 28)
    before, begun = untrained(lambda: TEST, drawing, config), Trainer(config)
    assert torch.equal(before.reading, classify(begun.model, drawing[None])[0])
    assert torch.equal(before.readings, classify(begun.model, before.samples.images))
    shown = number(before, SAY)
    assert shown["of"].endswith("before it learns")
    assert 0 <= before.live_accuracy < 0.4


@pytest.mark.parametrize(
    ("config", "is_shown"),
    [(SHORT, True), (replace(MODERN, epochs=1), True), (replace(SHORT, dataset="own"), False)],
)
def test_the_untrained_network_stays_until_the_run_has_read_something_itself(
    open_scheduler, visitor, monkeypatch, config, is_shown
):
    scheduler = open_scheduler()
    run_id = scheduler.start(visitor, replace(LONG, epochs=1))
    state = replace(scheduler.look(visitor, run_id), status="starting", history=History(), live=[])
    state = replace(state, about=replace(state.about, config=config))
    monkeypatch.setattr(scheduler, "look", lambda *_: state)
    before = partial(untrained, lambda: TEST)
    shown = look(scheduler, page(visitor), SAY, untrained=before)
    assert ("before it learns" in shown["parts"]["number"]) == is_shown
    assert ("<figure " in shown["parts"]["samples"]) == is_shown
    begun = replace(state, history=run(accuracies=[0.1]).history)
    monkeypatch.setattr(scheduler, "look", lambda *_: begun)
    shown = look(scheduler, page(visitor), SAY, untrained=before)
    assert "<figure " not in shown["parts"]["samples"]


def test_a_look_brings_only_what_has_changed(open_scheduler, visitor):
    scheduler = open_scheduler()
    run_id = finished(scheduler, visitor, name="Mine")
    until(lambda: scheduler.look(visitor, run_id, torch.zeros(28, 28)).readings is not None)
    first = look(scheduler, page(visitor, drawing=DRAWING), SAY)
    assert {"number", "filters", "next"} < {*first["parts"]} == {*first["marks"]} - {"cloud"}
    assert "Your drawing, read as it learns" in first["parts"]["reading"]
    assert first["parts"]["samples"].count("<figure ") == 6
    (curve,) = first["curves"]
    assert (curve["name"], len(curve["tests"]["new"]), curve["total"]) == ("Mine 1", 3, 1280)
    points = {curve["id"]: {name: curve[name] for name in ("steps", "tests", "live")}}
    has = {"marks": first["marks"], "points": json.loads(json.dumps(points))}
    again = look(scheduler, page(visitor, drawing=DRAWING, **has), SAY)
    assert again["parts"] == {}
    assert [again["curves"][0][name]["new"] for name in ("steps", "tests")] == [[], []]
    other = look(scheduler, page(visitor, drawing=DRAWING, epochs=9, **has), SAY)
    assert {*other["parts"]} <= {"controls", "next"}
    assert "Resume to 9" in other["parts"]["controls"]


def test_a_number_says_what_it_is_of_and_whether_it_still_moves():
    live = [LiveReading(examples_seen=7, accuracy=0.5, digits=1000)]
    said = {
        "before it learns": run(accuracies=(0.1,)),
        "of 1,000 test digits, at this moment": run(accuracies=(0.1,), live=live, status="running"),
        "of 1,000 test digits": run(accuracies=(0.1,), live=live, status="stopped"),
        "of all test digits": run(accuracies=(0.1, 0.9), live=live),
    }
    for end, state in said.items():
        assert number(state, SAY)["of"].endswith(end)


def test_a_name_is_text_wherever_it_is_shown(open_scheduler, visitor):
    scheduler = open_scheduler()
    run_id = scheduler.start(visitor, SHORT)
    scheduler.rename(visitor, run_id, '"><b onclick=x>$')
    html = "".join(look(scheduler, page(visitor), SAY)["parts"].values())
    assert "<b onclick" not in html
    assert 'value="&#34;&gt;&lt;b onclick=x&gt;$"' in html


def test_a_run_long_trained_is_no_more_to_send_than_a_short_one():
    long = History(
        [StepEvent(examples_seen=n, loss=1.0, seconds=n) for n in range(100_000)],
        [EvalEvent(examples_seen=n, loss=1.0, accuracy=0.5, seconds=n) for n in range(100_000)],
        list(range(100_000)),
    )
    assert len(json.dumps(table([run(history=long)], None, (), SAY, {}))) < 2_000


def test_of_a_duel_the_run_that_trains_is_shown():
    first = run(run_id="a", status="running", touched=1.0)
    second = run(run_id="b", status="waiting", touched=2.0)
    duel = Choice(overlaid=("a", "b"))
    assert shown_run([second, first], duel) is first
    assert shown_run([second, first], Choice()) is second  # what was started last
    assert shown_run([replace(second, status="running"), first], duel).run_id == "b"
    assert shown_run([second, first], replace(duel, run_id="b", at=3.0)) is second  # as chosen


def test_a_clock_set_back_leaves_the_visitors_choice_to_them(open_scheduler, visitor):
    """The files of both runs are of a later day than today."""
    scheduler = open_scheduler()
    runs = [finished(scheduler, visitor) for _ in range(2)]
    for run_id in runs:
        later = time.time() + 5 * 86_400
        os.utime(scheduler.checkpoint_file(visitor, run_id), (later, later))
    scheduler.close()
    scheduler = open_scheduler()
    scheduler.runs(visitor)  # a page has looked before anything is chosen
    for run_id in runs:
        chosen = Choice(run_id=run_id, at=scheduler.now())
        shown = look(scheduler, page(visitor, choice=chosen), SAY)["parts"]["controls"]
        assert f'data-action="resume" data-run="{run_id}"' in shown


@pytest.mark.parametrize(
    "kept", [None, 7, "x", [], {}, {"run_id": 7, "at": "x", "overlaid": 1}, {"at": {}},
             {"run_id": "x", "at": None, "overlaid": []}],
)  # fmt: skip
def test_whatever_a_browser_kept_is_a_choice(kept):
    assert Choice.of(kept) == Choice()


# ---- what is said ----


def test_every_status_has_its_sentence():
    for status, said in {
        "waiting": "number 2 in line",
        "starting": "Getting ready: reading the digits",
        "running": "epoch 1 of 3 · 0 of 180,000 examples",
        "paused": "paused · epoch 1 of 3",
        "stopped": "Stopped after 0 examples",
        "failed": "It cannot be.",
    }.items():
        state = run(status=status, place=2, sentence="It cannot be." if status == "failed" else "")
        assert said in sentence(state, SAY)


# ---- what is offered ----


def test_no_more_epochs_are_offered_than_a_run_may_have():
    assert resume_target(run(accuracies=[0.9] * 4), 3) == 8
    assert resume_target(run(accuracies=[0.9] * 4), 20) == 20
    assert resume_target(run(accuracies=[0.9] * 99), 3) == 100
    full = run(TrainConfig(epochs=100), accuracies=[0.9] * 101)
    ((_, label, _, why_not),) = [b for b in controls(full, 105, SAY)["buttons"] if b[0] == "resume"]
    assert (label, why_not) == ("Resume", "A run has at most 100 epochs")


def test_only_files_that_there_are_can_be_downloaded():
    def offered(state):
        (row,) = table([state], None, (), SAY, {})["rows"]
        return [kind for kind, _ in row["files"]]

    assert offered(run(status="waiting")) == ["csv", "png"]
    assert offered(run(accuracies=[0.1])) == ["checkpoint", "tutorial", "package", "csv", "png"]
    assert offered(run(MODERN, accuracies=[0.1])) == ["checkpoint", "package", "csv", "png"]


def test_a_duel_is_offered_where_there_is_room_for_two():
    assert table([run()], None, (), SAY, {})["duel_refused"] == ""
    running = table([run(status="running")], None, (), SAY, {})
    assert "Stop your run" in running["duel_refused"]


def test_how_many_letters_a_finished_run_takes_for_digits_is_said_and_in_its_row():
    for swallowed, said, share in [
        (None, "Now it is shown letters…", "–"),
        (863, "It takes 863 of 1,000 letters for digits.", "86.3 %"),
        (1000, "It takes all of 1,000 letters for digits: it cannot tell.", "100.0 %"),
    ]:
        state = run(accuracies=[0.1, 0.9])
        letters = {state.run_id: swallowed}
        assert now(state, SAY, letters)["sentence"].endswith(said)
        (row,) = table([state], state, (), SAY, letters)["rows"]
        assert row["letters"] == share
    assert "letters" not in now(run(status="stopped"), SAY, {})["sentence"]


def test_only_finished_runs_are_shown_letters(open_scheduler, visitor):
    scheduler, asked = open_scheduler(), []
    run_id = finished(scheduler, visitor)
    under_way(scheduler, visitor, scheduler.start(visitor, LONG))
    look(scheduler, page(visitor), SAY, swallowed=asked.append)
    assert asked == [run_id]


# ---- what is done ----


@pytest.mark.parametrize(
    ("action", "wrong"),
    [("stop", {"seed": None}), ("rename", {"epochs": 1000}), ("resume", {"momentum": -1})],
)
def test_a_field_that_is_wrong_stops_only_what_needs_it(open_scheduler, visitor, action, wrong):
    scheduler = open_scheduler()
    run_id = finished(scheduler, visitor)
    press(scheduler, visitor, action, run_id, "mine", **wrong)
    with pytest.raises(ConfigError):
        press(scheduler, visitor, "train", **wrong)


def test_each_button_does_what_it_says(open_scheduler, visitor):
    scheduler = open_scheduler(slots=2)
    press(scheduler, visitor, "train", epochs=100, batch_size=8)
    (begun,) = scheduler.runs(visitor)
    assert begun.about.name == "Tutorial 1"
    under_way(scheduler, visitor, begun.run_id)
    press(scheduler, visitor, "pause", begun.run_id)
    until(lambda: scheduler.look(visitor, begun.run_id).status == "paused")
    press(scheduler, visitor, "rename", begun.run_id, " a  name ")
    assert scheduler.look(visitor, begun.run_id).about.name == "a name"
    press(scheduler, visitor, "run", begun.run_id)
    press(scheduler, visitor, "stop", begun.run_id)
    assert ended(scheduler, visitor, begun.run_id).status == "stopped"
    duel = press(scheduler, visitor, "duel", epochs=1)
    names = {run.run_id: run.about.name for run in scheduler.runs(visitor)}
    assert names.pop(begun.run_id) == "a name"
    assert names.keys() == {*duel.overlaid}
    assert sorted(names.values()) == ["Modern 1", "Tutorial 1"]
    chosen = press(scheduler, visitor, "show", begun.run_id, choice=duel)
    assert (chosen.run_id, chosen.overlaid) == (begun.run_id, duel.overlaid)
    one, two = duel.overlaid
    assert press(scheduler, visitor, "overlay", one, False, duel).overlaid == (two,)
    assert press(scheduler, visitor, "overlay", one, True, duel).overlaid == (two, one)
    press(scheduler, visitor, "delete", begun.run_id)
    assert len(scheduler.runs(visitor)) == 2
    with pytest.raises(ConfigError, match="no such recipe"):
        press(scheduler, visitor, "train", recipe="unknown")


def test_a_runs_files_are_what_they_are_called(open_scheduler, visitor):
    scheduler = open_scheduler()
    run_id = scheduler.start(visitor, LONG)
    under_way(scheduler, visitor, run_id)
    scheduler.stop(visitor, run_id)
    ended(scheduler, visitor, run_id)
    scheduler.rename(visitor, run_id, "My $ run/..")
    files = {
        kind: download(scheduler, visitor, Pressed(action="download", run_id=run_id, value=kind))
        for kind in ("checkpoint", "tutorial", "csv", "png")
    }
    assert [name for name, _ in files.values()] == [
        "my-run.pt", "my-run.zip", "my-run.csv", "my-run.png"
    ]  # fmt: skip
    assert Checkpoint.from_bytes(files["checkpoint"][1]).config == LONG
    pair = zipfile.ZipFile(io.BytesIO(files["tutorial"][1]))
    assert pair.namelist() == ["model.pth", "optimizer.pth"]
    assert files["csv"][1].startswith(b"examples_seen,event,loss")
    assert files["png"][1].startswith(b"\x89PNG")
    with pytest.raises(ConfigError, match="no such file"):
        download(scheduler, visitor, Pressed(action="download", run_id=run_id, value="all"))


def test_what_there_is_not_is_not_downloaded(open_scheduler, visitor):
    scheduler = open_scheduler(slots=1)
    scheduler.start(new_visitor(), LONG)
    waits = scheduler.start(visitor, replace(MODERN, epochs=1))
    for kind in ("checkpoint", "tutorial"):
        with pytest.raises(CheckpointError):
            download(scheduler, visitor, Pressed(action="download", run_id=waits, value=kind))
