/* Dates and times: typed as text, or chosen here. Without this script the fields are typed. */
"use strict";

const DAY_MS = 86_400_000;
const two = (number) => String(number).padStart(2, "0");

/* Hour and minute of a time of day, 9, 09:05 or 9.05; or null, as the server refuses it. */
function readClock(text) {
  const found = /^\s*(\d{1,2})(?:[:.](\d{2}))?\s*$/.exec(text);
  const [hour, minute] = found ? [Number(found[1]), Number(found[2] || 0)] : [24, 60];
  return hour < 24 && minute < 60 ? [hour, minute] : null;
}
/* The wall-clock time as if it were UTC, so that days are counted without a zone; or null. */
const MOMENT = /^\s*(?:(\d{1,2})\.(\d{1,2})\.(\d{4})|(\d{4})-(\d{1,2})-(\d{1,2}))(?:T|,?\s+)(\d{1,2}[:.]\d{2})(?!\d)/;
function readMoment(text) {
  const found = MOMENT.exec(text), clock = found && readClock(found[7]);
  if (!clock) return null;
  const [, d, m, y, y2, m2, d2] = found.map(Number);
  const [year, month, date] = [y || y2, m || m2, d || d2];
  const at = new Date(Date.UTC(year, month - 1, date, ...clock));
  /* Date turns the 30th of February into a day of March. */
  return at.getUTCFullYear() === year && at.getUTCMonth() === month - 1 && at.getUTCDate() === date ? at : null;
}
/* What the field has after its date, to be shown and corrected if it is not a time. */
const typedClock = (text) => /^\s*[\d.-]{8,10}(?:T|,?\s+)(\S{1,5})\s*$/.exec(text)?.[1];
function writeMoment(at, order) {
  const [year, month, day] = at.toISOString().slice(0, 10).split("-");
  const date = order === "dmy" ? `${day}.${month}.${year}` : `${year}-${month}-${day}`;
  return `${date} ${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`;
}
function wallNow(zone) {
  const parts = Object.fromEntries(
    new Intl.DateTimeFormat("en-GB", { timeZone: zone, year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", hourCycle: "h23" })
      .formatToParts(new Date()).map(({ type, value }) => [type, Number(value)]),
  );
  return new Date(Date.UTC(parts.year, parts.month - 1, parts.day, parts.hour, parts.minute));
}

/* The zone's offset on the chosen day. */
function fitOffset(moment) {
  const shown = moment.querySelector("[data-offset]");
  const at = readMoment(moment.querySelector("input").value);
  if (!at) return;
  const zone = moment.dataset.zone;
  const name = new Intl.DateTimeFormat("en", { timeZone: zone, timeZoneName: "shortOffset" })
    .formatToParts(at).find(({ type }) => type === "timeZoneName").value;
  shown.textContent = shown.textContent.replace(/UTC\S*$/, name.replace("GMT", "UTC").replace(/UTC$/, "UTC+0"));
}

function setMoment(input, at) {
  input.value = typeof at === "string" ? at : writeMoment(at, input.closest("[data-moment]").dataset.order);
  input.dataset.chosen = "1";
  input.dispatchEvent(new Event("input", { bubbles: true }));
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

/* The end follows the start, to its evening, if it would otherwise not be later, or if the user has
   not chosen it. */
function followStart(start) {
  const end = start.form?.elements.ends_at;
  const begins = readMoment(start.value), ends = end && readMoment(end.value);
  /* A chosen end that cannot be read stays, and the server names it. */
  const isLater = ends ? ends > begins : end?.value.trim();
  if (!end || !begins || (end.dataset.chosen && isLater)) return;
  const evening = new Date(begins);
  evening.setUTCHours(21, 0);
  setMoment(end, evening - begins < 3_600_000 ? new Date(+evening + DAY_MS) : evening);
  delete end.dataset.chosen;
}

/* A calendar below the field, by the pattern of a date picker dialog: arrows move by day and week,
   PageUp and PageDown by month, Home and End within the week, Enter chooses, Escape closes. */
function openCalendar(moment, button) {
  const input = moment.querySelector("input"), lang = document.documentElement.lang;
  const now = wallNow(moment.dataset.zone), labels = moment.dataset;
  const chosen = readMoment(input.value);
  let day = new Date(chosen || now);
  const panel = document.createElement("div");
  panel.className = "calendar";
  panel.setAttribute("role", "dialog");
  panel.setAttribute("aria-label", labels.labelCalendar);

  const format = (options, at) => new Intl.DateTimeFormat(lang, { timeZone: "UTC", ...options }).format(at);
  const element = (tag, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };
  const turn = (months) => {
    const last = new Date(Date.UTC(day.getUTCFullYear(), day.getUTCMonth() + months + 1, 0)).getUTCDate();
    day = new Date(Date.UTC(day.getUTCFullYear(), day.getUTCMonth() + months, Math.min(day.getUTCDate(), last), day.getUTCHours(), day.getUTCMinutes()));
  };
  const time = element("input", { className: "clock", inputMode: "numeric", autocomplete: "off", maxLength: 5 });
  const usual = input.name === "ends_at" ? "21:00" : "10:00";
  time.value = chosen ? `${two(chosen.getUTCHours())}:${two(chosen.getUTCMinutes())}` : typedClock(input.value) ?? usual;
  const problem = element("p", { className: "error", id: `${input.id}-clock`, hidden: true });
  problem.setAttribute("role", "alert");
  time.setAttribute("aria-describedby", problem.id);
  const refuse = (isWrong) => {
    problem.textContent = isWrong ? labels.labelWrong : "";
    problem.hidden = !isWrong;
    if (isWrong) time.setAttribute("aria-invalid", "true");
    else time.removeAttribute("aria-invalid");
  };
  const close = () => {
    panel.remove();
    button.setAttribute("aria-expanded", "false");
    button.focus();
  };
  const choose = (at) => {
    const clock = readClock(time.value);
    if (clock) {
      setMoment(input, new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate(), ...clock)));
      return close();
    }
    day = at;
    draw();
    refuse(true);
    time.focus();
  };

  function draw(focus) {
    const first = new Date(Date.UTC(day.getUTCFullYear(), day.getUTCMonth(), 1));
    const start = new Date(+first - ((first.getUTCDay() + 6) % 7) * DAY_MS);
    const back = element("button", { type: "button", textContent: "‹", onclick: () => { turn(-1); draw(); } });
    back.setAttribute("aria-label", labels.labelBack);
    const on = element("button", { type: "button", textContent: "›", onclick: () => { turn(1); draw(); } });
    on.setAttribute("aria-label", labels.labelOn);
    const title = element("strong", { textContent: format({ month: "long", year: "numeric" }, first) });
    title.setAttribute("aria-live", "polite");
    const head = element("div", { className: "calendar-head" }, back, title, on);
    const grid = element("div", { className: "calendar-days" });
    for (let n = 0; n < 7; n++) {
      const name = element("span", { textContent: format({ weekday: "short" }, new Date(+start + n * DAY_MS)) });
      name.setAttribute("aria-hidden", "true");
      grid.append(name);
    }
    const weeks = 7 * Math.ceil(((+first - +start) / DAY_MS + new Date(Date.UTC(day.getUTCFullYear(), day.getUTCMonth() + 1, 0)).getUTCDate()) / 7);
    for (let n = 0; n < weeks; n++) {
      const at = new Date(+start + n * DAY_MS);
      const cell = element("button", { type: "button", textContent: at.getUTCDate(), onclick: () => choose(at) });
      const isDay = at.toDateString() === new Date(day).toDateString() || at.toISOString().slice(0, 10) === day.toISOString().slice(0, 10);
      cell.tabIndex = isDay ? 0 : -1;
      cell.dataset.day = at.toISOString().slice(0, 10);
      cell.className = at.getUTCMonth() === day.getUTCMonth() ? "" : "soft";
      cell.setAttribute("aria-label", format({ weekday: "long", day: "numeric", month: "long", year: "numeric" }, at));
      if (cell.dataset.day === now.toISOString().slice(0, 10)) cell.setAttribute("aria-current", "date");
      if (chosen && cell.dataset.day === chosen.toISOString().slice(0, 10)) cell.setAttribute("aria-pressed", "true");
      grid.append(cell);
    }
    const label = element("label", { className: "hint", textContent: `${labels.labelTime} ` }, time);
    const shut = element("button", { type: "button", className: "link", textContent: labels.labelClose, onclick: close });
    panel.replaceChildren(head, grid, element("div", { className: "calendar-foot" }, label, shut), problem);
    if (focus) grid.querySelector("[tabindex='0']").focus();
  }

  const moves = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 };
  panel.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      return close();
    }
    if (event.target === time && event.key === "Enter") {
      event.preventDefault();
      return choose(day);
    }
    if (!event.target.dataset.day) return;
    const weekday = (day.getUTCDay() + 6) % 7;
    if (moves[event.key]) day = new Date(+day + moves[event.key] * DAY_MS);
    else if (event.key === "Home") day = new Date(+day - weekday * DAY_MS);
    else if (event.key === "End") day = new Date(+day + (6 - weekday) * DAY_MS);
    else if (event.key === "PageUp") turn(-1);
    else if (event.key === "PageDown") turn(1);
    else return;
    event.preventDefault();
    draw(true);
  });
  panel.addEventListener("input", (event) => {
    event.stopPropagation();
    refuse(false);
  });
  moment.append(panel);
  button.setAttribute("aria-expanded", "true");
  draw(true);
}

