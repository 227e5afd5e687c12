"""The loop against the tutorial's own, and a stopped run against an uninterrupted one."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from benchmarks.tutorial import TutorialNet
from digits import small_split
from fake_cuda import fake_cuda
from torch.nn import functional as F

from mnist_core.checkpoint import Checkpoint
from mnist_core.config import MODERN, QUICK, RECIPES, TrainConfig
from mnist_core.digits.split import Split, batches, normalize
from mnist_core.errors import ConfigError, TrainingError
from mnist_core.history import EvalEvent, StepEvent
from mnist_core.inspection import operations
from mnist_core.models import Dropout, ModernNet
from mnist_core.places import shipped_weights
from mnist_core.training import Trainer, choose_device

pytestmark = pytest.mark.usefixtures("one_thread")

ROOT = Path(__file__).parent.parent
TRAIN, TEST = small_split(500, seed=1), small_split(200, seed=2)


def config(**settings):
    return TrainConfig(**{"epochs": 2, "batch_size": 32, "log_interval": 3, **settings})


def finished(trainer, train=TRAIN):
    for _ in trainer.events(train, TEST):
        pass
    return trainer


def stopped(trainer, after, train=TRAIN):
    """After so many events and batches."""
    for _ in zip(range(after), trainer.batches(train, TEST), strict=False):
        pass
    return trainer


def assert_same_run(one, other):
    for a, b in zip(one.model.parameters(), other.model.parameters(), strict=True):
        assert torch.equal(a, b)
        mine, theirs = one.optimizer.state[a], other.optimizer.state[b]
        assert torch.equal(mine["momentum_buffer"], theirs["momentum_buffer"])
    for a, b in zip(one.history.steps, other.history.steps, strict=True):
        assert (a.examples_seen, a.loss) == (b.examples_seen, b.loss)
    for a, b in zip(one.history.evaluations, other.history.evaluations, strict=True):
        assert (a.examples_seen, a.loss, a.accuracy) == (b.examples_seen, b.loss, b.accuracy)


def test_without_dropout_our_losses_are_those_of_the_tutorials_loop():
    ours = Trainer(config(epochs=2, log_interval=1))
    for module in ours.model.modules():
        if isinstance(module, Dropout):
            module.forward = lambda x: x
    theirs = TutorialNet()
    theirs.load_state_dict(ours.checkpoint().model)
    theirs.conv2_drop.p = 0.0
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.01, momentum=0.5)
    expected = []
    for epoch in range(2):
        for index in batches(len(TRAIN), 32, seed=1, epoch=epoch):
            # Evaluation mode turns off F.dropout, and changes nothing else in this network.
            theirs.eval()
            optimizer.zero_grad()
            loss = F.nll_loss(theirs(normalize(TRAIN.images[index])), TRAIN.labels[index])
            loss.backward()
            optimizer.step()
            expected.append(loss.item())
    finished(ours)
    assert [e.loss for e in ours.history.steps] == pytest.approx(expected, abs=1e-5)


def test_the_curve_counts_examples_as_the_tutorial_does():
    """500 examples in batches of 32 are 16 steps; every 3rd is logged: at 0, 96, … 480."""
    trainer = finished(Trainer(config(epochs=2)))
    first = list(range(0, 500, 96))
    assert [e.examples_seen for e in trainer.history.steps] == first + [500 + x for x in first]
    assert [e.examples_seen for e in trainer.history.evaluations] == [0, 500, 1000]


def test_it_learns():
    trainer = finished(Trainer(config(epochs=8, learning_rate=0.05)))
    assert trainer.history.evaluations[0].accuracy < 0.3
    assert trainer.history.evaluations[-1].accuracy > 0.9


@pytest.mark.parametrize("stop_after", [1, 2, 7, 16, 17, 18, 30])
def test_a_resumed_run_equals_the_uninterrupted_one(tmp_path, stop_after):
    whole = finished(Trainer(config(epochs=3)))
    left = stopped(Trainer(config(epochs=2)), stop_after)
    left.checkpoint().save(tmp_path / "checkpoint.pt")
    finished(left)  # going on with the one that was saved must not touch the saved one
    resumed = Trainer.resume(Checkpoint.load(tmp_path / "checkpoint.pt"), epochs=3)
    assert_same_run(finished(resumed), whole)


def test_every_event_leaves_a_complete_checkpoint():
    whole = finished(Trainer(config(epochs=1, log_interval=5)))
    trainer = Trainer(config(epochs=1, log_interval=5))
    for _ in trainer.events(TRAIN, TEST):
        assert_same_run(finished(Trainer.resume(trainer.checkpoint())), whole)


def test_leaving_the_loop_in_an_epoch_and_going_on_with_the_same_trainer_is_the_same_run():
    whole = finished(Trainer(config()))
    trainer = Trainer(config())
    next(trainer.events(TRAIN, TEST))
    next(trainer.events(TRAIN, TEST))
    assert_same_run(finished(trainer), whole)


@pytest.mark.parametrize("stop_after", [3, 16, 21])
@pytest.mark.parametrize("recipe", [MODERN, QUICK], ids=["modern", "quick"])
def test_a_resumed_run_of_another_recipe_equals_the_uninterrupted_one(tmp_path, recipe, stop_after):
    settings = replace(recipe, epochs=3, batch_size=32, log_interval=3)
    shards = tuple(small_split(100, seed=seed) for seed in (3, 4))
    train = Split(TRAIN.images[:400], TRAIN.labels[:400], shards, small_split(50, seed=5).images)
    whole = finished(Trainer(settings), train)
    left = stopped(Trainer(settings), stop_after, train)
    left.checkpoint().save(tmp_path / "checkpoint.pt")
    resumed = finished(Trainer.resume(Checkpoint.load(tmp_path / "checkpoint.pt")), train)
    assert_same_run(resumed, whole)
    for a, b in zip(resumed.model.buffers(), whole.model.buffers(), strict=True):
        assert torch.equal(a, b)


def test_one_cycle_climbs_for_a_quarter_of_the_run_and_ends_near_nought():
    """4 epochs of 16 steps: from 0.04 of the peak up to all of it at step 16, then down."""
    trainer = Trainer(config(epochs=4, schedule="one-cycle", learning_rate=0.1))
    rates = []
    for event in trainer.batches(TRAIN, TEST):
        if not isinstance(event, EvalEvent):
            rates.append(trainer.optimizer.param_groups[0]["lr"])
    assert rates[0] == pytest.approx(0.004)
    assert rates[16] == max(rates) == pytest.approx(0.1, rel=1e-3)
    assert rates[:17] == sorted(rates[:17])
    assert rates[16:] == sorted(rates[16:], reverse=True)
    assert rates[-1] < 0.001


def test_the_modern_networks_size_is_what_is_said_of_it():
    """25·16 + 9·(16·32 + 32·48 + 48·64 + 64·96) convolved, 2·(16+32+48+64+96) normalized and
    1,536·11+11 = 400 + 101,376 + 512 + 16,907 = 119,195. Multiply-adds: 196·400 + 196·4,608 +
    49·13,824 + 49·27,648 + 16·55,296 + 16,896 = 3,915,328."""
    model = ModernNet(11)
    assert sum(p.numel() for p in model.parameters()) == 119_195
    used = 0
    for operation in operations(model, torch.zeros(1, 1, 28, 28)):
        if operation.name in ("conv2d", "linear"):
            weight = operation.arguments[1]
            used += operation.output[0].numel() * weight[0].numel()
    assert used == 3_915_328


def test_the_place_of_a_resume_is_part_of_the_history():
    resumed = finished(Trainer.resume(stopped(Trainer(config()), 6).checkpoint()))
    assert resumed.history.resumes == [5 * 32]  # the first of the six was the evaluation
    assert finished(Trainer(config())).history.resumes == []


def test_a_checkpoint_is_a_copy_that_later_steps_do_not_change():
    trainer = Trainer(config())
    events = trainer.events(TRAIN, TEST)
    next(events)
    checkpoint = trainer.checkpoint()
    before = checkpoint.model["fc2.bias"].clone()
    for _ in events:
        pass
    assert torch.equal(checkpoint.model["fc2.bias"], before)
    assert checkpoint.history.steps == []


def test_two_runs_in_one_process_do_not_disturb_each_other():
    alone = finished(Trainer(config()))
    one, other = Trainer(config()), Trainer(config(seed=9))
    for _ in zip(one.batches(TRAIN, TEST), other.batches(TRAIN, TEST), strict=True):
        torch.rand(1)
    assert_same_run(one, alone)


def test_another_seed_is_another_run():
    one, other = Trainer(config(seed=1)), Trainer(config(seed=2))
    assert not torch.equal(one.model.fc1.weight, other.model.fc1.weight)
    orders = [torch.cat(list(batches(50, 8, seed, epoch))) for seed in (1, 2) for epoch in (0, 1)]
    assert len({tuple(order.tolist()) for order in orders}) == 4
    assert all(sorted(order.tolist()) == list(range(50)) for order in orders)


def test_a_diverging_run_ends_with_a_sentence_and_keeps_no_broken_checkpoint():
    trainer = Trainer(config(learning_rate=10.0, momentum=0.99, epochs=50, log_interval=1))
    saved = (trainer.checkpoint() for _ in trainer.batches(TRAIN, TEST))
    with pytest.raises(TrainingError, match="smaller learning rate"):
        list(saved)


def test_fewer_epochs_than_are_done_is_refused():
    trainer = finished(Trainer(config(epochs=2)))
    with pytest.raises(ConfigError, match="beyond 1 epochs"):
        list(Trainer.resume(trainer.checkpoint(), epochs=1).events(TRAIN, TEST))


def test_a_finished_run_resumed_to_the_same_number_of_epochs_has_nothing_to_do():
    trainer = finished(Trainer(config(epochs=1)))
    assert list(Trainer.resume(trainer.checkpoint()).events(TRAIN, TEST)) == []


def test_a_logged_step_and_an_evaluation_say_how_long_it_took():
    trainer = finished(Trainer(config()))
    times = [e.seconds for e in trainer.history.steps]
    assert times == sorted(times)
    assert times[0] > 0
    resumed = finished(Trainer.resume(trainer.checkpoint(), epochs=3))
    assert resumed.history.steps[-1].seconds > times[-1]


def test_an_unknown_device_is_refused():
    with pytest.raises(ConfigError, match="device"):
        choose_device("tpu")
    if not torch.cuda.is_available():
        assert choose_device("auto") == "cpu"
        with pytest.raises(ConfigError, match="no CUDA device"):
            choose_device("cuda")


def on_device(trainer):
    """Where a trainer's weights, running statistics and momentum are."""
    tensors = [*trainer.model.parameters(), *trainer.model.buffers()]
    tensors += [state["momentum_buffer"] for state in trainer.optimizer.state.values()]
    assert len(tensors) > len(list(trainer.model.parameters()))
    return {tensor.device.type for tensor in tensors}


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_run_on_cuda_mixes_no_devices_and_can_be_resumed_there_or_on_the_cpu(recipe, tmp_path):
    """Batches, distortion, forward pass, loss, step, evaluation and checkpoint, without a GPU."""
    train, test = replace(small_split(64), nondigits=small_split(50).images), small_split(16)
    settings = replace(recipe, epochs=1, batch_size=32, log_interval=1)
    mixed = replace(train, shards=(small_split(32),))
    with fake_cuda():
        trainer = Trainer(settings, "auto")
        for _ in trainer.events(mixed if recipe is MODERN else train, test):
            checkpoint = trainer.checkpoint()
        assert on_device(trainer) == {"cuda"}
        assert checkpoint.device == "cuda"
        checkpoint.save(tmp_path / "checkpoint.pt")
        resumed = Trainer.resume(checkpoint, epochs=2)
        assert [type(event) for event in resumed.events(train, test)][-1] is EvalEvent
        assert on_device(resumed) == {"cuda"}
    saved = Checkpoint.load(tmp_path / "checkpoint.pt")
    elsewhere = finished(Trainer.resume(saved, epochs=2, device="cpu"), train)
    assert on_device(elsewhere) == {"cpu"}


