/* <section data-live="/live/…/" data-state="running" data-told="running, 10 % done"
   data-stale="These numbers are from">: what is in it changes by itself, by server-sent events, or
   by asking every few seconds where they do not come. What is told is read out when it changes.
   Another state than the page was made for: `live-state` on the body, and whoever has
   hx-trigger="live-state from:body" fetches itself anew, and again where that failed; with
   data-reload all the content is, and what was just said above it stays.

   A hidden page listens to nothing, and comes right again as soon as it is looked at. */
"use strict";

{
  const ASK_EVERY = 5_000;
  const STALE_AFTER = 15_000;
  const STREAM_AGAIN_AFTER = 60_000;
  const HIDDEN_FOR = 5_000;

  const voice = document.createElement("p");
  voice.className = "unseen";
  voice.setAttribute("role", "status");

  /* What is there becomes what came: elements stay, so that focus, scroll, open details and moving
     bars stay as they are; only what differs changes. */
  function become(old, next) {
    for (const { name } of [...old.attributes]) {
      if (!next.hasAttribute(name) && !kept(old, name)) old.removeAttribute(name);
    }
    for (const { name, value } of next.attributes) {
      if (old.getAttribute(name) !== value && !kept(old, name)) old.setAttribute(name, value);
    }
    becomeAll(old, next);
  }

  function kept(element, name) {
    return (name === "open" && element.matches("details")) || name === "tabindex";
  }

  /* A child with an id stays who it is when others come or go; the rest is known by its place. */
  function becomeAll(old, next) {
    const stays = (child) => child.id && [...next.children].some((node) => alike(child, node));
    let there = old.firstChild;
    for (const node of next.childNodes) {
      const known = node.id && [...old.children].find((child) => alike(child, node));
      while (known && there !== known && !stays(there)) there = without(there);
      const same = known || (there && alike(there, node) ? there : node.cloneNode(true));
      if (same !== there) {
        if (!known && there && !stays(there)) there = without(there);
        old.insertBefore(same, there);
      }
      if (node.nodeType !== Node.ELEMENT_NODE) {
        if (same.data !== node.data) same.data = node.data;
      } else if (!node.matches(".plot, .legend")) become(same, node); // charts.js sees to these
      there = same.nextSibling;
    }
    while (there) there = without(there);
  }

  /* What comes after it. */
  function without(node) {
    const next = node.nextSibling;
    node.remove();
    return next;
  }

  function alike(one, other) {
    return one.nodeType === other.nodeType && one.nodeName === other.nodeName && one.id === other.id;
  }

  /* hx-swap="become", hx-swap-oob="become": the same for what htmx brings. What came is htmx's at
     once: left to it, a link would lead away until it settles. */
  window.htmx?.defineExtension("become", {
    isInlineSwap: (style) => style === "become",
    handleSwap(style, target, fragment) {
      if (style !== "become") return false;
      become(target, fragment.firstElementChild);
      window.htmx.process(target);
      return [];
    },
  });

  class Live {
    constructor(section) {
      this.section = section;
      this.told = section.dataset.told;
      this.now = Number(this.address().searchParams.get("since"));
      this.heard();
      this.note = document.createElement("p");
      this.note.className = "stale notice is-warning";
      this.note.setAttribute("role", "status");
      section.after(this.note);
      this.start();
      this.growing = setInterval(() => this.grow(), 1_000);
    }

    end() {
      this.stop();
      clearInterval(this.growing);
      this.note.remove();
    }

    /* Where it listens: to nothing from before what it shows, an instant of the server's clock. */
    address() {
      const address = new URL(this.section.dataset.live, location);
      if (this.now) address.searchParams.set("since", this.now);
      return address;
    }

    heard() {
      this.at = Date.now();
      this.note?.replaceChildren();
    }

    /* Older by a second: is it stale, is it time to ask? */
    grow() {
      if (Date.now() - this.at > STALE_AFTER && !this.note.hasChildNodes()) {
        const time = document.createElement("time");
        time.dateTime = new Date(this.at).toISOString();
        time.textContent = new Date(this.at).toLocaleTimeString(document.documentElement.lang, {
          hour: "2-digit", minute: "2-digit",
        });
        this.note.append(`${this.section.dataset.stale} `, time);
      }
    }

    start() {
      this.stop();
      if (document.hidden) return;
      const began = Date.now();
      const stream = (this.stream = new EventSource(this.address()));
      stream.onmessage = ({ data, lastEventId }) => {
        this.hear({ ...JSON.parse(data), now: parseFloat(lastEventId) });
      };
      stream.addEventListener("beat", () => this.hear());
      stream.onerror = () => {
        // While it connects again by itself there is nothing to do.
        if (stream.readyState === EventSource.CLOSED) this.ask();
      };
      // A proxy that keeps back what is streamed never fails: then nothing comes.
      this.patience = setTimeout(() => this.at <= began && this.ask(), 2 * ASK_EVERY);
    }

    stop() {
      this.stream?.close();
      clearTimeout(this.patience);
      clearInterval(this.asking);
    }

    ask() {
      this.stop();
      const again = Date.now() + STREAM_AGAIN_AFTER;
      const once = async () => {
        if (Date.now() > again) return this.start();
        try {
          const answer = await fetch(this.address(), {
            headers: { Accept: "application/json" }, redirect: "error", cache: "no-store",
          });
          if (answer.ok) this.hear(await answer.json());
        } catch {
          // Away, or logged out: after a while the page says that it is stale.
        }
      };
      this.asking = setInterval(once, ASK_EVERY);
      once();
    }

    /* A word; or a beat: that nothing has changed since the last one. */
    hear(word) {
      if (word?.now < this.now) return;
      if (word) [this.missed, this.now] = [word, word.now];
      this.heard();
      const badge = document.getElementById("decisions-waiting");
      if (badge && word?.badge !== undefined) badge.innerHTML = word.badge;
      if ("reload" in this.section.dataset) this.reload();
      else this.show();
      tryAgain();
      document.dispatchEvent(new CustomEvent("live:heard"));
    }

    /* Not stopped before it is there: where this fails, the next word or beat tries it again. */
    async reload() {
      if (!this.missed || this.missed.state === this.section.dataset.state || this.isLoading) return;
      this.isLoading = true;
      const content = { target: "#content", select: "#content", swap: "outerHTML" };
      await window.htmx.ajax("GET", location.href, content).catch(() => {});
      this.isLoading = false;
    }

    /* The last word, unless it is shown already or something is in use: then it waits. */
    show() {
      if (!this.missed || "reload" in this.section.dataset || this.isInUse()) return;
      const { html, state, told } = this.missed;
      this.missed = null;
      const next = document.createElement("template");
      next.innerHTML = html;
      becomeAll(this.section, next.content);
      window.htmx?.process(this.section);
      document.dispatchEvent(new CustomEvent("live:updated"));
      if (this.told !== undefined && told !== this.told && told) voice.textContent = told;
      this.told = told;
      if (state !== (this.section.dataset.state ?? "")) {
        this.section.dataset.state = state;
        failed.clear(); // All fetch themselves.
        document.body.dispatchEvent(new CustomEvent("live-state"));
      }
    }

    /* Nothing moves under the hand of somebody who is in a menu, or who marks text. */
    isInUse() {
      const focused = document.activeElement;
      if (this.section.contains(focused) && focused.closest("details[open].menu, dialog")) return true;
      const marked = document.getSelection();
      return !marked.isCollapsed && this.section.contains(marked.anchorNode);
    }
  }

  /* Who could not fetch itself anew does it at the next word or beat. */
  const failed = new Set();
  for (const trouble of ["htmx:responseError", "htmx:sendError"]) {
    document.addEventListener(trouble, ({ detail: { requestConfig: { elt } } }) => {
      if (elt.matches("[hx-trigger*='live-state']")) failed.add(elt);
    });
  }

  function tryAgain() {
    for (const elt of failed) {
      window.htmx.ajax("GET", elt.getAttribute("hx-get"), { source: elt }).catch(() => {});
    }
    failed.clear();
  }

  let all = [];

  /* With what a swap has brought, and without what it has taken away. */
  function begin() {
    if (!voice.isConnected) document.body.append(voice);
    const gone = all.filter(({ section }) => !section.isConnected);
    gone.forEach((one) => one.end());
    all = all.filter((one) => !gone.includes(one));
    const known = new Set(all.map(({ section }) => section));
    for (const section of document.querySelectorAll("[data-live]")) {
      if (!known.has(section)) all.push(new Live(section));
    }
  }

  /* Whoever had something in use may have left it: it is known once this has run its course. */
  for (const leaves of ["selectionchange", "focusout", "toggle"]) {
    document.addEventListener(leaves, () => setTimeout(() => all.forEach((one) => one.show())), true);
  }

  let leaving;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(leaving);
    // A browser opens six connections to a host, and each page that is open may be one.
    if (document.hidden) leaving = setTimeout(() => all.forEach((one) => one.stop()), HIDDEN_FOR);
    else all.forEach((one) => one.start());
  });
  window.addEventListener("online", () => all.forEach((one) => one.start()));
  window.addEventListener("pagehide", () => all.forEach((one) => one.stop()));
  window.addEventListener("pageshow", (event) => event.persisted && all.forEach((one) => one.start()));
  document.addEventListener("htmx:afterSwap", begin);
  begin();
}
