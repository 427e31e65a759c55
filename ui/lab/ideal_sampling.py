"""What sampling ends on with the best possible denoiser of the training set: images of that set. Beside it, what the
network ends on from the same noise, and how far that is from any training image: so far it generalises."""

from base64 import b64encode
from typing import NamedTuple

import torch
from torch import Tensor

from diffusion.condition import Condition
from diffusion.io.images import to_input, to_uint8
from diffusion.noise import ImageNoise
from diffusion.parameterisation import Prediction
from diffusion.process import Level
from diffusion.runtime.callers import current_caller
from diffusion.runtime.threads import use_one_core
from diffusion.samplers import SAMPLERS
from ui.hosting.limits import out_of_memory_explained
from ui.lab.noise import NoiseLab, NoiseRequest
from ui.request import Request

COUNT = 6  # images
STEPS = 25  # of DDIM, with the ideal denoiser


class Ending(NamedTuple):
    """An image, uint8 (28, 28), the training image nearest to it, and the root mean square of their difference (of
    pixels from -1 to 1)."""

    image: Tensor
    nearest: Tensor
    distance: float

    def encoded(self) -> list:
        """Bytes in base64 for both images, and the distance."""
        pictures = (b64encode(image.numpy().tobytes()).decode() for image in (self.image, self.nearest))
        return [*pictures, self.distance]


def endings(lab: NoiseLab, request: NoiseRequest) -> dict[str, list[Ending]]:
    """``COUNT`` images of the request's digit from the noise of its seed: the "ideal" denoiser's, and the "network"'s,
    sampled with its own settings. Raises InputError."""
    config = lab.config(request.model)
    label = request.digit if request.digit in config.label_names and not request.pixels else ""
    ref = request.model or lab.default()
    job = lab.engine.prepare(Request(label=label, num_images=COUNT, seed=request.seed, model=ref))
    model, caller = job.model, current_caller()
    ideal = lab.ideal(model)
    labels = torch.tensor([int(label) if label else -1] * COUNT)
    noise = ImageNoise(request.seed, COUNT, config.image_shape)
    levels = SAMPLERS["ddim"].levels(model.process, STEPS)
    x = levels[0].sigma * noise()
    use_one_core()

    # nobody holds a place meanwhile: it would be for all the turns of others, and memory is taken by one at a time
    def denoise(x: Tensor, level: Level) -> Prediction:
        with lab.one_by_one.turn(caller):
            return ideal(x, level, Condition.of(labels))

    with out_of_memory_explained():
        for step in SAMPLERS["ddim"].function(denoise, x, levels, noise):
            caller.check()
            x = step.x
    *_, last = lab.engine.updates(job, watched=False)
    assert last.result is not None
    sampled = {"ideal": x, "network": model.encode(to_input(torch.from_numpy(last.result.images).movedim(3, 1)))}
    training = lab.training().images[:, 0]
    found: dict[str, list[Ending]] = {}
    for name, images in sampled.items():
        with lab.one_by_one.turn(caller):
            pictures, nearest = torch.from_numpy(to_uint8(images))[..., 0], training[ideal.nearest(images)]
        distances = ((pictures.double() - nearest.double()) / 127.5).square().mean((1, 2)).sqrt()
        found[name] = [Ending(*each) for each in zip(pictures, nearest, distances.tolist(), strict=True)]
    return found
