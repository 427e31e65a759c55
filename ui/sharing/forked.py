"""The forks of a run that a link or a picture tells of: a tree of them as a list.

    [{"step": 5, "label": "3"}, {"step": 8, "label": "1"}, {"step": 5, "label": "4", "from": 0}]

Each leaves the one before it, the first one the run, unless "from" gives the number of another, of which 0 is the run.
"""

import json
from typing import Any

from diffusion.errors import InputError
from ui.job import Job
from ui.lab.fork import ForkLab, ForkRequest, fork_list

Fork = dict[str, Any]


def fitted_forks(lab: ForkLab, run: dict[str, Any], given: Any) -> tuple[list[Fork], Job | None, list[InputError]]:
    """Of the forks that were given, as a list or as JSON of one, those that a run with these settings can have; the job
    of the last; and what is wrong with others. Where one is left out, those that leave it are, too."""
    forks: list[Fork] = []
    problems: list[InputError] = []
    last = None
    numbers = {0: 0}  # of those that are used: here, by their numbers in what was given
    try:
        listed = fork_list(given)
    except InputError as error:
        return [], None, [error]
    for number, fork in enumerate(listed, 1):
        try:
            origin = checked_origin(fork, number)
            if origin not in numbers:
                continue
            path = path_to(forks, numbers[origin])
            request = ForkRequest.of(run, [*path, {name: value for name, value in fork.items() if name != "from"}])
            last = lab.job(request)
        except InputError as error:
            problems.append(error)
            continue
        before = len(forks)
        aside = {} if numbers[origin] == before else {"from": numbers[origin]}
        forks.append(request.record[-1] | aside)
        numbers[number] = len(forks)
    return forks, last, problems


def checked_origin(fork: Fork, number: int) -> int:
    """The number of what a fork leaves. Raises InputError."""
    origin = fork.get("from", number - 1)
    if not isinstance(origin, int) or isinstance(origin, bool) or not 0 <= origin < number:
        raise InputError("fork.origin", setting="from", given=origin)
    return origin


def path_to(forks: list[Fork], number: int) -> list[Fork]:
    """The forks that lead from the run to one of them, which is the last."""
    path: list[Fork] = []
    while number:
        fork = forks[number - 1]
        path.insert(0, {name: value for name, value in fork.items() if name != "from"})
        number = fork.get("from", number - 1)
    return path


def forks_code(run: dict[str, Any], forks: str) -> list[str]:
    """The lines that save the images of each fork; ``forks`` is JSON of what ``fitted_forks`` returns."""
    listed = json.loads(forks)
    paths = [f"    {path_to(listed, number)!r}," for number in range(1, len(listed) + 1)]
    return [
        "",
        "from ui.engine import Engine",
        "from ui.lab.fork import ForkLab, ForkRequest",
        "",
        f"run = {run!r}",
        "forks = [  # of each, those that lead to it from the run",
        *paths,
        "]",
        "lab = ForkLab(Engine())",
        "for number, path in enumerate(forks, 1):",
        "    *_, last = lab.run(ForkRequest.of(run, path), watched=False)",
        '    with open(f"fork-{number}.png", "wb") as file:',
        "        file.write(last.result.sheet_png)",
    ]
