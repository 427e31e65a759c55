// Everything in the browser that relies on how Gradio 6.31 is made inside, each with its reason and its gain. None is
// about speed. Styles that do are in gradio.css, the server's side in ui/gradio_workarounds.py; header.js sets the
// document's title and language after Gradio has.

// Reason: Gradio's dropdown opens its list at any key, also at Tab, with which a person goes on to the next control.
// Gain: without this the list stays open over that control. Gradio listens on the element; this comes first. A list so
// long that it scrolls would be the next stop itself, and take the focus with it when it closes.
export function letTabPassDropdowns(root) {
  root.addEventListener("keydown", (event) => {
    if (event.key !== "Tab" || event.target.getAttribute?.("role") !== "combobox") return;
    event.stopPropagation();
    for (const list of root.querySelectorAll(".options, .option-list")) list.tabIndex = -1;
  }, true);
}

// Whether Gradio has given its server up: then it starts no event any more, until the server is back and it loads the
// page again. probe(): whether an event of the page is started now. Reason: there is no event of it, and the notice that
// it shows looks like any error's. Gain: a press of Generate does something all the same (run_control.js).
export async function connectionLost(root, probe) {
  return root.querySelector(".toast-body.error") !== null && !(await probe());
}

// How many events wait in Gradio's queue, or null where that is unknown; rejects where the server cannot be reached.
// Reason: Gradio reports the place of an event only to its own status line, which takes the place of the player. Gain:
// people see how many are ahead of them, and a server that is gone is noticed (run_control.js).
export async function queueSize(base) {
  const response = await fetch(new URL("gradio_api/queue/status", base));
  return response.ok ? (await response.json()).queue_size : null;
}

// A promise of an element. Reason: Gradio puts each component in once its code has come, in any order.
export function whenThere(root, selector) {
  return new Promise((resolve) => {
    const look = () => {
      const node = root.querySelector(selector);
      if (!node) return;
      observer.disconnect();
      resolve(node);
    };
    const observer = new MutationObserver(look);
    observer.observe(root, { childList: true, subtree: true });
    look();
  });
}

// One tab stop and arrow keys for a gr.Radio. Reason: Gradio names each of its buttons differently, which makes a group
// of each. Gain: a keyboard moves through it as through any other (tests/ui/page/test_access.py).
export function groupRadios(fieldset) {
  const name = () => {
    for (const radio of fieldset.querySelectorAll("input[type=radio]")) {
      if (radio.name !== fieldset.id) radio.name = fieldset.id;
    }
  };
  new MutationObserver(name).observe(fieldset, { subtree: true, childList: true, attributeFilter: ["name"] });
  name();
}

// Reason: Gradio chooses between light and dark when it starts, and has no switch. Dark mode is a class: of the
// body, or of an embedded app's element.
export function isDark({ own, root }) {
  return (own ? document.body : root).classList.contains("dark");
}

export function setDark({ own, root }, dark) {
  (own ? document.body : root).classList.toggle("dark", dark);
}

// Reason: Gradio's own words, in its notices and beside the API, are in the browser's language, and only its page of
// settings changes that: by a store of a module of its own. Gain: they follow the page's language, from the first switch.
const GRADIOS_CODES = { zh: "zh-CN" };

export async function useLanguage(code) {
  const isRuntime = ({ name }) => /\/assets\/runtime-[\w-]+\.js$/.test(name);
  const found = performance.getEntriesByType("resource").find(isRuntime);
  const exported = found ? Object.values(await import(found.name)) : [];
  const locale = exported.find((value) => typeof value?.set === "function" && typeof value.subscribe === "function");
  let present = code;
  locale?.subscribe((value) => (present = value ?? code))();
  if (present.split("-")[0] !== code) await locale.set(GRADIOS_CODES[code] ?? code);
}

// Reason: Gradio's own foot of the page is in the browser's language, whatever the page's is, and knows one link. Gain:
// ours is the only one (footer.js); Gradio's is there unseen, because its button opens the description of the API
// without loading the page anew. Embedded, it has none.
export function openApi({ own, root, base }) {
  const button = root.querySelector(".show-api");
  if (own && button) button.click();
  else window.open(new URL("?view=api", base), "_blank", "noopener");
}

// Reason: Gradio's description of the API finds out by a request whether there is an MCP server, although the page knows,
// and the browser notes the refusal as an error. Gain: the console is empty, and an error in it is one.
export function answerForMcp() {
  if (window.gradio_config.mcp_server) return;
  const { fetch } = window;
  const asked = (request) => String(request?.url ?? request).endsWith("/gradio_api/mcp/schema");
  window.fetch = (request, ...options) =>
    asked(request) ? Promise.resolve(new Response(null, { status: 404 })) : fetch(request, ...options);
}

// Reason: which tab is open is Gradio's to know; from outside it changes by a click alone. Its buttons carry the tab's id.
// Gain: a link leads to its tab (tabs.js).
export function openTab(root, id) {
  const button = root.querySelector(`[data-tab-id="${CSS.escape(id)}"]`);
  if (button?.getAttribute("aria-selected") !== "true") button?.click();
}
