// What a person can do to a player: its buttons, its scrubber and its panes.

import { radioGroup } from "../dom.js";
import { saveGif, savePng } from "./downloads.js";

// save: what PNG and GIF do, for a view of more than one player.
export function connectControls(view, state, save = { png: () => savePng(state), gif: () => saveGif(state, view.kinds) }) {
  const { part } = view;
  part.play.addEventListener("click", () => (state.playback.mode === "play" ? state.pause() : state.play()));
  part.back.addEventListener("click", () => state.goTo(state.index - 1));
  part.forward.addEventListener("click", () => state.goTo(state.index + 1));
  part.loop.addEventListener("click", () => state.playback.set({ loop: !state.playback.loop }));
  part.speed.addEventListener("change", () => state.playback.set({ speed: Number(part.speed.value) }));
  part.smooth.addEventListener("click", () => state.setSmooth(!state.smooth));
  part.png.addEventListener("click", save.png);
  part.gif.addEventListener("click", save.gif);
  part.large?.addEventListener("click", () => savePng(state, true));
  radioGroup(part.views, (kind) => state.setView(kind))(state.view);
  connectScrubber(part.scrub, state);
  for (const pane of view.panes) connectPane(pane, state);
}

function connectScrubber(scrub, state) {
  scrub.addEventListener("input", () => state.goToStep(Number(scrub.value)));
  scrub.addEventListener("keydown", (event) => {
    const { index } = state;
    const places = {
      ArrowLeft: index - 1, ArrowDown: index - 1, ArrowRight: index + 1, ArrowUp: index + 1, Home: 0, End: Infinity,
    };
    if (event.key === " ") state.playback.mode === "play" ? state.pause() : state.play();
    else if (event.key in places) state.goTo(places[event.key]);
    else return;
    event.preventDefault();
  });
}

function connectPane({ button, canvas }, state) {
  button.addEventListener("click", (event) => {
    const byKeyboard = event.detail === 0; // then it has no place: the first image
    state.enlarge(state.enlarged === null ? (byKeyboard ? 0 : canvas.imageAt(event)) : null);
  });
  button.addEventListener("keydown", (event) => {
    const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (event.key === "Escape") state.enlarge(null);
    else if (move && state.enlarged !== null) state.enlarge(state.enlarged + move);
    else return;
    event.preventDefault();
  });
}
