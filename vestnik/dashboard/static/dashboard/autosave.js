/* Autosave: the input of a page is stored on the server, under a token in the page's address.
   Whatever the browser opens again (back, reload, a second tab, another language or theme,
   yesterday's session) is restored from there. Leaving a page with data-warn shows a warning if its
   input has changed. */
"use strict";

for (const form of document.querySelectorAll("form[data-autosave]")) autosaveForm(form);

function autosaveForm(form) {
  const page = form.getAttribute("action") || location.pathname;
  const address = () => `${page}?${form.dataset.autosave}=${form.elements.token.value}`;
  const FOOT_WAITS_FOR = 2_000;
  const MOST_KEPT_ALIVE = 60_000; // browsers refuse more from a page that is left
  let isChanged = "changed" in form.dataset, isSent = false, timer = 0, sending = null;
  let last = isChanged ? written() : "";
  if (isChanged) replaceAddress(form.dataset.changed);

  /* Passwords, files and fields of a single request are not stored. */
  function written() {
    const data = new FormData(form);
    for (const name of ["counted", "test_numbers", "test_token"]) data.delete(name);
    for (const { name } of form.querySelectorAll("[type=password]")) data.delete(name);
    return new URLSearchParams([...data].filter(([, value]) => typeof value === "string")).toString();
  }

  /* From now on the address restores the input, also after a change of language or theme. */
  function replaceAddress(there = address()) {
    if (location.pathname + location.search === there) return;
    history.replaceState(history.state, "", there);
    for (const next of document.querySelectorAll(".foot [name=next]")) next.value = there;
  }

  async function save(keepalive = false) {
    clearTimeout(timer);
    const body = written();
    if (isSent || !isChanged || body === last) return;
    if (sending && !keepalive) return sending.then(() => save());
    sending = post(body, keepalive);
    await sending;
    sending = null;
  }

  async function post(body, keepalive) {
    try {
      const answer = await fetch(`${page}?autosave`, {
        method: "POST",
        body: new URLSearchParams(`${body}&do=autosave`),
        headers: { "HX-Request": "true" },
        keepalive: keepalive && body.length < MOST_KEPT_ALIVE,
        signal: AbortSignal.timeout(10_000),
      });
      if (isSent) return;
      showLost(LOST[answer.status]);
      if (!answer.ok) return;
      last = body;
      replaceAddress();
      showSaved();
    } catch {
      /* The next change tries again. */
    }
  }

  /* Input that is not stored would be lost with the page, so the user is told what to do. */
  const LOST = { 409: "done", 413: "large" };
  const lost = document.createElement("p");
  lost.className = "notice is-warning";
  lost.setAttribute("role", "alert");
  function showLost(why) {
    const words = why ? form.dataset[why] : "";
    if (!words) return lost.remove();
    if (lost.textContent !== words) lost.textContent = words;
    if (!lost.isConnected) form.prepend(lost);
  }

  function showSaved() {
    const status = document.getElementById("autosaved");
    if (!status) return;
    const clock = new Date().toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit", hour12: false, timeZone: form.dataset.zone });
    status.textContent = `${form.dataset.kept} ${clock}`;
  }

  function change() {
    isChanged = true;
    clearTimeout(timer);
    timer = setTimeout(save, 700);
  }

  form.addEventListener("input", ({ target }) => { if (target.id !== "test-numbers") change(); });
  form.addEventListener("change", ({ target }) => { if (target.id !== "test-numbers") change(); });
  document.body.addEventListener("audience-changed", change);
  document.addEventListener("submit", (event) => {
    if (event.target === form && !event.defaultPrevented) isSent = true;
  });

  /* A change of language or theme waits until the input is stored, and restores it. */
  document.addEventListener("submit", async (event) => {
    const { target, submitter } = event;
    if (!target.closest(".foot") || isSent || !isChanged) return;
    event.preventDefault();
    await Promise.race([save(), new Promise((go) => setTimeout(go, FOOT_WAITS_FOR))]);
    isSent = true;
    target.requestSubmit(submitter);
  }, true);

  addEventListener("beforeunload", (event) => {
    if (!isChanged || isSent) return;
    save(true);
    if ("warn" in form.dataset) event.preventDefault();
  });
  addEventListener("pagehide", () => save(true));
  /* A page from the back-forward cache is counted again. */
  addEventListener("pageshow", (event) => {
    isSent = false;
    if (event.persisted) document.body.dispatchEvent(new CustomEvent("audience-changed"));
  });
}
