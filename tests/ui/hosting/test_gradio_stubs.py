"""Gradio's stubs: the app leaves them alone."""

from tests.programs import run_python

LOOK = """
import app
import gradio
from gradio import component_meta

print(component_meta.create_or_modify_pyi.__module__, callable(gradio.Button().click))
"""


def test_the_app_imports_gradio_without_them():
    assert run_python("-c", LOOK, check=True).stdout == "ui.hosting.gradio_stubs True\n"
