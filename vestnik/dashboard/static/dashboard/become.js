/* What is there becomes what came: elements stay, so that focus, scroll, open details and moving
   bars stay as they are; only what differs changes.

   Nothing moves under the hand of somebody who marks text: a table, a list or a paragraph that the
   selection touches waits until it is let go, and the page says since when. All else changes. */
"use strict";

{
  const UNITS = "table, dl, ul, ol, p, h1, h2, figure";

  /* What is held back, what it is to become, and since when it is not what it should be. */
  const held = new Map();

  function become(old, next) {
    if (isHeld(old, next)) return;
    for (const { name } of [...old.attributes]) {
      if (!next.hasAttribute(name) && !isKept(old, name)) old.removeAttribute(name);
    }
    for (const { name, value } of next.attributes) {
      if (old.getAttribute(name) !== value && !isKept(old, name)) old.setAttribute(name, value);
    }
    becomeAll(old, next);
  }

  function isKept(element, name) {
    return (name === "open" && element.matches("details")) || ["tabindex", "data-fitted"].includes(name);
  }

  /* A child with an id stays who it is when others come or go; the rest is known by its place. */
  function becomeAll(old, next) {
    const stays = (child) => child.id && [...next.children].some((node) => isAlike(child, node));
    let there = old.firstChild;
    for (const node of next.childNodes) {
      const known = node.id && [...old.children].find((child) => isAlike(child, node));
      while (known && there !== known && !stays(there)) there = without(there);
      const same = known || (there && isAlike(there, node) ? there : node.cloneNode(true));
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

  function isAlike(one, other) {
    return one.nodeType === other.nodeType && one.nodeName === other.nodeName && one.id === other.id;
  }

  function isHeld(old, next) {
    if (!old.matches(UNITS)) return false;
    const holds = old !== next && isMarked(old) && old.textContent !== next.textContent;
    if (holds) held.set(old, { next: next.cloneNode(true), since: held.get(old)?.since ?? Date.now() });
    else held.delete(old);
    return holds;
  }

  function isMarked(element) {
    const selection = document.getSelection();
    return !selection.isCollapsed && selection.containsNode(element, true);
  }

  /* What is no longer marked becomes what it should be. */
  function release() {
    const free = [...held].filter(([unit]) => !unit.isConnected || !isMarked(unit));
    for (const [unit, { next }] of free) {
      held.delete(unit);
      if (!unit.isConnected) continue;
      become(unit, next);
      window.htmx?.process(unit);
    }
    if (free.length) document.dispatchEvent(new CustomEvent("live:updated"));
  }
  document.addEventListener("selectionchange", () => setTimeout(release));

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

  /* Since when something is held back; undefined where nothing is. */
  function heldSince() {
    const since = [...held].filter(([unit]) => unit.isConnected).map(([, one]) => one.since);
    return since.length ? Math.min(...since) : undefined;
  }

  window.becoming = { becomeAll, heldSince };
}
