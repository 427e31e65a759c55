"""How fast a host computes, from its own runs, in counted time."""

import pytest

from tests.tiny import tiny_model
from ui.engine import Engine
from ui.hosting.pace import REMEMBERED, Pace
from ui.request import Request

SMALL, OTHER = (tiny_model(seed, name=name).config for seed, name in enumerate(("small", "other")))


class Host:
    """A clock that a network moves: a call takes so long, and so much more for each of its images."""

    def __init__(self, call: float = 0.010, image: float = 0.002):
        self.now, self.call, self.image = 0.0, call, image

    def clock(self) -> float:
        return self.now

    def seconds(self, images: int) -> float:
        return self.call + self.image * images

    def computes(self, module, inputs, output) -> None:
        self.now += self.seconds(len(inputs[0]))


@pytest.fixture
def host(engine: Engine) -> Host:
    """That of the engine's model."""
    host = Host()
    engine.pace = Pace(host.clock)
    engine.load().network.register_forward_hook(host.computes)
    return host


def sample(engine: Engine, **settings) -> None:
    list(engine.run(Request(**settings)))


def of_one(engine: Engine) -> float:
    """Operations of a call with one image."""
    return engine.registry.cost(engine.load()).operations


def test_steps_are_timed_as_calls_of_so_many_images(engine: Engine, host: Host):
    for count, sampler in ((1, "ddim"), (16, "ddim"), (8, "heun")):
        sample(engine, num_images=count, sampler=sampler, steps=40, guidance_scale=1)
        measured = engine.pace.seconds(engine.config(), count * of_one(engine))
        assert measured == pytest.approx(host.seconds(count), rel=0.03)  # but for Heun's last step, of one call


def test_what_was_not_measured_follows_from_what_was(engine: Engine, host: Host):
    for count in (1, 16):
        sample(engine, num_images=count, steps=4, guidance_scale=1)
    for count in (4, 64, 128):
        measured = engine.pace.seconds(engine.config(), count * of_one(engine))
        assert measured == pytest.approx(host.seconds(count))
    twice = 2 * host.seconds(16)  # another model that was seen once, on its way with 16 images
    engine.pace.note(OTHER, 16 * of_one(engine), twice)
    assert engine.pace.seconds(OTHER, 64 * of_one(engine)) == pytest.approx(2 * host.seconds(64))
    assert engine.pace.seconds(SMALL, 64 * of_one(engine)) == pytest.approx(host.seconds(64))


def test_nothing_is_known_of_a_host_that_has_computed_nothing():
    assert Pace().seconds(SMALL, 1e9) is None


def test_of_one_size_alone_time_is_in_proportion():
    pace = Pace()
    pace.note(SMALL, 4e9, 0.2)
    assert [pace.seconds(SMALL, size) for size in (2e9, 8e9)] == pytest.approx([0.1, 0.4])


def test_a_slow_call_is_no_pace_and_a_host_that_gets_slower_is():
    pace = Pace()
    for seconds in (3.0, 0.1, 0.1, 0.1):  # the first call of a process
        pace.note(SMALL, 1e9, seconds)
    assert pace.seconds(SMALL, 1e9) == pytest.approx(0.1)
    for _ in range(REMEMBERED):
        pace.note(SMALL, 1e9, 0.4)
    assert pace.seconds(SMALL, 1e9) == pytest.approx(0.4)


def test_a_measurement_that_is_off_makes_no_time_negative():
    pace = Pace()
    for size, seconds in ((2e9, 0.5), (4e9, 0.3)):
        pace.note(SMALL, size, seconds)
    assert pace.seconds(SMALL, 1e9) == pytest.approx(0.5)
    assert pace.seconds(SMALL, 9e9) == pytest.approx(0.3)


def test_beside_others_nothing_is_measured(engine: Engine, host: Host):
    other = engine.run(Request(num_images=2, steps=4))
    next(other)
    sample(engine, num_images=16, steps=4)
    assert engine.pace.seconds(engine.config(), 1e9) is None
    other.close()
