// What all tabs share: a menu for each, and how a link or a picture is opened.

import { linkTo } from "../link.js";
import { CodeDialog } from "./code_dialog.js";
import { HideDialog } from "./hide_dialog.js";
import { applyHidden } from "./hidden.js";
import { History, thumbnail } from "./history.js";
import { mountHistory } from "./history_strip.js";
import { shareMenu } from "./menu.js";
import { Notice } from "./notice.js";
import { reasonOf, takePictures, viewOfPicture } from "./pictures.js";

const MARKUP = `<div></div><div class="sh-drop" hidden><p data-text="share.drop"></p></div>`;

// element: the component's; for the server's functions see ui/sharing/component.py.
export function mountShare({ element, server }, { words, tabs, lab }) {
  return new Share(element.firstElementChild, server, words, tabs, lab);
}

class Share {
  constructor(root, server, words, tabs, { own, root: app, base }) {
    Object.assign(this, { server, words, tabs, app });
    this.address = () => (own ? location.href : base); // of the page
    root.innerHTML = MARKUP;
    const [notice, area] = root.children;
    this.notice = new Notice(notice, words);
    words.keepApplied(area);
    this.history = new History();
    this.code = new CodeDialog(words, app, (text, key) => this.copy(text, key));
    this.class = new HideDialog(words, app, (tab, hide) => this.copyLink(tab, hide));
    takePictures(own ? document : app, area, (file) => this.openPicture(file));
  }

  // Show a view that comes from anywhere. source: "link", "picture" or "history". Returns whether it can be shown.
  async open(view, source) {
    const answer = await this.ask("view", { ...view, source });
    if (!answer) return false;
    this.notice.show(answer.sentence);
    if (source === "link") applyHidden(answer.hidden);
    await this.tabs.show(answer.tab, answer.values);
    return true;
  }

  // Of a view, only what it hides.
  async hide(view) {
    const answer = await this.ask("view", view);
    if (answer) applyHidden(answer.hidden);
  }

  // What a function of the server returns, or nothing where it refuses, which is said.
  async ask(name, sent) {
    const { words } = this;
    const answer = await this.server[name]({ ...sent, language: words.language }).then(JSON.parse).catch(() => null);
    if (answer && !answer.error) return answer;
    this.notice.show(answer?.error ?? words.text("status.connection_failed"));
    return null;
  }

  async openPicture(file) {
    try {
      await this.open(await viewOfPicture(file), "picture");
    } catch (error) {
      this.notice.show(this.words.text(reasonOf(error)));
    }
  }

  // The menu of a tab, whose button comes at the end of an element.
  addTab = (tab, place) => {
    place.append(shareMenu(tab, this));
    tab.whenFinished?.((values, picture) => this.history.add(tab.name, values, thumbnail(picture), tab.moving));
  };

  addHistory = (root) => mountHistory(root, this.history, this.words, (entry) => this.open(entry, "history"));

  // name: of one of the tab's files.
  async save(tab, name) {
    if ((await this.valuesOf(tab)) && !(await tab.files[name]())) this.notice.show(this.words.text("share.no_video"));
  }

  async copyLink(tab, hide = []) {
    const values = await this.valuesOf(tab);
    if (values) await this.copy(linkTo({ tab: tab.name, values, hide }, this.address()), "share.link_copied");
  }

  // The settings of what a tab shows, or nothing where there is nothing yet, which is said.
  async valuesOf(tab) {
    const values = await tab.values();
    if (!values) this.notice.pass(this.words.text("share.nothing"));
    return values;
  }

  async showAbout() {
    const { About } = await import("./about.js");
    this.about ??= new About(this.words, this.app);
    this.about.open();
  }

  async offerTour(preferences) {
    if (preferences.get("toured")) return;
    const { Tour } = await import("./tour.js");
    preferences.set("toured", true);
    new Tour(this.words, this.app);
  }

  async showClass(tab) {
    const values = await this.valuesOf(tab);
    if (values) this.class.show(tab, values);
  }

  async showCode(tab) {
    const values = await this.valuesOf(tab);
    const code = values && (await this.ask("code", { tab: tab.name, values }));
    if (code) this.code.show(code);
  }

  // The clipboard may be closed to the page, as in a frame or without https: then the text is there to be copied.
  async copy(text, key) {
    try {
      await navigator.clipboard.writeText(text);
      this.notice.pass(this.words.text(key));
    } catch {
      this.notice.show(this.words.text("share.copy_by_hand"), text);
    }
  }
}
