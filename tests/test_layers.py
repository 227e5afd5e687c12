"""The one direction of imports: in the code, in the package's map, and in the README's tree."""

import ast
import re
from pathlib import Path

import pytest

import mnist_core

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "mnist_core"
FILES = {file.relative_to(PACKAGE).with_suffix("").as_posix(): file
         for file in PACKAGE.rglob("*.py") if not file.stem.startswith("__")}  # fmt: skip
ROOMS = ("digits", "runs", "export", "page", "cli")
CORE = [name for name in FILES if not name.startswith("page/")]
PAGE_LIBRARIES = {"gradio", "gradio_client", "fastapi", "starlette", "jinja2", "markupsafe"}

SHAPES = {"allographs", "letters"}
"""Long lists of control points."""

PROGRAM = "export/load"
"""Goes into packages, and is run there by itself."""

IMPORTED_LATE = {
    "page/": "the first page is there before torch and matplotlib are, which takes seconds",
    "digits/mnist": "torchvision is imported in a second, and whether MNIST is there needs none",
    "cli/tracking": "a library that few have installed",
    "runs/workers": "a worker imports it while nobody waits for it",
    "runs/sandbox": "limits of a process, which Windows has not",
    "runs/zero_gpu": "it is imported before torch, for which ZeroGPU stands in",
}
"""Where functions import, and why."""


def imports(file: Path, level: int | None = None) -> list[ast.Import | ast.ImportFrom]:
    nodes = [n for n in ast.walk(tree(file)) if isinstance(n, ast.Import | ast.ImportFrom)]
    return [n for n in nodes if level is None or getattr(n, "level", 0) == level]


def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def libraries(file: Path) -> set[str]:
    """Names of the packages that a file imports from outside."""
    names = set()
    for node in imports(file, level=0):
        names |= (
            {alias.name for alias in node.names}
            if isinstance(node, ast.Import)
            else {str(node.module)}
        )
    return {name.split(".")[0] for name in names}


def ours(name: str) -> set[str]:
    """Names in FILES that a file of ours imports."""
    folder, found = (PACKAGE / name).parent, set()
    for node in imports(FILES[name]):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = folder.parents[node.level - 2] if node.level > 1 else folder
            places = [base / part for part in (node.module or "").split(".") if part]
            place = places[0] if places else base
            for part in (node.module or "").split(".")[1:]:
                place = place / part
            found |= {place, *(place / alias.name for alias in node.names)}
    names = {place.relative_to(PACKAGE).as_posix() for place in found}
    return names & FILES.keys()


def part(name: str) -> str:
    """A flat module's own name, or that of its room."""
    return f"{name.split('/')[0]}/" if "/" in name else name


def in_map() -> list[str]:
    """The parts in the order of the package's docstring."""
    listed = mnist_core.__doc__.split("\n\n")[1]
    names = [line.strip().split("  ")[0] for line in listed.splitlines()]
    return [name for line in names for name in line.split(", ")]


def in_readme() -> dict[str, list[str]]:
    """The files in the README's tree, by the room they are in; the flat ones and rooms by ""."""
    text = re.search(r"```\napp\.py.*?```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    found: dict[str, list[str]] = {"": []}
    for line in text[0].splitlines():
        depth, names = len(line) - len(line.lstrip()), line.strip().split("  ")[0].split()
        if depth == 2:
            found[""] += names
            room = names[0].rstrip("/")
        elif depth == 4:
            found.setdefault(room, []).extend(names)
    return found


def test_the_map_the_tree_and_the_code_have_the_same_parts_in_the_same_order():
    flat_and_rooms = {part(name) for name in FILES}
    assert set(in_map()) == flat_and_rooms
    assert len(in_map()) == len(flat_and_rooms)
    assert [name.removesuffix(".py") for name in in_readme()[""]] == in_map()


@pytest.mark.parametrize("room", ROOMS)
def test_the_tree_names_every_file_of_a_room_once(room):
    named = [name for name in in_readme()[room] if name.endswith(".py")]
    assert sorted(named) == sorted(
        file.name for name, file in FILES.items() if part(name)[:-1] == room
    )
    assert all((PACKAGE / room / name).exists() for name in in_readme()[room])


def test_imports_point_one_way():
    place = {name: number for number, name in enumerate(in_map())}
    for name in FILES:
        for imported in ours(name):
            inside = part(name) == part(imported) and "/" in name
            assert inside or place[part(imported)] < place[part(name)], f"{name}: {imported}"


def test_there_is_no_circle():
    left = {name: ours(name) for name in FILES}
    while free := {name for name, needed in left.items() if not needed & left.keys()}:
        left = {name: needed for name, needed in left.items() if name not in free}
    assert not left


def test_a_direction_that_is_wrong_would_be_found():
    assert {"digits/strokes", "errors"} <= ours("digits/photo")
    assert {"checkpoint", "runs/folder"} <= ours("runs/drive")
    assert in_map().index("errors") == 0
    assert in_map()[-1] == "cli/"


def test_the_core_knows_no_page():
    for name in CORE:
        allowed = {"gradio"} if name == "runs/zero_gpu" else set()
        assert not libraries(FILES[name]) & PAGE_LIBRARIES - allowed, name


def test_the_core_writes_no_html():
    for name in CORE:
        texts = [n.value for n in ast.walk(tree(FILES[name])) if isinstance(n, ast.Constant)]
        assert not [t for t in texts if isinstance(t, str) and re.search(r"</|<\w+ \w+=", t)], name


def test_functions_import_only_where_there_is_a_reason():
    for name, file in FILES.items():
        late = [
            node
            for function in ast.walk(tree(file))
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
            for node in ast.walk(function)
            if isinstance(node, ast.Import | ast.ImportFrom)
        ]
        assert not late or name in IMPORTED_LATE or part(name) in IMPORTED_LATE, name


def test_ink_and_curves_do_without_torch():
    for name in ("digits/strokes", "digits/photo", "digits/handwriting", "page/curves"):
        needed, seen = {name}, set()
        while needed - seen:
            seen |= needed
            needed |= set().union(*(ours(other) for other in needed))
        if name == "page/curves":
            needed -= {"history"}  # for its types alone
        assert not [other for other in needed if "torch" in libraries(FILES[other])], name


def test_only_the_command_line_prints():
    for name, file in FILES.items():
        calls = [n.func for n in ast.walk(tree(file)) if isinstance(n, ast.Call)]
        prints = part(name) == "cli/" or name == PROGRAM
        assert prints or "print" not in [getattr(c, "id", None) for c in calls], name


def test_files_and_functions_can_be_taken_in():
    for file in [*FILES.values(), ROOT / "app.py", *(ROOT / "tests").rglob("*.py")]:
        most = 460 if file.stem in SHAPES else 350
        assert len(file.read_text(encoding="utf-8").splitlines()) <= most, file.name
        for node in ast.walk(tree(file)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno - node.lineno < 60, f"{file.name}: {node.name}"
    assert len(list(PACKAGE.glob("*.py"))) <= 16
