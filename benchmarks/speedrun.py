"""How good is a model after a minute of training?  The preset ``speedrun``, from random weights.

Each point is a whole run of so many seconds of wall time, imports and loading included, with a learning rate that
decays to 0 at its end; the seeds are different runs. Then 1,000 digits are sampled at the preset's own settings, which
is not part of the time.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import matplotlib

from benchmarks.app import ROOT
from diffusion import load_model
from diffusion.settings import SamplingSettings
from train.evaluation.generation import evaluate_generation

DIGITS = 1000
AIMS = (0.95, 0.98)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data-dir", default="data", metavar="D", help="where MNIST lies (data)")
    parser.add_argument("--seconds", default="25,30,40,50,60", metavar="N,N,...", help="lengths of the runs")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="runs of each length (default 3)")


def measure(data_dir: str = "data", seconds: str = "25,30,40,50,60", seeds: int = 3) -> dict:
    """The results, as a dictionary that can be written as JSON; a row for each run."""
    rows = []
    for budget in map(int, seconds.split(",")):
        for seed in range(seeds):
            with tempfile.TemporaryDirectory() as directory:
                rows.append(one_run(data_dir, budget, seed, Path(directory) / "run"))
            print("{budget} s, seed {seed}: {accuracy:.2%}, {images} images".format(**rows[-1]), file=sys.stderr)
    return {"digits": DIGITS, "rows": rows}


def one_run(data_dir: str, budget: int, seed: int, directory: Path) -> dict:
    """Train for ``budget`` seconds and look at what came of it."""
    start = time.perf_counter()
    command = ["-m", "train.run", "speedrun", "--data-dir", data_dir, "--minutes", str(budget / 60)]
    command += ["--seed", str(seed), "--output-dir", str(directory)]
    subprocess.run([sys.executable, *command], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    taken = time.perf_counter() - start
    model = load_model(directory / "model", device="cpu")
    result, _ = evaluate_generation(model, DIGITS, 100, SamplingSettings().resolve(model.config))
    last = json.loads((directory / "metrics.jsonl").read_text().splitlines()[-1])
    return {
        "budget": budget,
        "seed": seed,
        "seconds": taken,
        "images": last["images"],
        "accuracy": result["generated"]["accuracy"],
        "frechet_distance": result["generated"]["frechet_distance"],
    }


def medians(results: dict) -> dict[int, float]:
    """The median accuracy for each length of run, in seconds."""
    budgets = dict.fromkeys(row["budget"] for row in results["rows"])
    return {
        budget: statistics.median(row["accuracy"] for row in results["rows"] if row["budget"] == budget)
        for budget in budgets
    }


def report(results: dict) -> str:
    """The results as a Markdown table."""
    lines = ["| seconds | images seen | class accuracy, each seed | median |", "|---|---|---|---|"]
    for budget, median in medians(results).items():
        rows = [row for row in results["rows"] if row["budget"] == budget]
        images = statistics.median(row["images"] for row in rows)
        each = ", ".join(f"{row['accuracy']:.1%}" for row in rows)
        lines.append(f"| {budget} | {images:,.0f} | {each} | {median:.1%} |")
    for aim in AIMS:
        enough = [budget for budget, median in medians(results).items() if median >= aim]
        reached = f"in {min(enough)} seconds" if enough else "not reached"
        lines.append(f"\n{aim:.0%} of the digits right (median of the seeds): {reached}.")
    return "\n".join(lines)


def plot(results: dict, path: Path) -> None:
    """Accuracy against the seconds of training: each run a point, their medians a line."""
    matplotlib.use("agg")
    from matplotlib import pyplot

    with pyplot.rc_context({"svg.fonttype": "none", "svg.hashsalt": "speedrun", "font.size": 9, "axes.grid": True}):
        canvas, ax = pyplot.subplots(figsize=(5, 3.2), layout="constrained")
        ax.plot([row["budget"] for row in results["rows"]], [row["accuracy"] for row in results["rows"]], "o", ms=4)
        ax.plot(list(medians(results)), list(medians(results).values()), "-", lw=1.5)
        ax.set(xlabel="seconds from the start of the program", ylabel="class accuracy", ylim=(None, 1))
        canvas.savefig(path, metadata={"Date": None})
        pyplot.close(canvas)
