// What the Compare tab consists of. Words come by data-text and data-label (words.js), what changes by its part.

import { icon } from "../icons.js";
import { ICONS, PLAY, SCRUBBER, gifButton, pngButton, stepping } from "../player/transport_markup.js";

const SWAP = icon("M7 4l-4 4 4 4V9h9V7H7zM17 12v3H8v2h9v3l4-4z");

export const MARKUP = `
<div class="cp-top" part="top"><div class="cp-experiments" role="group" data-label="compare.experiments" part="experiments"></div></div>
<p class="cp-look" part="look"></p>
<div class="lab-card cp-pick">
  <div class="cp-axes">
    ${axis("rows", "compare.rows")}
    <button type="button" class="dp-round cp-swap" data-label="compare.swap" part="swap">${SWAP}</button>
    ${axis("columns", "compare.columns")}
  </div>
  <div class="cp-line"><div class="cp-fields" part="fields"></div>
    <details class="cp-more"><summary data-text="compare.more"></summary><div class="cp-fields" part="more"></div></details></div>
</div>
<div class="dp-banner" role="alert" part="banner" hidden></div>
<div class="cp-both">
<section class="lab-card cp-main" data-label="compare.grid">
  <header class="dp-bar">
    <div class="dp-segments" role="radiogroup" data-label="player.view" part="views">
      <button type="button" role="radio" data-value="x" data-text="player.noisy"></button>
      <button type="button" role="radio" data-value="x0" data-text="player.guess"></button>
    </div>
    <div class="dp-state"><span class="dp-dot"></span><span role="status" part="status"></span>
      <button type="button" class="dp-pill cp-stop" part="stop"></button></div>
  </header>
  <div class="cp-play">${PLAY}<div class="dp-track cp-track">${SCRUBBER}</div></div>
  <div class="cp-scroll"><div class="cp-grid" role="grid" part="grid"></div></div>
  <p class="lab-note cp-under" part="under"></p>
  <div class="dp-transport">${stepping()}${pngButton("compare.png_help")}${gifButton("compare.gif_help")}</div>
</section>
<section class="lab-card cp-costs">
  <header class="dp-bar"><h2 data-text="compare.costs"></h2>
    <button type="button" class="dp-pill" data-label="compare.csv_help" part="csv">${ICONS.save}<span data-text="compare.csv"></span></button></header>
  <div class="cp-switches">
    <div class="dp-segments" role="radiogroup" data-label="compare.worth" part="worth">
      <button type="button" role="radio" data-value="distance" data-text="compare.distance"></button>
      <button type="button" role="radio" data-value="share" data-text="compare.share"></button>
    </div>
    <div class="dp-segments" role="radiogroup" data-label="compare.cost" part="cost">
      <button type="button" role="radio" data-value="calls" data-text="settings.calls.label"></button>
      <button type="button" role="radio" data-value="ms" data-text="settings.milliseconds.label"></button>
      <button type="button" role="radio" data-value="value" part="cost-value" hidden></button>
    </div>
  </div>
  <ul class="cp-keys" part="keys"></ul>
  <svg part="plot" role="img" data-label="compare.costs"></svg>
  <div class="cp-aim"><figure part="aim" hidden><canvas></canvas><figcaption data-text="compare.aim"></figcaption></figure>
    <p class="lab-note" part="note"></p></div>
  <button type="button" class="dp-pill cp-measure" part="measure" hidden></button>
</section>
</div>
<div class="lab-history cp-history" part="history"></div>`;

function axis(side, key) {
  return `<div class="cp-axis" data-setting="${side}">
    <label class="cp-label" for="cp-${side}" data-text="${key}"></label>
    <select id="cp-${side}" class="dp-select" part="${side}"></select>
    <input type="text" maxlength="400" spellcheck="false" autocomplete="off" data-label="compare.values" part="${side}-values">
  </div>`;
}
