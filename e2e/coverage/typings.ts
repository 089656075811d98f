import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const TYPINGS = fileURLToPath(new URL("../../node_modules/@deno/sandbox/esm", import.meta.url));

/** Types that a program uses without naming them: they are not exported, but returned by what is. */
const REACHABLE = ["SandboxCommandBuilder", "SandboxCommandChild"];

/**
 * Every public method and getter that the platform's own client declares, as `Class.member`. This relies on the
 * compiler's output: one declaration per line, members indented by four spaces.
 */
export function publicMembers(): Set<string> {
  const wanted = new Set([...exportedNames(), ...REACHABLE]);
  const members = new Set<string>();
  for (const file of readdirSync(TYPINGS, { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".d.ts") || file.includes("deps")) continue;
    let owner: string | null = null;
    for (const line of readFileSync(join(TYPINGS, file), "utf8").split("\n")) {
      const [, name] = /^export (?:declare )?(?:abstract )?(?:class|interface) (\w+)/.exec(line) ?? [];
      if (name !== undefined) owner = wanted.has(name) ? name : null;
      else if (line === "}") owner = null;
      else if (owner !== null) {
        const member = memberOf(line);
        if (member !== null) members.add(`${owner}.${member}`);
      }
    }
  }
  return members;
}

/** Names that the client exports. */
export function exportedNames(): Set<string> {
  const names = new Set<string>();
  for (const [, list] of readFileSync(join(TYPINGS, "mod.d.ts"), "utf8").matchAll(/export (?:type )?\{([^}]*)\}/g)) {
    for (const entry of (list ?? "").split(",")) {
      const name = entry
        .replace(/\btype\b/, "")
        .split(" as ")
        .at(-1)
        ?.trim();
      if (name) names.add(name);
    }
  }
  return names;
}

/** The method, getter or function-valued property that a line declares. */
function memberOf(line: string): string | null {
  const [, key, kind] = /^ {4}(?:static |get |readonly )*(\w+|\[[\w.]+\])\??([(<]|: \()/.exec(line) ?? [];
  if (key === undefined || key === "constructor" || kind === undefined) return null;
  return key;
}
