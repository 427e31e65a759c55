// What all tabs share: a row of buttons for each, and how a link or a picture is opened.

import { linkTo } from "../link.js";
import { applyHidden } from "./hidden.js";
import { Notice } from "./notice.js";
import { shareRow } from "./row.js";

const SOURCES = { link: "link", picture: "picture" };

// element: the component's; server.view checks a view (ui/sharing/component.py).
export function mountShare({ element, server }, { words, tabs }) {
  return new Share(element.firstElementChild, server, words, tabs);
}

class Share {
  constructor(root, server, words, tabs) {
    Object.assign(this, { server, words, tabs });
    this.notice = new Notice(root, words);
  }

  // Show a view that comes from anywhere. source: "link" or "picture".
  async open(view, source) {
    const { words } = this;
    const sent = { ...view, source: SOURCES[source], language: words.language };
    const answer = await this.server.view(sent).then(JSON.parse).catch(() => null);
    if (!answer || answer.error) return this.notice.show(answer?.error ?? words.text("status.connection_failed"));
    this.notice.show(answer.sentence);
    applyHidden(answer.hidden);
    await this.tabs.show(answer.tab, answer.values);
  }

  // The buttons of a tab, at the end of an element.
  addRow = (tab, place) => place.append(shareRow(tab, this));

  async copyLink(tab, hide = []) {
    const values = await tab.values();
    if (values) await this.copy(linkTo({ tab: tab.name, values, hide }), "share.link_copied");
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
