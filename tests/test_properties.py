"""Properties: whatever comes in by a door is either taken whole or refused with a sentence."""

import functools
import io
import string
import tempfile
from pathlib import Path

import numpy as np
import torch
from digits import small_split
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import prepare
from PIL import Image

from mnist_core.checkpoint import Checkpoint
from mnist_core.config import TrainConfig
from mnist_core.digits.photo import open_picture
from mnist_core.digits.strokes import rasterize
from mnist_core.errors import MnistError
from mnist_core.history import EvalEvent, History, StepEvent
from mnist_core.training import Trainer

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)
coordinates = st.floats(0, 1) | st.floats() | st.integers()
points = st.tuples(coordinates, coordinates).map(list)
drawings = st.lists(st.lists(points, max_size=8), max_size=5)
pens = st.lists(
    st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), min_size=2, max_size=8),
    min_size=1,
    max_size=4,
)


def taken_or_refused(take):
    """What `take` gives, or the sentence of its refusal."""
    try:
        return take()
    except MnistError as refusal:
        return str(refusal)


@given(json_values | drawings)
def test_whatever_is_sent_as_strokes_gives_a_digits_image_or_nothing_or_a_sentence(strokes):
    image = taken_or_refused(lambda: rasterize(strokes))
    if isinstance(image, str):
        assert image.endswith(".")
        return
    assert image is None or (image.shape == (28, 28) and image.dtype == np.uint8 and image.any())


def same_drawing(one, other):
    if one is None or other is None:
        return one is other
    # Rounding may tip the centre over to the next pixel.
    shifts = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    return any(np.abs(np.roll(one, by, (0, 1)).astype(int) - other).max() <= 3 for by in shifts)


@given(pens, st.integers(-1000, 1000), st.integers(-1000, 1000), st.sampled_from([0.01, 1, 300]))
def test_place_scale_and_the_order_of_points_change_nothing(pen, right, down, scale):
    drawn = [np.array(line, float) for line in pen]
    image = rasterize(drawn)
    assert same_drawing(image, rasterize([line * scale + (right, down) for line in drawn]))
    assert same_drawing(image, rasterize([line[::-1] for line in drawn[::-1]]))


@functools.cache
def encoded(form):
    canvas = np.full((40, 30), 255, np.uint8)
    canvas[8:32, 14:17] = 0
    file = io.BytesIO()
    Image.fromarray(canvas).save(file, form)
    return file.getvalue()


