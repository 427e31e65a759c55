// The digit picker: one tile a label and one for "any". Each shows a sample of its label, once there is one.

import { radioGroup, refill, setText } from "./dom.js";

const LONG = 12; // characters, more than may fit on a tile
const SEVERAL = /,|^all$/; // labels, see ui/labels.py

const MARKUP = `
  <div class="tiles-title" id="tiles-title"></div>
  <div class="tiles" role="radiogroup" aria-labelledby="tiles-title"></div>
  <p class="tiles-chosen"></p>
  <p class="lab-note"></p>`;

// props: names of the labels, thumbnails (PNG in base64, or none), and the keys of words for the heading and for a
// note; a model without labels has a note in the place of tiles.
export function mountTiles({ element, props, trigger, watch }, { words }) {
  const root = element.firstElementChild;
  root.innerHTML = MARKUP;
  const group = root.querySelector(".tiles");
  const mark = radioGroup(group, (value) => {
    props.value = value;
    showName();
    trigger("input");
  });

  // On a tile a long name is cut off, and a finger has no tooltip; several labels, as a picture may have, have no tile.
  const showName = () => {
    const { value, names } = props;
    const one = names.includes(value);
    const several = !one && SEVERAL.test(value) ? words.text("tiles.in_turn", { labels: value }) : "";
    setText(root.querySelector(".tiles-chosen"), one && value.length > LONG ? value : several);
  };
  const applyWords = () => {
    setText(root.querySelector(".tiles-title"), words.text(props.heading));
    setText(root.querySelector(".lab-note"), props.note ? words.text(props.note) : "");
    words.apply(root);
    showName();
  };
  const build = () => {
    const { names, thumbnails } = props;
    group.classList.toggle("tiles-named", names.some((name) => name.length > 2));
    group.classList.toggle("tiles-drawn", thumbnails.length > 0);
    const tiles = names.length ? [...names.map((name, i) => tile(name, thumbnails[i])), anyTile()] : [];
    refill(group, tiles, (radio) => radio.dataset.value);
    group.hidden = names.length === 0;
    applyWords();
    mark(props.value);
  };
  watch(["names", "thumbnails", "heading", "note"], build);
  watch("value", () => {
    mark(props.value);
    showName();
  });
  words.addEventListener("change", applyWords);
  build();
}

function tile(name, thumbnail) {
  const radio = tileButton(name, "tile");
  if (thumbnail) {
    const image = document.createElement("img");
    image.src = `data:image/png;base64,${thumbnail}`;
    image.alt = "";
    radio.append(image);
  }
  const label = document.createElement("span");
  label.textContent = name;
  radio.append(label);
  radio.setAttribute("aria-label", name);
  if (name.length > 2) radio.title = name;
  return radio;
}

function anyTile() {
  const radio = tileButton("", "tile tile-any");
  radio.dataset.label = "tiles.any_help";
  radio.innerHTML = '<span data-text="tiles.any"></span>';
  return radio;
}

function tileButton(value, classes) {
  const radio = document.createElement("button");
  radio.type = "button";
  radio.className = classes;
  radio.setAttribute("role", "radio");
  radio.dataset.value = value;
  return radio;
}
