"""What a person chooses while the server's answers are late, and come in any order."""

from itertools import permutations

import pytest
from playwright.sync_api import Page

CHOICES = """async () => {
    const { Choices, inOrder } = await import("/web/choices.js");
    const { Seeds } = await import("/web/seeds.js");
    window.questions = [];
    window.taken = {};  // what the page shows
    const ask = (what, values) => new Promise((resolve, reject) => questions.push({ what, values, resolve, reject }));
    const choices = new Choices({ ask, words, apply: () => show(choices.take()) });
    window.show = (updates) => {
        for (const [name, update] of Object.entries(updates)) taken[name] = { ...taken[name], ...update };
    };
    window.request = (what, values) => choices.request(what, values).then(show);
    window.settle = () => new Promise((resume) => setTimeout(resume, 20));
    choices.model = "unet";
    Object.assign(window, { choices, seeds: new Seeds(choices), inOrder });
}"""
PETS = {
    "label": {"__type__": "update", "value": "dog", "names": ["cat", "dog"], "thumbnails": []},
    "steps": {"__type__": "update", "value": 9, "visible": True},
    "sampler": {"__type__": "update", "value": "heun"},
    "guidance_scale": {"__type__": "update", "value": 2, "maximum": 4},
    "steps_by_hand": False,
    "model_note": "Pets.",
}


@pytest.fixture
def choices(page: Page) -> Page:
    page.evaluate(CHOICES)
    return page


def answer(page: Page, number: int, content: dict) -> None:
    page.evaluate("([i, content]) => questions[i].resolve(content)", [number, content])
    page.evaluate("settle()")


def shown(page: Page, name: str, key: str = "value"):
    return page.evaluate("([name, key]) => taken[name]?.[key] ?? null", [name, key])


def test_what_a_hand_sets_while_a_model_is_on_its_way_stays(choices: Page):
    choices.evaluate("choices.set('steps', 50); choices.set('num_images', 4)")  # for the model before
    choices.evaluate("void request('model', { model: 'pets', label: '5' })")
    choices.evaluate("choices.set('guidance_scale', 8); choices.set('label', 'cat')")
    answer(choices, 0, PETS)
    assert [shown(choices, name) for name in ("steps", "sampler", "model_note")] == [9, "heun", "Pets."]
    assert shown(choices, "label") is None  # the hand's own
    assert shown(choices, "label", "names") == ["cat", "dog"]
    assert (shown(choices, "guidance_scale"), shown(choices, "guidance_scale", "maximum")) == (4, 4)
    choices.evaluate("void request('model', { model: 'unet', label: 'cat' })")
    choices.evaluate("choices.set('steps', 3); choices.set('label', '3')")
    answer(choices, 1, PETS)
    assert (shown(choices, "steps"), shown(choices, "steps_by_hand")) == (9, False)  # as before: nothing has come
    assert choices.evaluate("choices.values.steps_by_hand") is True
    assert shown(choices, "label") == "dog"  # there is no 3


@pytest.mark.parametrize("order", list(permutations(range(4))), ids=str)
def test_answers_take_effect_as_they_were_asked_for_whatever_their_order(choices: Page, order: tuple[int, ...]):
    choices.evaluate("""() => {
        request("sampler", { sampler: "ddpm", model: "unet" });
        request("model", { model: "pets", label: "5" });
        request("sampler", { sampler: "ddim", model: "unet" });
        request("words", { model: "unet" });
    }""")
    assert choices.evaluate("questions.map(({ values }) => values.model)") == ["unet", "pets", "pets", "pets"]
    contents = [
        {"steps": 100, "sampler_note": "DDPM"},
        PETS | {"sampler_note": "Heun"},
        {"steps": 20, "sampler_note": "DDIM"},
        {"model_note": "Haustiere.", "model": {"__type__": "update", "choices": [["Haustiere", "pets"]]}},
    ]
    for number in order:
        answer(choices, number, contents[number])
    expected = {"steps": 20, "sampler": "heun", "label": "dog", "sampler_note": "DDIM", "model_note": "Haustiere."}
    assert {name: shown(choices, name) for name in expected} == expected


@pytest.mark.parametrize("late_first", [False, True])
def test_the_model_chosen_last_is_the_one(choices: Page, late_first: bool):
    choices.evaluate("void request('model', { model: 'slow', label: '5' })")
    choices.evaluate("void request('tiles', { model: 'slow', classifier: '' })")
    choices.evaluate("void request('model', { model: 'pets', label: '5' })")
    contents = {0: {"steps": 1, "label": "x"}, 1: {"label": {"__type__": "update", "thumbnails": ["!"]}}, 2: PETS}
    for number in (0, 1, 2) if late_first else (2, 1, 0):
        answer(choices, number, contents[number])
    assert (shown(choices, "steps"), shown(choices, "label")) == (9, "dog")
    assert shown(choices, "label", "thumbnails") == []


