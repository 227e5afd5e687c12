import pytest
import torch

from mnist_core.history import MAX_LOGGED, EvalEvent, History, StepEvent


def a_history():
    history = History(resumes=[640])
    history.add(EvalEvent(examples_seen=0, loss=2.3, accuracy=0.1, seconds=0.5))
    history.add(StepEvent(examples_seen=0, loss=2.31, seconds=0.6))
    history.add(StepEvent(examples_seen=640, loss=0.1 + 0.2, seconds=0.7))
    history.add(EvalEvent(examples_seen=1280, loss=0.2, accuracy=0.975, seconds=1.5))
    return history


def test_seconds_is_the_time_of_the_last_event_of_either_kind():
    assert a_history().seconds == 1.5
    assert History().seconds == 0.0


def test_seconds_to_an_accuracy_is_when_it_was_first_reached():
    assert a_history().seconds_to(0.97) == 1.5
    assert a_history().seconds_to(0.99) is None
    assert a_history().seconds_to(0.1) is None, "the weights it began with do"


def test_the_state_is_tensors_only():
    assert all(isinstance(value, torch.Tensor) for value in a_history().state_dict().values())


@pytest.mark.parametrize(
    ("part", "place", "value"),
    [("steps", ..., float("nan")), ("steps", ..., float("inf")), ("steps", ..., -float("inf")),
     ("steps", (0, 0), -1.0), ("steps", (0, 0), 1e30), ("steps", (0, 2), -1.0),
     ("evaluations", (0, 2), 7.0), ("evaluations", (0, 2), -0.1), ("resumes", 0, -5)],
)  # fmt: skip
def test_a_curve_of_values_that_no_run_has_is_refused(part, place, value):
    state = a_history().state_dict()
    state[part][place] = value
    with pytest.raises(ValueError, match="no run has"):
        History.from_state_dict(state)


def test_an_endless_curve_is_refused():
    state = History().state_dict()
    state["steps"] = torch.zeros(MAX_LOGGED + 1, 3, dtype=torch.float64)
    with pytest.raises(ValueError, match="too long"):
        History.from_state_dict(state)
