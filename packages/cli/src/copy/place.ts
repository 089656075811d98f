import { matchesGlob, posix } from "node:path";
import { sandboxId } from "../client/sandbox-id.ts";

/** One end of a copy. */
export type Place = { kind: "local"; path: string } | { kind: "sandbox"; id: string; path: string };

/**
 * Parses `id:path`, `:path` (in SANDBOX_ID) or a local path. A local path that contains a colon needs a slash before it:
 * `./a:b`.
 * @throws {UsageError} for an invalid id
 */
export function parsePlace(text: string, env: NodeJS.ProcessEnv): Place {
  const match = /^([^/:]*):(.*)$/s.exec(text);
  if (!match) return { kind: "local", path: text };
  return { kind: "sandbox", id: sandboxId(match[1], env), path: match[2] || "." };
}

/** Whether a path in a sandbox is a pattern, which is expanded there. */
export function isGlob(path: string): boolean {
  return /[*?[{]/.test(path);
}

/**
 * Whether a path means the content of a directory rather than the directory, like for cp(1): `.`, or a path that ends with
 * `/.`.
 */
export function isContents(path: string): boolean {
  return /(^|\/)\.\/*$/.test(path);
}

/**
 * The last name of a path in a sandbox. It comes from the path as written rather than from the sandbox, which may be
 * hostile. The root has no name.
 */
export function nameInSandbox(path: string): string {
  return posix.basename(posix.resolve("/home/app", path));
}

/**
 * Whether a path that the sandbox returned for a pattern matches the pattern. Otherwise a hostile sandbox could answer
 * `*.log` with `.bashrc`. Unlike in a shell, a star also matches names that start with a dot.
 */
export function fitsGlob(path: string, pattern: string): boolean {
  const last = pattern.replace(/\/+$/, "").split("/").at(-1)!;
  // A slash within alternatives: the last part of the pattern is not a pattern by itself.
  if (/^[^({]*[)}]|[({][^)}]*$/.test(last)) return true;
  const name = nameInSandbox(path);
  return [name, `x${name}`].some((candidate) => matchesGlob(candidate, last));
}
