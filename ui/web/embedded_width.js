// Another site's page may give the app less room than it has itself, but @media is about that page's width. So there the
// conditions on widths, in our style sheets and Gradio's, are answered for the app's: a condition that holds becomes one
// that always does. Of several apps on one page, which share their style sheets, the narrowest counts. Gradio links the
// sheets of its components with `crossorigin`, else they could not be read; its first one and its theme it does not.
// (Container queries would need a sheet of their own: Gradio drops them from those that it takes, and lists that it
// places on the screen would be placed in the container where layout containment still belongs to them.)

const OURS = /\.gradio-container|\.lab-/; // in a sheet that is in the page itself
const SCRIPT = /(?<=\/)gradio\.js$/; // Gradio's, for other sites' pages: its sheets lie beside it
const WIDTH = /\((min|max)-width: ([\d.]+)px\)/g;
const [ALWAYS, NEVER] = ["(min-width: 0px)", "(max-width: 0px)"];

// base: the app's address.
export function followWidth(app, base) {
  // Of rules, as they were written: one for all apps of the page, each of which may evaluate this module by itself.
  const conditions = (window.digitLabs.conditions ??= new WeakMap());
  const rulesOf = (sheet) => (isOurs(sheet, base) ? rulesIn(sheet).filter((rule) => rule instanceof CSSMediaRule) : []);
  const fit = () => {
    const width = Math.min(...[...document.querySelectorAll("gradio-app")].map((each) => each.getBoundingClientRect().width));
    app.style.setProperty("--lab-width", `${width}px`);
    for (const rule of [...document.styleSheets].flatMap(rulesOf)) {
      if (!conditions.has(rule)) conditions.set(rule, rule.media.mediaText);
      const text = conditions.get(rule).replace(WIDTH, (_, end, px) =>
        (end === "min" ? width >= Number(px) : width <= Number(px)) ? ALWAYS : NEVER);
      if (rule.media.mediaText !== text) rule.media.mediaText = text;
    }
  };
  new ResizeObserver(fit).observe(app.parentElement); // the app itself may be a part of a line, which is not observed
  new MutationObserver(fit).observe(document.head, { childList: true }); // parts of the page bring their styles along
  fit();
}

// Whether a style sheet is the app's: those of the page around it may name the app's classes, too.
function isOurs(sheet, base) {
  if (!sheet.href) return rulesIn(sheet).some((rule) => OURS.test(rule.selectorText ?? rule.cssText));
  const scripts = [...document.scripts].map(({ src }) => src).filter((src) => SCRIPT.test(src));
  return [base, ...scripts.map((src) => src.replace(SCRIPT, ""))].some((folder) => sheet.href.startsWith(folder));
}

function rulesIn(sheet) {
  try {
    return [...sheet.cssRules];
  } catch { // of another origin
    return [];
  }
}
