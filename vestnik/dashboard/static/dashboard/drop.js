/* Drag and drop of a file onto its field; the field also works without it. */
"use strict";

for (const zone of document.querySelectorAll("[data-drop]")) {
  const input = zone.querySelector("input[type=file]");
  const several = zone.querySelector("[data-several]");
  const mark = (isOver) => zone.classList.toggle("is-over", isOver);
  zone.addEventListener("dragover", (event) => {
    event.preventDefault();
    mark(true);
  });
  zone.addEventListener("dragleave", () => mark(false));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    mark(false);
    const { files } = event.dataTransfer;
    several.hidden = files.length < 2;
    if (files.length === 1) input.files = files;
  });
  input.addEventListener("change", () => { several.hidden = true; });
}
