"""The inside of a network as the Draw tab gets it: maps, sums written out, what mattered."""

import base64

import numpy as np
import pytest
from digits import seeded_network, small_split

from mnist_core.errors import DrawingError
from mnist_core.inspection import stages
from mnist_core.page.inside import arithmetic, maps, mattered
from mnist_core.page.networks import Network
from mnist_core.page.words import Words

SAY = Words()
IMAGE = small_split(1).images[0]
INK = base64.b64encode(IMAGE.numpy().tobytes()).decode()


@pytest.fixture(params=["net", "modern"], scope="module")
def network(request) -> Network:
    return Network.of(seeded_network(request.param))


def test_every_map_comes_as_bytes_of_its_layers_largest(network):
    layers = maps(SAY, network, INK)["layers"]
    for layer, stage in zip(layers, stages(network.model, IMAGE), strict=True):
        got = np.frombuffer(base64.b64decode(layer["maps"]), np.uint8)
        assert got.size == np.prod(layer["shape"]) == stage.maps.size
        assert (
            np.abs(got / 255 * stage.maps.max() - stage.maps.ravel()).max() < stage.maps.max() / 400
        )


def test_the_sum_behind_any_pixel_of_any_layer_is_its_value(network):
    """Patch × kernel, summed over the maps before, and the bias, are the first value; the last is
    that of the map."""
    for number, stage in enumerate(stages(network.model, IMAGE)):
        for unit in (0, len(stage.maps) - 1):
            values = stage.maps[unit].reshape(stage.maps.shape[1:] or (1, 1))
            for place in np.ndindex(values.shape):
                asked = {"layer": number, "unit": unit, "place": [int(n) for n in place]}
                found = arithmetic(SAY, network, INK, asked)
                total = sum(found["parts"]) + found["bias"]
                assert found["values"][0] == pytest.approx(total, abs=0.02)
                assert found["values"][-1] == pytest.approx(float(values[place]), abs=1e-5)
                assert len(found["steps"]) == len(found["values"]) - 1
                for part in found["shown"]:
                    product = (np.array(part["patch"]) * part["kernel"]).sum()
                    assert product == pytest.approx(found["parts"][part["unit"]], abs=0.01)


def test_the_patch_of_the_first_layer_lies_where_the_pixel_is(network):
    y, x, height, width = arithmetic(SAY, network, INK, {"layer": 0, "unit": 0, "place": [2, 3]})[
        "frame"
    ]
    step, margin = (2, 2) if network.model.conv1.stride[0] == 2 else (1, 0)
    expected = [2 * step - margin, 3 * step - margin, 5, 5]
    assert [28 * value for value in (y, x, height, width)] == pytest.approx(expected)


@pytest.mark.parametrize(
    "asked",
    [
        {}, {"layer": 99, "unit": 0, "place": [0, 0]}, {"layer": 0, "unit": -1, "place": [0, 0]},
        {"layer": 0, "unit": 0, "place": [99, 0]}, {"layer": "x", "unit": 0, "place": [0, 0]},
        {"layer": 0, "unit": 0, "place": 7},
    ],
)  # fmt: skip
def test_a_pixel_that_there_is_not_is_a_sentence(network, asked):
    with pytest.raises(DrawingError, match="no such pixel"):
        arithmetic(SAY, network, INK, asked)
    for broken in ("", "AAAA", "é", None, INK + INK):
        with pytest.raises(DrawingError, match="draw it again"):
            maps(SAY, network, broken)


def test_what_mattered_is_nothing_where_there_is_no_ink(network):
    levels = np.frombuffer(base64.b64decode(mattered(network, INK, 3)), np.uint8)
    assert (levels[IMAGE.numpy().ravel() == 0] == 128).all()
    assert {1, 255} & {*levels.tolist()}, "the strongest is at an end of the scale"
