// The player's own buttons, its scrubber and its panes; and the page around it, which it follows.

part.play.addEventListener("click", () => {
  if (mode === "play") return setMode("rest");
  if (at === reel.last) show(0);
  setMode("play");
});
part.back.addEventListener("click", () => goTo(at - 1));
part.forward.addEventListener("click", () => goTo(at + 1));
part.scrub.addEventListener("input", () => {
  const step = Number(part.scrub.value);
  const later = reel.frames.findIndex((one) => one.step > step);
  goTo((later < 0 ? reel.frames.length : later) - 1);
});
part.scrub.addEventListener("keydown", (event) => {
  const move = { ArrowLeft: at - 1, ArrowDown: at - 1, ArrowRight: at + 1, ArrowUp: at + 1, Home: 0, End: Infinity };
  if (event.key === " ") part.play.click();
  else if (event.key in move) goTo(move[event.key]);
  else return;
  event.preventDefault();
});
for (const name of ["loop", "smooth"]) {
  part[name].addEventListener("click", () => {
    const on = part[name].getAttribute("aria-pressed") !== "true";
    part[name].setAttribute("aria-pressed", String(on));
    if (name === "smooth") smooth = on;
    drawPicture();
  });
}

function setView(next) {
  view = next;
  arrangePanes();
  drawPicture();
}
radioGroup(part.views, setView)(view);
setView(view);

for (const pane of panes) {
  pane.button.addEventListener("click", (event) => {
    if (!reel) return;
    // a click by keyboard has no place: it enlarges the first image
    const pointed = event.detail === 0 ? 0 : pane.stage.at(event);
    only = only === null ? pointed : null;
    draw();
  });
  pane.button.addEventListener("keydown", (event) => {
    const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (event.key === "Escape") only = null;
    else if (move && only !== null) only = (only + move + reel.shape.count) % reel.shape.count;
    else return;
    event.preventDefault();
    draw();
  });
}

document.addEventListener("lab-language", draw);
document.addEventListener("lab-theme", () => setTimeout(draw));
new ResizeObserver(draw).observe(root);
draw();
receive(props.value);
