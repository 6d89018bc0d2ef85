/* The JavaScript of every page. All of it is optional: without it forms still post, and
   confirmations have pages of their own. */
"use strict";

/* An answer with an error (a wrong field, a changed state) is shown like any other, since the
   server has rendered it for the user. A whole page is not shown unless it contains the requested
   part: no page is nested in another. */
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const part = detail.select || detail.requestConfig.elt.closest("[hx-select]")?.getAttribute("hx-select");
  const page = wholePage(detail.xhr);
  if (page && !(part && page.querySelector(part))) {
    detail.shouldSwap = false;
    detail.isError = true;
  } else if ([400, 403, 409, 422].includes(detail.xhr.status)) {
    detail.shouldSwap = true;
    detail.isError = false;
  }
});

function wholePage({ responseText }) {
  if (!/^\s*<(!doctype|html)\b/i.test(responseText)) return null;
  return new DOMParser().parseFromString(responseText, "text/html");
}

/* Every request has a time limit: a short one for actions, the server's own for requests while
   typing or counting. */
const PRESSED_FOR = 8_000, COUNTED_FOR = 35_000;
const isPressed = (event) => ["click", "submit"].includes(event?.type);
document.addEventListener("htmx:configRequest", ({ detail }) => {
  const waits = isPressed(detail.triggeringEvent) || detail.elt.closest("[data-builder]");
  detail.timeout = waits ? PRESSED_FOR : COUNTED_FOR;
});

/* A failed action: a link opens its own page, which gives the reason; otherwise a notice is shown
   above the content until something works. Without an answer, the link's own page is offered.
   Background requests fail silently. */
for (const errorType of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(errorType, ({ detail: { xhr, requestConfig: { elt, triggeringEvent } } }) => {
    if (!triggeringEvent?.isTrusted) return;
    const link = elt.matches("a[href]") ? elt : null;
    if (xhr.status && link) return location.assign(link.href);
    const { failed, unanswered } = document.body.dataset;
    showNotice(errorTextOf(xhr) || (errorType === "htmx:timeout" ? unanswered : failed), link);
    if (isPressed(triggeringEvent)) notices.scrollIntoView({ block: "nearest" });
  });
}
document.addEventListener("htmx:afterRequest", ({ detail: { successful, requestConfig } }) => {
  if (successful && requestConfig.triggeringEvent?.isTrusted) notices.remove();
});

function errorTextOf(xhr) {
  const main = xhr.status >= 400 && wholePage(xhr)?.querySelector("main");
  const words = main ? [main.querySelector("h1"), main.querySelector("p")] : [];
  return words.map((element) => element?.textContent.trim()).filter(Boolean).join(". ");
}

const notices = document.createElement("div");
notices.className = "notices";
notices.setAttribute("role", "alert");

function showNotice(text, link = null) {
  const notice = document.createElement("p");
  notice.className = "notice is-error";
  notice.textContent = text;
  if (link) {
    const way = document.createElement("a");
    way.href = link.href;
    way.textContent = `${document.body.dataset.wayOut} ${link.textContent.trim()}`;
    notice.append(" ", way);
  }
  notices.replaceChildren(notice);
  document.getElementById("content").before(notices);
  noticeShownAt = Date.now();
}

/* Once the server answers again, an earlier failure is over; its notice stays long enough to be
   read. */
const NOTICE_SHOWN_FOR = 10_000;
let noticeShownAt = 0;
document.addEventListener("live:received", () => {
  if (Date.now() - noticeShownAt > NOTICE_SHOWN_FOR) notices.remove();
});

/* Announce a live region only when its text changes. */
document.addEventListener("htmx:oobBeforeSwap", (event) => {
  const { target, fragment } = event.detail;
  const isSame = target.textContent.trim() === fragment.textContent.trim();
  if (target.matches(".unseen[role=status]") && isSame) event.detail.shouldSwap = false;
});

/* Request a part in the language and zone of the page: a change in another tab applies to an open
   page as a whole, never to parts. A background request is not redirected to the login. */
