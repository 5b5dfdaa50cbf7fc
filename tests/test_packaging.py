"""The repository root is the package: the explicit list of packages, the wheel, lazy imports and layering."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOT_SHIPPED = {"tests", "benchmarks", "build", "dist", "runs"}
LAYERS = ("physics", "envs", "agents", "experiments")
FOREIGN_TO_PHYSICS = {"gymnasium", "torch", "stable_baselines3", "matplotlib", "rich", "tyro"}


def shipped(pattern: str) -> list[Path]:
    """Files of the tree that belong into the wheel, relative to the root."""
    found = (p.relative_to(ROOT) for p in ROOT.rglob(pattern))
    return sorted(p for p in found if p.parts[0] not in NOT_SHIPPED and not p.parts[0].startswith("."))


@pytest.fixture(scope="module")
def listed() -> set[str]:
    """Packages listed in pyproject.toml."""
    return set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names in the wheel, built offline from a copy of the tree (a build leaves files behind)."""
    copy, out = tmp_path_factory.mktemp("tree") / "szilard", tmp_path_factory.mktemp("wheel")
    skip = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", *NOT_SHIPPED)
    shutil.copytree(ROOT, copy, ignore=skip)
    build = f"import setuptools.build_meta as b; b.build_wheel({str(out)!r})"
    done = subprocess.run([sys.executable, "-c", build], cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = out.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_every_package_is_listed_and_exists(listed: set[str]) -> None:
    in_tree = {".".join(("szilard", *p.parent.parts)) for p in shipped("__init__.py")}
    assert in_tree == listed


def test_every_folder_with_code_is_a_package() -> None:
    folders = {p.parent for p in shipped("*.py")}
    assert [str(f) for f in sorted(folders) if not (ROOT / f / "__init__.py").exists()] == []


def test_wheel_holds_the_tree(wheel_names: set[str]) -> None:
    in_wheel = {n for n in wheel_names if n.endswith(".py")}
    assert in_wheel == {f"szilard/{p.as_posix()}" for p in shipped("*.py")}


def test_wheel_holds_the_data(wheel_names: set[str]) -> None:
    data = {"szilard/py.typed"} | {f"szilard/{p.as_posix()}" for p in shipped("*.html")}
    assert data <= wheel_names
    assert any(n.endswith(".html") for n in data)


def test_import_is_light() -> None:
    code = "import sys, szilard; print(*({'torch', 'qutip', 'matplotlib', 'stable_baselines3'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def imports(path: Path) -> set[str]:
    """Absolute names of the modules that a file of the tree imports, at any depth of its code."""
    package = ("szilard", *path.parent.parts)
    names: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *filter(None, [node.module])))
            names |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return names


def test_imports_reads_relative_names() -> None:
    assert "szilard.physics.validation" in imports(Path("envs/catalogue.py"))


@pytest.mark.parametrize("layer", LAYERS)
def test_layers_import_only_to_the_left(layer: str) -> None:
    right = LAYERS[LAYERS.index(layer) + 1 :]
    bad: list[tuple[Any, str]] = []
    for path in shipped("*.py"):
        if path.parts[0] != layer:
            continue
        for name in imports(path):
            parts = name.split(".")
            if parts[0] == "szilard" and len(parts) > 1 and parts[1] in right:
                bad.append((str(path), name))
            if layer == "physics" and parts[0] in FOREIGN_TO_PHYSICS:
                bad.append((str(path), name))
    assert bad == []
