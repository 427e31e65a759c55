"""The *Compare* tab as one whose view can be shared."""

from typing import Any

from diffusion.condition import label_index
from diffusion.errors import InputError
from ui.lab.compare import CompareLab, CompareRequest
from ui.sharing.code import OUTPUT, Code, written
from ui.sharing.views import Fitted, SharedTab, Values


def shared_compare(lab: CompareLab) -> SharedTab:
    """A ``CompareRequest``. What is wrong on an axis is said by the tab itself, which uses the rest."""

    def fit(given: Values) -> Fitted:
        values: dict[str, Any] = dict(given)
        left_out: list[InputError] = []

        def keep(name: str, check: Any) -> None:
            try:
                check(values.get(name, ""))
            except InputError as error:
                values.pop(name, None)
                left_out.append(error)

        keep("model", lab.engine.describe)
        keep("label", lambda label: label_index(label, lab.engine.describe(values.get("model", "")).tiles))
        own = CompareRequest(**values)
        always = ("rows", "row_values", "columns", "column_values", "num_images", "label", "model")
        return values | {name: getattr(own, name) for name in always}, left_out

    return SharedTab(CompareRequest, fit, compare_code)


def compare_code(values: Values) -> Code:
    """For a checked view: its grid as a picture."""
    given = "".join(f"    {name}={written(value)},\n" for name, value in values.items() if value != "")
    lines = [
        "from ui.engine import Engine",
        "from ui.lab.compare import CompareLab, CompareRequest",
        "from ui.lab.grid_picture import picture_of",
        "",
        f"request = CompareRequest(\n{given})",
        "lab = CompareLab(Engine())",
        "plan = lab.plan(request)",
        f'picture_of(plan, lab.outcomes(plan)).save("{OUTPUT}")',
        "",
    ]
    return Code("\n".join(lines), "")
