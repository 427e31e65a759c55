// Runs in the page's head, before Gradio builds any component; the one script that is no module, because what it sets
// up has to be there at once. ui/static.py puts in what each language is called.

window.lab = { languages: LANGUAGES };
{
  let chosen = null; // before, see preferences.js
  try {
    chosen = JSON.parse(localStorage.getItem("digit-diffusion-lab")).language;
  } catch {
    // nothing was chosen, or storage is closed to the page
  }
  const wanted = [chosen, ...navigator.languages.map((tag) => tag.split("-")[0])];
  const language = wanted.find((code) => code in window.lab.languages) ?? "en";
  window.lab.firstLanguage = language;
  for (const code of new Set(["en", language])) { // words.js will fetch them
    const link = document.createElement("link");
    Object.assign(link, { rel: "preload", as: "fetch", crossOrigin: "anonymous", href: `lab/i18n/${code}.json` });
    document.head.append(link);
  }
  window.lab.ready = import(new URL("lab/web/lab.js", document.baseURI));
}
