"""The training loop, to be read from top to bottom."""

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator, PartialState
from torch import Tensor, nn

from diffusion.denoiser import Denoiser
from diffusion.errors import InputError
from diffusion.io.loading import load_any
from diffusion.losses import LOSSES
from diffusion.model import Model
from diffusion.noisy_classifier import NoisyClassifier
from diffusion.runtime.precision import use_bfloat16
from diffusion.runtime.thread_tuner import tuner_for
from train.adversarial import AdversarialDistillation, adversarial_distillation
from train.autoguidance import autoguidance
from train.batches import Batches, seed_of
from train.config import RunConfig, TrainConfig
from train.datasets import Dataset
from train.distillation import distillation, initialise_from_teacher, load_teacher
from train.optim.ema import PowerFunctionEMA
from train.optim.muon import Muon
from train.output.checkpoints import check_disk, load_checkpoint, save_checkpoint
from train.output.logger import MetricsLogger, dispensable
from train.output.model_card import model_card
from train.output.run_directory import CHECKPOINTS, MODEL, SAMPLES, check_not_started
from train.output.sample_sheets import network_evaluations, sample_sheet
from train.schedule import PeriodicTask, Schedule
from train.stopped import TrainingStopped, check_finite, is_finite, means, resume_command
from train.teacher_samples import teacher_samples

FUSED = ("cpu", "cuda", "mps", "xpu")  # devices where AdamW has a fused kernel
INITIAL_STATE: dict[str, Any] = {"seconds": 0.0, "loss": None, "pending": [], "finished": None}


def accelerator_for(training: TrainConfig) -> Accelerator:
    """The processes and their device, in the run's precision."""
    precision = training.precision
    bfloat16 = precision == "bf16" or (precision == "auto" and use_bfloat16(PartialState().device))
    return Accelerator(mixed_precision="bf16" if bfloat16 else "no")


def train(config: RunConfig, data: Dataset, run_dir: Path, accelerator: Accelerator) -> Path:
    """Train from the run's last checkpoint, or from the start, to the end. Returns the model's directory.

    A run of M minutes ends M minutes after it could begin. Raises ``TrainingStopped`` on Ctrl-C, SIGTERM and a loss
    that is not finite, ``InputError``, and ``OSError`` where writing fails.
    """
    training, device, main = config.training, accelerator.device, accelerator.is_main_process

    # The model in training, the average of its weights (which is saved and sampled from), the optimiser
    torch.manual_seed(training.seed)
    model, average = Model(config.model, device=device), Model(config.model, device=device)
    teacher = None if training.teacher is None else load_teacher(training.teacher, config.model, device)
    loss_fn = loss_function(config, teacher, model)
    ema = PowerFunctionEMA(model.network, average.network, training.ema_width)
    parameters = list(model.network.parameters())
    modules = {"network": model.network, "average": average.network}
    adversarial = loss_fn if isinstance(loss_fn, AdversarialDistillation) else None
    if adversarial is not None:
        modules |= {"discriminator": adversarial.discriminator, "matching": adversarial.matching}
    optimizer = new_optimizer(modules, training)

    # Resume, or initialise
    state = load_checkpoint(run_dir / CHECKPOINTS, modules, optimizer)
    if state is None:
        check_not_started(run_dir)
        if teacher is not None:
            initialise_from_teacher(teacher, model)
        if training.init_from is not None:
            copy_weights(training.init_from, model)
        average.network.load_state_dict(model.network.state_dict())
        state = {"step": 0}
    # seen images: the size of a batch may change when resuming
    state = INITIAL_STATE | {"images": state["step"] * training.batch_size} | state
    if state["finished"] == training.budget:
        if main:
            print(
                f"{run_dir}: run complete, at step {state['step']}. To continue, raise --minutes, --epochs or --steps.",
                file=sys.stderr,
            )
        return run_dir / MODEL
    if main:
        check_disk(run_dir, model.network)
    if adversarial is not None and teacher is not None:
        data = teacher_samples(teacher, data, training.label_dropout, config.model.max_guidance, run_dir, accelerator)
    step, images, last_loss = state["step"], state["images"], state["loss"]
    # loss and gradient norm of the steps since the last row of metrics
    pending = [torch.tensor(pair, device=device) for pair in state["pending"]]
    total_steps = training.total_steps(len(data.images))
    schedule = Schedule(training, total_steps, time.monotonic() - state["seconds"], accelerator)
    schedule.update(step, images)

    batches = Batches(data, model, training, accelerator.process_index, accelerator.num_processes)
    network, optimizer = accelerator.prepare(model.network, optimizer)
    network.train()
    denoiser = training_denoiser(model, network)
    saving, sampling = PeriodicTask(training.save_seconds), PeriodicTask(training.sheet_seconds)
    threads = tuner_for(training.precision, device)

    def save() -> None:
        with saving.timed():
            state = {
                "step": step,
                "images": images,
                "seconds": schedule.seconds(),
                "loss": last_loss,
                "pending": [pair.tolist() for pair in pending],
                "finished": training.budget if schedule.progress >= 1 else None,
            }
            so_far = step, images, schedule.seconds(), last_loss
            card = model_card(config, *so_far, len(data.images), model, accelerator.num_processes)
            average.save(run_dir / MODEL, readme=card, half=True)  # measured: metrics are the same in half precision
            # last of all, so that a run that counts as finished has its model, whenever it is killed
            save_checkpoint(run_dir / CHECKPOINTS, modules, optimizer.optimizer, state)

    def save_samples() -> None:
        with sampling.timed():
            path = run_dir / SAMPLES / f"step-{step:08d}.png"
            with dispensable(path):
                image = sample_sheet(average, data, f"{config.model.name}, step {step:,}")
                logger.add_sample_sheet(image, step)
                image.save(path)

    with ExitStack() as stack:
        stack.enter_context(schedule.signals_handled())
        if main:
            (run_dir / SAMPLES).mkdir(exist_ok=True)
            logger = stack.enter_context(MetricsLogger(run_dir, step, schedule.progress))
            if step == 0:
                save()  # so that there is a model from the beginning
        schedule.start_time = time.monotonic() - state["seconds"]  # all is there to train: the minutes begin
        logged_step, logged_at = step, schedule.seconds() - saving.total_duration - sampling.total_duration

        while schedule.progress < 1 and not schedule.stop_signal:
            learning_rate = schedule.learning_rate(step)
            for group in optimizer.param_groups:
                group["lr"] = learning_rate
            batch = batches(step, images)
            torch.manual_seed(seed_of(training.seed, step, 2 + accelerator.process_index))  # for dropout and losses

            with threads.timed():
                current = loss_fn if adversarial is None else adversarial.at(schedule.progress)
                loss = current(denoiser, *batch).mean()
                optimizer.zero_grad()
                accelerator.backward(loss)
                grad_norm = accelerator.clip_grad_norm_(parameters, training.max_grad_norm)
                optimizer.step()
                step, images = step + 1, images + training.batch_size
                ema.update(step)

            pending.append(torch.stack([accelerator.reduce(loss.detach(), "mean"), grad_norm]))
            schedule.update(step, images)

            if step % training.log_every == 0 or schedule.progress >= 1:
                last_loss, mean_norm = means(pending, step, training, run_dir)
                pending.clear()
                if main:
                    trained_for = schedule.seconds() - saving.total_duration - sampling.total_duration
                    speed = (step - logged_step) * training.batch_size / (trained_for - logged_at)
                    logged_step, logged_at = step, trained_for
                    # a step is one forward pass and one backward pass, which takes twice as long
                    forward = accelerator.num_processes / (3 * speed)  # seconds an image
                    sheet_seconds = sampling.last_duration or forward * network_evaluations(config.model)
                    schedule.closing_seconds = saving.last_duration + sheet_seconds
                    logger.log(
                        {
                            "step": step,
                            "images": images,
                            "seconds": round(schedule.seconds(), 3),
                            "progress": schedule.progress,
                            "loss": last_loss,
                            "grad_norm": mean_norm,
                            "learning_rate": learning_rate,
                            "images_per_second": round(speed, 1),
                        }
                    )
            if main and saving.due() and is_finite(pending):
                save()
            if main and sampling.due() and schedule.progress < 1:
                save_samples()

        # The end of the run, or where it was stopped
        check_finite(pending, step, training, run_dir)
        if main:
            save()
            if schedule.progress >= 1:
                save_samples()
    if schedule.progress < 1:
        raise TrainingStopped(
            f"Stopped at step {step}; everything up to there is in {run_dir}. To continue: "
            f"{resume_command(training, run_dir)}",
            code=128 + schedule.stop_signal,
        )
    return run_dir / MODEL


