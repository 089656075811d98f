import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdir, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** Folder in the data directory, for a page for each link. */
const PAGES = "open";
/** A page is needed until the browser has read it, and no longer than its link is valid; milliseconds. */
const PAGE_MS = 60_000;

/**
 * Opens a link in the browser of this computer. Everybody on the computer sees the arguments of programs, so the browser gets a page that leads
 * to the link, which only this user can read. The browser may take its time: old pages are removed by the next call.
 *
 * @returns why no browser was opened, as a sentence, or null
 */
export async function openInBrowser(link: string, dataDir: string, env: NodeJS.ProcessEnv): Promise<string | null> {
  const program = env.BROWSER || (process.platform === "darwin" ? "open" : "xdg-open");
  const hasDesktop = process.platform !== "linux" || env.DISPLAY || env.WAYLAND_DISPLAY;
  if (!env.BROWSER && !hasDesktop) return "this computer has no desktop.";
  const folder = join(dataDir, PAGES);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await removeOld(folder);
  const page = join(folder, `${randomUUID()}.html`);
  await writeFile(page, pageTo(link), { mode: 0o600, flag: "wx" });
  for (const [file, ...args] of commands(program, pathToFileURL(page).href)) {
    // It may run as long as the browser does, and belongs to the user from now on.
    const child = spawn(file!, args, { stdio: "ignore", detached: true, env });
    try {
      await once(child, "spawn");
    } catch {
      continue;
    }
    child.unref();
    return null;
  }
  return `the program ${program} cannot be run.`;
}

/** BROWSER is a program, or several with arguments between colons, of which the first one that there is counts. */
function* commands(programs: string, url: string): Generator<string[]> {
  yield [programs, url];
  for (const program of programs.split(":")) {
    const words = program.split(/\s+/).filter(Boolean);
    if (words.length === 0) continue;
    const filled = words.map((word) => word.replaceAll("%s", url));
    yield program.includes("%s") ? filled : [...words, url];
  }
}

async function removeOld(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    // Another call may remove it at the same time.
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Infinity }));
    if (mtimeMs < Date.now() - PAGE_MS) await rm(path, { force: true });
  }
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
