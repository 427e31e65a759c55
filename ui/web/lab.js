// What Gradio needs by name, because its components and events run text that Python has written. Each app on a page has
// such a `lab` (ui/instances.py), and this module is evaluated once for each. boot.js has set up the first entries; the
// rest comes from here.
//
//   lab.own, lab.root, lab.base        whether the page is the app's own; its element; its address
//   lab.languages                      what each language is called, by its code
//   lab.firstLanguage                  the code of the language that the page starts in
//   lab.ready                          resolves once everything below is there
//   lab.mount.header/tiles/player/estimate/forks/compare/noise/share/history/footer({ element, props, ... })   fill a component
//   lab.language()                     the code of the language in use
//   lab.buttons(idle)                  updates of Generate and Stop: which of the two can be pressed
//   lab.player.begin() -> name, .stop(), .end(broken) -> over     the run of the Generate tab (run_control.js)
//   lab.live.turn, .turned, .settle, .move, .moveAll               live sampling (live.js)
//   lab.forks.end(broken)              a branch of the run has ended (fork/forks.js)
//   lab.compare.breakOff()             runs of a grid have broken off (compare/compare.js)
//   lab.generateView.given, .restored()   values on their way into the controls (generate_view.js)
//   lab.link, lab.openLink()           the view that the page's address stands for, or null (link.js); show it, or the tour
//   lab.choices.set(name, value), .request(what, values), .take(), .restore(model)    what was chosen (choices.js)
//   lab.newNoise(), .sameNoise()       another seed, or that of the picture on show
//   lab.inOrder(names, updates)        updates by name as Gradio takes them
//   lab.seeds.next(mode, shown), .giveBack()                       the seeds of runs (seeds.js)

import { Choices, inOrder } from "./choices.js";
import { keepFocus } from "./dom.js";
import { followWidth } from "./embedded_width.js";
import { mountEstimate } from "./estimate.js";
import { mountTiles } from "./tiles.js";
import { GenerateView } from "./generate_view.js";
import { mountFooter } from "./footer.js";
import {
  answerForMcp, connectionLost, groupRadios, letTabPassDropdowns, openApi, queueSize, whenThere,
} from "./gradio_workarounds.js";
import { mountHeader } from "./header.js";
import { viewOf } from "./link.js";
import { Live } from "./live.js";
import { noteMovedControls } from "./moved_controls.js";
import { createPlayer } from "./player/player.js";
import { Presenting } from "./presenting.js";
import { Preferences } from "./preferences.js";
import { Reloads } from "./reloads.js";
import { RunControl } from "./run_control.js";
import { Seeds } from "./seeds.js";
import { Tabs } from "./tabs.js";
import { Theme } from "./theme.js";
import { Words } from "./words.js";

const PATIENCE = 120000; // ms that an answer may take
const REACTION = 2500; // ms within which even a slow page reacts to a press
const PAUSE = 3000; // ms before the server is asked again for the example

const lab = window.digitLabs[new URL(import.meta.url).searchParams.get("app")];
const { own, root, base } = lab;
const preferences = new Preferences();
const words = new Words();
const tabs = new Tabs(root);
let haveShare;
const share = new Promise((resolve) => (haveShare = resolve)); // of share/share.js
const about = () => share.then((all) => all.showAbout());
const press = (id) => root.querySelector(`#${id}`).click();
const presenting = new Presenting(lab, press, () => lab.player);
const theme = new Theme(lab, preferences);
const { languages } = lab;
const page = { words, preferences, theme, shareable, addHistory, about, open: openView, languages, own, presenting };

letTabPassDropdowns(root);
if (own) answerForMcp();
else followWidth(root, base);

let mounted; // called with the player's server functions, its events and its state
const player = new Promise((resolve) => { mounted = resolve; });
lab.choices = new Choices({
  words,
  ask: async (what, values) => inTime((await player).server.choose({ what, values })),
  apply: async () => (await player).trigger("submit"),
});
lab.seeds = new Seeds(lab.choices);
const reloads = new Reloads({ root, choices: lab.choices, seeds: lab.seeds, press });
lab.choices.restore = async (model) => {
  lab.choices.start(model);
  return reloads.restore(model, (await player).state);
};
lab.newNoise = () => followed(lab.seeds.set());
lab.sameNoise = () => followed(lab.seeds.set(lab.generateView.state.run?.seed));
lab.inOrder = inOrder;

lab.language = () => words.language;
lab.mount = {
  header: (component) => mountHeader(component, page),
  tiles: (component) => mountTiles(component, page),
  player: mountPlayer,
  compare: (component) => import("./compare/compare.js").then(({ mountCompare }) => {
    lab.compare = mountCompare(component, page);
  }),
  forks: (component) => { page.forks = component; },
  estimate: async (component) => mountEstimate(component, { words, choices: lab.choices, use, state: (await player).state }),
  noise: (component) => import("./noise/noise.js").then(({ mountNoise }) => mountNoise(component, page)),
  share: mountShare,
  history: ({ element }) => addHistory(element.firstElementChild),
  footer: (component) => mountFooter(component, { words, base, openApi: () => openApi(lab) }),
};
const linked = own ? viewOf(location.search) : null;
lab.link = reloads.saved ? null : linked; // what was on show comes later than the link
lab.openLink = async () => {
  const all = await share;
  if (lab.link) {
    if ((await all.open(lab.link, "link")) || lab.link.tab !== "generate") return;
    lab.link = null;
    player.then(({ server, state }) => showExample(server, state));
  } else if (linked) all.hide(linked);
  else if (own) all.offerTour(preferences);
};

