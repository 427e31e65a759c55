"""The metrics of a run while it trains: a progress bar, metrics.jsonl, TensorBoard."""

import json
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import numpy as np
from PIL import Image
from tqdm import tqdm

from train.output.run_directory import EVENTS, METRICS, truncate_metrics

SMOOTHING = 0.9  # of the loss beside the progress bar; metrics.jsonl has it unsmoothed


class MetricsLogger:
    """Writes a row of metrics at a time to every place that shows them."""

    def __init__(self, run_dir: Path, first_step: int, progress: float):
        truncate_metrics(run_dir / METRICS, first_step)
        self.file = open(run_dir / METRICS, "a", encoding="utf-8")  # noqa: SIM115 - closed in __exit__
        self.tensorboard = tensorboard_writer(run_dir / EVENTS, first_step)
        self.smoothed_loss: float | None = None
        terminal = sys.stderr.isatty()
        self.bar = tqdm(
            total=1.0,
            initial=progress,
            bar_format="{percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}",
            mininterval=0.1 if terminal else 15,  # in a log file every refresh is a line
            ncols=None if terminal else 100,
            file=sys.stderr if terminal else LineStream(sys.stderr),
        )

    def __enter__(self) -> "MetricsLogger":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.close()
        self.file.close()
        if self.tensorboard:
            self.tensorboard.close()

    def log(self, metrics: dict[str, Any]) -> None:
        """Write one row, which has at least step, progress, loss, grad_norm, learning_rate and images_per_second."""
        self.file.write(json.dumps(metrics) + "\n")
        self.file.flush()
        step, loss, speed = metrics["step"], metrics["loss"], metrics["images_per_second"]
        if self.tensorboard:
            for name in ("loss", "grad_norm", "learning_rate", "images_per_second"):
                self.tensorboard.add_scalar(name, metrics[name], step)
        self.smoothed_loss = loss + SMOOTHING * ((self.smoothed_loss or loss) - loss)
        self.bar.set_postfix_str(f"step {step}, loss {self.smoothed_loss:.4f}, {speed:.0f} images/s", refresh=False)
        self.bar.update(min(metrics["progress"], 1.0) - self.bar.n)

    def add_sample_sheet(self, image: Image.Image, step: int) -> None:
        """Show a sample sheet in TensorBoard."""
        if self.tensorboard:
            self.tensorboard.add_image("samples", np.asarray(image), step, dataformats="HWC")


class LineStream:
    """A stream on which each refresh of the progress bar is a new line: for log files."""

    def __init__(self, stream: TextIO):
        self.stream = stream

    def write(self, text: str) -> None:
        self.stream.write(text.replace("\r", "\n"))

    def flush(self) -> None:
        self.stream.flush()


def tensorboard_writer(directory: Path, first_step: int) -> Any:
    """A TensorBoard writer that hides what a crashed run wrote after ``first_step``; None where it is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        print("TensorBoard is not installed, so no curves are written: pip install tensorboard.", file=sys.stderr)
        return None
    return SummaryWriter(str(directory), purge_step=first_step + 1 if first_step else None)
