"""The training loop, to be read from top to bottom."""

import shlex
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator, PartialState
from torch import Tensor, nn

from diffusion.denoiser import Denoiser
from diffusion.errors import InputError
from diffusion.guidance import NoisyClassifier
from diffusion.io.loading import load_any
from diffusion.losses import LOSSES
from diffusion.model import Model
from diffusion.runtime.precision import use_bfloat16
from train.autoguidance import autoguidance
from train.batches import Batches, mixed
from train.checkpoints import load_checkpoint, save_checkpoint
from train.config import RunConfig, TrainConfig
from train.datasets import Dataset
from train.distillation import distillation, load_teacher, start_from
from train.logger import Journal
from train.model_card import model_card
from train.muon import Muon
from train.run_directory import CHECKPOINTS, MODEL, SAMPLES, check_new
from train.sample_sheets import evaluations, sample_sheet
from train.schedule import Chore, Pace
from train.weight_average import PowerAverage

FUSED = ("cpu", "cuda", "mps", "xpu")  # devices where AdamW has a kernel that updates all weights at once
FRESH: dict[str, Any] = {"step": 0, "seconds": 0.0, "loss": None, "pending": [], "finished": None}


class TrainingStopped(Exception):
    """The run ended early. ``str(error)`` says why and what is left; ``code`` is the exit status."""

    def __init__(self, message: str, code: int):
        super().__init__(message)
        self.code = code


def accelerator_for(training: TrainConfig) -> Accelerator:
    """The processes and their device, in the precision that the run asks for."""
    precision = training.precision
    bfloat16 = precision == "bf16" or (precision == "auto" and use_bfloat16(PartialState().device))
    return Accelerator(mixed_precision="bf16" if bfloat16 else "no")


def train(config: RunConfig, data: Dataset, run_dir: Path, accelerator: Accelerator, start_time: float) -> Path:
    """Train from the run's last checkpoint, or from the start, to the end. Returns the model's directory.

    start_time: on time.monotonic()'s clock; a run of M minutes is over M minutes after it. Raises ``TrainingStopped``
    on Ctrl-C, SIGTERM and a loss that is not finite, ``InputError``, and ``OSError`` where writing fails.
    """
    training, device, main = config.training, accelerator.device, accelerator.is_main_process

    # The model in training, the average of its weights (which is what is saved and drawn from), the optimiser
    torch.manual_seed(training.seed)
    model, average = Model(config.model, device=device), Model(config.model, device=device)
    teacher = None if training.teacher is None else load_teacher(training.teacher, config.model, device)
    loss_of = loss_for(config, teacher, device)
    ema = PowerAverage(model.network, average.network, training.ema_width)
    parameters = list(model.network.parameters())
    optimizer = fresh_optimizer(model.network, training)

    # Where the run stands
    state = load_checkpoint(run_dir / CHECKPOINTS, model.network, average.network, optimizer)
    if state is None:
        check_new(run_dir)
        if teacher is not None:
            start_from(teacher, model)
        if training.init_from is not None:
            copy_weights(training.init_from, model)
        average.network.load_state_dict(model.network.state_dict())
        state = FRESH
    if state["finished"] == training.budget:
        if main:
            print(f"{run_dir} is finished, at step {state['step']}; more --minutes, say, would go on.", file=sys.stderr)
        return run_dir / MODEL
    step, last_loss = state["step"], state["loss"]
    # loss and gradient norm of the steps since the last line of metrics
    pending = [torch.tensor(pair, device=device) for pair in state["pending"]]
    total_steps = training.total_steps(len(data.images))
    pace = Pace(training, total_steps, start_time - state["seconds"], accelerator)
    pace.update(step)
    if step == 0 and pace.progress >= 1:
        raise InputError(
            f"Starting took {pace.seconds():.0f} s, so there is no time left to train: give more --minutes."
        )

    batches = Batches(data, model, training, accelerator.process_index, accelerator.num_processes)
    network, optimizer = accelerator.prepare(model.network, optimizer)
    network.train()
    learner = learner_of(model, network)
    saving, drawing = Chore(training.save_seconds), Chore(training.sheet_seconds)

    def save() -> None:
        with saving.doing():
            here = {
                "step": step,
                "seconds": pace.seconds(),
                "loss": last_loss,
                "pending": [pair.tolist() for pair in pending],
                "finished": training.budget if pace.progress >= 1 else None,
            }
            card = model_card(
                config, step, pace.seconds(), last_loss, len(data.images), model, accelerator.num_processes
            )
            average.save(run_dir / MODEL, readme=card, half=True)  # measured: the digits score the same
            # last of all: a run that says that it is finished has its model, whenever it is killed
            save_checkpoint(run_dir / CHECKPOINTS, model.network, average.network, optimizer.optimizer, here)

    def draw() -> None:
        with drawing.doing():
            picture = sample_sheet(average, data, f"{config.model.name}, step {step:,}")
            picture.save(run_dir / SAMPLES / f"step-{step:08d}.png")
            journal.sheet(picture, step)

    with ExitStack() as stack:
        stack.enter_context(pace.signals())
        if main:
            (run_dir / SAMPLES).mkdir(exist_ok=True)
            journal = stack.enter_context(Journal(run_dir, step, pace.progress))
            if step == 0:
                save()  # a model from the first moment on
        logged, logged_at = step, pace.seconds() - saving.spent - drawing.spent

        while pace.progress < 1 and not pace.signal:
            rate = pace.learning_rate(step)
            for group in optimizer.param_groups:
                group["lr"] = rate
            batch = batches(step)
            torch.manual_seed(mixed(training.seed, step, 2 + accelerator.process_index))  # for what the network draws

            loss = loss_of(learner, *batch).mean()
            optimizer.zero_grad()
            accelerator.backward(loss)
            grad_norm = accelerator.clip_grad_norm_(parameters, training.max_grad_norm)
            optimizer.step()
            step += 1
            ema.update(step)

            pending.append(torch.stack([accelerator.reduce(loss.detach(), "mean"), grad_norm]))
            pace.update(step)

            if step % training.log_every == 0 or pace.progress >= 1:
                last_loss, mean_norm = means(pending, step, rate, run_dir)
                pending.clear()
                if main:
                    trained_for = pace.seconds() - saving.spent - drawing.spent
                    speed = (step - logged) * training.batch_size / (trained_for - logged_at)
                    logged, logged_at = step, trained_for
                    # a step asks the network once and goes back through it, which takes twice as long
                    forward = accelerator.num_processes / (3 * speed)  # seconds an image
                    pace.closing = saving.cost + (drawing.cost or forward * evaluations(config.model))
                    journal.write(
                        {
                            "step": step,
                            "images": step * training.batch_size,
                            "seconds": round(pace.seconds(), 3),
                            "progress": pace.progress,
                            "loss": last_loss,
                            "grad_norm": mean_norm,
                            "learning_rate": rate,
                            "images_per_second": round(speed, 1),
                        }
                    )
            if main and saving.due() and is_finite(pending):
                save()
            if main and drawing.due() and pace.progress < 1:
                draw()

        # The end, or as far as it came
        if main and is_finite(pending):
            save()
            if pace.progress >= 1:
                draw()
    if pace.progress < 1:
        raise TrainingStopped(
            f"Stopped at step {step}; everything up to there is in {run_dir}. To go on: "
            f"python -m train.run {training.preset} --output-dir {shlex.quote(str(run_dir))} --resume",
            code=128 + pace.signal,
        )
    return run_dir / MODEL


