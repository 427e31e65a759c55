// The player's elements. data-text and data-label are keys of words, part="..." is how view.js finds them.

import { ICONS, PLAY, SCRUBBER, gifButton, pngButton, stepping } from "./transport_markup.js";

export const MARKUP = `
<div class="dp" role="group" data-label="player.name">
  <header class="dp-bar">
    <div class="dp-segments" role="radiogroup" data-label="player.view" part="views">
      <button type="button" role="radio" data-value="x" data-text="player.noisy"></button>
      <button type="button" role="radio" data-value="both" data-text="player.both"></button>
      <button type="button" role="radio" data-value="x0" data-text="player.guess"></button>
    </div>
    <div class="dp-state"><span class="dp-dot"></span><span role="status" part="status"></span>
      <span part="count" aria-hidden="true"></span></div>
  </header>
  <div class="dp-banner" role="alert" part="banner" hidden></div>
  <div class="dp-panes" part="panes">
    <figure class="dp-pane" data-kind="input" hidden>
      <figcaption><i>y</i><span data-text="player.input"></span></figcaption>
      <button type="button" class="dp-sheet"><canvas></canvas></button>
    </figure>
    <figure class="dp-pane" data-kind="x">
      <figcaption><i>x<sub>t</sub></i><span data-text="player.noisy"></span></figcaption>
      <button type="button" class="dp-sheet"><canvas></canvas></button>
    </figure>
    <figure class="dp-pane" data-kind="x0">
      <figcaption><i>x̂<sub>0</sub></i><span data-text="player.guess"></span></figcaption>
      <button type="button" class="dp-sheet"><canvas></canvas></button>
    </figure>
  </div>
  <p class="dp-caption" part="caption" hidden></p>
  <p class="dp-phase" part="phase"></p>
  <div class="dp-track">${SCRUBBER}</div>
  <div class="dp-transport" part="transport">
    ${stepping(PLAY)}
    <button type="button" class="dp-pill" data-label="fork.here_help" part="fork" hidden>
      ${ICONS.fork}<span data-text="fork.here"></span></button>
    ${pngButton("player.png_help")}
    <button type="button" class="dp-pill" data-label="player.large_help" part="large">8×</button>
    ${gifButton("player.gif_help")}
  </div>
  <dl class="dp-numbers">
    <div><dt data-text="player.step"></dt><dd part="step">–</dd></div>
    <div><dt data-text="player.time"></dt><dd part="time">–</dd></div>
    <div><dt data-text="player.noise"></dt><dd part="noise">–</dd></div>
    <div><dt data-text="player.seconds"></dt><dd part="seconds">–</dd></div>
    <div class="dp-equation"><dt><i>x<sub>t</sub> = α<sub>t</sub> x<sub>0</sub> + σ<sub>t</sub> ε</i></dt>
      <dd><span part="alpha">–</span> · <b class="dp-picture" data-text="player.picture_share"></b>
        + <span part="sigma">–</span> · <b class="dp-noise" data-text="player.noise_share"></b></dd></div>
  </dl>
  <p class="dp-classified" role="status" part="classified"></p>
</div>`;
