import { UsageError } from "../errors.ts";

/** Collects repeated `KEY=VALUE` options into an object; the value may contain `=`. */
export function collectPair(text: string, previous: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf("=");
  if (at < 1) throw new UsageError(`"${text}" is not KEY=VALUE`, "write it like NAME=value");
  return { ...previous, [text.slice(0, at)]: text.slice(at + 1) };
}

/** Collects repeated options into a list. */
export function collect(text: string, previous: string[] = []): string[] {
  return [...previous, text];
}
