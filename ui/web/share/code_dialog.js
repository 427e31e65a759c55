// The code that makes what is on show: Python, and a command where there is one.

import { Dialog } from "./dialog.js";

const MARKUP = `
  <section part="python-part"><h3>Python</h3><pre tabindex="0"><code part="python"></code></pre>
    <button type="button" class="dp-pill" data-text="share.copy_lines" part="copy-python"></button></section>
  <section part="command-part"><h3 data-text="share.command"></h3><pre tabindex="0"><code part="command"></code></pre>
    <button type="button" class="dp-pill" data-text="share.copy_command" part="copy-command"></button></section>
  <p class="lab-note" data-text="share.code_note"></p>`;

export class CodeDialog {
  // app: the app's element; copy(text, key): puts a text on the clipboard and says so.
  constructor(words, app, copy) {
    this.dialog = new Dialog(words, app, "share.code_title", MARKUP);
    const { part } = this.dialog;
    for (const name of ["python", "command"]) {
      part[`copy-${name}`].addEventListener("click", () => {
        this.dialog.close();
        copy(part[name].textContent, "share.code_copied");
      });
    }
  }

  // code: { python, command }.
  show(code) {
    const { part } = this.dialog;
    for (const name of ["python", "command"]) {
      part[name].textContent = code[name];
      part[`${name}-part`].hidden = !code[name];
    }
    this.dialog.open();
  }
}
