// The page's one global, `window.lab`: what Gradio needs by name, because its components and events run text that
// Python has written. boot.js has set up the first three entries; the rest comes from here.
//
//   lab.languages                      what each language is called, by its code
//   lab.firstLanguage                  the code of the language that the page starts in
//   lab.ready                          resolves once everything below is there
//   lab.mount.header/tiles/player/noise/share/history({ element, props, server, trigger, watch })   fill a component
//   lab.language()                     the code of the language in use
//   lab.buttons(idle)                  updates of Generate and Stop: which of the two can be pressed
//   lab.player.begin() -> name, .stop(), .end(broken) -> over     the run of the Generate tab (run_control.js)
//   lab.live.turn, .turned, .settle, .move, .moveAll               live sampling (live.js)
//   lab.player.restoredValues(model)   values of before a lost connection, by name
//   lab.generateView.given, .restored()   values on their way into the controls (generate_view.js)
//   lab.link, lab.openLink()           the view that the page's address stands for, or null (link.js); show it

import { mountTiles } from "./tiles.js";
import { GenerateView } from "./generate_view.js";
import { connectionLost, letTabPassDropdowns, queueSize } from "./gradio_workarounds.js";
import { mountHeader } from "./header.js";
import { viewOf } from "./link.js";
import { Live } from "./live.js";
import { createPlayer } from "./player/player.js";
import { Preferences } from "./preferences.js";
import { RunControl } from "./run_control.js";
import { save, take } from "./session_restore.js";
import { Tabs } from "./tabs.js";
import { Theme } from "./theme.js";
import { Words } from "./words.js";

const { lab } = window;
const preferences = new Preferences();
const words = new Words();
const tabs = new Tabs();
let haveShare;
const share = new Promise((resolve) => (haveShare = resolve)); // of share/share.js
const page = { words, preferences, shareable, theme: new Theme(preferences), languages: lab.languages };
const press = (id) => document.getElementById(id).click();

letTabPassDropdowns();

lab.language = () => words.language;
lab.mount = {
  header: (component) => mountHeader(component, page),
  tiles: (component) => mountTiles(component, page),
  player: mountPlayer,
  noise: (component) => import("./noise/noise.js").then(({ mountNoise }) => mountNoise(component, page)),
  share: mountShare,
  history: ({ element }) => share.then(({ addHistory }) => addHistory(element.firstElementChild)),
};
lab.link = viewOf(location.search);
lab.openLink = async () => {
  if (lab.link) (await share).open(lab.link, "link");
};

function mountShare(component) {
  import("./share/share.js").then((module) => haveShare(module.mountShare(component, { words, tabs })));
}

// A tab is there whose view can be shared (tabs.js); the button for that comes at the end of `place`.
function shareable(tab, place) {
  tabs.register(tab);
  share.then(({ addTab }) => addTab(tab, place));
}

// The player of the Generate tab, with what acts on it.
function mountPlayer({ element, props, server, watch }) {
  const { state, view } = createPlayer(element.firstElementChild, { words });
  lab.player = new RunControl(state, words, {
    stopRun: (name) => server.stop(name),
    queueSize,
    release: () => press("stop"),
    onBegin: () => {
      lab.live.yield();
      if (isPhone()) element.scrollIntoView({ behavior: state.calm ? "auto" : "smooth", block: "start" });
    },
  });
  lab.live = new Live(state, words, {
    request: (payload) => server.live({ ...payload, language: words.language }),
    interrupt: () => press("stop"),
    onSwitch: arrangeForLive,
  });
  page.theme.addEventListener("change", () => setTimeout(() => view.redraw()));
  window.addEventListener("pagehide", () => {
    if (connectionLost()) save(lab.live.values, state.run && !state.run.example ? state.run.messages : []);
  });
  const saved = take();
  if (saved) {
    lab.link = null; // what was on show comes later than the link
    lab.player.restore(saved);
  }
  lab.generateView = new GenerateView(state, view, press);
  shareable(lab.generateView, view.part.transport);
  const receive = () => props.value && state.receive(JSON.parse(props.value));
  watch("value", receive);
  receive();
}

// layout.css puts the picture above the controls on a phone: what has just been pressed stays under the finger.
function arrangeForLive(on) {
  document.querySelector(".lab-grid").dataset.live = on;
  if (isPhone()) document.querySelector(".lab-buttons").scrollIntoView({ block: "end" });
}

// Whether everything is in one column (layout.css).
function isPhone() {
  return getComputedStyle(document.querySelector(".lab-grid")).getPropertyValue("--lab-columns").trim() === "1";
}

await words.use(lab.firstLanguage);
