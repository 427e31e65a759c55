"""Train a preset: ``python -m train.run PRESET``, or ``python train/run.py PRESET``, or under ``accelerate launch -m``.

Examples:

    python -m train.run unet --minutes 2                          # MNIST, into runs/unet
    python -m train.run unet --dataset folder:images --steps 5000 --output-dir runs/images
    python -m train.run unet --output-dir runs/images --resume  # continue where it stopped
"""

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

if not __package__:  # started as a file: its imports are relative to the folder above
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from diffusion.errors import InputError, Message, option_name
from diffusion.runtime.command_line import Parser, explained
from diffusion.runtime.printing import keep_printing

if TYPE_CHECKING:  # torch is imported after the command line is parsed, so that --help and mistakes take no time
    from accelerate import Accelerator

    from train.config import RunConfig, TrainConfig
    from train.datasets import Dataset


def parser() -> argparse.ArgumentParser:
    from train.presets import PRESETS

    p = Parser(
        prog="python -m train.run",
        description="Train a diffusion model.",
        epilog=(__doc__ or "").partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,  # the preset has values for what is not given
    )
    p.add_argument("preset", metavar="PRESET", choices=list(PRESETS), help=f"what to train: {', '.join(PRESETS)}")
    p.add_argument("--data-dir", metavar="D", help="directory of the data sets; missing ones are downloaded (data)")
    p.add_argument(
        "--dataset",
        metavar="NAME",
        help="mnist, fashion_mnist, cifar10 or folder:PATH: images, one sub-folder a class or all in one, or a .zip",
    )
    p.add_argument("--unconditional", dest="conditional", action="store_false", help="learn the images without labels")
    p.add_argument("--image-size", type=int, metavar="N", help="in pixels; default: the data set's own")
    length = p.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, metavar="N", help="train for N steps")
    length.add_argument("--epochs", type=float, metavar="N", help="train for N passes over the data set")
    length.add_argument("--minutes", type=float, metavar="M", help="train for M minutes, from its first step on")
    p.add_argument(
        "--output-dir", metavar="DIR", help="the run's directory; default: the first free of runs/PRESET, -2, ..."
    )
    p.add_argument(
        "--resume", action="store_true", help="continue the run in --output-dir, or the preset's most recent run"
    )
    p.add_argument("--push-to-hub", metavar="OWNER/NAME", help="upload the model to the Hugging Face Hub at the end")
    p.add_argument("--init-from", metavar="REF", help="start from a model's weights: a name, a path or hub:owner/name")
    p.add_argument("--teacher", metavar="REF", help="the model to distil; for the preset turbo, which needs one")
    p.add_argument(
        "--away-from",
        metavar="REF",
        help="learn autoguidance: the target is the model of --init-from, guided away from this weaker model",
    )
    p.add_argument("--away-scale", type=float, metavar="S", help="the scale of that guidance (1)")
    p.add_argument(
        "--adversarial-from",
        type=float,
        metavar="SHARE",
        help="with --teacher: from this share of the run on, samples are also judged beside the teacher's (1: never)",
    )
    p.add_argument("--batch-size", type=int, metavar="N", help="images in a step, over all processes")
    p.add_argument("--optimizer", choices=["muon", "adamw"], help="default: the preset's own")
    p.add_argument("--learning-rate", type=float, metavar="X", help="after the warm-up; it decays to 0")
    p.add_argument(
        "--times",
        metavar="T:S,...",
        help='the distribution of noise levels: the share S of images up to each time T, as "0.4:0.25,1:0.75"; '
        "default: uniform",
    )
    p.add_argument("--seed", type=int, metavar="N", help="the same seed gives the same run")
    p.add_argument("--precision", choices=["auto", "fp32", "bf16"], help="auto: bf16 where it is faster")
    return p


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit status: 0 done, 1 failed, 2 bad input, 130 Ctrl-C, 143 SIGTERM."""
    keep_printing()
    options = vars(parser().parse_args(arguments))
    try:
        from train.processes import process_group

        with process_group():
            return run_reporting_errors(options)
    except InputError as error:  # before the processes were connected
        print(f"train.run: {error.text(name=option_name)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("train.run: Interrupted.", file=sys.stderr)
        return 130


def run_reporting_errors(options: dict[str, Any]) -> int:
    """``run``, with expected errors as one line and an exit status."""
    from train.processes import is_lost_connection, is_main_process, report
    from train.stopped import TrainingStopped, signals_raised

    smaller = Message("datasets.smaller_images", setting="image_size")
    advice = Message("command.more_memory") if "resume" in options else smaller  # its images cannot change
    try:
        with signals_raised():
            return run(options)
    except TrainingStopped as stopped:  # on all processes, of which the main one has still to save
        return report(str(stopped), stopped.code) if is_main_process() or stopped.code == 1 else stopped.code
    except KeyboardInterrupt:  # before the first step, or the second; the loop handles the first
        return report("Interrupted.", 130)
    except Exception as error:
        if is_lost_connection(error):
            return report("Another process of the run has ended without a reason, so this one ends, too.", 1)
        reason, status = explained(error, advice)
        return report(reason.text(name=option_name), status)


def run(options: dict[str, Any]) -> int:
    """Train with the parsed options."""
    from diffusion.io.files import user_path, write_atomically
    from diffusion.runtime import configure
    from train.loop import accelerator_for, train
    from train.output.run_directory import CONFIG, latest_run_directory, locked, new_run_directory
    from train.processes import on_main_process
    from train.run_setup import new_run, new_training_config, resumed_config, resumed_dataset
    from train.stopped import failures_explained

    configure()
    output_dir, resume, repo_id = (options.pop(name, None) for name in ("output_dir", "resume", "push_to_hub"))
    if resume:
        run_dir = user_path(output_dir, "output_dir") if output_dir else latest_run_directory(options["preset"])
        config = resumed_config(run_dir, options)
        training = config.training
    else:
        training = new_training_config(options)

    accelerator = accelerator_for(training)
    if training.batch_size % (processes := accelerator.num_processes):
        raise InputError("run.batch_size", setting="batch_size", processes=processes, given=training.batch_size)
    if not resume:
        run_dir = on_main_process(lambda: new_run_directory(training.preset, output_dir))
    with ExitStack() as stack:
        on_main_process(lambda: stack.enter_context(locked(run_dir, new=not resume)))
        if repo_id is not None:
            on_main_process(lambda: check_push(repo_id))
        with accelerator.main_process_first():  # so that one of them downloads
            if resume:
                data = resumed_dataset(config, run_dir)
            else:
                config, data = new_run(training, run_dir)
        if accelerator.is_main_process:
            write_atomically(run_dir / CONFIG, (config.model_dump_json(indent=2) + "\n").encode())
            print_summary(config, data, run_dir, accelerator)
        with failures_explained(training, run_dir, processes):
            model_dir = train(config, data, run_dir, accelerator)
    if accelerator.is_main_process:
        print(model_dir)
        if repo_id is not None:
            push_or_advise(model_dir, repo_id, training, run_dir)
    return 0


def check_push(repo_id: str) -> None:
    """Find out before training what would make the upload fail. Raises ``InputError``; where the Hub only does not
    respond at the moment, the run goes on."""
    from huggingface_hub import get_token

    from diffusion.io.hub import is_repo_id
    from diffusion.io.hub_errors import ModelUnavailable
    from diffusion.io.upload import check_upload

    if not is_repo_id(repo_id):
        raise InputError("run.hub_name", setting="push_to_hub", given=repo_id)
    if not get_token():
        raise InputError("run.hub_token", setting="push_to_hub")
    try:
        check_upload(repo_id)
    except ModelUnavailable as error:
        if not error.temporary:
            raise
        print(f"{error} It is tried again when the model is trained.", file=sys.stderr)


def push_or_advise(model_dir: Path, repo_id: str, training: "TrainConfig", run_dir: Path) -> None:
    """Upload the model. Raises ``TrainingStopped`` that says how to try again where that fails."""
    from diffusion.io.hub_errors import ModelUnavailable
    from diffusion.io.upload import push
    from train.stopped import TrainingStopped, resume_command

    try:
        print(push(model_dir, repo_id, message=f"Train {training.preset}"))
    except ModelUnavailable as error:
        again = resume_command(training, run_dir, f"--push-to-hub {repo_id}")
        raise TrainingStopped(f"{error} The model is complete. To upload it later: {again}", code=1) from None


def print_summary(config: "RunConfig", data: "Dataset", run_dir: Path, accelerator: "Accelerator") -> None:
    """What is about to be trained, on what and where, in one line."""
    from train.output.model_card import hardware

    training, model = config.training, config.model
    print(
        f"Training {training.preset} on {training.dataset}: {len(data.images):,} images of {model.image_size}x"
        f"{model.image_size}, {model.num_classes} labels; {hardware(accelerator.device, accelerator.num_processes)}, "
        f"{'bf16' if accelerator.mixed_precision == 'bf16' else 'fp32'}; into {run_dir}",
        file=sys.stderr,
    )


if __name__ == "__main__":
    sys.exit(main())
