import pytest

from mnist_core.config import TUTORIAL, TrainConfig
from mnist_core.errors import ConfigError


def test_the_defaults_are_the_tutorials():
    assert (TUTORIAL.epochs, TUTORIAL.batch_size, TUTORIAL.log_interval) == (3, 64, 10)
    assert (TUTORIAL.learning_rate, TUTORIAL.momentum, TUTORIAL.seed) == (0.01, 0.5, 1)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("epochs", -1, "epochs must be between 1 and 100, not -1"),
        ("epochs", 3.0, "epochs must be a whole number"),
        ("epochs", True, "epochs must be a whole number"),
        ("batch_size", 0, "batch size must be between 1 and 4,096, not 0"),
        ("learning_rate", float("nan"), "learning rate must be between"),
        ("learning_rate", "fast", "learning rate must be a number"),
        ("momentum", 1.0, "momentum must be between 0 and 0.999"),
        ("seed", 2**40, "seed must be between"),
        ("network", "resnet", "network must be one of"),
        ("dataset", "cifar", "dataset must be one of"),
    ],
)
def test_a_setting_out_of_range_is_refused_with_its_name_value_and_range(field, value, said):
    with pytest.raises(ConfigError, match=said):
        TrainConfig(**{field: value})


@pytest.mark.parametrize("field", ["epochs", "seed", "learning_rate", "recipe", "network"])
@pytest.mark.parametrize(
    "value",
    [10**400, 10**5000, "x" * 10**6, [[]] * 1000, float("nan")],
    ids=["large", "beyond printing", "long", "a list", "no number"],
)
def test_what_is_said_of_a_bad_setting_is_short(field, value):
    with pytest.raises(ConfigError, match=r"^.{10,200}$"):
        TrainConfig(**{field: value})


@pytest.mark.parametrize("name", ["", "<img src=x>", "a; rm -rf b", "a\nb", "\ud800", "`a`"])
def test_a_recipes_name_is_a_word_since_it_stands_in_commands_and_cards(name):
    with pytest.raises(ConfigError, match="one word"):
        TrainConfig(recipe=name)


@pytest.mark.parametrize("values", [{}, None, [], {**TUTORIAL.to_dict(), "extra": 1}])
def test_settings_with_other_fields_are_refused(values):
    with pytest.raises(ConfigError):
        TrainConfig.from_dict(values)