def damaged(content, changes, length):
    spoilt = bytearray(content)
    for place, value in changes:
        spoilt[place % len(spoilt)] = value
    return bytes(spoilt[: len(spoilt) * length // 100])


changes = st.lists(st.tuples(st.integers(0, 2**20), st.integers(0, 255)), max_size=6)
lengths = st.sampled_from([100, 100, 99, 50, 3])


@given(st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"]), changes, lengths)
def test_a_picture_however_damaged_is_read_or_refused_with_a_sentence(form, changes, length):
    image = taken_or_refused(
        lambda: prepare(open_picture(io.BytesIO(damaged(encoded(form), changes, length))))
    )
    if isinstance(image, str):
        assert image.endswith(".")
        return
    assert image is None or (image.shape == (28, 28) and image.dtype == np.uint8)


@settings(max_examples=25)
@given(
    st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "HSV", "YCbCr", "I", "F", "I;16"]),
    st.integers(1, 60),
    st.integers(1, 60),
    st.integers(0, 2**32 - 1),
)
def test_a_picture_of_any_mode_and_size_is_prepared(mode, width, height, seed):
    noise = np.random.default_rng(seed).bytes(width * height * 4)
    if mode == "1":
        picture = Image.frombytes("L", (width, height), noise[: width * height]).convert("1")
    else:
        size = width * height * len(Image.new(mode, (1, 1)).tobytes())
        picture = Image.frombytes(mode, (width, height), noise[:size])
    image = prepare(picture)
    assert image is None or (image.shape == (28, 28) and image.dtype == np.uint8)


@functools.cache
def saved():
    trainer = Trainer(TrainConfig(epochs=1, batch_size=32))
    for _ in trainer.events(small_split(64), small_split(32)):
        pass
    return trainer.checkpoint().to_bytes()


def stored(content):
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def loaded(content):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "checkpoint.pt"
        file.write_bytes(content)
        return Checkpoint.load(file)


def names_and_records(content):
    """Where a flipped byte matters most: what is no tensor's content, about 6 of 170 kB."""
    return [place for part in (b"PK", b"\x80\x02") for place in occurrences(content, part)]


def occurrences(content, part):
    place = content.find(part)
    while place >= 0:
        yield place
        place = content.find(part, place + 1)


@settings(max_examples=25)
@given(changes, st.lists(st.tuples(st.integers(0, 500), st.integers(0, 300)), max_size=3), lengths)
def test_a_checkpoint_however_damaged_is_loaded_whole_or_refused_with_a_sentence(
    changes, near, length
):
    heads = names_and_records(saved())
    near = [(heads[head % len(heads)] + offset, offset % 256) for head, offset in near]
    checkpoint = taken_or_refused(lambda: loaded(damaged(saved(), changes + near, length)))
    if isinstance(checkpoint, str):
        assert checkpoint.startswith("checkpoint.pt ")
        assert checkpoint.endswith(".")
        return
    network = checkpoint.network()
    assert {name: w.shape for name, w in network.state_dict().items()} == {
        name: w.shape for name, w in loaded(saved()).model.items()
    }
    assert all(weights.isfinite().all() for weights in network.parameters())


hostile = json_values | st.sampled_from(
    [
        torch.zeros(3),
        torch.zeros(1).expand(10**9, 3),
        torch.zeros(1).expand(10**12),
        torch.zeros(0, 7),
        torch.tensor([[float("inf")] * 3]),
        torch.tensor([float("nan")]),
        torch.tensor([1e300, 1.0], dtype=torch.float64),
        torch.zeros(10, 10, device="meta"),
        torch.zeros(2, 2).to_sparse(),
        torch.zeros(3, dtype=torch.complex64),
        10**400,
        "x" * 1000,
    ]
)
KEYS = ["config", "model", "optimizer", "generator", "device", "threads", "batches_done", "history"]


@settings(max_examples=150)
@given(st.lists(st.sampled_from([*KEYS, "deeper"]), min_size=1, max_size=2), hostile, st.data())
def test_a_checkpoint_with_any_part_replaced_is_whole_or_refused(path, value, data):
    content = torch.load(io.BytesIO(saved()), weights_only=True)
    part, key = content, path[0] if path[0] in KEYS else "history"
    while path[1:] and isinstance(part[key], dict):  # somewhere inside of it
        part, key = part[key], data.draw(st.sampled_from(sorted(part[key], key=str)))
    part[key] = value
    checkpoint = taken_or_refused(lambda: loaded(stored(content)))
    if isinstance(checkpoint, str):
        assert checkpoint.startswith("checkpoint.pt ")
        assert len(checkpoint) < 300
        return
    checkpoint.network()
    Checkpoint.from_bytes(checkpoint.to_bytes())


letters = st.text(string.ascii_lowercase, min_size=1, max_size=10)


def in_range(field):
    if "choices" in field.metadata:
        return st.sampled_from(field.metadata["choices"])
    if field.type == "str":
        return letters
    kind = st.integers if field.type == "int" else st.floats
    return kind(field.metadata["low"], field.metadata["high"])


configs = st.builds(
    TrainConfig, **{name: in_range(f) for name, f in TrainConfig.__dataclass_fields__.items()}
)


@given(configs)
def test_every_config_in_range_survives_the_way_through_plain_values(settings):
    assert TrainConfig.from_dict(settings.to_dict()) == settings


@given(st.sampled_from(sorted(TrainConfig.__dataclass_fields__)), hostile)
def test_a_setting_is_taken_or_refused_in_a_short_sentence(name, value):
    taken = taken_or_refused(lambda: TrainConfig(**{name: value}))
    if isinstance(taken, str):
        assert len(taken) < 200
        return
    assert getattr(taken, name) == value


counts, numbers = st.integers(0, 2**31), st.floats(0, 1e38)
times = st.floats(0, 1e10)
steps = st.builds(StepEvent, examples_seen=counts, loss=numbers, seconds=times)
evaluations = st.builds(
    EvalEvent, examples_seen=counts, loss=numbers, accuracy=st.floats(0, 1), seconds=times
)


@given(st.lists(steps, max_size=5), st.lists(evaluations, max_size=5), st.lists(counts, max_size=5))
def test_every_history_survives_the_way_through_its_state(steps, evaluations, resumes):
    history = History(steps, evaluations, resumes)
    again = History.from_state_dict(history.state_dict())
    assert (again.steps, again.evaluations, again.resumes) == (steps, evaluations, resumes)
