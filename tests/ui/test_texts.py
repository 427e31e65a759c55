"""The words of the page: complete in both languages, and the Chinese for what the program says is what it says now."""

import re
import string

import pytest

from diffusion import InputError, load_classifier, load_model
from diffusion.io.hub import bundled, resolve
from diffusion.io.hub_errors import ALWAYS, PULLING
from diffusion.io.model_directory import CONFIG, WEIGHTS
from diffusion.samplers import SAMPLERS
from diffusion.settings import Request, label_index
from tests.tiny import DIGITS, NETWORK, tiny_classifier, tiny_enlarger, tiny_model
from train.presets import PRESETS
from ui import chinese
from ui.engine import Engine
from ui.example_digits import small_digits
from ui.handlers import Answers
from ui.precompute import Backstage
from ui.registry import Registry
from ui.texts import TEXTS, model_words, sampler_sentence, sentence


def is_chinese(words):
    return any("\u4e00" <= character <= "\u9fff" for character in words)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("texts")
    tiny_model().save(place / "draws")
    tiny_classifier().save(place / "reads")
    quick_model().save(place / "quick")
    for name, file, content in (("odd", CONFIG, b"{}"), ("misfit", CONFIG, None), ("torn", WEIGHTS, b"half")):
        tiny_model(name=name).save(place / name)
        content = content or tiny_model(label_names=("a",)).config.model_dump_json().encode()
        (place / name / file).write_bytes(content)
    return place


def quick_model():
    return tiny_model(sampler="turbo", steps=2, network=NETWORK | {"max_guidance": 4.0})


def causes(place):
    """Calls that end in an InputError, one for each kind of sentence that a visitor may meet."""
    registry, model, quick = Registry("unet", place / "runs"), tiny_model(), quick_model()
    reader, letters = tiny_classifier().classifier(), tiny_classifier(label_names=("a", "b")).classifier()
    other_noise = tiny_classifier(process={"kind": "linear_vp"}).classifier()
    return [
        lambda: Request(steps=0),
        lambda: Request(guidance_scale="nan"),
        lambda: Request(sampler="x"),
        lambda: Request(guidance_t_min=0.5, guidance_t_max=0.4).filled(model.config),
        lambda: Request(skip_scale=1).filled(model.config),
        lambda: Request(guidance_t_max=0.5).filled(quick.config),
        lambda: Request(guidance_power=1).filled(quick.config),
        lambda: label_index("cow", DIGITS),
        lambda: label_index("7", ()),
        lambda: small_digits(tiny_enlarger(image_size=28, low_res_size=7).config, "cow", 1),
        lambda: small_digits(tiny_enlarger().config, "", 1),
        lambda: registry.check("x"),
        lambda: registry.check("x", "classifier"),
        lambda: other_noise.check_fits(model.config),
        lambda: letters.check_fits(model.config),
        lambda: reader.check_fits(tiny_model(image_size=16).config),
        lambda: load_model(place / "reads"),
        lambda: load_classifier(place / "draws"),
        lambda: load_model(place / "odd"),
        lambda: load_model(place / "misfit"),
        lambda: load_model(place / "torn"),
        lambda: resolve("hub:x"),
        lambda: resolve("hub:a/b@../x"),
        lambda: Answers(Backstage(Engine(str(place / "draws")))).check_live(Request()),
        lambda: Answers(Backstage(Engine(str(place / "quick")))).check_live(Request(steps=9)),
    ]


def test_errors_are_said_in_chinese(place):
    english = []
    for cause in causes(place):
        with pytest.raises(InputError) as raised:
            cause()
        english.append(str(raised.value))
    values = {"host": "https://hub.test", "status": " (HTTP 500)", "seconds": 9.0, "error": "disk full"}
    english += [f"hub:a/b cannot be loaded: {end.format(**values)}." for _, _, end in PULLING + ALWAYS]
    english += [
        "hub:a/b is too large: its model.safetensors has 1,000 bytes, at most 512 are taken.",
        "hub:a/b offers pytorch_model.bin, a pickle, which can run code and is never opened; ask its owner.",
        "hub:a/b cannot be loaded: with its 9,000 bytes, less than 1,000 would be left free on the disk.",
    ]
    assert [words for words in english if not is_chinese(sentence(words, "zh"))] == []
    used = [next(row for row in chinese.SENTENCES if re.fullmatch(row[0], words, re.DOTALL)) for words in english]
    assert [row for row in chinese.SENTENCES if row not in used] == []


@pytest.mark.parametrize(
    ("said", "in_english", "in_chinese"),
    [
        ("num_images must be a whole number from 1 to 64, not 0.", "Images must be a whole", "张数必须是 1 到 64"),
        ("guidance_t_min must not be above guidance_t_max; 1 is", "Guide to t must not be above Guide from t; 1", ""),
        (
            "classifier must be one of classifier, not 'x'.",
            "Classifier must be one of classifier",
            "分类器必须是 classifier 之一",
        ),
        (
            "model must be one of unet, not 'guidance_scale'.",
            "Model must be one of unet, not 'guidance_scale'.",
            "模型",
        ),
        (
            "freeu_b belongs to a U-Net with deep skips; leave it out with dit.",
            "FreeU b belongs to a U-Net with deep",
            "",
        ),
        ("low_res must be 2x2.", "low_res must be 2x2.", ""),
        ("runs/my_eta/model cannot be read: gone.", "runs/my_eta/model cannot be read", "无法读取 runs/my_eta/model"),
    ],
)
def test_a_setting_is_called_what_the_page_calls_it(said, in_english, in_chinese):
    assert sentence(said, "en").startswith(in_english)
    assert sentence(said, "zh").startswith(in_chinese)


def test_a_chinese_sentence_keeps_what_was_given_and_what_is_allowed():
    with pytest.raises(InputError) as raised:
        Request(steps=5000)
    assert sentence(str(raised.value), "zh") == "步数必须是 1 到 1000 之间的整数，而不是 5000。"
    assert sentence("Something that nobody foresaw.", "zh") == "Something that nobody foresaw."


def test_every_sampler_preset_and_bundled_model_has_chinese_words():
    assert all(is_chinese(sampler_sentence(name, "zh")) for name in SAMPLERS)
    for name in {*PRESETS, *bundled()}:
        assert is_chinese(model_words(name, "Title", "Description.", "zh")[1]), name
    assert model_words("unet", "Title", "Description.", "en") == ("Title", "Description.")
    assert model_words("runs/mine/model", "Title", "Description.", "zh") == ("Title", "Description.")


def test_both_languages_fill_in_the_same_values():
    for key, languages in TEXTS.items():
        fields = [{name for _, name, _, _ in string.Formatter().parse(words) if name} for words in languages]
        assert fields[0] == fields[1] or key == "hub_failed", key


def test_chinese_sentences_are_punctuated_in_chinese():
    words = [chinese_words for _, chinese_words in TEXTS.values()]
    words += [*chinese.SAMPLERS.values(), *(end for _, end in chinese.SENTENCES)]
    words += [description for _, description in chinese.MODELS.values()]
    assert [
        each
        for each in words
        if re.search(r"[\u4e00-\u9fff}”][,:;?!]|[,:;?!] *[\u4e00-\u9fff“]", each.replace("hub:", ""))
    ] == []
