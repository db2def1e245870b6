// Draws a terminal as an SVG that plays once and ends with its last screen. A viewer without animations shows the last screen.
const columns = 124, rows = 30, size = 13, advance = size * 0.605, leading = 18, edge = 16, bar = 30;

const escape = text => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
const seconds = at => `${at.toFixed(2)}s`;

/** What the commands colour on a terminal. */
const coloured = text => escape(text).replace(/\b(healthy|I\d holds|Nothing is missing\.)(?=\s|$)/g, '<tspan class="good">$1</tspan>');

/** Longer lines go on below, between words. */
const wrapped = lines => lines.flatMap(line => line.command !== undefined || line.text.length <= columns ? [line]
  : line.text.match(new RegExp(`.{1,${columns}}(?: |$)`, 'g')).map(text => ({ ...line, text })));

function row(line, y) {
  const at = `x="0" y="${y}" style="animation-delay:${seconds(line.at)}`;
  return line.command === undefined
    ? `<text class="line" ${at}">${coloured(line.text)}</text>`
    : `<text class="line" ${at}"><tspan class="prompt">$</tspan></text>`
      + `<text class="typed" x="${(2 * advance).toFixed(1)}" y="${y}" style="animation-delay:${seconds(line.at)};`
      + `animation-duration:${seconds(line.typed)};animation-timing-function:steps(${line.command.length})">${escape(line.command)}</text>`;
}

/** The screen moves up by a line whenever a new one would be below it. */
function scrolling(lines) {
  const end = lines.at(-1).at;
  const steps = lines.slice(rows).map((line, i) => `${(100 * line.at / end).toFixed(2)}%{transform:translateY(${-(i + 1) * leading}px)}`);
  const last = -Math.max(0, lines.length - rows) * leading;
  return `@keyframes scroll{0%{transform:translateY(0)}${steps.join('')}}
.screen{transform:translateY(${last}px);animation:scroll ${seconds(end)} step-end}`;
}

/** Lines have the second at which they appear, and a text or a command that is typed. */
export function drawing(recorded) {
  const lines = wrapped(recorded);
  const width = Math.ceil(columns * advance + 2 * edge), height = Math.min(rows, lines.length) * leading + bar + edge;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>A terminal: the shop is started, an order is placed, and its journey through four services is shown. Long pauses are shortened.</title>
<style>
:root{--back:#f6f8fa;--edge:#d0d7de;--text:#1f2328;--dim:#8c959f;--good:#116329;--prompt:#0550ae}
@media(prefers-color-scheme:dark){:root{--back:#0d1117;--edge:#30363d;--text:#e6edf3;--dim:#6e7681;--good:#56d364;--prompt:#79c0ff}}
text{font:${size}px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:var(--text);white-space:pre}
.good{fill:var(--good)}.prompt{fill:var(--prompt)}.typed{font-weight:bold;animation:type both}.line{animation:show .01s both}
@keyframes show{from{opacity:0}}
@keyframes type{from{clip-path:inset(0 100% 0 0)}to{clip-path:inset(0 0 0 0)}}
${scrolling(lines)}
@media(prefers-reduced-motion:reduce){.line,.typed,.screen{animation:none}}
</style>
<rect x=".5" y=".5" width="${width - 1}" height="${height - 1}" rx="8" fill="var(--back)" stroke="var(--edge)"/>
${[0, 1, 2].map(i => `<circle cx="${edge + 6 + 18 * i}" cy="16" r="5" fill="var(--dim)"/>`).join('')}
<svg x="${edge}" y="${bar}" width="${width - 2 * edge}" height="${height - bar - edge / 2}"><g class="screen">
${lines.map((line, i) => row(line, i * leading + size)).join('\n')}
</g></svg>
</svg>
`;
}
