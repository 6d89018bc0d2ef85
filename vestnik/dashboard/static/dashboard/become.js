/* Morphs the existing elements into the received ones. Elements stay, so that focus, scroll
   position, open details and moving bars stay as they are; only differences change.

   A text selection is not disturbed: a table, list or paragraph that the selection touches waits
   until it is released, and the page shows since when. Everything else changes. */
"use strict";

{
  const UNITS = "table, dl, ul, ol, p, h1, h2, figure";

  /* The deferred elements, their new content, and since when they are outdated. */
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

  /* A child with an id is matched by the id; all others are matched by position. */
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

  /* The nodes after it. */
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

  /* Apply deferred changes that the selection no longer touches. */
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

  /* hx-swap="become", hx-swap-oob="become": the same for content from htmx. It is processed by htmx
     at once: otherwise a link would navigate until the swap settles. */
  window.htmx?.defineExtension("become", {
    isInlineSwap: (style) => style === "become",
    handleSwap(style, target, fragment) {
      if (style !== "become") return false;
      become(target, fragment.firstElementChild);
      window.htmx.process(target);
      return [];
    },
  });

  /* Since when a change is deferred; undefined if none is. */
  function heldSince() {
    const since = [...held].filter(([unit]) => unit.isConnected).map(([, one]) => one.since);
    return since.length ? Math.min(...since) : undefined;
  }

  window.becoming = { becomeAll, heldSince };
}
