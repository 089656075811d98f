import util from "node:util";

/** What `console.log` shows of an object whose state is private: its class, and what is worth knowing. */
export function inspected(name: string, shown: object, depth: number, options: util.InspectOptionsStylized): string {
  if (depth < 0) return options.stylize(`[${name}]`, "special");
  const remaining = options.depth === null || options.depth === undefined ? options.depth : depth - 1;
  return `${name} ${util.inspect(shown, { ...options, depth: remaining })}`;
}
