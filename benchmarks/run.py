"""``python -m benchmarks.run NAME``: prints a table for the README and writes benchmarks/results/NAME.json; a benchmark
that has a plot writes assets/NAME.svg, too."""

import argparse
import json
from pathlib import Path

try:
    from benchmarks import app, concurrency, quality, sampling, speedrun, training
except ModuleNotFoundError as missing:
    raise SystemExit(
        f"The benchmarks need more than the app ({missing.name}): pip install -r requirements-dev.txt"
    ) from None
from benchmarks.timing import machine

BENCHMARKS = {
    "sampling": sampling,
    "training": training,
    "app": app,
    "concurrency": concurrency,
    "quality": quality,
    "speedrun": speedrun,
}
PLOTS = {"quality": quality.plot, "speedrun": speedrun.plot}
RESULTS = Path(__file__).parent / "results"
ASSETS = Path(__file__).parents[1] / "assets"


def add_repetitions(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--repetitions", type=int, default=9, metavar="N", help="rounds that count (default 9)")


OPTIONS = {
    "quality": quality.add_options,
    "speedrun": speedrun.add_options,
}  # where they are others than the repetitions


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    names = parser.add_subparsers(dest="name", required=True, metavar="NAME", help=", ".join(BENCHMARKS))
    for name, benchmark in BENCHMARKS.items():
        OPTIONS.get(name, add_repetitions)(names.add_parser(name, description=benchmark.__doc__))
    options = vars(parser.parse_args())
    name = options.pop("name")
    rounds = {"rounds": options["repetitions"]} if "repetitions" in options else {}
    figures = {"machine": machine(), **rounds, **BENCHMARKS[name].measure(**options)}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(figures, indent=2) + "\n")
    if name in PLOTS:
        PLOTS[name](figures, ASSETS / f"{name}.svg")
    medians = f"; medians of {figures['rounds']}" if rounds else ""
    print(f"{figures['machine']}{medians}\n\n{BENCHMARKS[name].report(figures)}")


if __name__ == "__main__":
    main()