function mountShare(component) {
  import("./share/share.js").then((module) => haveShare(module.mountShare(component, { words, tabs, lab })));
}

// A tab is there whose view can be shared (tabs.js); the button for that comes at the end of `place`.
function shareable(tab, place) {
  tabs.register(tab);
  share.then(({ addTab }) => addTab(tab, place));
}

// The history of the visit comes into an empty element.
function addHistory(root) {
  share.then((all) => all.addHistory(root));
}

// Show a view of any tab: { tab, values }.
async function openView(view) {
  (await share).open(view, "picture");
}

// The player of the Generate tab, with what acts on it.
function mountPlayer({ element, props, server, trigger, watch }) {
  const onFork = () => forks().then((all) => all.open());
  const { state, view } = createPlayer(element.firstElementChild, { words, onFork, captionActs });
  lab.player = new RunControl(state, words, {
    stopRun: (name) => server.stop(name),
    sent: (name) => server.sent(name),
    queueSize: () => queueSize(base),
    connectionLost: () => connectionLost(root, () => responds(trigger)),
    release: () => release(state),
    loadAgain: () => reloads.loadAgain() || lab.player.fail("lost"),
    onBegin: () => {
      lab.live.yield();
      if (isPhone()) element.scrollIntoView({ behavior: state.calm ? "auto" : "smooth", block: "start" });
    },
  });
  lab.live = new Live(state, words, {
    request: (payload) => server.live({ ...payload, language: words.language }),
    interrupt: () => {
      lab.player.giveWay();
      press("stop");
    },
    onSwitch: arrangeForLive,
    titleOf: (model) => lab.choices.titleOf(model),
  });
  for (const id of ["#generate", "#stop"]) whenThere(root, id).then(keepFocus);
  whenThere(root, "#seed-mode").then(groupRadios);
  theme.addEventListener("change", () => setTimeout(() => view.redraw()));
  lab.choices.lists = { ...props.dropdowns };
  noteMovedControls(root, lab.choices);
  reloads.follow(state);
  root.addEventListener("click", (event) => {
    if (!event.target.closest?.("#generate")) return;
    if (lab.player.reconnect()) return event.stopPropagation();
    const { name } = lab.player;
    setTimeout(() => {
      if (lab.player.name !== name || state.busy) return;
      lab.player.deaf = true; // nothing has come of it
      lab.player.reconnect();
    }, REACTION);
  }, true);
  lab.generateView = new GenerateView(state, view, press, forks);
  shareable(lab.generateView, view.part.transport);
  const receive = () => props.value && state.receive(JSON.parse(props.value));
  watch("value", receive);
  mounted({ server, trigger, state });
  showExample(server, state);
}

// Put values into the controls, as a hand would.
async function use(values) {
  lab.choices.give(await lab.choices.put(values));
}

const captionActs = {
  use: (settings) => use({ classifier: "", ...settings }),
  copy: async (_, line) => (await share).copy(line, "caption.copied"),
};

// Live sampling follows the seed.
function followed(seed) {
  lab.live.move(lab.live.model, { seed });
  return seed;
}

// Generate can be pressed again, also where Gradio does nothing any more.
function release(state) {
  press("stop");
  setTimeout(() => {
    if (state.busy) return;
    if (lab.player.deaf) lab.seeds.giveBack();
    root.querySelector("#generate").disabled = false;
    root.querySelector("#stop").disabled = true;
  }, REACTION);
}

// Whether Gradio starts events, as one that changes nothing.
async function responds(trigger) {
  const { taken } = lab.choices;
  trigger("submit");
  await new Promise((resume) => setTimeout(resume, REACTION));
  return lab.choices.taken !== taken;
}

// The example comes when the server has sampled it; a link to this tab brings a picture of its own.
async function showExample(server, state) {
  while (state.awaitsExample && lab.link?.tab !== "generate") {
    const message = await inTime(server.example(null)).catch(() => undefined);
    if (message) state.receive(JSON.parse(message));
    else state.wait({ long: true });
    if (message === undefined) await new Promise((resume) => setTimeout(resume, PAUSE));
  }
}

function inTime(promise) {
  const late = new Promise((_, reject) => setTimeout(() => reject(new Error("no answer")), PATIENCE));
  return Promise.race([promise, late]);
}

// The branches of the run on show, made when somebody first wants one.
let made = null;
function forks() {
  const { stopRun, queueSize, connectionLost, state } = lab.player;
  const around = { connection: { stopRun, queueSize, connectionLost }, onFinished: (run) => lab.generateView.branchFinished(run) };
  made ??= import("./fork/forks.js").then(({ Forks }) => (lab.generateView.forks = new Forks(page.forks, state, words, around)));
  return made;
}
lab.forks = { end: (broken) => forks().then((all) => all.end(broken)) };

// layout.css puts the picture above the controls on a phone: what has just been pressed stays under the finger.
function arrangeForLive(on) {
  root.querySelector(".lab-grid").dataset.live = on;
  if (isPhone()) root.querySelector(".lab-buttons").scrollIntoView({ block: "end" });
}

// Whether everything is in one column (layout.css).
function isPhone() {
  return getComputedStyle(root.querySelector(".lab-grid")).getPropertyValue("--lab-columns").trim() === "1";
}

await words.use(lab.firstLanguage);
