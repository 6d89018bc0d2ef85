/* What every page needs of JavaScript. All of it is a comfort: without it forms still post, and
   confirmations still have pages of their own. */
"use strict";

/* An answer that is an error (a field is wrong, the state changed meanwhile) is shown like any
   other: the server has written it for the operator's eyes. A whole page is none, unless the part
   that was asked for is in it: no page stands within another. */
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

/* Every request of a page ends. What somebody pressed is given up soon; what is typed or counted
   may take as long as the server gives itself. */
const PRESSED_FOR = 8_000, COUNTED_FOR = 35_000;
const isPressed = (event) => ["click", "submit"].includes(event?.type);
document.addEventListener("htmx:configRequest", ({ detail }) => {
  const waits = isPressed(detail.triggeringEvent) || detail.elt.closest("[data-builder]");
  detail.timeout = waits ? PRESSED_FOR : COUNTED_FOR;
});

/* What somebody did failed: a link leads to its own page, which says why; for the rest it is said
   above the content, until something works. Where no answer came, a link's own page is the way out.
   What the page fetches by itself says nothing. */
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

/* Once the server is heard again, a failure from before is over; it stays for as long as it takes
   to read it. */
const NOTICE_SHOWN_FOR = 10_000;
let noticeShownAt = 0;
document.addEventListener("live:received", () => {
  if (Date.now() - noticeShownAt > NOTICE_SHOWN_FOR) notices.remove();
});

/* What is read out is read out when it changes, and not each time that it is found to be the same. */
document.addEventListener("htmx:oobBeforeSwap", (event) => {
  const { target, fragment } = event.detail;
  const isSame = target.textContent.trim() === fragment.textContent.trim();
  if (target.matches(".unseen[role=status]") && isSame) event.detail.shouldSwap = false;
});

/* A part is asked for as the page is: another language or zone, chosen in another tab, comes into an
   open page as a whole and never piece by piece. And who asks by itself is not sent to the login. */
document.addEventListener("htmx:configRequest", ({ detail: { headers, triggeringEvent } }) => {
  const { lang, dataset: { zone } } = document.documentElement;
  Object.assign(headers, { "X-Page-Language": lang, "X-Page-Zone": zone });
  if (!triggeringEvent?.isTrusted) headers["X-By-Itself"] = "true";
});

/* Each page that opens says how it is read, and those that are read otherwise say that they are. */
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

/* A link with Ctrl, ⌘ or Shift opens a tab or a window, also where a click would open the dialog. */
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  if (link && (event.ctrlKey || event.metaKey || event.shiftKey)) event.stopPropagation();
}, true);

/* What is typed is one search, and no new entry of the history; what is chosen or sent is one, unless
   it is the search that is there already. */
document.addEventListener("htmx:beforeHistoryUpdate", ({ detail: { history, requestConfig } }) => {
  const isTyped = requestConfig?.triggeringEvent?.type === "input";
  const isThere = new URL(history.path, location).href === location.href;
  if (isTyped || isThere) history.type = "replace";
});

/* A form is sent once: pressing again, while the answer is under way, does nothing. After a while
   it does, and that is said: what was stopped, or hangs, has no answer. */
const DOUBLE_CLICK = 1_000, UPLOADED_FOR = 600_000;
/* The second half of a double click that began on the page before presses nothing of this one, which
   nobody has read yet. */
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
  if (isUpload) return; // which may take its time, and would begin anew
  hanging = setTimeout(() => showNotice(document.body.dataset.unanswered), PRESSED_FOR);
});
window.addEventListener("pageshow", () => {
  sent = new WeakMap();
  clearTimeout(hanging);
});

/* A choice of its own, and what belongs to it: <fieldset data-either="hours" data-chosen-by="between">
   hides its [data-part] and sends nothing of it unless "between" is chosen. Writing there chooses. */
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

/* What Enter presses where only a button may: components/no_implicit_submit.html. */
document.addEventListener("submit", (event) => {
  if (event.submitter?.getAttribute("formmethod") !== "dialog") return;
  event.preventDefault();
  event.stopImmediatePropagation();
}, true);

/* What a browser cannot read it would send as empty: it is an error at the field. */
document.addEventListener("submit", (event) => {
  const unread = [...event.target.elements].find((control) => control.validity?.badInput);
  if (!unread) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  unread.setAttribute("aria-invalid", "true");
  unread.reportValidity();
}, true);

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
   What it was opened from has the focus again once it is closed, as dialogs do by themselves.
   While one is on its way or open, there is no other; one that hangs makes place for the next. */
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

/* Pressed and let go beside it, on what is behind: not on its edge, not at the end of a selection
   that began within it, and not once something was written in it. */
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
/* Coming back, a browser ticks again what was ticked. */
window.addEventListener("pageshow", () => {
  for (const group of document.querySelectorAll("[data-sum]")) addUp(group);
});

/* <button data-print hidden>: where there is JavaScript it prints the page. */
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
