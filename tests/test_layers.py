"""Imports in mnist_core point one way: from later rooms to earlier ones."""

import ast
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "mnist_core"
LAYERS = [
    {"__init__", "errors", "words", "view"},
    {"config"},
    {"data", "models", "augment", "history", "strokes", "handwriting"},
    {"drawing", "evaluation", "checkpoint", "plots", "pictures"},
    {"inspection"},
    {"reader", "training", "snapshots", "runs"},
    {"reading"},
    {"chunks"},
    {"gallery", "job", "lesson", "workers"},
    {"jobs"},
    {"run_views"},
    {"cli"},
    {"__main__"},
]
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}
# The data room offers the synthetic dataset, which is made of strokes.
ALLOWED_WITHIN_A_LAYER = {("data", "handwriting"), ("handwriting", "strokes")}


def relative_imports(file: Path) -> set[str]:
    nodes = [n for n in ast.walk(ast.parse(file.read_text())) if isinstance(n, ast.ImportFrom)]
    names = set()
    for node in nodes:
        if node.level == 1:
            names |= {node.module} if node.module else {alias.name for alias in node.names}
    return names


def test_every_module_has_a_layer():
    assert {file.stem for file in PACKAGE.glob("*.py")} <= RANK.keys()


def test_imports_point_one_way():
    for file in PACKAGE.glob("*.py"):
        for imported in relative_imports(file):
            allowed = RANK[imported] < RANK[file.stem] or (
                (file.stem, imported) in ALLOWED_WITHIN_A_LAYER
            )
            assert allowed, f"{file.stem} imports {imported}"


def test_only_the_page_knows_gradio():
    for file in PACKAGE.glob("*.py"):
        assert "gradio" not in {n.split(".")[0] for n in absolute_imports(file)}, file.stem


def test_pictures_plots_and_strokes_do_without_torch():
    for name in ("plots", "pictures", "strokes", "handwriting", "drawing"):
        file = PACKAGE / f"{name}.py"
        if file.exists():
            assert "torch" not in {n.split(".")[0] for n in absolute_imports(file)}, name


def test_only_the_command_line_prints():
    for file in PACKAGE.glob("*.py"):
        calls = [n for n in ast.walk(ast.parse(file.read_text())) if isinstance(n, ast.Call)]
        prints = [c for c in calls if isinstance(c.func, ast.Name) and c.func.id == "print"]
        assert not prints or file.stem == "cli", file.stem


def test_importing_the_package_imports_nothing_heavy():
    import subprocess

    code = "import sys, mnist_core; print('torch' in sys.modules or 'gradio' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                          cwd=PACKAGE.parent)  # fmt: skip
    assert done.stdout.strip() == "False"


def absolute_imports(file: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module)
    return names
