/* What every page needs of JavaScript. All of it is a comfort: without it forms still post, and
   confirmations still have pages of their own. */
"use strict";

/* An answer that is an error (a field is wrong, the state changed meanwhile) is shown like any
   other: the server has written it for the operator's eyes. */
document.addEventListener("htmx:beforeSwap", (event) => {
  const status = event.detail.xhr.status;
  if (status === 400 || status === 403 || status === 409 || status === 422) {
    event.detail.shouldSwap = true;
    event.detail.isError = false;
  }
});

/* Wide tables scroll within themselves, and by the keyboard too. */
function makeScrollable(root) {
  for (const element of root.querySelectorAll(".scroll")) {
    element.tabIndex = element.scrollWidth > element.clientWidth ? 0 : -1;
  }
}
document.addEventListener("DOMContentLoaded", () => makeScrollable(document));
document.addEventListener("htmx:afterSwap", () => makeScrollable(document));
window.addEventListener("resize", () => makeScrollable(document));

/* A confirmation that has a page of its own opens in the dialog: hx-get="…" hx-target="#dialog".
   What it was opened from has the focus again once it is closed, as dialogs do by themselves. */
document.addEventListener("htmx:afterSwap", (event) => {
  const dialog = event.detail.target;
  if (dialog.id === "dialog" && !dialog.open) dialog.showModal();
});
document.addEventListener("click", (event) => {
  const dialog = document.getElementById("dialog");
  if (event.target.closest("#dialog [data-close]")) {
    event.preventDefault();
    dialog.close();
  } else if (event.target === dialog) {
    dialog.close(); // beside it, on what is behind
  }
});

/* What is shown once is copied by a button. Without a secure origin there is no clipboard to write
   to, so the text is selected, ready for Ctrl-C. */
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = document.querySelector(button.dataset.copy);
  source.select();
  try {
    await navigator.clipboard.writeText(source.value);
    button.textContent = button.dataset.copied;
  } catch {
    source.focus();
  }
});

/* <fieldset data-sum="total">: <output id="total"> is the sum of what is ticked. */
document.addEventListener("change", (event) => {
  const group = event.target.closest("[data-sum]");
  if (!group) return;
  const ticked = [...group.querySelectorAll("[data-count]:checked")];
  const sum = ticked.reduce((all, box) => all + Number(box.dataset.count), 0);
  document.getElementById(group.dataset.sum).textContent =
    sum.toLocaleString(document.documentElement.lang);
});

/* <button data-print hidden>: where there is JavaScript it prints the page. */
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
