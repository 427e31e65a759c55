import pytest
import torch

from diffusion import Condition, InputError
from diffusion.condition import check_low_res, label_index, label_indices
from tests.tiny import tiny_enlarger, tiny_model

FULL = Condition(torch.tensor([3, -1, 7]), torch.rand(3, 1, 2, 2), torch.tensor([1.0, 2.0, 3.0]))


def same(a, b):
    """Whether two conditions have the same tensors, or none, in every field."""
    pairs = zip(a.tensors(), b.tensors(), strict=True)
    return all(x is y or (x is not None and y is not None and torch.equal(x, y)) for x, y in pairs)


def test_null_has_no_label_and_all_the_rest():
    null = FULL.null()
    assert null.labels.tolist() == [-1, -1, -1]
    assert null.low_res is FULL.low_res
    assert null.guidance_scale is FULL.guidance_scale
    assert null.is_null
    assert not FULL.is_null
    unlabelled = Condition(low_res=FULL.low_res)
    assert unlabelled.null() is unlabelled
    assert unlabelled.is_null


@pytest.mark.parametrize("condition", [FULL, Condition(FULL.labels), Condition()], ids=["full", "labels", "nothing"])
def test_cat_joins_what_rows_took_apart(condition):
    parts = [condition.rows(part) for part in (slice(0, 1), slice(1, 3))]
    assert same(Condition.cat(parts), condition)
    if condition.labels is not None:
        assert [part.labels.tolist() for part in parts] == [[3], [-1, 7]]


def test_conditions_of_other_kinds_are_not_joined():
    for pair in ([FULL, Condition(FULL.labels)], [Condition(), Condition(FULL.labels)]):
        with pytest.raises(TypeError):
            Condition.cat(pair)


def test_of_takes_labels_nothing_or_a_condition():
    assert Condition.of(FULL) is FULL
    assert same(Condition.of(FULL.labels), Condition(FULL.labels))
    assert same(Condition.of(None), Condition())


def test_label_indices():
    assert label_indices([0, 9, -1], None, 10) == [0, 9, -1]
    assert label_indices(torch.tensor([1, 2]), None, 10) == [1, 2]
    assert label_indices(None, 3, 10) == [-1, -1, -1]
    assert label_indices(None, None, 0) == [-1]


@pytest.mark.parametrize(
    ("labels", "num_images", "num_classes", "code"),
    [
        ([10], None, 10, "labels.unknown_index"),
        ([-2], None, 10, "labels.unknown_index"),
        ([0], None, 0, "labels.unconditional"),
        ([1.5], None, 10, "labels.not_integers"),
        (["1"], None, 10, "labels.not_integers"),
        (3, None, 10, "labels.not_integers"),
        ([], None, 10, "labels.none_given"),
        (None, 0, 10, "settings.at_least"),
        (None, 2.5, 10, "settings.at_least"),
    ],
)
def test_bad_labels(labels, num_images, num_classes, code):
    with pytest.raises(InputError) as raised:
        label_indices(labels, num_images, num_classes)
    assert raised.value.code == code


def test_labels_by_name():
    assert label_index("", ["cat", "dog"]) == -1
    assert label_index("dog", ["cat", "dog"]) == 1
    with pytest.raises(InputError, match=r"^label must be one of cat, dog, or \"\" for any, not 'cow'\.$"):
        label_index("cow", ["cat", "dog"])
    with pytest.raises(InputError, match=r"^This model has no labels: leave label empty, instead of '9'\.$"):
        label_index("9", [])
    with pytest.raises(InputError, match=r"class 11, \.\.\. \(1000 in all\)") as raised:
        label_index("y" * 10_000, [f"class {i}" for i in range(1000)])
    assert len(str(raised.value)) < 300


@pytest.mark.parametrize(
    ("low_res", "sentence"),
    [
        (None, "it needs low_res, images of 2x2 pixels in 1 channel"),
        (torch.zeros(2, 1, 3, 3), "not (2, 1, 3, 3)"),
        (torch.zeros(2, 3, 2, 2), "not (2, 3, 2, 2)"),
        (torch.zeros(1, 2, 2), "not (1, 2, 2)"),
        (torch.full((2, 1, 2, 2), 1.5), "values from -1 to 1"),
        (torch.full((2, 1, 2, 2), torch.nan), "values from -1 to 1"),
    ],
    ids=["missing", "size", "channels", "dimensions", "range", "nan"],
)
def test_a_low_res_image_must_fit(low_res, sentence):
    with pytest.raises(InputError) as raised:
        check_low_res(tiny_enlarger().config, low_res)
    assert sentence in str(raised.value)


def test_low_res_is_for_super_resolution_alone():
    small = torch.zeros(2, 1, 2, 2)
    assert check_low_res(tiny_enlarger().config, small) is small
    assert check_low_res(tiny_model().config, None) is None
    with pytest.raises(InputError, match="low_res is for super-resolution"):
        check_low_res(tiny_model().config, small)
