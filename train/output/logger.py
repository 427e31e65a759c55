"""The metrics of a run while it trains: a progress bar, metrics.jsonl, TensorBoard."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import numpy as np
from PIL import Image
from tqdm import tqdm

from diffusion.runtime.memory import is_out_of_memory
from train.output.run_directory import EVENTS, METRICS, truncate_metrics

SMOOTHING = 0.9  # of the loss beside the progress bar; metrics.jsonl has it unsmoothed


class MetricsLogger:
    """Writes a row of metrics at a time to every place that shows them."""

    def __init__(self, run_dir: Path, first_step: int, progress: float):
        truncate_metrics(run_dir / METRICS, first_step)
        self.file = open(run_dir / METRICS, "a", encoding="utf-8")  # noqa: SIM115 - closed in __exit__
        self.tensorboard = TensorBoard(run_dir / EVENTS, first_step)
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
        self.tensorboard.call("close")

    def log(self, metrics: dict[str, Any]) -> None:
        """Write one row, which has at least step, progress, loss, grad_norm, learning_rate and images_per_second."""
        self.file.write(json.dumps(metrics) + "\n")
        self.file.flush()
        step, loss, speed = metrics["step"], metrics["loss"], metrics["images_per_second"]
        for name in ("loss", "grad_norm", "learning_rate", "images_per_second"):
            self.tensorboard.call("add_scalar", name, metrics[name], step)
        self.smoothed_loss = loss + SMOOTHING * ((self.smoothed_loss or loss) - loss)
        self.bar.set_postfix_str(f"step {step}, loss {self.smoothed_loss:.4f}, {speed:.0f} images/s", refresh=False)
        self.bar.update(min(metrics["progress"], 1.0) - self.bar.n)

    def add_sample_sheet(self, image: Image.Image, step: int) -> None:
        """Show a sample sheet in TensorBoard."""
        self.tensorboard.call("add_image", "samples", np.asarray(image), step, dataformats="HWC")


class LineStream:
    """A stream on which each refresh of the progress bar is a new line: for log files."""

    def __init__(self, stream: TextIO):
        self.stream = stream

    def write(self, text: str) -> None:
        self.stream.write(text.replace("\r", "\n"))

    def flush(self) -> None:
        self.stream.flush()


class TensorBoard:
    """Curves for TensorBoard, which hide what a crashed run wrote after ``first_step``. Where it is missing or broken,
    training goes on without them."""

    def __init__(self, directory: Path, first_step: int):
        self.writer: Any = None
        try:
            from torch.utils.tensorboard import SummaryWriter

            self.writer = SummaryWriter(str(directory), purge_step=first_step + 1 if first_step else None)
        except ImportError:
            print("TensorBoard is not installed, so no curves are written: pip install tensorboard.", file=sys.stderr)
        except Exception as error:
            self._give_up(error)

    def call(self, method: str, *arguments: Any, **options: Any) -> None:
        """Call a method of the writer, if there is one."""
        try:
            if self.writer is not None:
                getattr(self.writer, method)(*arguments, **options)
        except Exception as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        self.writer = None
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        print(f"TensorBoard fails ({reason}), so training goes on without its curves.", file=sys.stderr)


@contextmanager
def dispensable(path: Path) -> Iterator[None]:
    """Within it something is written without which training goes on."""
    try:
        yield
    except (OSError, RuntimeError, MemoryError) as error:
        if not isinstance(error, OSError) and not is_out_of_memory(error):
            raise
        reason = getattr(error, "strerror", None) or "not enough memory"
        print(f"{path} is left out ({reason}); training goes on.", file=sys.stderr)
