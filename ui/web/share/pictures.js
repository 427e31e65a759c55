// Pictures that carry their settings: dropped on the page, pasted, or chosen, they are drawn again.

import { NoSettings, settingsOf } from "./png_settings.js";

// What a picture says of a view, unchecked. Throws NoSettings.
export async function viewOfPicture(file) {
  const { tab, ...values } = await settingsOf(file);
  return { tab: tab ?? ("digit" in values && "t" in values ? "noise" : "generate"), values };
}

// open(file) for every picture that reaches the place, the document or an element; `area` is shown while one hovers over it.
export function takePictures(place, area, open) {
  let inside = 0; // elements that the picture has entered and not left
  const show = (count) => {
    inside = count;
    area.hidden = inside <= 0;
  };
  const on = (name, act) => place.addEventListener(name, (event) => hasFiles(event) && act(event));
  on("dragenter", () => show(inside + 1));
  on("dragleave", () => show(inside - 1));
  on("dragover", (event) => event.preventDefault());
  on("drop", (event) => {
    show(0);
    if (event.defaultPrevented) return; // something on the page takes it
    event.preventDefault();
    open(event.dataTransfer.files[0]);
  });
  place.addEventListener("paste", ({ clipboardData }) => {
    const [file] = clipboardData?.files ?? [];
    if (file?.type.startsWith("image/")) open(file);
  });
}

function hasFiles(event) {
  return event.dataTransfer?.types.includes("Files");
}

// A key of words for why a picture cannot be opened.
export function reasonOf(error) {
  return error instanceof NoSettings ? error.message : "share.unreadable_file";
}
