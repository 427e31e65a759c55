// Runs in the page's head, before Gradio builds any component; the one script that is no module, because what it sets
// up has to be there at once. ui/static.py puts in what each language is called and the modules of the first page, the
// server the name of this app (ui/instances.py): another site's page may have more than one, as <gradio-app>.

window.digitLabs ??= {};
{
  const name = "lab-app-00000000";
  const own = Boolean(window.gradio_config); // whether this is the app's own page
  let chosen = null; // before, see preferences.js
  try {
    chosen = JSON.parse(localStorage.getItem("digit-diffusion-lab")).language;
  } catch {
    // nothing was chosen, or storage is closed to the page
  }
  const languages = LANGUAGES;
  const wanted = [chosen, ...navigator.languages.map((tag) => tag.split("-")[0])];
  const lab = { own, languages, firstLanguage: wanted.find((code) => code in languages) ?? "en" };

  // Only its element in the page knows where an embedded app comes from.
  const address = (app) => {
    const [src, space] = ["src", "space"].map((attribute) => app.getAttribute(attribute)?.trim());
    const host = `${space?.toLowerCase().replace(/[^a-z0-9]+/g, "-")}.hf.space`;
    return src ? new URL(src.replace(/\/*$/, "/"), document.baseURI).href : `https://${host}/`;
  };
  const link = (attributes) => document.head.append(Object.assign(document.createElement("link"), attributes));

  // lab.open(element), of any element inside of the app: the modules are fetched, once.
  lab.ready = new Promise((resolve) => {
    lab.open = (element) => {
      lab.open = () => {};
      lab.root = element.closest("gradio-app");
      lab.base = own ? document.baseURI : address(lab.root);
      const entry = new URL(`lab/web/lab.js?app=${name}`, lab.base); // evaluated once for each app
      for (const module of MODULES) link({ rel: "modulepreload", href: new URL(`lab/${module}`, lab.base) });
      for (const code of new Set(["en", lab.firstLanguage])) { // words.js will fetch them
        link({ rel: "preload", as: "fetch", crossOrigin: "anonymous", href: new URL(`lab/i18n/${code}.json`, lab.base) });
      }
      resolve(import(entry).then(() => lab));
    };
  });
  window.digitLabs[name] = lab;
  window.lab ??= lab; // for who looks at the page from its console
  if (own) lab.open(document.querySelector("gradio-app"));
}
