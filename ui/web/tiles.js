// The digit picker: one tile a label and one for "any". Each shows what the model draws for it, once that has been drawn.

element.firstElementChild.innerHTML = `
  <div class="tiles-title" id="tiles-title"></div>
  <div class="tiles" role="radiogroup" aria-labelledby="tiles-title"></div>
  <p class="lab-note"></p>`;
const group = element.querySelector(".tiles");

function tile(name, i) {
  const radio = document.createElement("button");
  radio.type = "button";
  radio.setAttribute("role", "radio");
  radio.dataset.value = name;
  radio.className = "tile";
  const thumbnail = props.thumbnails[i];
  if (thumbnail) {
    const image = document.createElement("img");
    image.src = `data:image/png;base64,${thumbnail}`;
    image.alt = "";
    radio.append(image);
  }
  const words = document.createElement("span");
  words.textContent = name;
  radio.append(words);
  radio.setAttribute("aria-label", name);
  if (name.length > 2) radio.title = name;
  return radio;
}

function build() {
  const any = document.createElement("button");
  any.type = "button";
  any.setAttribute("role", "radio");
  any.dataset.value = "";
  any.dataset.label = "any_help";
  any.className = "tile tile-any";
  any.innerHTML = '<span data-text="any"></span>';
  group.classList.toggle("tiles-named", props.names.some((name) => name.length > 2));
  group.classList.toggle("tiles-drawn", props.thumbnails.length > 0);
  group.replaceChildren(...(props.names.length ? [...props.names.map(tile), any] : []));
  group.hidden = props.names.length === 0;
  speak();
  mark(props.value);
}

const mark = radioGroup(group, (value) => {
  props.value = value;
  trigger("input");
});

// heading and note are the names of texts; a model without labels has a note in the place of tiles
function speak() {
  element.querySelector(".tiles-title").textContent = TEXTS[language()][props.heading];
  element.querySelector(".lab-note").textContent = props.note ? TEXTS[language()][props.note] : "";
  applyTexts(element);
}

watch(["names", "thumbnails", "heading", "note"], build);
watch("value", () => mark(props.value));
document.addEventListener("lab-language", speak);
build();
