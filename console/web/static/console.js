// Parts that change: as events while the server gives them, else asked for now and then. Nothing here is needed to read a page.
"use strict";
const ASK_EVERY_MS = 15000;
for (const part of document.querySelectorAll("[data-live]")) {
  const show = (html) => {
    // A reader who is inside a table keeps their place.
    if (!part.contains(document.activeElement)) part.innerHTML = html;
  };
  const ask = async () => {
    const answer = await fetch(part.dataset.part, { redirect: "error" }).catch(() => null);
    if (answer && answer.ok) show(await answer.text());
  };
  const events = new EventSource(part.dataset.live);
  events.onmessage = (event) => show(event.data);
  events.onerror = () => {
    if (events.readyState === EventSource.CLOSED) setInterval(ask, ASK_EVERY_MS);
  };
}