function fitMoments(root) {
  for (const moment of root.querySelectorAll("[data-moment]:not([data-fitted])")) {
    moment.dataset.fitted = "";
    const input = moment.querySelector("input");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "calendar-button";
    button.setAttribute("aria-label", moment.dataset.labelCalendar);
    button.setAttribute("aria-expanded", "false");
    button.addEventListener("click", () => {
      const open = moment.querySelector(".calendar");
      if (open) {
        open.remove();
        button.setAttribute("aria-expanded", "false");
      } else openCalendar(moment, button);
    });
    input.after(button);
    moment.querySelector("[data-choices]").hidden = false;
    fitOffset(moment);
  }
}

document.addEventListener("DOMContentLoaded", () => fitMoments(document));
document.addEventListener("htmx:afterSettle", () => fitMoments(document));
document.addEventListener("click", (event) => {
  const choice = event.target.closest("[data-moment] [data-set]");
  if (choice) setMoment(choice.closest("[data-moment]").querySelector("input"), choice.dataset.set);
});
document.addEventListener("input", ({ target, isTrusted }) => {
  if (!target.closest("[data-moment]") || target.matches(".clock")) return;
  fitOffset(target.closest("[data-moment]"));
  if (isTrusted) target.dataset.chosen = "1";
});
document.addEventListener("change", ({ target }) => {
  if (target.name === "starts_at" && target.closest("[data-moment]")) followStart(target);
});
