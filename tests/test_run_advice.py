"""What is said of a run, and the step that is offered next, by its figures alone."""

from dataclasses import replace

import pytest
from training_runs import run

from mnist_core.config import MODERN, TUTORIAL, TrainConfig, teaching
from mnist_core.errors import ConfigError
from mnist_core.history import History, LiveReading
from mnist_core.page.experiments import EXPERIMENTS, experiment_of
from mnist_core.page.run_advice import advice
from mnist_core.page.run_settings import config_of
from mnist_core.page.run_words import settings
from mnist_core.page.words import Words
from mnist_core.runs.run_state import seconds_to_wait

SAY = Words()


def said(state, runs=(), expected="", more=8):
    return advice(state, [state, *runs], expected, more, SAY)


def changes(steps):
    return [value for action, _, _, value in steps if action == "again"]


@pytest.mark.parametrize(
    ("settings", "sentence", "next_rate"),
    [({"learning_rate": 10.0}, "the steps are too long", 0.01),
     ({"learning_rate": 0.05, "momentum": 0.99}, "the steps are too long", 0.01),
     ({"learning_rate": 1e-5}, "the steps are too short", 0.01)],
)  # fmt: skip
@pytest.mark.parametrize("status", ["finished", "running"])
def test_a_network_that_still_guesses_is_said_to_and_a_rate_offered(
    settings, sentence, next_rate, status
):
    text, steps = said(run(TrainConfig(**settings), (0.09, 0.103), status=status))
    assert sentence in text
    assert [change["learning_rate"] for change in changes(steps)] == [next_rate]


def test_guessing_is_noticed_within_the_first_epoch_but_not_at_its_beginning():
    live = [LiveReading(examples_seen=12_000, accuracy=0.1, digits=1000)]
    begun = run(TrainConfig(learning_rate=1e-5), (0.1,), status="running", live=live)
    assert "guessing" in said(replace(begun, examples_seen=12_000))[0]
    assert said(replace(begun, examples_seen=4_000)) == ("", [])
    learns = [replace(live[0], accuracy=0.6)]
    assert said(replace(begun, examples_seen=12_000, live=learns)) == ("", [])


def test_a_loss_that_grows_is_said_to_before_the_run_ends():
    grows = [2.3 - n / 100 for n in range(100)] + [1.3 + n / 20 for n in range(60)]
    state = run(TrainConfig(learning_rate=1.0), (0.1,), grows, status="running")
    text, steps = said(state)
    assert "The loss grows" in text
    assert changes(steps)
    assert said(replace(state, history=History(state.history.steps[:100]))) == ("", [])


def test_a_run_that_diverged_is_offered_the_usual_rate():
    text, steps = said(run(TrainConfig(learning_rate=10.0), (0.1,), status="failed"))
    assert "diverged" in text
    assert changes(steps) == [{"learning_rate": 0.01, "momentum": 0.5}]
    assert said(run(status="failed")) == ("", [])  # for another reason, which the run says


def test_what_still_falls_is_resumed_and_what_does_not_is_as_good_as_it_gets():
    text, steps = said(run(accuracies=(0.1, 0.94, 0.96, 0.97)))
    assert "still falling" in text
    assert ("resume", "a", "Resume to 8", None) in steps
    text, steps = said(run(accuracies=(0.1, 0.9780, 0.9784)))
    assert text.endswith("the last epoch changed +0.04 points.")
    assert changes(steps) == [{"momentum": 0.9}]
    text, steps = said(run(replace(MODERN, epochs=2), accuracies=(0.1, 0.98, 0.993)))
    assert "As good as it gets" in text
    assert changes(steps) == []


def test_a_run_worse_than_another_is_compared_and_the_difference_named():
    better = run(accuracies=(0.1, 0.97), run_id="b")
    worse = run(replace(TUTORIAL, learning_rate=0.002), (0.1, 0.90))
    text, steps = said(worse, [better])
    assert "90.0 %, where One had 97.0 %" in text
    assert "learning rate 0.002" in text
    assert ("show", "b", "Show One", None) in steps
    by_chance = run(accuracies=(0.1, 0.969))
    assert "where One had" not in said(by_chance, [better])[0]
    assert "where One had" not in said(run(accuracies=(0.1, 0.5, 0.9)), [better])[0]


def test_a_run_on_ones_own_drawings_is_compared_with_what_it_started_from_and_never_begun_again():
    config = teaching(TUTORIAL)
    text, steps = said(run(config, (0.9828, 0.9811)))
    assert text == "MNIST: 98.28 % before, 98.11 % now."
    assert settings(config, SAY) == "Tutorial, taught mine, seed 1"
    assert [action for action, *_ in steps] == ["draw"]
    diverging = run(replace(config, learning_rate=10.0), (0.98,), status="failed")
    assert said(diverging)[1] == []
    with pytest.raises(ConfigError, match="Teach it mine"):
        config_of(config.to_dict())
    worse = run(accuracies=(0.1, 0.90))
    assert "where One had" not in said(worse, [run(config, (0.98, 0.98), run_id="b")])[0]


def test_every_experiment_has_its_answer_and_is_known_by_its_settings():
    for experiment in EXPERIMENTS:
        assert 0 <= experiment.expected < len(experiment.answers)
        settings = experiment.config or teaching(MODERN)
        assert experiment_of(replace(settings, seed=7)) is experiment
    assert experiment_of(TUTORIAL) is None


@pytest.mark.parametrize(
    ("accuracy", "sentence"),
    [(0.1, "It learned nothing: 10.0 %"), (0.7, "It learned more slowly: 70.0 %"),
     (0.941, "No difference: 94.1 %"), (0.975, "It learned faster: 97.5 %")],
)  # fmt: skip
def test_an_experiment_ends_with_what_was_expected_and_a_sentence_on_both_curves(
    accuracy, sentence
):
    experiment = EXPERIMENTS[0]
    done = run(experiment.config, (0.1, accuracy))
    text, _ = said(done, expected=experiment.answers[0])
    assert text.startswith(f"You expected: it learns faster. {sentence}, the tutorial’s 94.")
    assert text.endswith(experiment.why)
    going = run(EXPERIMENTS[2].config, (0.1,), status="running")
    assert said(going, expected="It learns faster")[0] == "You expect: it learns faster."


def test_a_line_says_how_long_it_lasts():
    """Two train: 60,000 and 120,000 examples are left, at 1,000 a second each. Whoever is next
    waits 60 s; behind one of three epochs, which begins then and takes 180 s, 120 s."""
    fast = {"status": "running", "images_per_second": 1_000.0}
    training = [run(examples_seen=120_000, **fast), run(examples_seen=60_000, **fast)]
    waits = run(status="waiting", examples_seen=0)
    assert seconds_to_wait([], training) == 60
    assert seconds_to_wait([waits], training) == 120
    assert seconds_to_wait([waits, waits], training) == 240
    assert seconds_to_wait([], [run(status="starting")]) is None


def test_teaching_ones_own_compares_mnist_before_and_after_with_what_was_expected():
    taught = run(teaching(MODERN), (0.9951, 0.9948))
    text, steps = said(taught, expected="It makes no difference")
    assert "You expected: it makes no difference." in text
    assert "MNIST: 99.51 % before, 99.48 % now." in text
    assert said(taught, expected="It learns nothing")[0] == "MNIST: 99.51 % before, 99.48 % now."
    assert [action for action, *_ in steps] == ["draw"]
