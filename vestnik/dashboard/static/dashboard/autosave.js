/* What is written on a page keeps itself on the server, and the page's address says where: whatever
   the browser opens again (back, reload, a second tab, the session of yesterday) comes from there,
   and is whole. Leaving a page on which something is written warns. */
"use strict";

for (const form of document.querySelectorAll("form[data-autosave]")) keepForm(form);

function keepForm(form) {
  const address = () => `${form.getAttribute("action")}?${form.dataset.autosave}=${form.elements.token.value}`;
  let isChanged = form.hasAttribute("data-changed"), isSent = false, timer = 0, sending = null;
  let last = isChanged ? written() : "";
  if (isChanged) beThere();

  function written() {
    const data = new FormData(form);
    for (const name of ["counted", "test_numbers", "test_token"]) data.delete(name);
    return new URLSearchParams([...data]).toString();
  }

  /* From now on the address opens what is kept, also after a change of language or theme. */
  function beThere() {
    if (location.pathname + location.search === address()) return;
    history.replaceState(history.state, "", address());
    for (const next of document.querySelectorAll(".foot [name=next]")) next.value = address();
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
      const answer = await fetch(`${form.getAttribute("action")}?autosave`, {
        method: "POST",
        body: new URLSearchParams(`${body}&do=autosave`),
        headers: { "HX-Request": "true" },
        keepalive,
      });
      if (!answer.ok || isSent) return;
      last = body;
      beThere();
      tell();
    } catch {
      /* It is tried again at the next change. */
    }
  }

  function tell() {
    const status = document.getElementById("autosaved");
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
    if (event.target.closest(".foot")) { save(true); isSent = true; }
  });
  addEventListener("beforeunload", (event) => {
    if (isChanged && !isSent) event.preventDefault();
  });
  addEventListener("pagehide", () => save(true));
  /* A page that comes back as it was is counted anew. */
  addEventListener("pageshow", (event) => {
    isSent = false;
    if (event.persisted) document.body.dispatchEvent(new CustomEvent("audience-changed"));
  });
}
