// Sentences for a moment or until they are closed, at the lower edge of the page.

const MOMENT = 4000; // ms
const MOST = 6; // lines of a text that are seen at once

export class Notice {
  constructor(root, words) {
    this.words = words;
    root.innerHTML = `<div class="sh-notice" role="status" hidden><span></span><textarea readonly wrap="off" hidden></textarea>
      <button type="button" class="dp-round" data-label="share.dismiss">×</button></div>`;
    this.box = root.firstElementChild;
    [this.text, this.field, this.close] = this.box.children;
    this.close.addEventListener("click", () => this.hide());
    words.keepApplied(this.box);
  }

  // A sentence until it is closed, "" for none; content: text to be copied by hand.
  show(sentence, content = "") {
    clearTimeout(this.timer);
    this.box.hidden = !sentence;
    this.text.textContent = sentence;
    this.field.hidden = !content;
    Object.assign(this.field, { value: content, ariaLabel: sentence, rows: Math.min(MOST, content.split("\n").length) });
    if (content) this.field.select();
  }

  // A sentence for a moment.
  pass(sentence) {
    this.show(sentence);
    this.timer = setTimeout(() => this.hide(), MOMENT);
  }

  hide() {
    this.box.hidden = true;
  }
}
