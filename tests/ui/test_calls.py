"""Handlers as Gradio calls them: values and outputs by name."""

import asyncio

import gradio as gr
import pytest

from diffusion import InputError
from ui.calls import call, checked, outputs_by_name


@pytest.fixture
def outputs():
    return {"first": gr.Textbox(render=False), "second": gr.Number(render=False)}


def test_a_handler_gets_values_and_gives_outputs_by_name(outputs):
    handler = outputs_by_name(lambda values: {"second": values["a"] - values["b"]}, outputs)
    assert handler({"b": 3, "a": 5}) == {outputs["second"]: 2}


def test_what_is_no_output_is_an_error(outputs):
    with pytest.raises(KeyError):
        outputs_by_name(lambda values: {"third": 1}, outputs)({})


def test_to_change_nothing_is_to_skip_all_outputs(outputs):
    assert outputs_by_name(lambda values: {}, outputs)({}) == gr.skip()


def test_a_generator_stays_one_and_closing_it_closes_the_handler(outputs):
    closed = []

    def counting(values):
        try:
            for i in range(values["end"]):
                yield {"second": i}
        finally:
            closed.append(True)

    handler = outputs_by_name(counting, outputs)
    assert list(handler({"end": 3})) == [{outputs["second"]: i} for i in range(3)]
    closed.clear()
    results = handler({"end": 3})
    next(results)
    assert not closed
    results.close()
    assert closed


def test_an_asynchronous_generator_stays_one(outputs):
    async def counting(values):
        for i in range(values["end"]):
            yield {"second": i}

    async def results():
        return [result async for result in outputs_by_name(counting, outputs)({"end": 2})]

    assert asyncio.run(results()) == [{outputs["second"]: 0}, {outputs["second"]: 1}]


@pytest.mark.parametrize("values", [None, 3, "ab", [], [1], {3: 4}])
def test_anything_but_values_by_name_is_refused_in_words(outputs, values):
    with pytest.raises(InputError) as raised:
        checked(values)
    assert raised.value.code == "page.values_by_name"

    def streaming(values):
        yield {}

    with pytest.raises(gr.Error, match="by name"):
        outputs_by_name(lambda values: {}, outputs)(values)
    with pytest.raises(gr.Error, match="by name"):
        next(outputs_by_name(streaming, outputs)(values))


def test_an_event_sends_one_object_and_what_it_leaves_alone_stays(outputs):
    """By Gradio itself, as it processes an event over HTTP."""
    handlers = {"changed": lambda values: {"second": values["a"] + 1}, "nothing": lambda values: {}}
    with gr.Blocks() as blocks:
        a, button = gr.Number(), gr.Button()
        for component in outputs.values():
            component.render()
        for handler in handlers.values():
            call(button.click, handler, {"a": a}, outputs)
    functions = [function for function in blocks.fns.values() if function.fn is not None]
    results = [asyncio.run(blocks.process_api(function, [{"a": 1}]))["data"] for function in functions]
    assert results == [[gr.skip(), 2], [gr.skip(), gr.skip()]]
