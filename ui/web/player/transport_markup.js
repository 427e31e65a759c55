// The buttons and the scrubber that every player has, of one run or of many. What they do: controls.js; how they look at
// the moment: transport.js.

import { icon } from "../icons.js";

export const ICONS = {
  play: icon("M8 5.5v13a.8.8 0 0 0 1.2.7l10.2-6.5a.8.8 0 0 0 0-1.4L9.2 4.8A.8.8 0 0 0 8 5.5z"),
  pause: icon("M7 5h3.4v14H7zM13.6 5H17v14h-3.4z"),
  back: icon("M16.5 6.2v11.6L8.9 12zM6 6h2.2v12H6z"),
  forward: icon("M7.5 6.2v11.6l7.6-5.8zM15.8 6H18v12h-2.2z"),
  loop: icon("M7 7h9V4l5 4.2-5 4.2V9.4H9.2v3.4H7zM17 17H8v3l-5-4.2 5-4.2v3h6.8v-3.4H17z"),
  fork: icon("M7 3a3 3 0 0 1 1.1 5.8v6.4a3 3 0 1 1-2.2 0V8.8A3 3 0 0 1 7 3zm10 0a3 3 0 0 1 1.1 5.8c-.2 3.4-2.8 5.2-6.5 5.5l-.3-2.2c2.8-.2 4.3-1.3 4.6-3.3A3 3 0 0 1 17 3z"),
  save: icon("M11 4h2v8.2l2.9-2.9 1.4 1.4L12 16l-5.3-5.3 1.4-1.4L11 12.2zM5 18h14v2H5z"),
};

export const PLAY = round("play", "dp-play");

export const SCRUBBER = `<canvas part="track" aria-hidden="true"></canvas>
  <span class="dp-legend dp-legend-noise" data-text="player.noise_share"></span>
  <span class="dp-legend dp-legend-picture" data-text="player.picture_share"></span>
  <input type="range" min="0" max="1" value="0" step="1" data-label="player.step" part="scrub">`;

// between: what stands between a step back and a step forward.
export function stepping(between = "") {
  return `${round("back")}${between}${round("forward")}${round("loop", "dp-toggle")}
    <select class="dp-select" data-label="player.speed" part="speed">
      <option value="0.25">¼×</option><option value="0.5">½×</option><option value="1" selected>1×</option>
      <option value="2">2×</option><option value="4">4×</option>
    </select>
    <button type="button" class="dp-pill dp-toggle" part="smooth" data-text="player.smooth"></button>
    <span class="dp-space"></span>`;
}

// A button that saves a file. help: a key of words.
export const pngButton = (help) => save("png", help, '<span data-text="player.png"></span>');
export const gifButton = (help) => save("gif", help, '<span part="gif_text"></span>');

function save(part, help, words) {
  return `<button type="button" class="dp-pill" data-label="${help}" part="${part}">${ICONS.save}${words}</button>`;
}

function round(name, classes = "") {
  return `<button type="button" class="dp-round ${classes}" data-label="player.${name}" part="${name}">${ICONS[name]}</button>`;
}
