"""What the page's events tell the server, as one list."""

import gradio as gr
import pytest

from ui.events import told


def test_a_function_is_told_the_values_of_the_list():
    assert told(lambda a, b: a - b, 2)([5, 3]) == 2


def test_a_generator_stays_one_and_closing_it_closes_the_function():
    closed = []

    def counting(start, end):
        try:
            yield from range(start, end)
        finally:
            closed.append(True)

    assert list(told(counting, 2)([1, 4])) == [1, 2, 3]
    closed.clear()
    answers = told(counting, 2)([1, 4])
    next(answers)
    assert not closed
    answers.close()
    assert closed


@pytest.mark.parametrize("values", [None, 3, "ab", {"a": 1, "b": 2}, [], [1], [1, 2, 3]])
def test_anything_but_so_many_values_is_refused_in_words(values):
    with pytest.raises(gr.Error, match="2 values, as a list"):
        told(lambda a, b: a, 2)(values)
    with pytest.raises(gr.Error, match="2 values, as a list"):
        next(told(lambda a, b: (yield a), 2)(values))
