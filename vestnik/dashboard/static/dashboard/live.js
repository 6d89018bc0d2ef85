/* <section data-live data-topic="mailing:12" data-since="1764403200.5" data-state="running"
   data-revision="…" data-told="running, 10 % done" data-stale="These numbers are from">: a section
   that updates itself (see live-stream.js). `data-told` is announced when it changes. If the state or
   the revision differs from that of the page, the body gets `live-state`, and each element with
   hx-trigger="live-state from:body" refreshes itself, and retries after a failure. With data-reload
   the whole content is refreshed, and the messages above it stay.

   A hidden page has no subscription, and is updated as soon as it is visible again. */
"use strict";

{
  const STALE_AFTER = 12_000;
  const BEHIND_AFTER = 8_000;
  const ANSWERED_WITHIN = 10_000;
  const HIDDEN_FOR = 5_000;

  const labels = document.getElementById("live").dataset;
  const { lang, dataset: { zone } } = document.documentElement;
  const { becomeAll, heldSince } = window.becoming;

  const announcer = document.createElement("p");
  announcer.className = "unseen";
  announcer.setAttribute("role", "status");

  /* Times as the page writes them: in its zone, with 24 hours. */
  function clock(instant) {
    const time = document.createElement("time");
    time.dateTime = new Date(instant).toISOString();
    time.textContent = new Date(instant).toLocaleTimeString(lang, { timeZone: zone, hourCycle: "h23" });
    return time;
  }

  class Note {
    constructor(className) {
      this.element = document.createElement("p");
      this.element.className = `notice is-warning ${className}`;
      this.element.setAttribute("role", "status");
    }

    /* Only on a change, since screen readers announce each update. */
    say(text, since) {
      if (this.text === text && this.since === since) return;
      [this.text, this.since] = [text, since];
      this.element.replaceChildren(...(text ? [`${text} `, ...(since ? [clock(since)] : [])] : []));
    }
  }

  class Live {
    constructor(section) {
      this.section = section;
      this.key = `${section.dataset.topic},${lang},${zone}`;
      this.since = this.now = Number(section.dataset.since) || 0;
      this.told = section.dataset.told;
      this.note = new Note("stale");
      section.after(this.note.element);
      this.markFresh();
    }

    end() {
      this.note.element.remove();
    }

    markFresh() {
      this.at = Date.now();
      this.note.say("");
    }

    checkStale() {
      if (Date.now() - this.at > STALE_AFTER) this.note.say(this.section.dataset.stale, this.at);
    }

    /* An event, or a heartbeat. Events older than the shown data are ignored. But if later polls
       confirm the last event, its content is current; the second heartbeat covers only polls after
       that event. */
    receive(update, isPolled) {
      this.isPolled = isPolled;
      if (update && update.now < this.now) {
        this.early = { update, beats: 0 };
        return;
      }
      this.markFresh();
      if (update) this.early = undefined;
      else if (this.early && ++this.early.beats > 1) [update, this.early] = [this.early.update, undefined];
      if (update) {
        this.now = Math.max(this.now, update.now);
        fillSlots({ ...update.slots, "action-item-count": update.badge });
        this.show(update);
      }
      const isOther = this.update && this.isOther(this.update);
      if (isOther && "reload" in this.section.dataset) this.reload();
      else if (isOther) this.refresh(this.update);
      tryAgain();
      document.dispatchEvent(new CustomEvent("live:received"));
    }

    show(update) {
      this.update = update;
      const next = document.createElement("template");
      next.innerHTML = update.html;
      becomeAll(this.section, next.content);
      window.htmx?.process(this.section);
      document.dispatchEvent(new CustomEvent("live:updated"));
      if (this.told !== undefined && update.told !== this.told && update.told) announcer.textContent = update.told;
      this.told = update.told;
    }

    isOther({ state, revision }) {
      const { dataset } = this.section;
      return state !== (dataset.state ?? "") || revision !== (dataset.revision ?? "");
    }

    refresh({ state, revision }) {
      Object.assign(this.section.dataset, { state, revision });
      failed.clear(); // All fetch themselves.
      document.body.dispatchEvent(new CustomEvent("live-state"));
    }

    /* Stop only once it has arrived: after a failure, the next event or heartbeat tries again. */
    async reload() {
      if (this.isLoading) return;
      this.isLoading = true;
      markBehind("content");
      const content = { target: "#content", select: "#content", swap: "outerHTML" };
      await window.htmx.ajax("GET", location.href, content).catch(() => {});
      this.isLoading = false;
      if (!this.section.isConnected) behind.delete("content");
    }
  }

  /* Other elements of the page that change. */
  function fillSlots(slots) {
    for (const [id, html] of Object.entries(slots)) {
      const element = document.getElementById(id);
      if (!element || html === undefined || (!html && id !== "action-item-count")) continue;
      const next = document.createElement("template");
      next.innerHTML = html;
      becomeAll(element, next.content);
    }
  }

  /* --- parts that fetch themselves -------------------------------------------------------------- */

  const OWN = "[hx-trigger*='live-state'], [hx-trigger*='every ']";
  const REQUEST_ERRORS = ["htmx:responseError", "htmx:sendError", "htmx:timeout", "htmx:sendAbort"];

  /* By the part's id: since when it is outdated, its last request, and whether that failed. */
  const behind = new Map();
  const asked = new Map();
  const failed = new Set();

  function markBehind(id) {
    if (!behind.has(id)) behind.set(id, Date.now());
  }

  document.addEventListener("htmx:beforeRequest", ({ detail: { requestConfig, xhr } }) => {
    const { elt } = requestConfig;
    if (!elt.id || !elt.matches(OWN)) return;
    asked.set(elt.id, { at: Date.now(), xhr });
    if (!requestConfig.triggeringEvent?.isTrusted) markBehind(elt.id);
  });
  // By the request, for what asked may be gone from the page by then.
  document.addEventListener("htmx:afterRequest", ({ detail: { requestConfig, successful, xhr } }) => {
    if (successful) behind.delete(requestConfig.elt.id);
    if (successful) logIn("part");
    else if (xhr.status === 401) logOut("part");
  });
  for (const errorType of REQUEST_ERRORS) {
    document.addEventListener(errorType, ({ detail: { requestConfig: { elt } } }) => {
      if (elt.id && elt.matches(OWN)) failed.add(elt.id);
    });
  }

  /* Parts that failed to refresh try again at the next event or heartbeat. */
  function tryAgain() {
    const again = [...failed].map((id) => document.getElementById(id)).filter(Boolean);
    failed.clear();
    for (const elt of again) {
      window.htmx.ajax("GET", elt.getAttribute("hx-get"), { source: elt }).catch(() => {});
    }
  }

  /* By the request: htmx stores it at another element if the part waits for a form (hx-sync). */
  function giveUpSilent(within = ANSWERED_WITHIN) {
    for (const id of behind.keys()) {
      const { at, xhr } = asked.get(id) ?? {};
      if (!document.getElementById(id)) behind.delete(id);
      else if (xhr && Date.now() - at > within && xhr.readyState !== XMLHttpRequest.DONE) xhr.abort();
    }
  }

  /* --- notices --------------------------------------------------------------------------------- */

  const notes = document.createElement("div");
  notes.className = "floating";
  const [holding, lagging, ended, polled] = ["is-held", "is-behind", "is-logged-out", "is-polled"].map((name) => new Note(name));
  notes.append(holding.element, lagging.element, ended.element, polled.element);

  function updateNotes() {
    const since = heldSince();
    holding.say(since ? labels.held : "", since);
    const oldest = Math.min(...behind.values());
    lagging.say(Date.now() - oldest > BEHIND_AFTER ? labels.behind : "", oldest);
    polled.say(all.some((one) => one.isPolled) ? labels.polled : "");
  }

  /* The notice is shown once: a stream continues for some minutes after the session has ended. */
  const out = new Set();

  function logIn(whose) {
    out.delete(whose);
    if (!out.size) ended.say("");
  }

  function logOut(whose) {
    out.add(whose);
    if (ended.text) return;
    ended.say(labels.loggedOut);
    const link = document.createElement("a");
    link.href = `${labels.login}?${new URLSearchParams({ next: location.pathname + location.search })}`;
    link.textContent = labels.logIn;
    ended.element.append(link);
  }

  setInterval(() => {
    all.forEach((one) => one.checkStale());
    giveUpSilent();
    updateNotes();
  }, 1_000);
  document.addEventListener("selectionchange", () => setTimeout(updateNotes));

  /* --- the connection --------------------------------------------------------------------------- */

  let all = [];
  const script = document.getElementById("live-stream").src;
  const connection = new window.LiveConnection(script, labels.address, ({ on, update, isPolled, isLoggedOut, wasSilent }) => {
    if (isLoggedOut) return logOut("stream");
    if (wasSilent) return giveUpSilent(0);
    logIn("stream");
    for (const one of all) if (one.key === on) one.receive(update, Boolean(isPolled));
  });

  function listen() {
    connection.want(new Map(all.map(({ key, now }) => [key, now])));
  }

  function wake() {
    if (document.hidden) return;
    clearTimeout(leaving);
    listen();
    connection.wake();
  }

  /* Include elements that a swap has added, and drop removed ones. */
  function begin() {
    if (!announcer.isConnected) document.body.append(announcer, notes);
    const gone = all.filter(({ section }) => !section.isConnected);
    const known = new Set(all.map(({ section }) => section));
    const come = [...document.querySelectorAll("[data-topic]")].filter((section) => !known.has(section));
    if (!gone.length && !come.length) return;
    gone.forEach((one) => one.end());
    all = all.filter((one) => !gone.includes(one)).concat(come.map((section) => new Live(section)));
    if (!document.hidden) listen();
  }

  let leaving;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(leaving);
    if (document.hidden) leaving = setTimeout(() => connection.want(new Map()), HIDDEN_FOR);
    else wake();
  });
  window.addEventListener("online", wake);
  window.addEventListener("pagehide", () => connection.want(new Map()));
  window.addEventListener("pageshow", (event) => event.persisted && wake());
  document.addEventListener("htmx:afterSwap", begin);
  begin();
}
