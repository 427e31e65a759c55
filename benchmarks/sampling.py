"""How long 16 digits take: the default model at its default settings, beside its bare network and beside a peer.

The peer is the class-conditioned ``UNet2DModel`` of the Hugging Face diffusion course with diffusers' DDIM at 50 steps,
without guidance: weights do not matter for speed, so they are random.
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.busy import beside, busy_table, settle
from benchmarks.timing import interleaved, ratio, summary
from diffusion import Model, SamplingSettings, load_model
from diffusion.denoiser import Network
from diffusion.runtime.precision import use_bfloat16
from train.datasets import import_torchvision

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


def calls(model: Model, labels: list[int]) -> list[int]:
    """The batch size of each network call when the model samples these labels at its own settings."""
    sizes: list[int] = []
    hook = model.network.register_forward_pre_hook(lambda network, inputs: sizes.append(len(inputs[0])))
    model.generate(labels)
    hook.remove()
    return sizes


@torch.no_grad()
def bare(model: Model, sizes: list[int], network: Network | None = None) -> None:
    """Network calls of such batch sizes, as the model samples, or of another network, and nothing else."""
    network, most = network or model.denoiser().network, max(sizes)
    x, t = torch.randn(most, 1, 28, 28), torch.full((most,), 500.0)
    condition = model.condition(torch.arange(most) % 10, None, 2.0)
    for n in sizes:
        network(x[:n], t[:n], condition.rows(slice(n)))


def operations(model: Model, sizes: list[int]) -> int:
    """Floating-point operations of these calls."""
    with FlopCounterMode(display=False) as counter:
        bare(model, sizes, model.network)
    return counter.get_total_flops()


class Convolution:
    """The machine's limit: a 3x3 convolution like most of the default network's, in the precision of sampling."""

    def __init__(self, repetitions: int = 20):
        dtype = torch.bfloat16 if use_bfloat16(torch.device("cpu")) else torch.float32
        x = torch.randn(2 * DIGITS, 96, 14, 14, dtype=dtype).contiguous(memory_format=torch.channels_last)
        self.x, self.repetitions = x, repetitions
        self.conv = torch.nn.Conv2d(96, 96, 3, padding=1, dtype=dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.operations = repetitions * 2 * x.numel() * 96 * 9

    @torch.no_grad()
    def __call__(self) -> None:
        for _ in range(self.repetitions):
            self.conv(self.x)


def measure(repetitions: int = 9, busy: Sequence[int] = (0,)) -> dict:
    """The results, as a dictionary that can be written as JSON."""
    model, turbo = (load_model(name, device="cpu") for name in ("unet", "turbo"))
    labels, own = [i % 10 for i in range(DIGITS)], SamplingSettings().resolve(model.config)
    sizes, convolution = calls(model, labels), Convolution()
    neighbours: dict[str, Callable[[], object]] = {
        "ours": partial(model.generate, labels),
        "turbo": partial(turbo.generate, labels, steps=2),
    }
    settle(neighbours)
    seconds = interleaved(
        {
            "ours": neighbours["ours"],
            "bare network": partial(bare, model, sizes),
            "first step": lambda: next(iter(model.sample(labels))),
            "turbo": neighbours["turbo"],
            "convolution": convolution,
            "peer": partial(peer, course_model().eval()),
        },
        repetitions,
    )
    work = {"bare network": operations(model, sizes), "convolution": convolution.operations}
    rates = {name: count / summary(seconds[name])["median"] for name, count in work.items()}
    least = convolution.operations / work["bare network"]  # of the network's time is a convolution's, at the same rate
    return {
        "settings": {
            "digits": DIGITS,
            "sampler": own.sampler,
            "steps": own.steps,
            "guidance": own.guidance_scale,
            "evaluations": sum(sizes) / DIGITS,
        },
        "engines": {"ours": model.engine, "turbo": turbo.engine},
        "seconds": {name: summary(values) for name, values in seconds.items()},
        "operations a second": rates,
        "bare network's share of the rate": ratio(seconds["convolution"], seconds["bare network"]) / least,
        "ours over bare network": ratio(seconds["ours"], seconds["bare network"]),
        "turbo over ours": ratio(seconds["turbo"], seconds["ours"]),
        "peer over ours": ratio(seconds["peer"], seconds["ours"]),
    } | ({"busy": beside(busy, neighbours, repetitions)} if any(busy) else {})


def report(results: dict) -> str:
    """The results as a Markdown table."""
    settings, seconds, rates = results["settings"], results["seconds"], results["operations a second"]
    drawing = f"{settings['sampler']}, {settings['steps']} steps, guidance {settings['guidance']:g}"
    engines = results.get("engines", {"ours": "torch", "turbo": "torch"})
    evaluations = f"{settings['evaluations']:g} network evaluations a digit"
    rows = {
        f"{DIGITS} digits: {drawing}, {evaluations}, by {engines['ours']}": "ours",
        "the first of these steps": "first step",
        "the same network calls, nothing else": "bare network",
        f"{DIGITS} digits: `turbo`, 2 steps, by {engines['turbo']}": "turbo",
        "peer: the course's UNet2DModel, 50 DDIM steps, no guidance": "peer",
    }
    table = ["| what | median | min to max |", "|---|---|---|"]
    for words, name in rows.items():
        values = seconds[name]
        table.append(f"| {words} | {values['median']:.3f} s | {values['min']:.3f} to {values['max']:.3f} s |")
    table.append(f"| sampling over bare network calls | {results['ours over bare network']:.2f}x | |")
    share = results["bare network's share of the rate"]
    limit = f"medians: {rates['bare network'] / 1e9:.0f} and {rates['convolution'] / 1e9:.0f} GFLOP/s"
    table.append(f"| the bare network's share of the machine's convolution rate | {share:.0%} ({limit}) | |")
    table.append(f"| `turbo` over the default | {results['turbo over ours']:.1%} | |")
    table.append(f"| peer over ours | {results['peer over ours']:.1f}x | |")
    if "busy" in results:
        titles = {"ours": f"{DIGITS} digits", "turbo": f"{DIGITS} digits, `turbo`"}
        table += ["", *busy_table(results["busy"], titles)]
    return "\n".join(table)
