/* A part of a form with buttons that add and remove rows: [data-builder], with an id. */
"use strict";

/* Input that is typed while the answer is awaited is copied into the answer. */
let sentValues = new Map();
const controlsOf = (root) => [...root.querySelectorAll("input:not([type=hidden]), select, textarea")];
function valuesOf(root) {
  const values = new Map(), seen = {};
  for (const control of controlsOf(root)) {
    if (!control.name) continue;
    seen[control.name] = (seen[control.name] ?? -1) + 1;
    values.set(`${control.name} ${seen[control.name]}`, control);
  }
  return values;
}
document.addEventListener("htmx:beforeRequest", ({ detail }) => {
  if (!detail.target?.matches("[data-builder]")) return;
  sentValues = new Map([...valuesOf(detail.target)].map(([key, control]) => [key, control.value]));
});
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const builder = detail.target;
  if (!builder?.matches("[data-builder]") || !detail.shouldSwap) return;
  const typed = new Map();
  for (const [key, control] of valuesOf(builder)) {
    if (control.value !== sentValues.get(key)) typed.set(key, control.value);
  }
  const focused = [...valuesOf(builder)].find(([, control]) => control === document.activeElement)?.[0];
  if (!typed.size && !focused) return;
  document.addEventListener("htmx:afterSettle", () => putBack(builder.id, typed, focused), { once: true });
});
function putBack(id, typed, focused) {
  const builder = document.getElementById(id);
  for (const [key, value] of typed) {
    const control = valuesOf(builder).get(key);
    if (!control || control.id === "saved-audience") continue;
    control.value = value;
    control.dispatchEvent(new Event("input", { bubbles: true }));
  }
  const control = focused && valuesOf(builder).get(focused);
  if (control && typed.has(focused) && document.activeElement !== control) control.focus();
}

/* While an answer is awaited, the form is not submitted: its content would differ from what is
   shown. */
const isBuilding = (root) => root.querySelector("[data-builder].htmx-request, [data-builder] .htmx-request");
document.addEventListener("submit", (event) => {
  if (!isBuilding(event.target)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  showNotice(event.target.dataset.wait);
}, true);
