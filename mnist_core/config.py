"""What a training run is made of: one frozen dataclass, and the recipes that fill it.

The command line's flags and the page's controls read their defaults and ranges from here, and
the ranges are enforced here, so that they hold for all. Where things live (data, runs) is no
setting of a run: see `places`.
"""

from __future__ import annotations

import reprlib
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from .errors import ConfigError, Message

NETWORKS = ("net", "modern", "quick")
DATASETS = ("mnist", "handwriting", "mnist+handwriting", "own", "mnist+own")
"""Handwriting is synthetic, "own" a visitor's labelled drawings; where either is mixed in, the test
digits are MNIST's alone."""
SCHEDULES = ("constant", "one-cycle")
NONE = 10
"""The output of a network, and the label, that stands for "no digit"."""
MAX_EPOCHS = 100
MOST_THREADS = 512
"""That a run computes on: more, on a few cores, take hours and gigabytes."""


def _ranged(default: Any, low: float, high: float, help: str) -> Any:
    """A number with its default, inclusive range and one-line explanation."""
    return field(default=default, metadata={"low": low, "high": high, "help": help})


def _one_of(default: str, choices: tuple[str, ...], help: str) -> Any:
    return field(default=default, metadata={"choices": choices, "help": help})


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """All that decides a run's result, apart from the data, the device and the thread count.

    The defaults are the tutorial's. Raises ConfigError when a value is of the wrong type or
    outside its range.
    """

    recipe: str = field(
        default="tutorial", metadata={"longest": 30, "help": "name of the recipe, for display"}
    )
    network: str = _one_of("net", NETWORKS, "which network is trained")
    dataset: str = _one_of("mnist", DATASETS, "what it is trained and tested on")
    epochs: int = _ranged(3, 1, MAX_EPOCHS, "passes over the training set, in all")
    batch_size: int = _ranged(64, 1, 4096, "examples per step: few are noisy, many are slow")
    learning_rate: float = _ranged(0.01, 1e-6, 10.0, "length of a step; too long, and it explodes")
    momentum: float = _ranged(0.5, 0.0, 0.999, "share of the last step in the next: smoother")
    schedule: str = _one_of(
        "constant", SCHEDULES, "learning rate over the run; one-cycle: up, then down to 0"
    )
    weight_decay: float = _ranged(0.0, 0.0, 1.0, "pull of weights to 0, against learning by heart")
    augmentation: float = _ranged(
        0.0, 0.0, 3.0, "random turns and distortions of digits, 0 for none"
    )
    nondigits: float = _ranged(
        0.0, 0.0, 0.5, "share of a batch that is letters, scribbles and other things, 0 for none"
    )
    log_interval: int = _ranged(10, 1, 10_000, "steps between two logged losses")
    seed: int = _ranged(1, 0, 2**31 - 1, "decides all that is random: the same seed, the same run")

    def __post_init__(self) -> None:
        for f in fields(self):
            _check(f.name, getattr(self, f.name), f.type, f.metadata)

    @property
    def outputs(self) -> int:
        """Of the network: the ten digits and, when it is shown what is none, "no digit"."""
        return 11 if self.nondigits else 10

    @property
    def data(self) -> str:
        """The name of all that it is trained on, for `digits.datasets.load`."""
        return f"{self.dataset}+nondigits" if self.nondigits else self.dataset

    def to_dict(self) -> dict[str, str | int | float]:
        """Plain values by field name, for JSON and checkpoints."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Any) -> TrainConfig:
        """The inverse of `to_dict`. Raises ConfigError for missing, unknown or bad fields."""
        if not isinstance(values, dict) or set(values) != {f.name for f in fields(cls)}:
            raise ConfigError("The settings do not have the fields this version knows.")
        return cls(**values)


SETTINGS = tuple(f.name for f in fields(TrainConfig) if f.name != "recipe")
"""What is a flag of the command line and a field of the page; the recipe fills it in."""


def _check(name: str, value: object, kind: Any, metadata: Any) -> None:
    setting = Message(name.replace("_", " "))
    accepted: Any = {"int": int, "float": (int, float), "str": str}[kind]
    if isinstance(value, bool) or not isinstance(value, accepted):
        raise ConfigError(_OF_ANOTHER_TYPE[kind], setting=setting, value=_short(value))
    if "longest" in metadata and not (
        len(str(value)) <= metadata["longest"] and str(value).isidentifier()
    ):
        most = metadata["longest"]
        raise ConfigError(
            "{setting} must be one word of at most {most} letters.", setting=setting, most=most
        )
    if "choices" in metadata and value not in metadata["choices"]:
        choices = ", ".join(metadata["choices"])
        raise ConfigError(
            "{setting} must be one of {choices}, not {value}.",
            setting=setting,
            choices=choices,
            value=_short(value),
        )
    if "low" in metadata and not metadata["low"] <= value <= metadata["high"]:  # type: ignore[operator]
        raise ConfigError(
            "{setting} must be between {low:g} and {high:,g}, not {value}.",
            setting=setting,
            low=metadata["low"],
            high=metadata["high"],
            value=_short(value),
        )


_OF_ANOTHER_TYPE = {
    "int": "{setting} must be a whole number, not {value}.",
    "float": "{setting} must be a number, not {value}.",
    "str": "{setting} must be a name, not {value}.",
}


def _short(value: object) -> str:
    """What a message says of a value, which may be anything of any size."""
    if value is None:
        return Message("empty")
    if isinstance(value, float) or (isinstance(value, int) and abs(value) < 10**18):
        return repr(value)
    return reprlib.repr(value) if isinstance(value, str) else f"a {type(value).__name__}"


TUTORIAL = TrainConfig()
MODERN = TrainConfig(
    recipe="modern",
    network="modern",
    dataset="mnist+handwriting",
    epochs=18,
    batch_size=256,
    learning_rate=0.1,
    momentum=0.9,
    schedule="one-cycle",
    weight_decay=5e-4,
    augmentation=0.6,
    nondigits=0.2,
)
QUICK = TrainConfig(
    recipe="quick",
    network="quick",
    epochs=1,
    batch_size=128,
    learning_rate=0.1,
    momentum=0.9,
    schedule="one-cycle",
    weight_decay=5e-4,
)
"""One epoch to 99 %; chosen on MNIST's last 10,000 training digits, held out for that."""


def teaching(start: TrainConfig) -> TrainConfig:
    """What teaches the network of such a run one's own hand, beside MNIST so that it forgets
    little: about five seconds on one core. Chosen on synthetic writers, MNIST's training digits.

    Seven of eight digits are MNIST's: with two of three, longer steps would cost it accuracy.
    """
    return replace(
        start,
        recipe=OWN,
        dataset="mnist+own",
        epochs=1 if start.network == "modern" else 4,
        batch_size=128,
        learning_rate=0.01 if start.network == "modern" else 0.02,
        momentum=0.9,
        schedule="one-cycle",
        weight_decay=0.0,
        augmentation=0.0,
        nondigits=0.1 if start.nondigits else 0.0,
        log_interval=1,
    )


RECIPES = {"tutorial": TUTORIAL, "modern": MODERN, "quick": QUICK}
OWN = "own"
"""The recipe of a run whose settings are the visitor's."""
TITLES = {"tutorial": "Tutorial", "modern": "Modern", "quick": "Quick", OWN: "My own"}
"""What the page calls the recipes."""
SHIPPED = ("modern", "tutorial")
"""Recipes whose weights come with the project; the first is the reader where none is chosen."""