def test_a_run_of_the_cpus_goes_on_on_cuda_where_that_is_asked_for():
    checkpoint = finished(Trainer(config(epochs=1))).checkpoint()
    with fake_cuda():
        resumed = finished(Trainer.resume(checkpoint, epochs=2, device="cuda"))
        assert on_device(resumed) == {"cuda"}
        assert resumed.checkpoint().device == "cuda"


def test_what_mixes_devices_fails_on_the_device_that_these_tests_stand_in():
    with fake_cuda():
        there, here = torch.ones(4, device="cuda"), torch.arange(2)
        with pytest.raises(Exception, match="two different devices"):
            there.index_select(0, here)
        with pytest.raises(RuntimeError, match="generator on cpu"):
            there.uniform_(generator=torch.Generator())
        with pytest.raises(RuntimeError, match="loss of a step is on cpu"):
            torch.ones(1, requires_grad=True).sum().backward()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_cuda_it_learns_and_resumes_exactly():
    whole = finished(Trainer(config(epochs=3), "cuda"))
    left = stopped(Trainer(config(epochs=3), "cuda"), 20)
    resumed = finished(Trainer.resume(left.checkpoint()))
    assert resumed.history.steps[-1].loss == pytest.approx(whole.history.steps[-1].loss, abs=1e-4)


