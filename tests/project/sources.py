"""The project's own modules and what they import, from their source."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
FLOORS = ("diffusion", "train", "ui", "app")  # each may import from those before it


@cache
def modules() -> dict[str, Path]:
    """The files of the program, by the names of their modules."""
    files = [ROOT / "app.py", *(path for floor in FLOORS[:-1] for path in sorted((ROOT / floor).rglob("*.py")))]
    return {name_of(path): path for path in files}


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def tracked(*patterns: str) -> list[str]:
    """The files that are part of the repository, or about to be."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout
    return [name for name in listed.splitlines() if (ROOT / name).is_file()]


def imports(module: str, at_import_only: bool = False) -> set[str]:
    """What a module imports, by full name; ``at_import_only``: what is imported with it, not inside of functions nor
    for types."""
    tree = ast.parse(modules()[module].read_text("utf-8"))
    return {name for node in nodes(tree, at_import_only) for name in names(node, module)}


def nodes(tree: ast.AST, at_import_only: bool) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        later = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for_types = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if at_import_only and (later or for_types):
            continue
        yield node
        yield from nodes(node, at_import_only)


def names(node: ast.AST, module: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"{module} imports relatively"
        for alias in node.names:
            full = f"{node.module}.{alias.name}"
            yield full if full in modules() else str(node.module)
