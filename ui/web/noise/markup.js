// What the Noise tab consists of. Words come by data-text and data-label (words.js), what changes by its part.

import { AGAIN } from "../icons.js";
import { pngButton } from "../player/transport_markup.js";

export const MARKUP = `
<div class="nz-top" part="top"><p class="nz-look" data-text="noise.look_for"></p></div>
<div class="lab-card nz-pick">
  <div class="nz-field nz-digits" data-setting="digit">
    <div class="nz-label"><span id="nz-digit" data-text="noise.digit"></span>
      <button type="button" class="dp-pill" part="other" data-setting="index">${AGAIN}<span data-text="noise.other_digits"></span></button>
      <button type="button" class="dp-pill dp-toggle" aria-expanded="false" part="draw" data-text="noise.draw"></button></div>
    <div class="tiles tiles-drawn" role="radiogroup" aria-labelledby="nz-digit" part="tiles"></div>
  </div>
  <div class="nz-field nz-split" data-setting="split"><span class="nz-label" data-text="noise.split"></span>
    <div class="dp-segments" role="radiogroup" data-label="noise.split" part="split">
      <button type="button" role="radio" data-value="test" data-text="noise.test"></button>
      <button type="button" role="radio" data-value="train" data-text="noise.train"></button>
    </div>
  </div>
  <div class="nz-field" data-setting="seed"><label class="nz-label" for="nz-seed" data-text="settings.seed.label"></label>
    <div class="nz-seed"><input id="nz-seed" type="number" min="0" max="4294967295" step="1" value="0" part="seed">
      <button type="button" class="dp-round" data-label="noise.new_noise" part="new-noise">${AGAIN}</button></div>
  </div>
  <div class="nz-field nz-model" data-setting="model"><label class="nz-label" for="nz-model" data-text="settings.model.label"></label>
    <select id="nz-model" class="dp-select" part="model"></select>
  </div>
</div>
<div class="dp-banner" role="alert" part="banner" hidden></div>
<p class="lab-said" role="status" part="said"></p>
<div class="lab-card nz-pad" part="pad-card" hidden><div part="pad"></div><p class="lab-note" data-text="noise.drawn"></p></div>
<div class="lab-card nz-main">
  <div class="dp-track nz-track" data-setting="t">
    <canvas part="track"></canvas>
    <span class="dp-legend nz-legend-noise" data-text="player.noise_share"></span>
    <span class="dp-legend nz-legend-picture" data-text="player.picture_share"></span>
    <input type="range" min="0" max="100" step="1" value="50" data-label="noise.level" part="slider">
  </div>
  <dl class="dp-numbers nz-numbers">
    <div><dt data-text="player.time"></dt><dd part="t"></dd></div>
    <div><dt data-text="noise.alpha"></dt><dd part="alpha"></dd></div>
    <div><dt data-text="noise.sigma"></dt><dd part="sigma"></dd></div>
    <div><dt data-text="noise.log_snr"></dt><dd part="log-snr"></dd></div>
    <div class="nz-equation"><dt><i>x<sub>t</sub></i> = α <i>x</i><sub>0</sub> + σ <i>ε</i></dt></div>
  </dl>
  <div class="nz-panes">
    ${pane("real", "")}${pane("noisy", "")}${pane("network", "nz-network")}
    ${pane("network_noise", "nz-eps")}${pane("ideal", "nz-ideal")}${pane("blur", "")}
  </div>
  <div class="nz-files">${pngButton("noise.png_help")}</div>
</div>
<div class="nz-row">
  <section class="lab-card nz-plot"><h2 data-text="noise.errors"></h2>
    <ul class="nz-keys">${key("network_digit_line", "nz-network")}${key("network_noise_line", "nz-eps")}${key("ideal_line", "nz-ideal nz-dashed")}</ul>
    <svg part="errors" role="img" data-label="noise.errors"></svg><p class="lab-note" data-text="noise.errors_help"></p></section>
  <section class="lab-card nz-plot"><h2 data-text="noise.histogram"></h2>
    <svg part="histogram" role="img" data-label="noise.histogram"></svg><p class="lab-note" data-text="noise.histogram_help"></p></section>
  <section class="lab-card nz-plot"><h2 data-text="noise.neighbours"></h2>
    <div class="nz-neighbours" part="neighbours"></div>
    <p class="lab-note" part="mix"></p><p class="lab-note" part="known"></p></section>
</div>
<section class="lab-card nz-end"><h2 data-text="noise.end"></h2>
  <p class="lab-note" data-text="noise.end_help"></p>
  <button type="button" class="dp-pill" part="end-button" data-text="noise.end_button"></button>
  <div part="endings" aria-live="polite" hidden></div></section>
<section class="lab-card nz-schedules"><h2 data-text="noise.schedules"></h2>
  <div class="nz-curves">
    <figure><figcaption data-text="noise.alpha"></figcaption><svg part="alpha-plot" role="img" data-label="noise.alpha"></svg></figure>
    <figure><figcaption data-text="noise.sigma"></figcaption><svg part="sigma-plot" role="img" data-label="noise.sigma"></svg></figure>
    <figure><figcaption data-text="noise.log_snr"></figcaption><svg part="log-snr-plot" role="img" data-label="noise.log_snr"></svg></figure>
  </div>
  <div class="nz-table"><table><thead><tr>
    <th data-text="noise.process"></th><th data-text="noise.alpha"></th><th data-text="noise.sigma"></th>
    <th data-text="noise.log_snr"></th><th data-text="noise.left"></th>
  </tr></thead><tbody part="table"></tbody></table></div>
  <p class="lab-note" data-text="noise.schedules_help"></p>
</section>
<div class="lab-history" part="history"></div>`;

function pane(name, colour) {
  return `<figure class="${colour}" data-pane="${name}"><figcaption data-text="noise.${name}"></figcaption>
    <canvas width="28" height="28"></canvas><p></p></figure>`;
}

function key(name, colour) {
  return `<li class="${colour}" data-text="noise.${name}"></li>`;
}
