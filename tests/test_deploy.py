"""The README's way to Hugging Face Spaces: its commands, run by the real client against a stand-in
for the Hub, and the app as it starts from what has arrived.

Not tried here: the Hub itself, its xet storage, the image that Spaces builds, its hardware.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from importlib import metadata
from pathlib import Path

import pytest
from gradio_client import Client
from hub import FIRST_COMMIT, TOKEN, environment, serving
from packaging.requirements import Requirement
from playwright.sync_api import expect
from servers import PATIENCE_SECONDS
from visiting import DRAWINGS, allow, draw, expect_read, stop

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"(?:^|`)(hf \w.*?)(?:`|$)", README, re.MULTILINE)
SPACE = "YOU/mnist-lab"
NEEDED = ["app.py", "README.md", "LICENSE", "requirements.txt", "mnist_core", "weights"]
STRANGE = [".env", ".venv/x.py", "notes.txt", "data/MNIST/raw/x", "runs/a/checkpoint.pt"]


@pytest.fixture(scope="module")
def hub():
    """The stand-in, serving."""
    with serving() as hub:
        yield hub


@pytest.fixture(scope="module")
def client(hub, tmp_path_factory):
    """`client(folder)` runs the README's commands there, to the first that fails; what it said."""
    place = environment(hub.url) | {
        "HF_HOME": str(tmp_path_factory.mktemp("hf")),
        "HF_HUB_DISABLE_UPDATE_CHECK": "1",  # which asks PyPI
        "PYTHONUTF8": "1",
    }
    hf = shutil.which("hf", path=str(Path(sys.executable).parent))
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}

    def run(folder):
        for command in COMMANDS:
            arguments = [hf, *shlex.split(command)[1:]]
            done = subprocess.run(
                arguments, cwd=folder, env=place, encoding="utf-8", timeout=300, **pipes
            )
            if done.returncode:
                break
        return done.stdout

    return run


@pytest.fixture
def checkout(tmp_path, hub):
    """A checkout in use, with files that are not the project's; nothing is deployed yet."""
    hub.spaces.clear()
    shutil.copytree(ROOT, tmp_path / "lab", ignore=shutil.ignore_patterns(".?*", "data", "runs"))
    for name in [*STRANGE, "mnist_core/__pycache__/cli.cpython-311.pyc"]:
        (tmp_path / "lab" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "lab" / name).write_text("not to be sent")
    return tmp_path / "lab"


@pytest.fixture(scope="module")
def space(hub, client, start_server, tmp_path_factory):
    """What arrives from here, started as Spaces starts it; it has MNIST where `mnist_dir` has."""
    client(ROOT)
    folder = tmp_path_factory.mktemp("space")
    for name, content in hub.spaces[SPACE].items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    data_dir = Path(os.environ.get("MNIST_DATA_DIR") or folder / "data").resolve()
    place = {"SYSTEM": "spaces", "SPACE_ID": SPACE, "MNIST_FETCH": "0"}
    return start_server(data_dir, [str(folder / "app.py")], **place)


def needed(checkout: Path) -> dict[str, bytes]:
    """What a Space needs of the checkout, by path."""
    found = [file for name in NEEDED for file in [checkout / name, *(checkout / name).rglob("*")]]
    return {
        file.relative_to(checkout).as_posix(): file.read_bytes()
        for file in found
        if file.is_file() and file.suffix != ".pyc"
    }


def test_the_commands_bring_a_space_what_it_needs_and_nothing_else(hub, client, checkout):
    assert len(COMMANDS) == 3
    assert "/commit/" in client(checkout)
    assert hub.spaces[SPACE].pop(".gitattributes") == FIRST_COMMIT[".gitattributes"]
    assert hub.spaces[SPACE] == needed(checkout)
    assert hub.hardware[SPACE] == "zero-a10g"


def test_where_a_space_is_they_bring_the_new_version_and_drop_what_it_lacks(hub, client, checkout):
    hub.spaces[SPACE] = {
        **FIRST_COMMIT,
        "weights/modern-snapshots/9.pt": b"old",
        "own.txt": b"mine",
    }
    client(checkout)
    del hub.spaces[SPACE][".gitattributes"]
    assert hub.spaces[SPACE].pop("own.txt") == b"mine"
    assert hub.spaces[SPACE] == needed(checkout)


def test_front_matter_that_spaces_would_refuse_is_found_here(hub, client, checkout):
    text = re.sub("short_description: .*", f"short_description: {61 * 'x'}", README)
    (checkout / "README.md").write_text(text, encoding="utf-8")
    assert "short_description" in client(checkout)
    assert hub.spaces[SPACE] == FIRST_COMMIT


def test_weights_inside_a_commit_are_refused_as_they_are_in_a_push(hub):
    hub.spaces[SPACE] = {}
    line = b'{"key": "file", "value": {"path": "a.pt", "content": "AAAA"}}'
    url, headers = f"{hub.url}/api/spaces/{SPACE}/commit/main", {"Authorization": f"Bearer {TOKEN}"}
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(url, line, headers))
    assert b"binary files" in refused.value.read()


def test_what_spaces_adds_to_the_requirements_stands_beside_them_without_conflict():
    """Spaces installs gradio[oauth,mcp] of the version in the README, and spaces, beside them; the
    tests' requirements have the same, so that whatever is tested here is tested with them."""
    version = re.search("^sdk_version: (.*)$", README, re.MULTILINE)[1]
    assert f"\ngradio[oauth,mcp]=={version}\n" in (ROOT / "tests/requirements.txt").read_text()
    extras = [
        requirement
        for requirement in map(Requirement, metadata.requires("gradio"))
        for extra in ("oauth", "mcp")
        if requirement.marker and requirement.marker.evaluate({"extra": extra})
    ]
    assert len(extras) >= 2
    for requirement in extras:
        assert metadata.version(requirement.name) in requirement.specifier, requirement
    check = [sys.executable, "-m", "pip", "check"]
    done = subprocess.run(check, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_what_has_arrived_answers_the_api(space):
    client = Client(space.url, verbose=False, httpx_kwargs={"timeout": PATIENCE_SECONDS})
    assert client.predict(DRAWINGS[7], api_name="/read_strokes")["digit"] == 7


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_what_has_arrived_draws_trains_and_resumes(space, open_page, mnist_dir, locale):
    page = open_page(url=space.url, locale=locale)
    for text in ("https://huggingface.co/", "Space not found", "https://fonts."):
        allow(page, text)  # gradio's header of a Space asks the Hub about it
    draw(page, DRAWINGS[7])
    expect_read(page, 7)
    page.get_by_role("tab").nth(1).click()
    for action in ("train", "resume"):
        page.locator(f"[data-action={action}]").click()
        expect(page.locator(".run-sentence")).to_contain_text(re.compile("images/s|每秒"))
        stop(page)
