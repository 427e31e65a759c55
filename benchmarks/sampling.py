"""How long 16 digits take: the default model at its default settings, beside its bare network and beside a peer.

The peer is the class-conditioned ``UNet2DModel`` of the Hugging Face diffusion course with diffusers' DDIM at 50 steps,
without guidance: weights do not matter for speed, so they are random.
"""

from functools import partial

import torch

from benchmarks.timing import interleaved, ratio, summary
from diffusion import SAMPLERS, load_model
from train.data import import_torchvision

DIGITS = 16


def course_model() -> torch.nn.Module:
    """The course's network: the class embedding (4) is concatenated to the image as channels."""
    import_torchvision()  # diffusers imports it, too, and fails where it cannot be imported as it is
    from diffusers import UNet2DModel

    class ClassConditioned(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = torch.nn.Embedding(10, 4)
            self.network = UNet2DModel(
                sample_size=28,
                in_channels=1 + 4,
                out_channels=1,
                layers_per_block=2,
                block_out_channels=(32, 64, 64),
                down_block_types=("DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"),
                up_block_types=("AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
            )

        def forward(self, x, t, y):
            planes = self.embedding(y)[:, :, None, None].expand(-1, -1, *x.shape[2:])
            return self.network(torch.cat([x, planes], dim=1), t).sample

    return ClassConditioned()


@torch.no_grad()
def peer(network: torch.nn.Module, steps: int = 50) -> torch.Tensor:
    """16 digits by diffusers' DDIM."""
    from diffusers import DDIMScheduler

    scheduler = DDIMScheduler(num_train_timesteps=1000, beta_schedule="squaredcos_cap_v2")
    scheduler.set_timesteps(steps)
    x, y = torch.randn(DIGITS, 1, 28, 28), torch.arange(DIGITS) % 10
    for t in scheduler.timesteps:
        x = scheduler.step(network(x, t, y), t, x).prev_sample
    return x


@torch.no_grad()
def bare(model, evaluations: int, batch: int) -> None:
    """The same number of network calls, and nothing else."""
    x, t, y = torch.randn(batch, 1, 28, 28), torch.full((batch,), 500.0), torch.arange(batch) % 10
    for _ in range(evaluations):
        model.network(x, t, y)


def measure(repetitions: int = 9) -> dict:
    """The figures, as a dictionary that can be written as JSON."""
    model = load_model("unet", device="cpu")
    config = model.config
    labels = [i % 10 for i in range(DIGITS)]
    evaluations = SAMPLERS[config.sampler].evaluations(config.steps)
    halves = 1 if config.guidance_scale in (0, 1) else 2
    course = course_model().eval()
    seconds = interleaved(
        {
            "ours": partial(model.generate, labels),
            "bare network": partial(bare, model, evaluations, halves * DIGITS),
            "first step": lambda: next(iter(model.sample(labels))),
            "peer": partial(peer, course),
        },
        repetitions,
    )
    return {
        "settings": {
            "digits": DIGITS,
            "sampler": config.sampler,
            "steps": config.steps,
            "guidance": config.guidance_scale,
        },
        "seconds": {name: summary(values) for name, values in seconds.items()},
        "ours over bare network": ratio(seconds["ours"], seconds["bare network"]),
        "peer over ours": ratio(seconds["peer"], seconds["ours"]),
    }


def report(figures: dict) -> str:
    """The figures as a Markdown table."""
    settings, seconds = figures["settings"], figures["seconds"]
    rows = {
        f"{DIGITS} digits: {settings['sampler']}, {settings['steps']} steps, guidance {settings['guidance']:g}": "ours",
        "the first of these steps": "first step",
        "the same network calls, nothing else": "bare network",
        "peer: the course's UNet2DModel, 50 DDIM steps, no guidance": "peer",
    }
    table = ["| what | median | min to max |", "|---|---|---|"]
    for words, name in rows.items():
        values = seconds[name]
        table.append(f"| {words} | {values['median']:.2f} s | {values['min']:.2f} to {values['max']:.2f} s |")
    table.append(f"| sampling over bare network calls | {figures['ours over bare network']:.2f}x | |")
    table.append(f"| peer over ours | {figures['peer over ours']:.1f}x | |")
    return "\n".join(table)
