"""Images a second in training: the default preset beside the course's network, the same batch, and what data cost.

Both sides make whole training steps of their own kind: ours as ``train.loop`` does (batch, loss, gradients, clipping,
Muon, the average of the weights, bfloat16 where the processor gains by it, the number of threads by measurement), the
peer as the course does (noise, mean squared error, AdamW, float32).
"""

from collections.abc import Sequence

import torch
from accelerate import PartialState

from benchmarks.busy import beside, busy_table
from benchmarks.sampling import course_model
from benchmarks.timing import interleaved, ratio, summary
from diffusion.config import ModelConfig
from diffusion.denoiser import Denoiser
from diffusion.losses import LOSSES
from diffusion.model import Model
from diffusion.runtime.thread_tuner import tuner_for
from train.batches import Batches
from train.config import TrainConfig
from train.datasets import Dataset
from train.loop import accelerator_for, new_optimizer
from train.optim.ema import PowerFunctionEMA
from train.presets import PRESETS

PRESET, IMAGES = "unet", 60_000  # the size of MNIST
STEPS = 15  # in one measurement: the first of them are slower, as the other side has just used the memory


class Ours:
    """The loop's step, without what comes only now and then: metrics, checkpoints, sheets."""

    def __init__(self) -> None:
        preset = PRESETS[PRESET]
        self.training = TrainConfig.checked(preset=PRESET, **preset["training"])
        labels = [str(digit) for digit in range(10)]
        config = ModelConfig.model_validate({"name": PRESET, "label_names": labels} | preset["model"])
        generator = torch.Generator().manual_seed(0)
        images = torch.randint(0, 256, (IMAGES, 1, 28, 28), dtype=torch.uint8, generator=generator)
        data = Dataset(images, torch.randint(0, 10, (IMAGES,), generator=generator), labels)
        model = Model(config, device="cpu")
        PartialState(cpu=True)  # where the peer is, too
        self.accelerator = accelerator_for(self.training)
        self.average = PowerFunctionEMA(model.network, Model(config, device="cpu").network, self.training.ema_width)
        optimizer = new_optimizer({"network": model.network}, self.training)
        self.network, self.optimizer = self.accelerator.prepare(model.network.train(), optimizer)
        self.denoiser = Denoiser(self.network, model.process, model.parameterisation, variance=model.variance)
        self.batches = Batches(data, model, self.training)
        self.threads = tuner_for(self.training.precision, model.device)
        self.step = 0

    def load(self) -> None:
        """The batches of some steps."""
        for step in range(STEPS):
            self.batches(self.step + step)

    def train(self) -> None:
        """Some steps."""
        for _ in range(STEPS):
            batch = self.batches(self.step)
            with self.threads.timed():
                loss = LOSSES[self.training.loss](self.denoiser, *batch).mean()
                self.optimizer.zero_grad()
                self.accelerator.backward(loss)
                self.accelerator.clip_grad_norm_(self.network.parameters(), self.training.max_grad_norm)
                self.optimizer.step()
                self.step += 1
                self.average.update(self.step)


class Peer:
    """The course's training loop, on the same number of images a step."""

    def __init__(self, batch_size: int):
        from diffusers import DDPMScheduler

        self.scheduler = DDPMScheduler(num_train_timesteps=1000, beta_schedule="squaredcos_cap_v2")
        self.network = course_model().train()
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=1e-3)
        self.batch_size = batch_size

    def train(self) -> None:
        """Some steps."""
        for _ in range(STEPS):
            x0, noise = torch.rand(self.batch_size, 1, 28, 28), torch.randn(self.batch_size, 1, 28, 28)
            t, y = torch.randint(0, 1000, (self.batch_size,)), torch.randint(0, 10, (self.batch_size,))
            loss = (self.network(self.scheduler.add_noise(x0, noise, t), t, y) - noise).square().mean()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()


def measure(repetitions: int = 9, busy: Sequence[int] = (0,)) -> dict:
    """The results, as a dictionary that can be written as JSON."""
    ours = Ours()
    peer = Peer(ours.training.batch_size)
    seconds = interleaved({"ours": ours.train, "data": ours.load, "peer": peer.train}, repetitions)
    images = STEPS * ours.training.batch_size
    return {
        "settings": {"preset": PRESET, "batch size": ours.training.batch_size, "steps": STEPS}
        | {"precision": "bf16" if ours.accelerator.mixed_precision == "bf16" else "fp32"},
        "seconds": {name: summary(values) for name, values in seconds.items()},
        "images a second": {name: images / summary(seconds[name])["median"] for name in ("ours", "peer")},
        "peer over ours": ratio(seconds["peer"], seconds["ours"]),
        "data over ours": ratio(seconds["data"], seconds["ours"]),
    } | ({"busy": beside(busy, {"ours": ours.train}, repetitions)} if any(busy) else {})


def report(results: dict) -> str:
    """The results as a Markdown table."""
    speed, settings = results["images a second"], results["settings"]
    batch = settings["batch size"]
    rows = [
        (f"training `{settings['preset']}`, batch {batch}, {settings['precision']}", f"{speed['ours']:.0f} images/s"),
        (f"peer: the course's UNet2DModel, batch {batch}, fp32", f"{speed['peer']:.0f} images/s"),
        ("ours over peer", f"{results['peer over ours']:.1f}x"),
        ("share of a step that is data loading", f"{results['data over ours']:.1%}"),
    ]
    table = ["| what | median |", "|---|---|", *(f"| {what} | {value} |" for what, value in rows)]
    if "busy" in results:
        table += ["", *busy_table(results["busy"], {"ours": f"{settings['steps']} steps of `{settings['preset']}`"})]
    return "\n".join(table)