def test_on_mnist_stopped_in_another_process_and_resumed_it_equals_the_straight_run(
    mnist_dir, tmp_path
):
    """2 epochs, stopped in the second, resumed to 3 by a new process = 3 epochs straight; and they
    are as good as the first 3 of the shipped weights' 8."""
    command = [sys.executable, "-m", "mnist_core", "train", "--quiet", "--threads", "1"]
    command += ["--data-dir", str(mnist_dir), "--epochs", "3"]
    stop_in_the_second_epoch = (
        "import sys, pathlib, torch\n"
        "from mnist_core import config, training\n"
        "from mnist_core.digits import datasets\n"
        "torch.set_num_threads(1)\n"
        "trainer = training.Trainer(config.TrainConfig(epochs=2))\n"
        "loop = trainer.batches(*datasets.load('mnist', pathlib.Path(sys.argv[1])))\n"
        "while trainer.batches_done < 1234: next(loop)\n"
        "trainer.checkpoint().save(pathlib.Path(sys.argv[2]))\n"
    )
    straight, left = tmp_path / "straight", tmp_path / "left"
    place = {"cwd": ROOT, "env": os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}}
    running = subprocess.Popen([*command, "--out", str(straight)], **place)
    code = [sys.executable, "-c", stop_in_the_second_epoch]
    subprocess.run([*code, str(mnist_dir), str(left / "checkpoint.pt")], check=True, **place)
    subprocess.run([*command, "--resume", str(left)], check=True, **place)
    assert running.wait() == 0
    one, other = (Checkpoint.load(run / "checkpoint.pt") for run in (straight, left))
    assert one.batches_done == other.batches_done == 3 * 938
    assert_same_run(Trainer.resume(one), Trainer.resume(other))
    assert other.history.resumes == [60_000 + (1234 - 938) * 64]
    shipped = Checkpoint.load(shipped_weights("tutorial"))
    accuracies, of_shipped = (
        [event.accuracy for event in run.history.evaluations] for run in (one, shipped)
    )
    assert accuracies[1:] == pytest.approx(of_shipped[1:4], abs=0.005)
    assert 0.96 < accuracies[3] < 0.98
    assert 0.975 < of_shipped[8] < 0.988
    written = json.loads((straight / "history.json").read_text())
    assert written["test_accuracy"] == accuracies[3]


def test_events_are_of_two_kinds():
    kinds = {type(event) for event in Trainer(config()).events(TRAIN, TEST)}
    assert kinds == {StepEvent, EvalEvent}


def test_a_run_that_would_log_without_end_is_refused_before_its_first_step():
    config_ = config(epochs=100, batch_size=1, log_interval=1)
    train = small_split(1001)
    with pytest.raises(ConfigError, match="larger log interval"):
        next(Trainer(config_).batches(train, TEST))
