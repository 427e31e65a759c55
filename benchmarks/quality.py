"""How good are the digits after so many steps, by every sampler, and how long do they take?

The default model at its own guidance scale; class accuracy and Fréchet distance as in ``train.evaluate``, beside as
many real test digits. Few digits have a larger Fréchet distance than many, whoever drew them: compare within one run.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import matplotlib

from benchmarks.sampling import DIGITS
from diffusion import SAMPLERS, load_model
from diffusion.settings import SamplingSettings
from train.evaluation.generation import evaluate_generation

STEPS = [3, 5, 10, 20]


def numbers(text: str) -> list[int]:
    """ "3,5,10" -> [3, 5, 10]."""
    return sorted({int(part) for part in text.split(",")})


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="unet", metavar="REF")
    parser.add_argument("--num-images", type=int, default=500, metavar="N", help="digits a point (default 500)")
    parser.add_argument("--steps", type=numbers, default=STEPS, metavar="N,N,...", help="default 3,5,10,20")
    parser.add_argument("--samplers", type=lambda text: text.split(","), default=list(SAMPLERS), metavar="NAME,...")


def measure(model: str = "unet", num_images: int = 500, steps: list[int] = STEPS, samplers: Any = SAMPLERS) -> dict:
    """The results, as a dictionary that can be written as JSON; a row for each sampler and number of steps."""
    sampled = load_model(model, device="cpu")
    rows = []
    for sampler in samplers:
        for count in steps:
            settings = SamplingSettings(sampler=sampler, steps=count).resolve(sampled.config)
            result, _ = evaluate_generation(sampled, num_images, 100, settings)
            row = {"sampler": sampler, "steps": count, "evaluations": SAMPLERS[sampler].evaluations(count)}
            row["seconds"] = DIGITS * result["seconds"] / num_images
            row |= {name: result["generated"][name] for name in ("accuracy", "frechet_distance")}
            print(f"{sampler}, {count} steps: {row['accuracy']:.2%}, {row['frechet_distance']:.2f}", file=sys.stderr)
            rows.append(row)
    real = {name: result["real"][name] for name in ("n", "accuracy", "frechet_distance")}
    return {"model": model, "num_images": num_images, "digits": DIGITS, "real": real, "rows": rows}


def report(results: dict) -> str:
    """The results as a Markdown table."""
    lines = [
        f"{results['num_images']} digits each; seconds are for {results['digits']}.\n",
        "| sampler | steps | network evaluations | seconds | class accuracy | Fréchet distance |",
        "|---|---|---|---|---|---|",
    ]
    for row in results["rows"]:
        lines.append(
            f"| {SAMPLERS[row['sampler']].title} | {row['steps']} | {row['evaluations']} | {row['seconds']:.2f} | "
            f"{row['accuracy']:.2%} | {row['frechet_distance']:.2f} |"
        )
    real = results["real"]
    return "\n".join([*lines, f"| real digits | | | | {real['accuracy']:.2%} | {real['frechet_distance']:.2f} |"])


def plot(results: dict, path: Path) -> None:
    """Accuracy and Fréchet distance against the number of steps, and Fréchet distance against seconds."""
    matplotlib.use("agg")
    from matplotlib import pyplot
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    with pyplot.rc_context({"svg.fonttype": "none", "svg.hashsalt": "quality", "font.size": 9, "axes.grid": True}):
        canvas, axes = pyplot.subplots(1, 3, figsize=(11, 3.4), layout="constrained")
        panels = [
            ("steps", "accuracy", "steps", "class accuracy"),
            ("steps", "frechet_distance", "steps", "Fréchet distance"),
            ("seconds", "frechet_distance", f"seconds for {results['digits']} digits", "Fréchet distance"),
        ]
        for ax, (x, y, x_words, y_words) in zip(axes, panels, strict=True):
            for sampler in dict.fromkeys(row["sampler"] for row in results["rows"]):
                rows = [row for row in results["rows"] if row["sampler"] == sampler]
                ax.plot([row[x] for row in rows], [row[y] for row in rows], "o-", ms=3, label=SAMPLERS[sampler].title)
            ax.axhline(results["real"][y], color="black", lw=1, ls=":", label="real digits")
            ax.set(xlabel=x_words, ylabel=y_words, xscale="log", yscale="linear" if y == "accuracy" else "log")
            for axis in (ax.xaxis, ax.yaxis)[: 1 if y == "accuracy" else 2]:
                axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                axis.set_major_formatter(StrMethodFormatter("{x:g}"))
                axis.set_minor_locator(NullLocator())
        axes[0].legend()
        canvas.savefig(path, metadata={"Date": None})
        pyplot.close(canvas)
