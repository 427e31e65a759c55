// The pictures on show as files, made in the browser.

function fileName(ending) {
  return `${(reel.label || "images").replace(/[^\w-]+/g, "_")}-seed${reel.seed}.${ending}`;
}

part.png.addEventListener("click", () => {
  const finished = reel.done && at === reel.last; // that one carries its settings inside
  download([finished ? bytesOf(reel.result.png) : frame()[view === "x0" ? "x0" : "x"].png], "image/png", fileName("png"));
});

part.gif.addEventListener("click", async () => {
  const label = part.gif.querySelector("span");
  label.textContent = words().gif_busy;
  part.gif.disabled = true;
  const { frames } = reel;
  const name = fileName("gif");
  const kinds = panes.filter((pane) => !pane.node.hidden).map((pane) => pane.kind);
  await Promise.all(frames.flatMap((one) => kinds.map((kind) => pictureOf(kind, one).ready)));
  const pictures = frames.map((one) => kinds.map((kind) => pictureOf(kind, one).bitmap));
  const { width, height } = pictures[0][0];
  const scale = Math.max(1, Math.round(240 / Math.max(width, height)));
  const gap = 8;
  const canvas = document.createElement("canvas");
  canvas.width = kinds.length * width * scale + (kinds.length - 1) * gap;
  canvas.height = height * scale;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.imageSmoothingEnabled = false;
  const writer = new GifWriter(canvas.width, canvas.height, !hasColour(pictures[pictures.length - 1][0]));
  for (const [i, pair] of pictures.entries()) {
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pair.forEach((one, k) => pen.drawImage(one, k * (width * scale + gap), 0, width * scale, height * scale));
    const pixels = pen.getImageData(0, 0, canvas.width, canvas.height).data;
    writer.add(pixels, i === pictures.length - 1 ? 150 : Math.max(4, Math.round(200 / pictures.length)));
    await new Promise((resume) => setTimeout(resume)); // let the page breathe between frames
  }
  download(writer.finish(), "image/gif", name);
  part.gif.disabled = false;
  label.textContent = words().gif;
});
