/* Comforts of the pages on which a mailing or an audience is written. Without them the same forms
   post: every field is shown, and a button adds, removes or counts. */
"use strict";

/* Only the fields that the condition asks for, and suggestions that fit it. */
const SUGGESTED = { code: "known-codes", tag: "known-tags" };

function fitCondition(condition) {
  const what = condition.querySelector("[data-what]").value;
  for (const part of condition.querySelectorAll("[data-for]")) {
    part.hidden = !part.dataset.for.split(" ").includes(what);
  }
  for (const input of condition.querySelectorAll("[data-value]")) {
    input.setAttribute("list", SUGGESTED[what] || "");
    if (what === "code") input.inputMode = "numeric";
    else input.removeAttribute("inputmode");
  }
}

/* There is always one more empty place for a value. */
function addPlace(input) {
  const places = [...input.parentElement.querySelectorAll("[data-value]")];
  if (input !== places[places.length - 1] || !input.value || places.length > 20) return;
  const next = input.cloneNode();
  next.value = "";
  next.removeAttribute("value");
  next.placeholder = places.length > 1 ? input.placeholder : input.dataset.more;
  input.after(next);
}

/* {{ city|default:"…" }} at the caret, with the default selected to be written over. */
function insertPlaceholder(button) {
  const text = document.getElementById("id_text");
  const start = text.selectionStart;
  const head = `{{ ${button.dataset.insert}|default:"`;
  text.setRangeText(`${head}${button.dataset.defaultText}" }}`, start, text.selectionEnd, "end");
  text.focus();
  text.setSelectionRange(start + head.length, start + head.length + button.dataset.defaultText.length);
  text.dispatchEvent(new Event("input", { bubbles: true }));
}

/* One example at a time. */
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
/* At once, so that the other examples are never seen. */
document.addEventListener("htmx:afterSwap", (event) => fitSamples(event.target));
document.addEventListener("htmx:afterSettle", (event) => fitConditions(event.target));
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-what]")) fitCondition(event.target.closest("[data-condition]"));
});
document.addEventListener("input", (event) => {
  if (event.target.matches("[data-value]")) addPlace(event.target);
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-insert]");
  if (button) insertPlaceholder(button);
});

/* Enter in a field counts, which the page does by itself anyway: only a button sends. */
document.addEventListener("submit", (event) => {
  if (event.submitter?.matches("[data-default]")) event.preventDefault();
}, true);
