// The player's elements. data-text and data-label are keys of words, part="..." is how view.js finds them.

const icon = (path) => `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${path}"/></svg>`;
export const ICONS = {
  play: icon("M8 5.5v13a.8.8 0 0 0 1.2.7l10.2-6.5a.8.8 0 0 0 0-1.4L9.2 4.8A.8.8 0 0 0 8 5.5z"),
  pause: icon("M7 5h3.4v14H7zM13.6 5H17v14h-3.4z"),
  back: icon("M16.5 6.2v11.6L8.9 12zM6 6h2.2v12H6z"),
  forward: icon("M7.5 6.2v11.6l7.6-5.8zM15.8 6H18v12h-2.2z"),
  loop: icon("M7 7h9V4l5 4.2-5 4.2V9.4H9.2v3.4H7zM17 17H8v3l-5-4.2 5-4.2v3h6.8v-3.4H17z"),
  fork: icon("M7 3a3 3 0 0 1 1.1 5.8v6.4a3 3 0 1 1-2.2 0V8.8A3 3 0 0 1 7 3zm10 0a3 3 0 0 1 1.1 5.8c-.2 3.4-2.8 5.2-6.5 5.5l-.3-2.2c2.8-.2 4.3-1.3 4.6-3.3A3 3 0 0 1 17 3z"),
  save: icon("M11 4h2v8.2l2.9-2.9 1.4 1.4L12 16l-5.3-5.3 1.4-1.4L11 12.2zM5 18h14v2H5z"),
};

export const MARKUP = `
<section class="dp" data-label="player.name">
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
  <div class="dp-track">
    <canvas part="track" aria-hidden="true"></canvas>
    <span class="dp-legend dp-legend-noise" data-text="player.noise_share"></span>
    <span class="dp-legend dp-legend-picture" data-text="player.picture_share"></span>
    <input type="range" min="0" max="1" value="0" step="1" data-label="player.step" part="scrub">
  </div>
  <div class="dp-transport" part="transport">
    <button type="button" class="dp-round" data-label="player.back" part="back">${ICONS.back}</button>
    <button type="button" class="dp-round dp-play" data-label="player.play" part="play">${ICONS.play}</button>
    <button type="button" class="dp-round" data-label="player.forward" part="forward">${ICONS.forward}</button>
    <button type="button" class="dp-round dp-toggle" data-label="player.loop" part="loop">${ICONS.loop}</button>
    <select class="dp-select" data-label="player.speed" part="speed">
      <option value="0.25">¼×</option><option value="0.5">½×</option><option value="1" selected>1×</option>
      <option value="2">2×</option><option value="4">4×</option>
    </select>
    <button type="button" class="dp-pill dp-toggle" part="smooth" data-text="player.smooth"></button>
    <span class="dp-space"></span>
    <button type="button" class="dp-pill" data-label="fork.here_help" part="fork" hidden>
      ${ICONS.fork}<span data-text="fork.here"></span></button>
    <button type="button" class="dp-pill" data-label="player.png_help" part="png">
      ${ICONS.save}<span data-text="player.png"></span></button>
    <button type="button" class="dp-pill" data-label="player.large_help" part="large">8×</button>
    <button type="button" class="dp-pill" data-label="player.gif_help" part="gif">
      ${ICONS.save}<span part="gif_text"></span></button>
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
</section>`;
