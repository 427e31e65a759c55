// The Share menu of a tab: a view is taken away by it, and brought back.

import { icon } from "../icons.js";
import { layerOf } from "./layer.js";

const SHARE = icon("M12 3.2 16.4 7.6l-1.3 1.3-2.2-2.2V15h-1.8V6.7L8.9 8.9 7.6 7.6zM5.5 10.5h3v1.8H7.3v6.4h9.4v-6.4h-1.2v-1.8h3v10h-13z");
const GAP = 6; // pixels between button and menu
const EDGE = 8; // pixels between menu and screen

const MENU = `
  <button type="button" role="menuitem" data-item="link"><b data-text="share.link"></b><small data-text="share.link_help"></small></button>
  <button type="button" role="menuitem" data-item="class"><b data-text="share.class"></b><small data-text="share.class_help"></small></button>
  <button type="button" role="menuitem" data-item="code"><b data-text="share.code"></b><small data-text="share.code_help"></small></button>
  <button type="button" role="menuitem" data-item="picture"><b data-text="share.picture"></b><small data-text="share.picture_help"></small></button>
  <button type="button" role="menuitem" data-item="video"><b data-text="share.video"></b><small data-text="share.video_help"></small></button>
  <button type="button" role="menuitem" data-item="table"><b data-text="share.table"></b><small data-text="share.table_help"></small></button>
  <input type="file" accept="image/png" hidden>`;

// The button that opens it. tab: see tabs.js; share: see share.js.
export function shareMenu(tab, share) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "dp-pill sh-button";
  button.dataset.label = "share.menu_help";
  button.setAttribute("aria-haspopup", "menu");
  button.innerHTML = `${SHARE}<span data-text="share.menu"></span>`;
  const menu = document.createElement("div");
  menu.className = "sh-menu";
  menu.popover = "auto";
  menu.setAttribute("role", "menu");
  menu.innerHTML = MENU;
  layerOf(share.app).append(menu);
  share.words.keepApplied(button);
  share.words.keepApplied(menu);

  const file = menu.querySelector("input");
  const acts = {
    link: () => share.copyLink(tab),
    class: () => share.showClass(tab),
    code: () => share.showCode(tab),
    picture: () => file.click(),
    video: () => share.save(tab, "video"),
    table: () => share.save(tab, "table"),
  };
  const item = (name) => menu.querySelector(`[data-item=${name}]`);
  item("video").hidden = !tab.files?.video || typeof VideoEncoder === "undefined";
  item("table").hidden = !tab.files?.table;
  menu.addEventListener("click", (event) => {
    const chosen = event.target.closest("[data-item]");
    if (!chosen) return;
    menu.hidePopover();
    acts[chosen.dataset.item]();
  });
  menu.addEventListener("keydown", (event) => moveFocus(menu, event));
  file.addEventListener("change", () => {
    if (file.files.length) share.openPicture(file.files[0]);
    file.value = ""; // so that the same one can be chosen again
  });
  button.addEventListener("click", () => {
    menu.showPopover();
    place(menu, button.getBoundingClientRect());
    menu.querySelector("button").focus({ preventScroll: true });
  });
  return button;
}

// Below the button where there is room, else above it; its right edge at the button's.
function place(menu, { right, top, bottom }) {
  const { offsetWidth: width, offsetHeight: height } = menu;
  const { clientWidth, clientHeight } = document.documentElement;
  const below = bottom + GAP + height <= clientHeight - EDGE || top < height + GAP + EDGE;
  const y = below ? Math.min(bottom + GAP, clientHeight - EDGE - height) : top - GAP - height;
  menu.style.left = `${Math.max(EDGE, Math.min(right - width, clientWidth - EDGE - width))}px`;
  menu.style.top = `${Math.max(EDGE, y)}px`;
}

function moveFocus(menu, event) {
  const items = [...menu.querySelectorAll("[role=menuitem]:not([hidden])")];
  const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!move) return;
  event.preventDefault();
  items[(items.indexOf(document.activeElement) + move + items.length) % items.length].focus();
}