def loss_for(config: RunConfig, teacher: Model | None, device: torch.device) -> Callable[..., Tensor]:
    """What the run makes small. Raises ``InputError`` where a model that it learns from is missing or unfit."""
    training = config.training
    if teacher is not None:
        return distillation(teacher, config.model)
    if training.init_from is not None and training.away_from is not None:
        return autoguidance(training.init_from, training.away_from, training.away_scale, config.model, device)
    return LOSSES[training.loss]


def fresh_optimizer(network: nn.Module, training: TrainConfig) -> torch.optim.Optimizer:
    """The optimiser of a network's weights."""
    settings: dict[str, Any] = {
        "lr": training.learning_rate,
        "betas": training.betas,
        "weight_decay": training.weight_decay,
    }
    if training.optimizer == "muon":
        return Muon(network.named_parameters(), **settings)
    parameters = list(network.parameters())
    return torch.optim.AdamW(parameters, fused=parameters[0].device.type in FUSED, **settings)


def learner_of(model: Model, network: nn.Module) -> Denoiser | NoisyClassifier:
    """What a loss asks: the model, with its network as it is prepared for training."""
    if model.config.task == "classification":
        return NoisyClassifier(network, model.process, model.config.label_names)
    return Denoiser(network, model.process, model.parameterisation, variance=model.variance)


def copy_weights(ref: str, model: Model) -> None:
    """Start from the weights of another model. Raises ``InputError`` where its network is another one."""
    source = load_any(ref, model.device)
    try:
        model.network.load_state_dict(source.network.state_dict())
    except RuntimeError:
        raise InputError(
            f"The weights of {ref} do not fit this network: preset, channels and number of labels must be the same."
        ) from None


def is_finite(pending: list[Tensor]) -> bool:
    """Whether no loss and no gradient since the last line of metrics was nan or infinite."""
    return not pending or bool(torch.stack(pending).isfinite().all())


def means(pending: list[Tensor], step: int, learning_rate: float, run_dir: Path) -> tuple[float, float]:
    """Mean loss and mean gradient norm of some steps. Raises ``TrainingStopped`` where they are not finite."""
    loss, grad_norm = torch.stack(pending).double().mean(0).tolist()
    if not is_finite(pending):
        raise TrainingStopped(
            f"The loss is no longer finite (steps {step - len(pending) + 1} to {step}, learning rate "
            f"{learning_rate:.2g}), so the run was stopped; the last good model is in {run_dir / MODEL}. To go on from "
            f"there, --resume with a lower --learning-rate.",
            code=1,
        )
    return loss, grad_norm
