"""Train a preset: ``python -m train.run PRESET``, or ``python train/run.py PRESET``, or under ``accelerate launch -m``.

Examples:

    python -m train.run unet --minutes 2                          # MNIST, into runs/unet
    python -m train.run unet --dataset folder:pictures --steps 5000 --output-dir runs/pictures
    python -m train.run unet --output-dir runs/pictures --resume  # go on where it stopped
"""

import argparse
import errno
import os
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

if not __package__:  # started as a file: what it imports lies beside its folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from diffusion.errors import InputError
from diffusion.runtime.command_line import Parser

if TYPE_CHECKING:  # torch is imported after the command line is read, so that --help and a mistake answer at once
    from accelerate import Accelerator

    from train.config import RunConfig
    from train.datasets import Dataset


def parser() -> argparse.ArgumentParser:
    from train.presets import PRESETS

    p = Parser(
        prog="python -m train.run",
        description="Train a diffusion model.",
        epilog=(__doc__ or "").partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,  # what is not given is the preset's
    )
    p.add_argument("preset", metavar="PRESET", choices=list(PRESETS), help=f"what to train: {', '.join(PRESETS)}")
    p.add_argument("--data-dir", metavar="D", help="where the data sets lie or are downloaded to (data)")
    p.add_argument(
        "--dataset", metavar="NAME", help="mnist, fashion_mnist, cifar10 or folder:PATH, one sub-folder a class"
    )
    p.add_argument("--image-size", type=int, metavar="N", help="in pixels; the data set's own if not given")
    length = p.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, metavar="N", help="train for so many steps")
    length.add_argument("--epochs", type=float, metavar="N", help="train for so many passes through the data")
    length.add_argument("--minutes", type=float, metavar="M", help="train for so many minutes, start-up included")
    p.add_argument(
        "--output-dir", metavar="DIR", help="the run's directory; the first free of runs/PRESET, runs/PRESET-2, ..."
    )
    p.add_argument(
        "--resume", action="store_true", help="go on with the run in --output-dir, or the last one of the preset"
    )
    p.add_argument("--push-to-hub", metavar="OWNER/NAME", help="upload the model to the Hugging Face Hub at the end")
    p.add_argument("--init-from", metavar="REF", help="start from a model: its name, its path or hub:owner/name")
    p.add_argument("--teacher", metavar="REF", help="the model to distil, for the preset turbo, which needs one")
    p.add_argument(
        "--away-from",
        metavar="REF",
        help="learn no longer from the images but from the model of --init-from, guided away from this weaker one",
    )
    p.add_argument("--away-scale", type=float, metavar="S", help="how far away (1)")
    p.add_argument("--batch-size", type=int, metavar="N", help="images a step, over all processes")
    p.add_argument("--optimizer", choices=["muon", "adamw"], help="the preset's own if not given")
    p.add_argument("--learning-rate", type=float, metavar="X", help="after the warm-up; it decays to 0")
    p.add_argument(
        "--times",
        metavar="T:S,...",
        help='which share of the images is noised up to which times, as "0.4:0.25,1:0.75"; default: evenly',
    )
    p.add_argument("--seed", type=int, metavar="N", help="the same seed gives the same run")
    p.add_argument("--precision", choices=["auto", "fp32", "bf16"], help="auto: bf16 where it is faster")
    return p


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit status: 0 done, 1 failed, 2 bad input, 130 Ctrl-C, 143 SIGTERM."""
    options = vars(parser().parse_args(arguments))
    try:
        return answer(options)
    except KeyboardInterrupt:  # before the first step; from then on the loop takes it
        return complain("Interrupted.", 130)


def answer(options: dict[str, Any]) -> int:
    """``run``, with what may go wrong as a sentence and an exit status."""
    start_time = process_start()

    from train.loop import TrainingStopped

    try:
        return run(options, start_time)
    except InputError as error:
        return complain(str(error), 2)
    except TrainingStopped as stopped:
        return complain(str(stopped), stopped.code)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return complain(
                "The disk is full, so the run was stopped; what it last saved is whole. Make room and --resume.", 1
            )
        raise


def run(options: dict[str, Any], start_time: float) -> int:
    """Do what the options, as parsed, say."""
    import torch
    from accelerate import PartialState

    from diffusion.io.hub import push
    from diffusion.io.model_directory import write_atomically
    from train.loop import accelerator_for, train
    from train.run_directory import CONFIG, claimed, latest_run_directory, new_run_directory
    from train.run_setup import fitted, new_config, resumed_config, same_data

    # where processes have no GPU they meet over gloo, which accelerate takes only if it is told
    PartialState(cpu=not torch.accelerator.is_available() or os.environ.get("ACCELERATE_USE_CPU", "").lower() == "true")

    output_dir, resume, repo_id = (options.pop(name, None) for name in ("output_dir", "resume", "push_to_hub"))
    if repo_id is not None:
        check_upload(repo_id)
    if resume:
        run_dir = Path(output_dir) if output_dir else latest_run_directory(options["preset"])
        config = resumed_config(run_dir, options)
        training = config.training
    else:
        training = new_config(options)

    accelerator = accelerator_for(training)
    if training.batch_size % accelerator.num_processes:
        raise InputError(
            f"--batch-size must be divisible by the {accelerator.num_processes} processes, not {training.batch_size}."
        )
    if not resume:
        run_dir = on_main(lambda: new_run_directory(training.preset, output_dir))
    with ExitStack() as held:
        on_main(lambda: held.enter_context(claimed(run_dir, new=not resume)))
        with accelerator.main_process_first():  # so that one of them downloads
            if resume:
                data = same_data(config)
            else:
                config, data = fitted(training)
        if accelerator.is_main_process:
            write_atomically(run_dir / CONFIG, (config.model_dump_json(indent=2) + "\n").encode())
            announce(config, data, run_dir, accelerator)
        model_dir = train(config, data, run_dir, accelerator, start_time)
    if accelerator.is_main_process:
        print(model_dir)
        if repo_id is not None:
            print(push(model_dir, repo_id, message=f"Train {training.preset}"))
    accelerator.end_training()
    return 0


def check_upload(repo_id: str) -> None:
    """Find out before the work what would fail after it. Raises InputError."""
    from huggingface_hub import get_token

    from diffusion.io.hub import is_repo_id

    if not is_repo_id(repo_id):
        raise InputError(f"--push-to-hub must be OWNER/NAME, not {repo_id!r}.")
    if not get_token():
        raise InputError("--push-to-hub needs a token with write access: log in with 'hf auth login', or set HF_TOKEN.")


def on_main(decide: Callable[[], Any]) -> Any:
    """What the main process decides, or the InputError it meets, on every process."""
    from accelerate import PartialState
    from accelerate.utils import broadcast_object_list

    decision: list[Any] = [None]
    if PartialState().is_main_process:
        try:
            decision = [decide()]
        except InputError as error:
            decision = [error]
    broadcast_object_list(decision)
    if isinstance(decision[0], InputError):
        raise decision[0]
    return decision[0]


def announce(config: "RunConfig", data: "Dataset", run_dir: Path, accelerator: "Accelerator") -> None:
    from train.model_card import hardware

    training, model = config.training, config.model
    print(
        f"Training {training.preset} on {training.dataset}: {len(data.images):,} images of {model.image_size}x"
        f"{model.image_size}, {model.num_classes} labels; {hardware(accelerator.device, accelerator.num_processes)}, "
        f"{'bf16' if accelerator.mixed_precision == 'bf16' else 'fp32'}; into {run_dir}",
        file=sys.stderr,
    )


def process_start() -> float:
    """When this process was started, on time.monotonic()'s clock: before Python, torch and the rest were loaded."""
    import psutil

    return time.monotonic() - (time.time() - psutil.Process(os.getpid()).create_time())


def complain(sentence: str, code: int) -> int:
    """Say it once, also where there are several processes; returns the code."""
    if os.environ.get("RANK", "0") == "0":
        print(f"train.run: {sentence}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
