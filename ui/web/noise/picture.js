// What is on show as one picture, with its legends, which carries its settings.

import { download } from "../dom.js";
import { withSettings } from "../share/png_settings.js";
import { SIZE } from "./pixels.js";

const PANE = 6 * SIZE; // pixels of a side
const GAP = 16;
const ABOVE = 34; // for what a pane is called
const BELOW = 26; // for the line below it
const FOOT = 30;
const FONT = "ui-sans-serif, system-ui, sans-serif";

// panes: see panes.js; foot: a line that says what they have in common; settings: of the view.
export async function saveNoisePng(panes, foot, settings) {
  const canvas = document.createElement("canvas");
  canvas.width = GAP + panes.length * (PANE + GAP);
  canvas.height = ABOVE + PANE + BELOW + FOOT;
  const pen = canvas.getContext("2d");
  const write = (text, x, y, colour, font, room) => {
    Object.assign(pen, { fillStyle: colour, font: `${font} ${FONT}` });
    pen.fillText(text, x, y, room);
  };
  pen.fillStyle = "#ffffff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  Object.assign(pen, { textBaseline: "middle", imageSmoothingEnabled: false });
  panes.forEach(({ canvas: picture, title, note }, i) => {
    const left = GAP + i * (PANE + GAP);
    pen.drawImage(picture, left, ABOVE, PANE, PANE);
    write(title, left, ABOVE / 2, "#1d2238", "600 14px", PANE);
    write(note, left, ABOVE + PANE + BELOW / 2, "#566079", "500 12px", PANE);
  });
  write(foot, GAP, canvas.height - FOOT / 2, "#566079", "600 12px", canvas.width - 2 * GAP);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
  download([withSettings(new Uint8Array(await blob.arrayBuffer()), settings)], "image/png", "digit.png");
}
