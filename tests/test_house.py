"""The house: who imports whom, what the public docstrings say, what stands at the top, what the text may not say."""

import ast
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.notebook_files import ROOT

PROGRAMS = {"training_repository", "tool_programs"}  # what lessons show and run: no modules of ours
MODULES = sorted(path for path in (ROOT / "helpers").rglob("*.py") if not PROGRAMS & set(path.parts))
TOP = {
    "notebooks", "solutions", "exercises", "helpers", "binder", "tests", "environment.yml", "pyproject.toml",
    "requirements.lock", "Makefile", "README.md", ".github", ".ci", ".gitignore",
}  # fmt: skip


def tool(name, *arguments):
    program = Path(sysconfig.get_path("scripts")) / name
    return subprocess.run([str(program), *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def tracked():
    told = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in told.stdout.splitlines() if (ROOT / name).exists()]


def test_imports_only_point_down():
    told = tool("lint-imports", "--no-cache")
    assert told.returncode == 0, told.stdout


def test_a_lesson_helper_knows_nothing_of_the_course():
    for path in MODULES:
        if path.parent.name == "helpers" and path.name != "__main__.py":
            assert not re.search(r"^\s*(from|import) helpers\.course", path.read_text(encoding="utf-8"), re.MULTILINE), path.name


def test_the_code_is_clean():
    told = tool("ruff", "check", "helpers", "tests")
    assert told.returncode == 0, told.stdout
    told = tool("ruff", "format", "--check", "helpers", "tests")
    assert told.returncode == 0, told.stdout


def public_functions():
    for path in MODULES:
        if path.parent.name == "bank" or path.name == "__main__.py":
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in tree.body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
                yield pytest.param(node, id=f"{path.relative_to(ROOT).as_posix()}:{node.name}")


@pytest.mark.parametrize("node", list(public_functions()))
def test_public_docstrings_tell_what_goes_in_and_out(node):
    text = ast.get_docstring(node)
    assert text, "no docstring"
    if isinstance(node, ast.ClassDef):
        return
    arguments = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    inner = {n for f in ast.walk(node) if isinstance(f, ast.FunctionDef) and f is not node for n in ast.walk(f)}
    returned = [n for n in ast.walk(node) if isinstance(n, ast.Return) and n.value is not None and n not in inner]
    assert not arguments or "Parameters\n----------" in text
    assert all(re.search(rf"^(\w+, )*\*{{0,2}}{name}(, \w+)* :", text, re.MULTILINE) for name in arguments)
    assert not returned or "Returns\n-------" in text


def test_docstrings_and_signatures_agree():
    """pydoclint sees what the test above does not: an argument that is gone, a default that changed its name."""
    told = tool(
        "pydoclint",
        "--quiet",
        *[path.as_posix() for path in MODULES if path.parent.name != "bank" and path.name != "__main__.py"],
    )
    problems = [line for line in (told.stdout + told.stderr).splitlines() if re.search(r"DOC\d+", line)]
    public = [line for line in problems if not re.search(r"(Function|Method) `(\w+\.)?_", line)]
    assert not public, "\n".join(public)


def test_modules_stay_small():
    for path in MODULES:
        if path.parent.name != "bank":
            tree = ast.parse(path.read_text(encoding="utf-8"))
            names = [n.name for n in tree.body if isinstance(n, (ast.FunctionDef, ast.ClassDef)) and not n.name.startswith("_")]
            assert len(names) <= 8 or path.name == "__main__.py", path.name
            sizes = {
                n.name: n.end_lineno - n.lineno - (ast.get_docstring(n) or "").count("\n")
                for n in ast.walk(tree)
                if isinstance(n, ast.FunctionDef)
            }
            assert all(size <= 55 for size in sizes.values()), (path.name, sizes)


def test_nothing_else_stands_at_the_top():
    assert {name.split("/")[0] for name in tracked()} <= TOP


def test_nothing_generated_or_heavy_is_kept():
    junk = re.compile(r"(^|/)(mlruns|wandb|\.venv|build|__pycache__|\.ipynb_checkpoints|work)/|\.(db|sqlite|parquet|pyc)$")
    assert not [name for name in tracked() if junk.search(name)]
    assert not [name for name in tracked() if (ROOT / name).stat().st_size > 1_000_000]


def test_helpers_need_no_shell_and_no_fixed_temporary_folder():
    for path in MODULES:
        source = path.read_text(encoding="utf-8")
        assert "shell=True" not in source and "/tmp" not in source and "sys.path" not in source, path.name
        assert 'filterwarnings("ignore")' not in source, path.name


def test_the_package_imports_lightly():
    """`python -m helpers` must work before anything is installed."""
    light = "import sys; import helpers.__main__; print([m for m in ('numpy', 'pandas', 'psutil', 'rich') if m in sys.modules])"
    told = subprocess.run([sys.executable, "-c", light], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
