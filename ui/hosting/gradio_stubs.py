"""Gradio is imported without its stubs.

Reason: for each class of components that Gradio has, it parses that class's file and checks the stub beside it (.pyi),
which only editors read, every time it is imported. Gain: ``python -m benchmarks.run workarounds``.
"""

import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Any

MODULE, FUNCTION = "gradio.component_meta", "create_or_modify_pyi"


class WithoutStubs(SourceFileLoader):
    """Loads the module that makes stubs, so that it makes none."""

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        if hasattr(module, FUNCTION):
            setattr(module, FUNCTION, lambda *_: None)


class Finder(MetaPathFinder):
    """Finds that module."""

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != MODULE:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = WithoutStubs(name, spec.loader.path)
        return spec


def leave_stubs_alone() -> None:
    """From now on; Gradio is not imported yet."""
    sys.meta_path.insert(0, Finder())
