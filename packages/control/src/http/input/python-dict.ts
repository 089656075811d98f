/** Escapes of a Python string literal, as `repr` writes them. */
const ESCAPE = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))/gs;
const SIMPLE: Record<string, string> = { n: "\n", r: "\r", t: "\t", "\\": "\\", "'": "'", '"': '"' };

/** A string in single or double quotes, and what follows it. */
const STRING = /^\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*/s;

/**
 * Reads what Python's `repr` makes of a dict of strings, such as `{'a': 'b', "it's": 'c\n'}`; null for anything else.
 * JSON objects of strings are read, too: they look the same.
 */
export function parsePythonDict(text: string): Map<string, string> | null {
  const inner = /^\s*\{(.*)\}\s*$/s.exec(text)?.[1];
  if (inner === undefined) return null;
  const entries = new Map<string, string>();
  let rest = inner;
  const take = (separator: string, last: boolean): string | null => {
    const match = STRING.exec(rest);
    if (!match) return null;
    rest = rest.slice(match[0].length);
    if (rest.startsWith(separator)) rest = rest.slice(1);
    else if (!last || rest !== "") return null;
    return unescaped(match[1] ?? match[2] ?? "");
  };
  while (rest.trim() !== "") {
    const key = take(":", false);
    const value = key === null ? null : take(",", true);
    if (key === null || value === null) return null;
    entries.set(key, value);
  }
  return entries;
}

function unescaped(literal: string): string | null {
  let valid = true;
  const text = literal.replace(ESCAPE, (_all, x?: string, u?: string, U?: string, simple?: string) => {
    const code = x ?? u ?? U;
    if (code !== undefined) {
      const point = Number.parseInt(code, 16);
      if (point <= 0x10ffff) return String.fromCodePoint(point);
    } else if (simple !== undefined && simple in SIMPLE) {
      return SIMPLE[simple] as string;
    }
    valid = false;
    return "";
  });
  return valid ? text : null;
}
