// Where menus, windows and the tour are: at the end of the page, where no zoom and no styles of the app's other parts
// reach them, in the colours and the language of the app.

const layers = new WeakMap(); // by the elements of apps, of which there may be several on a page

export function layerOf(app) {
  if (!layers.has(app)) layers.set(app, layerFor(app));
  return layers.get(app);
}

function layerFor(app) {
  const layer = document.createElement("div");
  layer.style.display = "contents"; // no part of the layout of another site's page
  const follow = () => {
    layer.classList.toggle("dark", app.classList.contains("dark"));
    layer.lang = app.lang;
  };
  new MutationObserver(follow).observe(app, { attributeFilter: ["class", "lang"] });
  follow();
  document.body.append(layer);
  return layer;
}
