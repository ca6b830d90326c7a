"use strict";
// Replaces each part of the page by its next state, as long as somebody looks.
const stale = document.getElementById("stale");
let seen = new Date();

async function refresh(part) {
  if (!document.hidden) {
    try {
      const answer = await fetch(part.dataset.part, {cache: "no-store", signal: AbortSignal.timeout(10000)});
      const text = await answer.text();
      if (!answer.ok) throw new Error(text.trim());
      part.innerHTML = text; // the daemon escapes names; scripts in it would not run
      seen = new Date();
      stale.hidden = true;
    } catch (e) {
      stale.textContent = "No answer since " + seen.toLocaleTimeString() + ": " + e.message;
      stale.hidden = false;
    }
    document.body.classList.toggle("old", !stale.hidden);
  }
  setTimeout(refresh, Number(part.dataset.every), part);
}

for (const part of document.querySelectorAll("[data-part]")) setTimeout(refresh, Number(part.dataset.every), part);
