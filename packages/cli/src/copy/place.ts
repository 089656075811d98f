import { sandboxId } from "../client/sandbox_id.ts";

/** One end of a copy. */
export type Place = { kind: "local"; path: string } | { kind: "sandbox"; id: string; path: string };

/**
 * Reads `id:path`, `:path` (in SANDBOX_ID) or a local path. A local path with a colon in it is told apart by its slash:
 * `./a:b`.
 * @throws {UsageError} for an id that is none
 */
export function parsePlace(text: string, env: NodeJS.ProcessEnv): Place {
  const match = /^([^/:]*):(.*)$/s.exec(text);
  if (!match) return { kind: "local", path: text };
  return { kind: "sandbox", id: sandboxId(match[1], env), path: match[2] || "." };
}

/** Whether a path in a sandbox is a pattern, to be expanded there. */
export function isGlob(path: string): boolean {
  return /[*?[{]/.test(path);
}

/** Whether a path says "what is in it" and not "it", as for cp(1): `.` and whatever ends with `/.`. */
export function isContents(path: string): boolean {
  return /(^|\/)\.\/*$/.test(path);
}
