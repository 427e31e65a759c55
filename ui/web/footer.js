// The foot of the page: where to go from here (ui/about.py).

// props.links: see ui/about.py.
export function mountFooter({ element, props }, { words, base, openApi }) {
  const { links } = props;
  const root = element.firstElementChild;
  root.innerHTML = `<nav class="lab-foot" data-label="foot.name">
    ${link(links.source, "foot.source")}
    ${details("foot.train", `<p data-text="foot.train_text"></p><pre tabindex="0">python -m train.run unet --minutes 2 --output-dir runs/mine</pre>`)}
    ${details("foot.cards", list(links.cards.map(([name, address]) => `<a ${to(address)}>${name}</a>`)))}
    ${details("foot.papers", list(links.papers.map(([title, authors, address]) => `<a ${to(address)}>${title}</a> <span>${authors}</span>`)))}
    ${link(links.licence, "foot.licence")}
    <button type="button" data-text="foot.api"></button>
    ${link(links.duplicate, "foot.duplicate")}
  </nav>`;
  for (const anchor of root.querySelectorAll("a")) anchor.href = new URL(anchor.getAttribute("href"), base);
  root.querySelector("button").addEventListener("click", openApi);
  const all = [...root.querySelectorAll("details")];
  for (const one of all) {
    one.addEventListener("toggle", () => one.open && all.forEach((other) => (other.open = other === one)));
  }
  words.keepApplied(root);
}

const to = (address) => `href="${address}" target="_blank" rel="noopener"`;
const link = (address, key) => (address ? `<a ${to(address)} data-text="${key}"></a>` : "");
const list = (items) => `<ul>${items.map((item) => `<li>${item}</li>`).join("")}</ul>`;
const details = (key, content) =>
  content === list([]) ? "" : `<details><summary data-text="${key}"></summary><div>${content}</div></details>`;
