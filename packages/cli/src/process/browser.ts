import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { writeFileAtomically } from "@sandkeep/common";

/** File in the data directory. */
const PAGE_FILE = "open.html";

/**
 * Opens a link in the browser of this computer. Everybody on the computer sees the arguments of programs, so the browser gets a page that leads
 * to the link, which only this user can read. It stays until the next one replaces it: the browser may take its time.
 *
 * @returns why no browser was opened, as a sentence, or null
 */
export async function openInBrowser(link: string, dataDir: string, env: NodeJS.ProcessEnv): Promise<string | null> {
  const program = env.BROWSER || (process.platform === "darwin" ? "open" : "xdg-open");
  const hasDesktop = process.platform !== "linux" || env.DISPLAY || env.WAYLAND_DISPLAY;
  if (!env.BROWSER && !hasDesktop) return "this computer has no desktop.";
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const page = join(dataDir, PAGE_FILE);
  await writeFileAtomically(page, pageTo(link), { mode: 0o600 });
  // It may run as long as the browser does, and belongs to the user from now on.
  const child = spawn(program, [pathToFileURL(page).href], { stdio: "ignore", detached: true, env });
  try {
    await once(child, "spawn");
  } catch {
    return `the program ${program} cannot be run.`;
  }
  child.unref();
  return null;
}

function pageTo(link: string): string {
  const url = link.replace(/[&"<>]/g, (character) => `&#${character.charCodeAt(0)};`);
  return `<!doctype html>
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0;url=${url}">
<title>Sandkeep</title>
<a href="${url}">Open the terminal</a>
`;
}
