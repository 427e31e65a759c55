"""A label that is several."""

import pytest

from diffusion.errors import InputError
from ui.labels import columns_for, labels_in_turn, repeated

NAMES = ("cat", "cat, sleeping", "dog", "all in one")


@pytest.mark.parametrize(
    ("label", "found"),
    [
        ("", [""]),
        ("dog", ["dog"]),
        ("cat, dog", ["cat", "dog"]),
        (" dog ,cat,", ["dog", "cat"]),
        ("cat, sleeping", ["cat, sleeping"]),
        ("cat, sleeping, cat, dog", ["cat, sleeping", "cat", "dog"]),
        ("all", list(NAMES)),
        ("dog, dog", ["dog", "dog"]),
    ],
)
def test_names_with_commas_between_them(label, found):
    assert labels_in_turn(label, NAMES) == found


@pytest.mark.parametrize("label", ["bird", "cat, bird", ",", " ", ", cat", "catdog", "sleeping"])
def test_what_is_no_name_is_refused(label):
    with pytest.raises(InputError, match="must be one of cat, "):
        labels_in_turn(label, NAMES)
    with pytest.raises(InputError):
        labels_in_turn(label, ())


def test_all_may_be_a_name():
    assert labels_in_turn("all", ("all", "none")) == ["all"]
    with pytest.raises(InputError):
        labels_in_turn("all", ())


def test_images_take_them_in_turn():
    assert repeated(["a", "b"], 5) == ["a", "b", "a", "b", "a"]
    assert [columns_for(["x"] * count) for count in (1, 2, 32, 33)] == [None, 2, 32, None]
