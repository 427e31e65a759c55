// The pictures on show as files, made in the browser.

function fileName(ending) {
  return `${(reel.label || "images").replace(/[^\w-]+/g, "_")}-seed${reel.seed}.${ending}`;
}

part.png.addEventListener("click", () => {
  const finished = reel.done && at === reel.last; // that one carries its settings inside
  download([finished ? bytesOf(reel.result.png) : frame()[view === "x0" ? "x0" : "x"].png], "image/png", fileName("png"));
});

let writing = false; // a GIF, which takes a while: what is on show may be another run by then

part.gif.addEventListener("click", async () => {
  const label = part.gif.querySelector("span");
  const source = reel;
  const name = fileName("gif");
  label.textContent = words().gif_busy;
  writing = part.gif.disabled = source.kept = true;
  try {
    const content = await gifOf(source);
    download(content, "image/gif", name);
  } finally {
    writing = source.kept = false;
    if (source !== reel) source.close();
    part.gif.disabled = !reel;
    label.textContent = words().gif;
  }
});

// The frames of a run as a GIF, with the panes that are on show.
async function gifOf({ frames, input }) {
  const kinds = panes.filter((pane) => !pane.node.hidden).map((pane) => pane.kind);
  const rows = frames.map((one) => kinds.map((kind) => (kind === "input" ? input : one[kind])));
  await Promise.all(rows.flat().map((picture) => picture.ready));
  const pictures = rows.map((row) => row.map((picture) => picture.bitmap));
  const { width, height } = pictures[0][0];
  const scale = Math.max(1, Math.round(240 / Math.max(width, height)));
  const gap = 8;
  const canvas = document.createElement("canvas");
  canvas.width = kinds.length * width * scale + (kinds.length - 1) * gap;
  canvas.height = height * scale;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.imageSmoothingEnabled = false;
  const writer = new GifWriter(canvas.width, canvas.height, !hasColour(pictures[pictures.length - 1][0]));
  for (const [i, row] of pictures.entries()) {
    pen.fillRect(0, 0, canvas.width, canvas.height);
    row.forEach((one, k) => pen.drawImage(one, k * (width * scale + gap), 0, width * scale, height * scale));
    const pixels = pen.getImageData(0, 0, canvas.width, canvas.height).data;
    writer.add(pixels, i === pictures.length - 1 ? 150 : Math.max(4, Math.round(200 / pictures.length)));
    await new Promise((resume) => setTimeout(resume)); // let the page breathe between frames
  }
  return writer.finish();
}