document.addEventListener("htmx:configRequest", ({ detail: { headers, triggeringEvent } }) => {
  const { lang, dataset: { zone } } = document.documentElement;
  Object.assign(headers, { "X-Page-Language": lang, "X-Page-Zone": zone });
  if (!triggeringEvent?.isTrusted) headers["X-By-Itself"] = "true";
});

/* Each page broadcasts its language and zone when it opens; pages with other ones show a notice. */
function tellOtherTabs() {
  const { lang, dataset: { zone } } = document.documentElement;
  const reader = [lang, zone, document.body.dataset.user].join();
  const tabs = new BroadcastChannel("vestnik");
  tabs.onmessage = ({ data }) => {
    if (data === reader) elsewhere.remove();
    else document.getElementById("content").before(elsewhere);
  };
  tabs.postMessage(reader);
}
const elsewhere = document.createElement("p");
if (window.BroadcastChannel && document.body.dataset.user) {
  const reload = document.createElement("a");
  Object.assign(reload, { href: location.href, textContent: document.body.dataset.reloadPage });
  elsewhere.className = "notice is-warning";
  elsewhere.setAttribute("role", "status");
  elsewhere.append(`${document.body.dataset.elsewhere} `, reload);
  reload.addEventListener("click", () => { reload.href = location.href; });
  tellOtherTabs();
}

/* A link with Ctrl, ⌘ or Shift opens a tab or a window, also if a click would open the dialog. */
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  if (link && (event.ctrlKey || event.metaKey || event.shiftKey)) event.stopPropagation();
}, true);

/* Typing is one search and adds no entry to the history; choosing or submitting adds one, unless it
   equals the current search. */
document.addEventListener("htmx:beforeHistoryUpdate", ({ detail: { history, requestConfig } }) => {
  const isTyped = requestConfig?.triggeringEvent?.type === "input";
  const isThere = new URL(history.path, location).href === location.href;
  if (isTyped || isThere) history.type = "replace";
});

/* A form is submitted once: a second press is ignored while the answer is awaited. After a while a
   notice allows another one, since a stopped or hanging request gets no answer. */
const DOUBLE_CLICK = 1_000, UPLOADED_FOR = 600_000;
/* Ignore the second half of a double click that began on the previous page, since the user has not
   read this one yet. */
let isClicked = false;
document.addEventListener("click", (event) => {
  if (event.detail > 1 && !isClicked && event.target.closest("form[method=post] button")) {
    event.preventDefault();
    event.stopImmediatePropagation();
  } else isClicked = true;
}, true);
let sent = new WeakMap(), hanging = 0;
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  const since = Date.now() - sent.get(form), isUpload = form.enctype === "multipart/form-data";
  if (since < (isUpload ? UPLOADED_FOR : PRESSED_FOR)) {
    event.preventDefault();
    if (since > DOUBLE_CLICK) showNotice(document.body.dataset.sending);
    return;
  }
  sent.set(form, Date.now());
  clearTimeout(hanging);
  if (isUpload) return; // an upload may take its time, and would start over
  hanging = setTimeout(() => showNotice(document.body.dataset.unanswered), PRESSED_FOR);
});
window.addEventListener("pageshow", () => {
  sent = new WeakMap();
  clearTimeout(hanging);
});

/* An explicit choice with dependent fields: <fieldset data-either="hours" data-chosen-by="between">
   hides its [data-part] and submits none of it unless "between" is chosen. Typing in it chooses it.
*/
function fitChoices(root) {
  for (const group of root.querySelectorAll("[data-either]")) {
    const { either, chosenBy } = group.dataset;
    const chosen = group.querySelector(`[name="${either}"][value="${chosenBy}"]`);
    for (const part of group.querySelectorAll("[data-part]")) {
      const isShown = chosen.checked || part.querySelector(".error");
      part.hidden = !isShown;
      for (const control of part.querySelectorAll("input")) control.disabled = !isShown;
    }
  }
}
document.addEventListener("DOMContentLoaded", () => fitChoices(document));
document.addEventListener("htmx:afterSettle", () => fitChoices(document));
window.addEventListener("pageshow", () => fitChoices(document));
document.addEventListener("change", ({ target }) => {
  if (target.closest("[data-either]")) fitChoices(document);
});
document.addEventListener("input", ({ target }) => {
  const group = target.closest("[data-part]")?.closest("[data-either]");
  if (!group || !target.value) return;
  const { either, chosenBy } = group.dataset;
  group.querySelector(`[name="${either}"][value="${chosenBy}"]`).checked = true;
});

