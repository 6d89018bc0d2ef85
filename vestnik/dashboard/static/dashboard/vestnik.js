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
