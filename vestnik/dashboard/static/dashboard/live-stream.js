/* One connection to the server for all pages of a browser, which opens at most six per host. This
   file is the shared worker; if there is none, each page runs it itself.

   A page subscribes to keys, `topic,language,zone`, each with the time of its data. It receives:
   { on, update }      the current content
   { on, isFresh }   nothing has changed
   { …, isPolled }   beyond the limit of one stream: polled every few seconds
   { isLoggedOut }   the session has ended
   { wasSilent }     the connection was dead: requests under way get no answer */
"use strict";

{
  /* The server sends a heartbeat every four seconds, so that silence reveals a dead connection. */
  const SILENT_AFTER = 10_000;
  const TICK = 1_000;
  /* A tick that is later by as much: the machine, or the tab, was asleep. */
  const ASLEEP = 4_000;
  const BACK_OFF = [500, 1_000, 2_000, 4_000, 8_000, 15_000];
  const REFUSED_FOR = 60_000;
  const REFUSALS = 3;
  const ASK_EVERY = 5_000;
  const ANSWERED_WITHIN = 8_000;
  /* If one connection died silently, other idle connections of the browser have died, too. */
  const CONNECTIONS = 6;
  const FLUSHED_WITHIN = 3_000;
  /* The limit of subscriptions of one stream (subscriptions.MAX_SUBSCRIPTIONS). */
  const MOST = 32;

  class LiveStream {
    constructor(address, tell) {
      [this.address, this.tell] = [address, tell];
      this.wanted = new Map();
      this.updates = new Map();
      this.failures = this.silent = this.again = this.askAt = this.pollAt = 0;
      this.tickedAt = Date.now();
      setInterval(() => this.tick(), TICK);
    }

    want(wanted) {
      const isSame = wanted.size === this.wanted.size && [...wanted.keys()].every((key) => this.wanted.has(key));
      this.wanted = wanted;
      if (isSame) return;
      for (const key of this.updates.keys()) if (!wanted.has(key)) this.updates.delete(key);
      clearTimeout(this.opening);
      this.opening = setTimeout(() => this.open(), 20);
    }

    /* Up to the limit of one stream. */
    url() {
      return this.urlOf([...this.wanted].slice(0, MOST));
    }

    urlOf(wanted) {
      const query = new URLSearchParams();
      for (const [key, since] of wanted) {
        const now = Math.max(Number(since) || 0, this.updates.get(key)?.now || 0);
        query.append("on", key.replace(",", `,${now},`));
      }
      return `${this.address}?${query}`;
    }

    open() {
      this.close();
      if (!this.wanted.size) return this.stopAsking();
      const source = (this.source = new EventSource(this.url()));
      [this.silent, this.hasSpoken] = [0, false];
      source.onmessage = ({ data }) => {
        this.markAlive();
        this.publish(JSON.parse(data));
      };
      source.addEventListener("beat", ({ data }) => {
        this.markAlive();
        for (const on of JSON.parse(data).on) this.tell({ on, isFresh: true });
      });
      source.onerror = () => this.lose(source);
    }

    close() {
      this.source?.close();
      this.source = null;
    }

    /* There are no subscriptions. */
    stopAsking() {
      this.isAsking = false;
      this.answering?.abort();
    }

    markAlive() {
      this.silent = 0;
      if (this.hasSpoken) return;
      this.hasSpoken = true;
      this.failures = 0;
      this.isAsking = false;
    }

    publish(update, isPolled = false) {
      this.updates.set(update.on, update);
      this.tell({ on: update.on, update, isPolled });
    }

    /* Silent for too long. Aborting the request also closes its dead connection. */
    async giveUp() {
      this.close();
      this.again = Infinity;
      this.tell({ wasSilent: true });
      const signal = AbortSignal.timeout(FLUSHED_WITHIN);
      const tries = Array.from({ length: CONNECTIONS }, () => this.fetch(this.address, signal));
      await Promise.allSettled(tries);
      if (this.source) return; // another page has come meanwhile, and with it a new stream
      this.isAsking = true;
      this.ask();
      this.again = 0;
    }

    /* The stream ended or was refused: poll until there is another one. */
    lose(source) {
      if (source !== this.source) return;
      this.close();
      const isRefused = !this.hasSpoken && this.failures >= REFUSALS;
      const wait = isRefused ? REFUSED_FOR : BACK_OFF[Math.min(this.failures, BACK_OFF.length - 1)];
      this.failures += 1;
      this.again = Date.now() + wait * (0.75 + Math.random() / 2);
      this.isAsking = true;
      this.ask();
    }

    tick() {
      const passed = Date.now() - this.tickedAt;
      this.tickedAt = Date.now();
      if (!this.wanted.size) return;
      if (passed > ASLEEP) return this.open();
      this.silent += passed;
      if (this.source && this.silent > SILENT_AFTER) this.giveUp();
      if (!this.source && Date.now() > this.again) this.open();
      if (this.isAsking && Date.now() > this.askAt) this.ask();
      if (this.wanted.size > MOST && Date.now() > this.pollAt) this.poll();
    }

    /* Subscriptions beyond the stream's limit. */
    async poll() {
      this.pollAt = Date.now() + ASK_EVERY;
      const beyond = [...this.wanted].slice(MOST);
      for (let start = 0; start < beyond.length; start += MOST) {
        try {
          const url = this.urlOf(beyond.slice(start, start + MOST));
          await this.answered(await this.fetch(url, AbortSignal.timeout(ANSWERED_WITHIN)), true);
        } catch {
          return; // after a while these pages say that they are stale
        }
      }
    }

    /* The page is visible again, or the network is back. */
    wake() {
      if (!this.wanted.size || (this.source && this.hasSpoken && this.silent < SILENT_AFTER / 2)) return;
      this.failures = 0;
      this.open();
      this.answering?.abort();
      this.answering = null;
      this.ask();
    }

    async ask() {
      this.askAt = Date.now() + ASK_EVERY;
      if (this.answering) return;
      const stopper = (this.answering = new AbortController());
      const timer = setTimeout(() => stopper.abort(), ANSWERED_WITHIN);
      try {
        await this.answered(await this.fetch(this.url(), stopper.signal));
      } catch {
        this.wasAway = true; // after a while the page says that it is stale
      }
      clearTimeout(timer);
      if (this.answering === stopper) this.answering = null;
    }

    /* Without a session the answer is then 401 instead of a redirect to the login. */
    fetch(url, signal) {
      const headers = { Accept: "application/json", "HX-Request": "true", "X-By-Itself": "true" };
      return fetch(url, { headers, redirect: "error", cache: "no-store", signal });
    }

    async answered(answer, isPolled = false) {
      if (answer.status === 401) return this.tell({ isLoggedOut: true });
      if (!answer.ok) return;
      const { words: updates } = await answer.json();
      updates.forEach((update) => this.publish(update, isPolled));
      if (this.wasAway && !isPolled) [this.wasAway, this.failures, this.again] = [false, 0, 0];
    }
  }

  /* --- the worker ------------------------------------------------------------------------------- */

  /* A page repeats its subscriptions every five seconds; one that has vanished does not. */
  const SAY_EVERY = 5_000;
  const GONE_AFTER = 30_000;

  function serve() {
    const pages = new Map();
    let stream;
    const tell = (message) => {
      for (const [port, { wanted }] of pages) {
        if (!message.on || wanted.has(message.on)) port.postMessage(message);
      }
    };
    const fit = () => {
      const all = new Map();
      for (const [port, { wanted, at }] of pages) {
        if (Date.now() - at > GONE_AFTER) pages.delete(port);
        else for (const [key, since] of wanted) all.set(key, Math.min(since, all.get(key) ?? since));
      }
      stream.want(all);
    };
    self.onconnect = ({ ports: [port] }) => {
      port.onmessage = ({ data: { address, wanted, isWaking } }) => {
        stream ??= new LiveStream(address, tell);
        const before = pages.get(port)?.wanted;
        pages.set(port, { wanted, at: Date.now() });
        port.postMessage({ isThere: true });
        for (const key of wanted.keys()) {
          const update = !before?.has(key) && stream.updates.get(key);
          if (update) port.postMessage({ on: key, update });
        }
        fit();
        if (isWaking) stream.wake();
      };
    };
    setInterval(() => stream && fit(), GONE_AFTER);
  }

  /* --- the page --------------------------------------------------------------------------------- */

  class Shared {
    constructor(script, address, receive, die) {
      [this.address, this.receive, this.wanted, this.silent] = [address, receive, new Map(), 0];
      const worker = new SharedWorker(script, "vestnik-live");
      worker.onerror = die;
      this.port = worker.port;
      this.port.onmessage = ({ data }) => {
        this.silent = 0;
        if (!data.isThere) receive(data);
      };
      this.saying = setInterval(() => {
        this.silent += 1;
        if (this.silent > 2) die();
        else this.say();
      }, SAY_EVERY);
    }

    say(isWaking = false) {
      this.port.postMessage({ address: this.address, wanted: this.wanted, isWaking });
    }

    want(wanted) {
      this.wanted = wanted;
      this.say();
    }

    wake() {
      this.say(true);
    }

    end() {
      clearInterval(this.saying);
      this.want(new Map());
    }
  }

  /* Use the shared worker; without one the page has a stream of its own. */
  class Connection {
    constructor(script, address, receive) {
      this.wanted = new Map();
      const own = () => {
        if (this.source instanceof LiveStream) return;
        this.source?.end();
        this.source = new LiveStream(address, receive);
        this.source.want(this.wanted);
      };
      try {
        this.source = new Shared(script, address, receive, own);
      } catch {
        own();
      }
    }

    want(wanted) {
      this.wanted = wanted;
      this.source.want(wanted);
    }

    wake() {
      this.source.wake();
    }
  }

  if (typeof SharedWorkerGlobalScope !== "undefined" && self instanceof SharedWorkerGlobalScope) serve();
  else window.LiveConnection = Connection;
}
