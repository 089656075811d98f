import { matchesGlob, posix } from "node:path";
import { sandboxId } from "../client/sandbox-id.ts";

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

/**
 * The name of what a path in a sandbox means, as it is written and not as the sandbox says: somebody there may have made up
 * where it leads. The root has none.
 */
export function nameInSandbox(path: string): string {
  return posix.basename(posix.resolve("/home/app", path));
}

/**
 * Whether the name of a path that a sandbox gave for a pattern fits the pattern: otherwise `*.log` could bring a `.bashrc`. Unlike
 * a shell's, stars in a sandbox match names that begin with a dot.
 */
export function fitsGlob(path: string, pattern: string): boolean {
  const last = pattern.replace(/\/+$/, "").split("/").at(-1)!;
  // A slash within alternatives: what is left of the pattern is none.
  if (/^[^({]*[)}]|[({][^)}]*$/.test(last)) return true;
  const name = nameInSandbox(path);
  return [name, `x${name}`].some((candidate) => matchesGlob(candidate, last));
}
