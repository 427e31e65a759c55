"""What a link or a picture says of a view, checked by the settings of its tab: whatever cannot be used is left out, and
said in one sentence; the rest holds. Everything may come from anyone, and from another version of the program.

A tab that can be shared is a row of ``Views``: the settings that its view consists of, and how they fit each other and
what there is on this server.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pydantic import field_validator

from diffusion.errors import InputError
from diffusion.settings import SETTINGS, SamplingSettings
from diffusion.settings_schema import Settings, field, settings_of
from ui.engine import Engine
from ui.i18n import error_text, text
from ui.lab.fork import ForkLab
from ui.lab.noise import NoiseLab, NoiseRequest
from ui.labels import labels_in_turn
from ui.request import MAX_IMAGES, REQUEST_SETTINGS, Request
from ui.sharing.code import Code, generate_code, noise_code
from ui.sharing.forked import fitted_forks

Values = dict[str, Any]
Fitted = tuple[Values, list[InputError]]

START = "generate"  # the tab of a link that names none
MOST = 60  # values; a link of ours has a third of that
RECORDED = ("precision", "version", "low_res", "tab")  # what pictures say of how they were made, beside settings
PARTS = ("tabs", "live", "advanced", "explanation", "share")  # of the page that a link may hide, beside settings
REASONS = 4  # that a sentence has room for
SENTENCE_END = re.compile(r"\. |。|\.$")


class ShownRequest(Request):
    """What to sample, what goes on from its steps, and where in the run one is."""

    step: int | None = field("The step of the run that is on show; the last, if none is given", "integer", 0, 1000)
    forks: str = field("The forks of the run, as ``ui.sharing.forked`` has them, in JSON", "text", 0, 4000, unset="")
    fork_step: int | None = field("In place of ``step``, that of the last fork", "integer", 0, 2000)

    @field_validator("forks", mode="before")
    @classmethod
    def _list_is_text(cls, value: Any) -> Any:
        """Pictures have a list."""
        return compact(value) if isinstance(value, list) else value


class View(NamedTuple):
    """A tab, its settings by name, what of the page is hidden, and what was left out."""

    tab: str
    values: Values
    hidden: list[str]
    left_out: list[InputError]

    def sentence(self, source: str, language: Any) -> str:
        """What was left out, and why; "" where everything is used. ``source``: "link" or "picture"."""
        if not self.left_out:
            return ""
        reasons = [SENTENCE_END.split(error_text(error, language))[0] for error in self.left_out[:REASONS]]
        if len(self.left_out) > REASONS:
            reasons.append(text("share.more_left_out", language, n=len(self.left_out) - REASONS))
        key = "share.left_out_picture" if source == "picture" else "share.left_out_link"
        return text(key, language, reasons=text("share.between", language).join(reasons))


class SharedTab(NamedTuple):
    """What the view of a tab consists of. ``fit`` takes settings that were given, each of which is allowed by itself,
    and returns those that the tab is to have, and what it leaves out. ``code`` writes the code for what comes from
    that."""

    settings: type[Settings]
    fit: Callable[[Values], Fitted]
    code: Callable[[Values], Code]


class Views:
    """The views that can be shared. ``tabs`` are by the names that links have for them."""

    def __init__(self, tabs: Mapping[str, SharedTab]):
        self.tabs = dict(tabs)

    def check(self, tab: Any, given: Any, hide: Any = ()) -> View:
        """The view that is meant. Raises InputError for what is not even values by name."""
        if not isinstance(given, dict) or not all(isinstance(name, str) for name in given):
            raise InputError("page.values_by_name")
        if len(given) > MOST:
            raise InputError("page.too_many_values", most=MOST, given=len(given))
        left_out = []
        if not isinstance(tab, str) or tab not in self.tabs:
            if tab:
                left_out.append(InputError("page.no_tab", known=", ".join(self.tabs), given=tab))
            tab = START
        shared = self.tabs[tab]
        given, too_many = as_a_request({name: value for name, value in given.items() if name not in RECORDED})
        values, refused = allowed(shared.settings, given)
        values, unfit = shared.fit(values)
        hidden, unknown = self._hidden(hide)
        return View(tab, values, hidden, [*left_out, *too_many, *refused, *unfit, *unknown])

    def _hidden(self, hide: Any) -> tuple[list[str], list[InputError]]:
        known = [*PARTS, *(name for shared in self.tabs.values() for name in settings_of(shared.settings))]
        named = hide if isinstance(hide, list | tuple) else []
        strange = [InputError("page.no_part", given=name) for name in named[:MOST] if name not in known]
        return [name for name in named[:MOST] if name in known], strange


def as_a_request(given: Values) -> Fitted:
    """A picture of the command line has a list of labels, and may have more images than the page draws: the first of
    them, as many as make whole rows with a column for each label."""
    labels, count = given.get("label"), given.get("num_images")
    if not isinstance(labels, list):
        return given, []
    given = given | {"label": ", ".join(map(str, labels))}
    if not isinstance(count, int) or count <= MAX_IMAGES:
        return given, []
    problem = REQUEST_SETTINGS["num_images"].refusal("num_images", count)
    return given | {"num_images": MAX_IMAGES - MAX_IMAGES % max(1, len(labels))}, [problem]


def allowed(settings: type[Settings], given: Values) -> Fitted:
    """The values that a class of settings takes, as it has them; each by itself, so that one does not spoil another.
    What is left blank is not among them."""
    values, left_out = {}, []
    known = settings_of(settings)
    for name, value in given.items():
        if name not in known:
            left_out.append(InputError("page.no_setting", given=name))
            continue
        try:
            checked = getattr(settings(**{name: value}), name)
        except InputError as error:
            left_out.append(error)
        else:
            if checked is not None and str(value).strip():
                values[name] = checked
    return values, left_out


def shared_generate(engine: Engine) -> SharedTab:
    """The *Generate* tab: a ``Request`` with all that it takes to sample the same again, also where defaults have moved
    since, its forks, and the step on show."""
    lab = ForkLab(engine)

    def fit(given: Values) -> Fitted:
        values, left_out = dict(given), []
        step, forks, fork_step = (values.pop(name, None) for name in ("step", "forks", "fork_step"))

        def keep(name: str, check: Callable[[str], Any]) -> None:
            try:
                check(values.get(name, ""))
            except InputError as error:
                values.pop(name, None)
                left_out.append(error)

        keep("model", lambda ref: engine.describe(ref))
        ref = values.setdefault("model", engine.default)
        keep("classifier", lambda ref: ref and engine.registry.check(ref, "classifier"))
        info = engine.describe(ref, values.get("classifier", ""))
        if values.get("classifier") and values["classifier"] not in info.classifiers:
            left_out.append(InputError("page.classifier_unfit", setting="classifier", given=values.pop("classifier")))
            info = engine.describe(ref)
        keep("label", lambda label: labels_in_turn(label, info.tiles))
        guided = "classifier" in values
        settings, unfit = resolved({name: values.pop(name) for name in SETTINGS if name in values}, info.config, guided)
        chosen = {name: getattr(Request(**values), name) for name in ("label", "num_images", "model", "classifier")}
        run = chosen | settings
        found, last, problems = fitted_forks(lab, run, forks) if forks else ([], None, [])
        shown = {"forks": compact(found)} if found else {}
        if fork_step is not None and last and last.first <= fork_step < last.last:
            shown["fork_step"] = fork_step
        elif step is not None and step < settings["steps"]:
            shown["step"] = step
        return run | shown, [*left_out, *unfit, *problems]

    return SharedTab(ShownRequest, fit, lambda values: generate_code(engine, values))


def compact(forks: list[Any]) -> str:
    """JSON, as short as it may be."""
    return json.dumps(forks, separators=(",", ":"), ensure_ascii=False)


def resolved(given: Values, config: Any, guided: bool) -> Fitted:
    """Sampling settings as they are for a model, without those that do not apply to it or contradict each other."""
    left_out: list[InputError] = []
    while True:
        try:
            settings = SamplingSettings(**given).resolve(config, guided)
        except InputError as error:
            about = error.message.values
            culprits = {about[key] for key in about if key.endswith("setting")} & set(given)
            if not culprits:
                raise
            given = {name: value for name, value in given.items() if name not in culprits}
            left_out.append(error)
        else:
            return settings.record(config, guided), left_out


def shared_noise(lab: NoiseLab) -> SharedTab:
    """The *Noise* tab: a ``NoiseRequest``."""

    def complete(given: Values) -> Values:
        return NoiseRequest(**given).model_dump()

    def fit(given: Values) -> Fitted:
        try:
            if "model" in given:
                lab.config(given["model"])
        except InputError as error:
            return complete({name: value for name, value in given.items() if name != "model"}), [error]
        return complete(given), []

    return SharedTab(NoiseRequest, fit, noise_code)


def view_answer(views: Views, sent: Values) -> Values:
    """A view for the browser, which has sent its parts, the language and the "source"."""
    view = views.check(sent.get("tab"), sent.get("values"), sent.get("hide", ()))
    content = {"tab": view.tab, "values": view.values, "hidden": view.hidden}
    return {**content, "sentence": view.sentence(str(sent.get("source")), sent.get("language"))}


def code_answer(views: Views, sent: Values) -> Values:
    """The code for a view."""
    view = views.check(sent.get("tab"), sent.get("values"))
    return views.tabs[view.tab].code(view.values)._asdict()


def answer(function: Callable[[Views, Values], Values], views: Views, sent: Any) -> str:
    """JSON of what one of the two returns, or of its "error"."""
    sent = sent if isinstance(sent, dict) else {}
    try:
        content = function(views, sent)
    except InputError as error:
        content = {"error": error_text(error, sent.get("language"))}
    return json.dumps(content, ensure_ascii=False)
