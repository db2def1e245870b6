'use strict';

// A form is sent once, however often its button is pressed.
addEventListener('submit', event => setTimeout(() => event.target.querySelectorAll('button').forEach(button => { button.disabled = true; })));
addEventListener('pageshow', () => document.querySelectorAll('button[disabled]').forEach(button => { button.disabled = false; }));

// Parts of a page that are live: the server renders them again and sends them when they change. Without this script the page is the same,
// and is loaded again by its link.
const opened = part => [...part.querySelectorAll('details')].map(details => details.open);

function replace(part, html) {
  const focused = part.contains(document.activeElement) ? [...part.querySelectorAll('a, button, summary, [tabindex]')].indexOf(document.activeElement) : -1;
  const open = opened(part);
  const scrolled = [...part.querySelectorAll('.scroll')].map(region => region.scrollLeft);
  part.innerHTML = html;
  part.querySelectorAll('details').forEach((details, i) => { details.open = open[i] ?? details.open; });
  part.querySelectorAll('.scroll').forEach((region, i) => { region.scrollLeft = scrolled[i] ?? 0; });
  if (focused >= 0) part.querySelectorAll('a, button, summary, [tabindex]')[focused]?.focus({ preventScroll: true });
}

for (const part of document.querySelectorAll('[data-live]')) {
  let source;
  const stale = lost => part.querySelectorAll('[data-live-state]').forEach(state => state.toggleAttribute('data-stale', lost));
  const listen = () => {
    source = new EventSource(part.dataset.live);
    source.onmessage = message => replace(part, message.data);
    source.onopen = () => stale(false);
    source.onerror = () => stale(true);
  };
  // A page that nobody looks at asks nobody.
  document.addEventListener('visibilitychange', () => {
    source?.close();
    if (!document.hidden) listen();
  });
  addEventListener('pagehide', () => source?.close());
  if (!document.hidden) listen();
}
