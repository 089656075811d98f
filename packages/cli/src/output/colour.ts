import { stripVTControlCharacters, styleText } from "node:util";

/** Escape sequences for a terminal that wants colours; plain text everywhere else. */
export interface Colours {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  cyan(text: string): string;
}

/** Whether a stream gets colours: a terminal, unless NO_COLOR (https://no-color.org) or TERM=dumb; FORCE_COLOR overrides. */
export function wantsColour(stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv): boolean {
  if (env.NO_COLOR) return false;
  if (env.FORCE_COLOR && env.FORCE_COLOR !== "0") return true;
  return Boolean(stream.isTTY) && env.TERM !== "dumb";
}

/** Ways to mark text, or none of them. `wantsColour` has decided; `styleText` need not look at the stream again. */
export function colours(enabled: boolean): Colours {
  const style = (name: keyof Colours) => (text: string) =>
    enabled ? styleText(name, text, { validateStream: false }) : text;
  return {
    bold: style("bold"),
    dim: style("dim"),
    red: style("red"),
    green: style("green"),
    yellow: style("yellow"),
    cyan: style("cyan"),
  };
}

/** Text without escape sequences: as wide as it is shown. */
export function plain(text: string): string {
  return stripVTControlCharacters(text);
}

/**
 * Makes text from elsewhere (labels, commands, names) fit to be shown: control characters, which could move the cursor
 * or recolour what follows, become visible.
 */
export function printable(text: string): string {
  return text
    .replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`)
    .replace(/\n/g, "\\n")
    .replace(/\t/g, "\\t");
}
