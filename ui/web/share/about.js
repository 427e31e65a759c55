// About: what each tab teaches, with pictures that this program has made (scripts/about_images.py).

import { openTab } from "../gradio_workarounds.js";
import { Dialog } from "./dialog.js";
import { Tour } from "./tour.js";

const TABS = ["generate", "compare", "noise"];
const MARKUP = `
  <p data-text="about.what"></p>
  <div part="tabs"></div>
  <p data-text="about.share"></p>
  <p class="lab-note" data-text="about.privacy"></p>
  <button type="button" class="dp-pill" data-text="about.tour" part="tour"></button>`;

export class About {
  // app: the app's element.
  constructor(words, app) {
    Object.assign(this, { words, app });
    this.dialog = new Dialog(words, app, "about.title", MARKUP, "sh-about");
    this.dialog.part.tour.addEventListener("click", () => {
      this.dialog.close();
      openTab(app, "generate");
      new Tour(words, app);
    });
  }

  open() {
    const there = TABS.filter((id) => this.app.querySelector(`[data-tab-id="${id}"]`));
    this.dialog.part.tabs.replaceChildren(...there.map((id) => this.section(id)));
    this.dialog.open();
  }

  section(id) {
    const { words } = this;
    const section = document.createElement("section");
    section.innerHTML = `<h3></h3><p></p><img alt=""><p></p><button type="button" class="dp-pill"></button>`;
    const [name, question, picture, text, button] = section.children;
    name.textContent = words.text(`${id}.tab`);
    question.textContent = words.text(`about_questions.${id}`);
    picture.src = new URL(`../about/${id}.png`, import.meta.url);
    text.textContent = words.text(`about_tabs.${id}`);
    button.textContent = words.text("about.open");
    button.addEventListener("click", () => {
      this.dialog.close();
      openTab(this.app, id);
    });
    return section;
  }
}
