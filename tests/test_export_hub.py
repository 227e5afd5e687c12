"""Publishing a package: the real client against a stand-in for the Hub.

Not tried here: the Hub itself, its xet storage, and its page where one signs in.
"""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hub import TOKEN, environment, serving

ROOT = Path(__file__).parent.parent
FILES = {"README.md": b"---\nlicense: mit\n---\n", "model.safetensors": bytes(range(256)) * 40}
PUBLISH = f"""
import sys
from mnist_core.errors import MnistError
from mnist_core.export.hub import publish
try:
    print(publish({FILES!r}, "mnist-mine", sys.argv[1]))
except MnistError as error:
    sys.exit(f"{{type(error).__name__}}: {{error}}")
"""


@pytest.fixture
def hub():
    with serving() as hub:
        yield hub


def publish(url, token=TOKEN):
    """What was printed, and what was said on failing."""
    command = [sys.executable, "-c", PUBLISH, token]
    done = subprocess.run(command, cwd=ROOT, env=environment(url), capture_output=True, text=True)
    return done.stdout.strip(), done.stderr.strip().splitlines()[-1:]


def test_a_package_becomes_a_repository_of_the_visitors(hub):
    address, said = publish(hub.url)
    assert said == []
    assert address == f"{hub.url}/YOU/mnist-mine"
    assert hub.models == {"YOU/mnist-mine": FILES}


def test_a_repository_that_is_there_is_left_as_it_is(hub):
    hub.models["YOU/mnist-mine"] = {"theirs.txt": b"x"}
    address, (said,) = publish(hub.url)
    assert address == ""
    assert said.startswith("ConfigError: You have a repository mnist-mine on the Hub already")
    assert hub.models == {"YOU/mnist-mine": {"theirs.txt": b"x"}}


def test_a_refusal_and_a_hub_that_is_away_are_sentences(hub):
    _, (said,) = publish(hub.url, token="hf_other")
    assert said.startswith("DataError: The Hub refused: Invalid user")
    _, (said,) = publish("http://127.0.0.1:9")
    assert said == "DataError: The Hub cannot be reached: try again later."


def test_the_space_asks_for_the_right_to_make_repositories():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    front = yaml.safe_load(readme.split("---")[1])
    assert front["hf_oauth"] is True
    assert front["hf_oauth_scopes"] == ["manage-repos"]
