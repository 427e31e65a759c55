"""``python -m benchmarks.run NAME``: measures, prints a table, and writes benchmarks/results/NAME.json, its section of
docs/benchmarks.md and, where there is a plot, assets/NAME.svg."""

import argparse
import json
import re
import sys
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

if not __package__:  # started as a file: its imports are relative to the repository
    sys.path[0] = str(Path(__file__).resolve().parents[1])

try:
    from benchmarks import (
        abuse,
        app,
        busy,
        concurrency,
        engines,
        lab,
        quality,
        sampling,
        speedrun,
        training,
        workarounds,
    )
except ModuleNotFoundError as missing:
    raise SystemExit(
        f"The benchmarks need more than the app ({missing.name}): pip install -r requirements-dev.txt"
    ) from None
from benchmarks.timing import machine
from diffusion.runtime import configure

BENCHMARKS: dict[str, ModuleType] = {
    "sampling": sampling,
    "engines": engines,
    "app": app,
    "lab": lab,
    "concurrency": concurrency,
    "training": training,
    "speedrun": speedrun,
    "quality": quality,
    "workarounds": workarounds,
    "abuse": abuse,
}
PLOTS = {"quality": quality.plot, "speedrun": speedrun.plot}
ROOT = Path(__file__).parents[1]
RESULTS, ASSETS, PAGE = ROOT / "benchmarks" / "results", ROOT / "assets", ROOT / "docs" / "benchmarks.md"
INTRODUCTION = """# Benchmarks

Each section is the last run of its command, which also wrote it: `python -m benchmarks.run NAME` (`make test` installs
what benchmarks need). What is compared is measured in turn in one run, so ratios are steadier than times: the same
machine differs by a fifth and more from hour to hour. How good the samples are: [quality](quality.md).
"""


def add_repetitions(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--repetitions", type=int, default=9, metavar="N", help="rounds that count (default 9)")


OPTIONS = {
    "sampling": busy.add_options,
    "training": busy.add_options,
    "lab": lab.add_options,
    "quality": quality.add_options,
    "speedrun": speedrun.add_options,
}  # others than the repetitions


def page() -> str:
    """docs/benchmarks.md, from the results that there are."""
    sections = [INTRODUCTION]
    for name, benchmark in BENCHMARKS.items():
        path = RESULTS / f"{name}.json"
        if path.exists():
            sections.append(section(name, benchmark, json.loads(path.read_text())))
    return "\n".join(sections)


def section(name: str, benchmark: ModuleType, results: dict[str, Any]) -> str:
    """A benchmark's part of that page."""
    title, _, more = (benchmark.__doc__ or "").strip().partition("\n\n")
    plot = f"\n![{name}](../assets/{name}.svg)\n" if name in PLOTS else ""
    rounds = f", medians of {results['rounds']}" if "rounds" in results else ""
    day = results.get("date", "an earlier day")
    command = " ".join(["python -m benchmarks.run", name, *results.get("options", [])])
    circumstances = f"`{command}` on {day}{rounds}: {results['machine']}."
    more = more.replace("``", "`")
    details = f"```text\n{more}\n```" if re.search(r"\w {3,}\w", more) else more  # a list of terms
    parts = [f"## {name.capitalize()}", title.replace("``", "`"), details, circumstances, benchmark.report(results)]
    return "\n\n".join(parts) + f"\n{plot}"


def shown(words: list[str]) -> list[str]:
    """The options that were given, but for where data lies."""
    pairs = zip(["", *words], words, strict=False)
    return [word for before, word in pairs if not word.startswith("--data-dir") and before != "--data-dir"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    configure()
    names = parser.add_subparsers(dest="name", required=True, metavar="NAME", help=", ".join(BENCHMARKS))
    for name, benchmark in BENCHMARKS.items():
        OPTIONS.get(name, add_repetitions)(names.add_parser(name, description=benchmark.__doc__))
    options = vars(parser.parse_args())
    name = options.pop("name")
    rounds = {"rounds": options["repetitions"]} if "repetitions" in options else {}
    about = {"machine": machine(), "date": date.today().isoformat(), "options": shown(sys.argv[2:]), **rounds}
    results = about | BENCHMARKS[name].measure(**options)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(results, indent=2) + "\n")
    if name in PLOTS:
        PLOTS[name](results, ASSETS / f"{name}.svg")
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
    print(section(name, BENCHMARKS[name], results))


if __name__ == "__main__":
    main()
