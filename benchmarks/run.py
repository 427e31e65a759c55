"""``python -m benchmarks.run NAME``: prints a table for the README and writes benchmarks/results/NAME.json."""

import argparse
import json
from pathlib import Path

from benchmarks import app, sampling, training
from benchmarks.timing import machine

BENCHMARKS = {"sampling": sampling, "training": training, "app": app}
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("name", choices=BENCHMARKS, nargs="?", default="sampling")
    parser.add_argument("--repetitions", type=int, default=9, metavar="N", help="rounds that count (default 9)")
    arguments = parser.parse_args()
    benchmark = BENCHMARKS[arguments.name]
    figures = {"machine": machine(), **benchmark.measure(arguments.repetitions)}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{arguments.name}.json").write_text(json.dumps(figures, indent=2) + "\n")
    print(f"{figures['machine']}; median of {arguments.repetitions}\n\n{benchmark.report(figures)}")


if __name__ == "__main__":
    main()
