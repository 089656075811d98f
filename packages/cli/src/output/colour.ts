import { stripVTControlCharacters, styleText } from "node:util";

/** Adds escape sequences for a terminal with colours, and nothing elsewhere. */
export interface Colours {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  cyan(text: string): string;
}

/**
 * Whether to use colours on a stream: on a terminal, unless NO_COLOR (https://no-color.org) or TERM=dumb is set;
 * FORCE_COLOR forces them.
 */
export function wantsColour(stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv): boolean {
  if (env.NO_COLOR) return false;
  if (env.FORCE_COLOR && env.FORCE_COLOR !== "0") return true;
  return Boolean(stream.isTTY) && env.TERM !== "dumb";
}

/** Styles that are applied if `enabled`. `wantsColour` has decided that, so `styleText` does not look at the stream again. */
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

/** Text without escape sequences, to measure its width. */
export function plain(text: string): string {
  return stripVTControlCharacters(text);
}

/**
 * Makes untrusted text (labels, commands, names) safe to show: control characters, which could move the cursor or change
 * colours, become visible.
 */
export function printable(text: string): string {
  return text
    .replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`)
    .replace(/\n/g, "\\n")
    .replace(/\t/g, "\\t");
}
