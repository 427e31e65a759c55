// Another site's page may give the app less room than it has itself, but @media is about that page's width. So there the
// conditions on widths, in our style sheets and Gradio's, are answered for the app's: a condition that holds becomes one
// that always does. Of several apps on one page, which share their style sheets, the narrowest counts.
// (Container queries would need a sheet of their own: Gradio drops them from those that it takes, and lists that it
// places on the screen would be placed in the container where layout containment still belongs to them.)

const OURS = /gradio|\.lab-|svelte/; // in what a style sheet of the app says
const WIDTH = /\((min|max)-width: ([\d.]+)px\)/g;
const [ALWAYS, NEVER] = ["(min-width: 0px)", "(max-width: 0px)"];

export function followWidth(app) {
  const conditions = new Map(); // of rules, as they were written
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

// The rules under a condition in a style sheet of the app.
function rulesOf(sheet) {
  try {
    const rules = [...sheet.cssRules];
    const app = rules.some((rule) => OURS.test(rule.selectorText ?? rule.cssText));
    return app ? rules.filter((rule) => rule instanceof CSSMediaRule) : [];
  } catch { // of a third site: it cannot be read
    return [];
  }
}
