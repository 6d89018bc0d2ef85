/* Enhancements of the pages that edit a mailing or an audience. Without them the same forms work by
   posting: all fields are shown, and buttons add, remove and count. */
"use strict";

/* Show only the fields that the kind of condition uses, with suggestions for it. */
const SUGGESTED = { code: "known-codes", tag: "known-tags" };

/* Suggest values that clients have for the chosen attribute. */
function suggestedFor(condition, what) {
  if (what !== "equals") return SUGGESTED[what] || "";
  const name = condition.querySelector("[list='known-names']").value.trim();
  const lists = [...document.querySelectorAll("[data-values-of]")];
  return lists.find((list) => list.dataset.valuesOf === name)?.id || "";
}

function fitCondition(condition) {
  const what = condition.querySelector("[data-what]").value;
  for (const part of condition.querySelectorAll("[data-for]")) {
    part.hidden = !part.dataset.for.split(" ").includes(what);
  }
  for (const input of condition.querySelectorAll("[data-value]")) {
    input.setAttribute("list", suggestedFor(condition, what));
    if (what === "code") input.inputMode = "numeric";
    else input.removeAttribute("inputmode");
  }
}

/* Keep one empty input at the end. */
function addPlace(input) {
  const places = [...input.parentElement.querySelectorAll("[data-value]")];
  if (input !== places[places.length - 1] || !input.value || places.length > 20) return;
  const next = input.cloneNode();
  next.value = "";
  next.removeAttribute("value");
  next.placeholder = places.length > 1 ? input.placeholder : input.dataset.more;
  input.after(next);
}

/* Pasted lines become separate values. */
function pasteLines(event) {
  const input = event.target;
  const lines = (event.clipboardData?.getData("text") || "").split(/[\r\n\t]+/).map((line) => line.trim());
  const values = lines.filter(Boolean);
  if (values.length < 2) return;
  event.preventDefault();
  if (input.id === "test-numbers") {
    input.setRangeText(values.join(", "), input.selectionStart, input.selectionEnd, "end");
  } else pasteValues(input, values);
  input.dispatchEvent(new Event("input", { bubbles: true }));
}

function pasteValues(input, values) {
  const group = input.parentElement;
  const places = [...group.querySelectorAll("[data-value]")];
  const kept = places.filter((place) => place !== input && place.value).map((place) => place.value);
  const all = [...kept, ...values];
  const first = places[0];
  for (const place of places.slice(1)) place.remove();
  if (all.length <= 20) {
    first.value = all[0];
    let last = first;
    for (const value of [...all.slice(1), ""]) {
      const next = first.cloneNode();
      next.value = value;
      next.placeholder = first.dataset.more;
      last.after(next);
      last = next;
    }
    return last.focus();
  }
  const lines = document.createElement("textarea");
  lines.name = first.name;
  lines.rows = 4;
  lines.setAttribute("aria-label", first.getAttribute("aria-label"));
  lines.value = all.join("\n");
  first.replaceWith(lines);
  lines.focus();
  lines.dispatchEvent(new Event("input", { bubbles: true }));
}

document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.elt.id === "send-test" && isBuilding(document)) event.preventDefault();
});

/* After a change the count belongs to the old conditions, so it proves nothing. */
document.addEventListener("input", ({ target }) => {
  if (target.closest("#counted")) document.querySelector("#preview [name=counted]")?.remove();
});

/* A count that could not be refreshed is removed. */
for (const errorType of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(errorType, ({ detail }) => {
    const preview = document.getElementById("preview");
    if (detail.elt !== preview) return;
    preview.querySelector("[name=counted]")?.remove();
    preview.querySelector("h2").textContent = preview.dataset.uncounted;
    for (const stale of preview.querySelectorAll(".summary, .notice")) stale.remove();
    document.getElementById("announced").textContent = preview.dataset.uncounted;
  });
}

/* An error from a submission, such as a conflict, stays until its field is changed: the automatic
   preview does not know it. */
document.addEventListener("htmx:oobBeforeSwap", ({ detail }) => {
  if (detail.target.matches(".field-errors[data-sent]")) detail.shouldSwap = false;
});
for (const change of ["input", "change"]) {
  document.addEventListener(change, ({ target }) => {
    document.getElementById(`${target.id}_why`)?.removeAttribute("data-sent");
  });
}

/* Show the server's errors at their fields while the user types. */
document.addEventListener("htmx:oobAfterSwap", ({ detail: { target } }) => {
  if (!target.matches(".field-errors")) return;
  const control = document.getElementById(target.id.replace(/_why$/, ""));
  const error = target.querySelector(".error");
  if (!control?.matches("input, select, textarea")) return;
  if (error) control.setAttribute("aria-invalid", "true");
  else control.removeAttribute("aria-invalid");
  const described = new Set((control.getAttribute("aria-describedby") || "").split(" ").filter(Boolean));
  described[error ? "add" : "delete"](`${control.id}_error`);
  if (described.size) control.setAttribute("aria-describedby", [...described].join(" "));
  else control.removeAttribute("aria-describedby");
});

/* The result of a test belongs to the text that was sent; if the text differs, a notice says so. */
function fitTested() {
  const note = document.querySelector("#test-result [data-tested]");
  if (note) note.hidden = note.dataset.tested === document.getElementById("id_text").value;
}
document.addEventListener("input", ({ target }) => { if (target.id === "id_text") fitTested(); });
document.addEventListener("htmx:afterSwap", fitTested);

/* Insert {{ city|default:"…" }} at the caret, with the default selected. */
function insertPlaceholder(button) {
  const text = document.getElementById("id_text");
  const start = text.selectionStart;
  const head = `{{ ${button.dataset.insert}|default:"`;
  text.setRangeText(`${head}${button.dataset.defaultText}" }}`, start, text.selectionEnd, "end");
  text.focus();
  text.setSelectionRange(start + head.length, start + head.length + button.dataset.defaultText.length);
  text.dispatchEvent(new Event("input", { bubbles: true }));
}

/* Show one example at a time. */
function showSample(samples, index) {
  samples.forEach((sample, n) => { sample.hidden = n !== index % samples.length; });
}
function fitSamples(root) {
  for (const group of root.querySelectorAll("[data-samples]")) {
    const samples = [...group.querySelectorAll("[data-sample]")];
    showSample(samples, 0);
    for (const [n, sample] of samples.entries()) {
      const next = sample.querySelector("[data-next]");
      next.hidden = samples.length < 2;
      next.addEventListener("click", () => {
        showSample(samples, n + 1);
        samples[(n + 1) % samples.length].querySelector("[data-next]").focus();
      });
    }
  }
}

function fitConditions(root) {
  root.querySelectorAll("[data-condition]").forEach(fitCondition);
}

document.addEventListener("DOMContentLoaded", () => {
  fitConditions(document);
  fitSamples(document);
  document.querySelector("[aria-invalid='true']")?.focus();
});
/* At once, so that the other examples do not flash up. */
document.addEventListener("htmx:afterSwap", (event) => fitSamples(event.target));
document.addEventListener("htmx:afterSettle", (event) => fitConditions(event.target));
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-what], [list='known-names']")) fitCondition(event.target.closest("[data-condition]"));
});
document.addEventListener("input", (event) => {
  if (event.target.matches("[data-value]")) addPlace(event.target);
});
document.addEventListener("paste", (event) => {
  if (event.target.matches("[data-value], #test-numbers")) pasteLines(event);
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-insert]");
  if (button) insertPlaceholder(button);
});
