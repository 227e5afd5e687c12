"""The page's API and the pad's own door: drawings and pictures are read, all else is a sentence."""

from __future__ import annotations

import json

import numpy as np
import pytest
from gradio_client import Client, handle_file
from pictures import sideways_seven
from visiting import DRAWINGS, Visitor, arc


@pytest.fixture(scope="module")
def client(server):
    """A gradio_client of the shared server."""
    return Client(server.url, verbose=False)


@pytest.fixture(scope="module")
def a_visitor(server):
    return Visitor(server)


def test_the_api_reads_strokes(client):
    for digit, strokes in DRAWINGS.items():
        answer = client.predict(strokes, api_name="/read_strokes")
        assert answer["digit"] == digit
        assert sum(answer["probabilities"]) == pytest.approx(1, abs=1e-4)
        image = np.array(answer["image"])
        assert image.shape == (28, 28)
        assert 0 == image.min() < 200 < image.max() <= 255


def test_the_api_reads_a_picture(client, tmp_path):
    file = tmp_path / "seven.jpg"
    file.write_bytes(sideways_seven())
    answer = client.predict(handle_file(str(file)), api_name="/read_picture")
    assert answer["digit"] == 7
    assert np.array(answer["image"]).shape == (28, 28)


def test_a_drawing_of_ten_thousand_points_is_read(client):
    circle = arc(0.5, 0.5, 0.3, 0.35, 0, 360, count=10_000)
    assert client.predict([circle], api_name="/read_strokes")["digit"] == 0


def test_the_api_reads_by_ones_own_drawings_as_well(client):
    own = [{"strokes": DRAWINGS[7], "label": 2}]
    assert client.predict(DRAWINGS[7], api_name="/read_strokes")["reading"] == "7"
    answer = client.predict(DRAWINGS[7], own, api_name="/read_strokes")
    assert (answer["reading"], answer["own"]) == ("2", 0)


HOSTILE = {
    "blank": [],
    "a dot": [[[0.5, 0.5]]],
    "a number": 7,
    "text": "seven",
    "null": None,
    "an object": {"strokes": []},
    "numbers in place of strokes": [1, 2, 3],
    "points of three": [[[1, 2, 3], [4, 5, 6]]],
    "points of text": [[["1", "2"], ["3", "4"]]],
    "an empty stroke too deep": [[[[]]], [[0.1, 0.1], [0.9, 0.9]]],
    "ragged": [[[0.1, 0.2], [0.3]]],
    "not a number": [[[0.1, float("nan")], [0.3, 0.4]]],
    "infinite": [[[0.1, float("inf")], [0.3, 0.4]]],
    "huge": [[[0.1, 1e308], [0.3, -1e308]]],
    "deep": json.loads("[" * 500 + "]" * 500),
    "two hundred thousand strokes": [[]] * 200_000,
    "seventy thousand points": [[[0.1, 0.2]] * 70_000],
    "words": [["a" * 40_000, *"b" * 19_999]],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_strokes_get_a_sentence_at_either_door_and_the_server_lives(
    client, server, a_visitor, name
):
    logged = len(server.log.read_text())
    with pytest.raises(Exception, match=r"^[A-Z][^\n]{10,200}[.:]?$") as caught:
        client.predict(HOSTILE[name], api_name="/read_strokes")
    assert "Traceback" not in str(caught.value)
    sent = {"strokes": HOSTILE[name], "weights": "tutorial"}
    reply = json.loads(a_visitor.ask_component("read_drawing", sent)[1])
    assert set(reply) == {"remark"}
    assert len(reply["remark"]) > 10
    assert "Traceback" not in server.log.read_text()[logged:]
    assert client.predict(DRAWINGS[1], api_name="/read_strokes")["digit"] == 1


@pytest.mark.parametrize(
    "weights", [None, 7, "../../etc/passwd", "x/../..", "unknown", ["tutorial"], {}]
)
def test_weights_that_do_not_exist_get_a_sentence(server, a_visitor, weights):
    sent = {"strokes": DRAWINGS[1], "weights": weights}
    reply = json.loads(a_visitor.ask_component("read_drawing", sent)[1])
    assert set(reply) == {"remark"}
    assert str(server.runs_dir) not in reply["remark"]


def test_drawings_that_the_server_has_forgotten_are_sent_again_and_hostile_ones_refused(a_visitor):
    sent = {"strokes": DRAWINGS[7], "weights": "modern", "own": "0" * 64}
    answer = json.loads(a_visitor.ask_component("read_drawing", sent)[1])
    assert (answer["reading"], answer["unknown"]) == ("7", True)
    ask = {"drawings": [{"strokes": [["x"]], "label": 1}], "weights": "modern"}
    status, text = a_visitor.ask_component("keep_own", ask)
    assert status == 200
    assert "Nothing was taken" in json.loads(text)["remark"]
