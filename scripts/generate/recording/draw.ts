import type { Step } from "./shell.ts";

/** Width of the terminal, in characters. Longer lines wrap, as they do on a terminal. */
const COLUMNS = 100;
const FONT_PX = 14;
/** Width of a character. Most monospaced fonts are 0.6 em wide; the rest leaves room for wider ones. */
const CHAR_PX = 8.5;
const LINE_PX = 20;
const MARGIN_PX = 20;
const BAR_PX = 34;
/** Typing speed of the commands. */
const TYPING_MS = 20;
/** Pause before a command, for the reader. */
const PAUSE_MS = 600;
/** Minimum duration of a command, so that its output does not appear together with its last letter. */
const LEAST_MS = 150;

const STYLE = `
text{font:${FONT_PX}px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#d6deeb;white-space:pre}
.p{fill:#7fdbca}.c{fill:#fff}.r{fill:#8b98a9}.w{fill:#ffb86c}
.l{animation:show 1ms both}.t{animation:show 1ms both,type both}
@keyframes show{from{opacity:0}}
@keyframes type{from{clip-path:inset(0 100% 0 0)}to{clip-path:inset(0)}}
@media (prefers-reduced-motion:reduce){.l,.t{animation:none}}`;

/**
 * Draws a terminal session as an animated SVG, without scripts or external fonts. Viewers that do not animate show all
 * of it.
 */
export function drawSession(title: string, steps: Step[]): string {
  const lines: string[] = [];
  let at = PAUSE_MS;
  const y = () => BAR_PX + MARGIN_PX + lines.length * LINE_PX;
  const print = (content: string, atMs: number) =>
    lines.push(
      `<text x="${MARGIN_PX}" y="${y()}" class="l" style="animation-delay:${Math.round(atMs)}ms">${content}</text>`,
    );
  for (const { command, output, durationMs } of steps) {
    for (const [index, line] of wrap(command, COLUMNS - 2).entries()) {
      const x = MARGIN_PX + 2 * CHAR_PX;
      const typingMs = line.length * TYPING_MS;
      if (index === 0) print(`<tspan class="p">$</tspan>`, Math.max(0, at - PAUSE_MS));
      const top = index === 0 ? y() - LINE_PX : y();
      const typed = `<text x="${x}" y="${top}" class="t ${line.startsWith("#") ? "r" : "c"}" style="animation-duration:1ms,${typingMs}ms;animation-delay:${Math.round(at)}ms;animation-timing-function:steps(${line.length})">${xmlText(line)}</text>`;
      if (index === 0) lines[lines.length - 1] += typed;
      else lines.push(typed);
      at += typingMs;
    }
    at += Math.max(LEAST_MS, durationMs);
    for (const line of output === "" ? [] : output.split("\n").flatMap((text) => wrap(text, COLUMNS))) {
      print(/^(HTTP\/|DENO_SECRET)/.test(line) ? `<tspan class="w">${xmlText(line)}</tspan>` : xmlText(line), at);
    }
    at += PAUSE_MS;
  }
  const width = Math.round(COLUMNS * CHAR_PX + 2 * MARGIN_PX);
  const height = y() + MARGIN_PX - LINE_PX / 2;
  const dots = ["#ff5f57", "#febc2e", "#28c840"].map(
    (colour, index) => `<circle cx="${MARGIN_PX + index * 20}" cy="${BAR_PX / 2}" r="6" fill="${colour}"/>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${xmlText(title)}">`,
    `<title>${xmlText(title)}</title>`,
    `<style>${STYLE}\n</style>`,
    `<rect x=".5" y=".5" width="${width - 1}" height="${height - 1}" rx="10" fill="#0f1724" stroke="#3a4658"/>`,
    ...dots,
    ...lines,
    "</svg>\n",
  ].join("\n");
}

/** Wraps a line to the terminal's width. */
function wrap(line: string, columns: number): string[] {
  const clean = line.replaceAll("\r", "").replaceAll("\t", "        ");
  return clean === "" ? [""] : (clean.match(new RegExp(`.{1,${columns}}`, "gu")) ?? []);
}

function xmlText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
