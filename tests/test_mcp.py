"""The two endpoints as an assistant has them: tools of an MCP server, by the protocol's client."""

import asyncio
import base64
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from pictures import png, seven
from visiting import DRAWINGS

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def call(start_server):
    """`call(name, **arguments)` → is_error and text of the tool's answer; without a name, tools."""
    server = start_server(GRADIO_MCP_SERVER="true")

    async def session(name, arguments):
        url = f"{server.url}/gradio_api/mcp/"
        async with (
            streamable_http_client(url) as (read, write, _),
            ClientSession(read, write) as client,
        ):
            await client.initialize()
            if name is None:
                return (await client.list_tools()).tools
            answer = await client.call_tool(name, arguments)
            return answer.isError, answer.content[0].text

    def call(name=None, **arguments):  # in a thread, since the browser's tests have a loop in this
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(lambda: asyncio.run(session(name, arguments))).result()

    return call


def test_the_two_endpoints_are_the_tools_and_explain_themselves(call):
    tools = {tool.name: tool for tool in call()}
    assert set(tools) == {"read_strokes", "read_picture"}
    for tool, argument in (("read_strokes", "strokes"), ("read_picture", "picture")):
        schema = tools[tool].inputSchema
        assert "digit" in tools[tool].description
        assert argument in schema["required"]
        assert len(schema["properties"][argument]["description"]) > 20
    strokes = tools["read_strokes"].inputSchema["properties"]["strokes"]
    assert strokes["items"]["items"]["items"]["type"] == "number"


def test_an_assistant_reads_strokes_and_a_picture(call):
    is_error, text = call("read_strokes", strokes=DRAWINGS[7])
    assert not is_error, text
    assert "'reading': '7'" in text
    picture = base64.b64encode(png(seven())).decode()
    is_error, text = call("read_picture", picture=f"data:image/png;base64,{picture}")
    assert not is_error, text
    assert "'reading': '7'" in text


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("read_strokes", {"strokes": []}, "Draw a digit"),
        ("read_strokes", {"strokes": [[[1e12, 0]]]}, "far too large"),
        ("read_strokes", {"strokes": "seven"}, "not of type 'array'"),
        ("read_picture", {"picture": "data:image/png;base64,AAAA"}, "not a picture"),
        ("read_picture", {"picture": "digit.png"}, "provide a url"),
        ("read_picture", {"picture": "http://127.0.0.1:1/seven.png"}, "cannot be answered"),
        ("act", {}, "act"),
    ],
)
def test_what_cannot_be_read_is_a_sentence_for_the_assistant(call, tool, arguments, said):
    is_error, text = call(tool, **arguments)
    assert is_error
    assert said in text
    assert "Traceback" not in text


def test_what_it_needs_is_said_where_it_is_missing():
    code = (
        "import sys; sys.modules['mcp'] = None\n"
        "from mnist_core.page import environment\n"
        "try:\n    environment.prepare()\nexcept Exception as error:\n    environment.fail(error)\n"
    )
    environment = {"GRADIO_MCP_SERVER": "true", "PATH": "", "SYSTEMROOT": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "pip install gradio[mcp]==6.31.0" in done.stderr