def loss_function(config: RunConfig, teacher: Model | None, model: Model) -> Callable[..., Tensor]:
    """The run's loss, ``loss(denoiser, x0, condition, t, eps)``. Raises ``InputError`` where a model that it learns
    from is missing or does not fit."""
    training = config.training
    if teacher is not None:
        if training.adversarial_from < 1:
            return adversarial_distillation(teacher, model, training.adversarial_from)
        return distillation(teacher, config.model)
    if training.init_from is not None and training.away_from is not None:
        return autoguidance(training.init_from, training.away_from, training.away_scale, config.model, model.device)
    return LOSSES[training.loss]


def new_optimizer(modules: dict[str, nn.Module], training: TrainConfig) -> torch.optim.Optimizer:
    """The optimiser of the network's weights, and of the discriminator's if there is one, which it knows by name."""
    settings: dict[str, Any] = {
        "lr": training.learning_rate,
        "betas": training.betas,
        "weight_decay": training.weight_decay,
    }
    named = list(modules["network"].named_parameters())
    if "discriminator" in modules:
        named += modules["discriminator"].named_parameters(prefix="discriminator")
    if training.optimizer == "muon":
        return Muon(named, **settings)
    return torch.optim.AdamW(named, fused=named[0][1].device.type in FUSED, **settings)


def training_denoiser(model: Model, network: nn.Module) -> Denoiser | NoisyClassifier:
    """The model as a loss calls it, with its network as prepared for training."""
    if model.config.task == "classification":
        return NoisyClassifier(network, model.process, model.config.label_names)
    return Denoiser(network, model.process, model.parameterisation, variance=model.variance)


def copy_weights(ref: str, model: Model) -> None:
    """Start from the weights of another model. Raises ``InputError`` where its network is a different one."""
    source = load_any(ref, model.device)
    try:
        model.network.load_state_dict(source.network.state_dict())
    except RuntimeError:
        raise InputError("training.weights_do_not_fit", ref=ref) from None