/* The button that Enter presses where Enter must do nothing: components/no_implicit_submit.html. */
document.addEventListener("submit", (event) => {
  if (event.submitter?.getAttribute("formmethod") !== "dialog") return;
  event.preventDefault();
  event.stopImmediatePropagation();
}, true);

/* The browser would submit invalid input as empty, so it is an error at the field. */
document.addEventListener("submit", (event) => {
  const unread = [...event.target.elements].find((control) => control.validity?.badInput);
  if (!unread) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  unread.setAttribute("aria-invalid", "true");
  unread.reportValidity();
}, true);

/* Wide tables scroll by themselves, also by keyboard. */
function makeScrollable(root) {
  for (const element of root.querySelectorAll(".scroll")) {
    element.tabIndex = element.scrollWidth > element.clientWidth ? 0 : -1;
  }
}
document.addEventListener("DOMContentLoaded", () => makeScrollable(document));
document.addEventListener("htmx:afterSwap", () => makeScrollable(document));
window.addEventListener("resize", () => makeScrollable(document));

/* A confirmation with a page of its own opens in the dialog: hx-get="…" hx-target="#dialog". After
   closing, the opener has the focus again, as usual for dialogs. There is one dialog at a time; a
   hanging request makes room for the next. */
let asking = null, askedAt = 0;
document.addEventListener("click", ({ target }) => {
  const isLate = Date.now() - askedAt > DOUBLE_CLICK;
  if (asking && isLate && target.closest("[hx-target='#dialog']")) asking.abort();
}, true);
document.addEventListener("htmx:beforeRequest", (event) => {
  const { target, xhr } = event.detail;
  if (target.id !== "dialog") return;
  if (asking || target.open) event.preventDefault();
  else {
    asking = xhr;
    askedAt = Date.now();
    xhr.addEventListener("loadend", () => { if (asking === xhr) asking = null; });
  }
});
document.addEventListener("htmx:afterSwap", (event) => {
  const dialog = event.target;
  if (dialog.id === "dialog" && !dialog.open) dialog.showModal();
});
document.addEventListener("click", (event) => {
  const dialog = document.getElementById("dialog");
  if (event.target.closest("#dialog [data-close]")) {
    event.preventDefault();
    dialog.close();
  } else if (pressedBeside && isBeside(dialog, event) && !isWrittenIn(dialog)) {
    dialog.close();
  }
});

/* Only a press and release on the backdrop close the dialog: not on its edge, not at the end of a
   selection that began inside, and not once the user has typed in it. */
let pressedBeside = false;
document.addEventListener("pointerdown", (event) => {
  pressedBeside = isBeside(document.getElementById("dialog"), event);
}, true);

function isBeside(dialog, { target, clientX, clientY }) {
  if (target !== dialog) return false;
  const { left, right, top, bottom } = dialog.getBoundingClientRect();
  return clientX < left || clientX > right || clientY < top || clientY > bottom;
}

function isWrittenIn(dialog) {
  return [...dialog.querySelectorAll("input, textarea")].some(
    (field) => field.value !== field.defaultValue || field.checked !== field.defaultChecked,
  );
}

/* Copy button for a value that is shown once. Without a secure origin there is no clipboard, so the
   text is selected for Ctrl-C. */
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

/* <fieldset data-sum="total">: <output id="total"> is the sum of the ticked values. */
function addUp(group) {
  const ticked = [...group.querySelectorAll("[data-count]:checked")];
  const sum = ticked.reduce((all, box) => all + Number(box.dataset.count), 0);
  document.getElementById(group.dataset.sum).textContent =
    sum.toLocaleString(document.documentElement.lang);
}
document.addEventListener("change", (event) => {
  const group = event.target.closest("[data-sum]");
  if (group) addUp(group);
});
/* After Back the browser restores the ticks. */
window.addEventListener("pageshow", () => {
  for (const group of document.querySelectorAll("[data-sum]")) addUp(group);
});

/* <button data-print hidden>: shown with JavaScript, and prints the page. */
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
