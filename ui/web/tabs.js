// The tabs of the page whose views can be shared. Each registers itself once it is there, as
//
//   { name, values(), apply(values) [, files, whenFinished(tell), moving] }
//
// name: of the tab, in links and for Gradio (the `id` of gr.Tab). values(): the settings of what is on show, by name, or
// null where nothing is. apply(values): bring back a view with these settings, which the server has checked
// (ui/sharing/views.py, where each tab has a row), and draw it. Both may be asynchronous. files: what else the Share menu
// saves, { video, table }, functions that return whether the browser could. whenFinished(tell): tell(values, picture) is
// called with what belongs into the history; moving: the names of settings that lead to another place of the same view,
// which is one entry there. A tab registers itself by `page.shareable(tab, place)` (lab.js), which puts the Share button
// at the end of an element, too.

import { openTab } from "./gradio_workarounds.js";

export class Tabs {
  // root: the app's element.
  constructor(root, open = (id) => openTab(root, id)) {
    this.open = open;
    this.there = new Map(); // name -> a promise of the tab
    this.arrive = new Map(); // name -> what resolves that promise
  }

  register(tab) {
    this.get(tab.name);
    this.arrive.get(tab.name)(tab);
  }

  // A promise of a tab; one that was never opened registers itself when it is.
  get(name) {
    if (!this.there.has(name)) this.there.set(name, new Promise((resolve) => this.arrive.set(name, resolve)));
    return this.there.get(name);
  }

  async show(name, values) {
    this.open(name);
    const tab = await this.get(name);
    await tab.apply(values);
  }
}
