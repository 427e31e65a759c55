// A view as an address: its tab, its settings by name, and what of the page it hides.
//
//   ?tab=generate&label=7&steps=20&hide=model,seed

const FOREIGN = /^(__|utm_)|^(view|fbclid|gclid)$/; // parameters of Gradio, of hosts, and of sites that pass links on

// The view that an address stands for, or null where it stands for none. Its values are text, and nothing is checked.
export function viewOf(search) {
  const parameters = Object.fromEntries([...new URLSearchParams(search)].filter(([name]) => !FOREIGN.test(name)));
  const { tab, hide = "", ...values } = parameters;
  if (tab === undefined) return null;
  return { tab, values, hide: hide.split(",").map((name) => name.trim()).filter(Boolean) };
}

// page: the address of the app's page, whose own parameters may be nobody else's business.
export function linkTo({ tab, values, hide = [] }, page) {
  const url = new URL(page);
  const given = Object.entries(values).filter(([, value]) => value !== null && value !== "");
  url.search = new URLSearchParams([["tab", tab], ...given, ...(hide.length ? [["hide", hide.join()]] : [])]);
  url.hash = "";
  return url.href.replaceAll("%2C", ",").replaceAll("%3A", ":").replaceAll("%2F", "/");
}