def test_a_model_that_the_server_chooses_yields_to_a_hand(choices: Page):
    mine = PETS | {"model": {"__type__": "update", "value": "hub:a/b", "choices": [["A", "hub:a/b"]]}}
    choices.evaluate("choices.set('hub', 'a/b'); void request('fetched', { hub: 'a/b', model: 'unet' })")
    choices.evaluate("choices.set('model', 'dit'); void request('model', { model: 'dit' })")
    answer(choices, 0, mine)
    assert (shown(choices, "model"), shown(choices, "label")) == (None, None)
    assert shown(choices, "model", "choices") == [["A", "hub:a/b"]]
    answer(choices, 1, {"steps": 7})
    choices.evaluate("choices.set('hub', 'a/b'); void request('fetched', { hub: 'a/b', model: 'dit' })")
    answer(choices, 2, mine)
    assert (shown(choices, "model"), shown(choices, "steps")) == ("hub:a/b", 9)
    asked = choices.evaluate("questions.length")  # what comes with a model is not asked for again
    assert choices.evaluate("choices.request('model', { model: 'hub:a/b' })") == {}
    assert choices.evaluate("questions.length") == asked


def test_settings_are_put_back_together_or_not_at_all(choices: Page):
    settings = {"model": "pets", "label": "cat", "steps": 30, "seed": 5, "eta": None}
    choices.evaluate("(settings) => { window.put = choices.put(settings).then(show); }", settings)
    choices.evaluate("choices.set('seed', 6)")
    answer(choices, 0, {"model_note": "There is no such model."})
    assert shown(choices, "steps") is None
    assert choices.evaluate("choices.model") == "unet"
    choices.evaluate("(settings) => { window.put = choices.put(settings).then(show); }", settings)
    choices.evaluate("choices.set('seed', 7)")
    answer(choices, 1, PETS)
    expected = {"model": "pets", "label": "cat", "steps": 30, "steps_by_hand": True, "sampler": "heun", "seed": None}
    assert {name: shown(choices, name) for name in expected} == expected
    assert choices.evaluate("choices.values.seed") == 7


def test_of_two_views_on_their_way_only_the_last_is_drawn(choices: Page):
    outcomes = """() => {
        window.ended = [];
        const restore = (name) =>
            choices.request("restore", {}).then(() => ended.push(name), (error) => ended.push(error.message));
        restore("first"); restore("second");
    }"""
    choices.evaluate(outcomes)
    for number, seed in enumerate((1, 2)):
        answer(choices, number, {"model": {"__type__": "update", "value": "unet"}, "seed": seed})
    assert choices.evaluate("ended") == ["superseded", "second"]
    assert choices.evaluate("choices.values.seed") == 2


def test_nothing_typed_is_no_model_to_fetch(choices: Page):
    choices.evaluate("void request('fetched', { hub: '', model: 'unet' })")
    answer(choices, 0, {})
    assert choices.evaluate("taken") == {}


def test_a_server_that_is_not_there_is_said_and_the_model_can_be_chosen_again(choices: Page):
    choices.evaluate("void request('model', { model: 'pets' })")
    choices.evaluate("questions[0].reject(new Error('lost')); settle()")
    assert "cannot be reached" in shown(choices, "model_note")
    choices.evaluate("void request('model', { model: 'pets' })")
    answer(choices, 1, PETS)
    assert shown(choices, "model_note") == "Pets."


def test_seeds_are_a_hands_or_new_and_none_is_used_for_nothing(choices: Page):
    choices.evaluate("choices.set('seed', 41)")
    assert choices.evaluate("seeds.next('random', 41)") == 41
    first, second = (choices.evaluate("seeds.next('random', 41)") for _ in range(2))
    assert len({41, first, second}) == 3
    assert choices.evaluate("seeds.next('keep', 9)") == 9
    choices.evaluate("choices.set('seed', 42)")
    choices.evaluate("seeds.next('random', 42)")
    assert choices.evaluate("seeds.giveBack()") == 42  # of a run that was refused
    assert choices.evaluate("seeds.next('random', 42)") == 42
    choices.evaluate("seeds.next('random', 42); choices.set('seed', 43)")
    assert choices.evaluate("seeds.giveBack() ?? null") is None  # typed meanwhile
    assert choices.evaluate("seeds.next('random', 43)") == 43


def test_after_live_sampling_the_model_of_before_comes_back(choices: Page):
    choices.evaluate("choices.set('steps', 50); choices.set('label', '3')")
    choices.evaluate("void request('live', { live: true, model: 'unet', label: '3' })")
    answer(choices, 0, PETS | {"model": {"__type__": "update", "value": "pets", "choices": []}})
    assert (shown(choices, "model"), shown(choices, "steps")) == ("pets", 9)
    choices.evaluate("choices.set('label', 'cat'); choices.set('seed', 8)")
    choices.evaluate("void request('live', { live: false, model: 'pets', label: 'cat' })")
    answer(choices, 1, {"label": {"__type__": "update", "value": "5", "names": ["3", "5"]}, "steps": 14})
    assert (shown(choices, "model"), shown(choices, "steps")) == ("unet", 50)
    assert (shown(choices, "label"), choices.evaluate("choices.values.seed")) == ("5", 8)
    assert choices.evaluate("choices.request('live', { live: false })") == {}
