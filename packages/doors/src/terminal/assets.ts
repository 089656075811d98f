/** The files of the page: our own, and those of xterm from its npm packages, so that nothing comes from elsewhere. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzip } from "node:zlib";

export interface Asset {
  type: string;
  bytes: Buffer;
  zipped: Buffer;
}

export interface Assets {
  page: Asset;
  /** By the part of their paths after `/terminal/`. It changes with any of them, so browsers may keep them forever. */
  files: ReadonlyMap<string, Asset>;
}

const own = (name: string) => new URL(`./page/${name}`, import.meta.url).href;
const packaged = (file: string) => import.meta.resolve(`@xterm/${file}`);

/** Where each file comes from, by the name under which it is served. */
const files = (): Record<string, string> => ({
  "addon-fit.js": packaged("addon-fit/lib/addon-fit.mjs"),
  "addon-unicode11.js": packaged("addon-unicode11/lib/addon-unicode11.mjs"),
  "addon-web-links.js": packaged("addon-web-links/lib/addon-web-links.mjs"),
  "xterm.css": packaged("xterm/css/xterm.css"),
  "xterm.js": packaged("xterm/lib/xterm.mjs"),
  ...Object.fromEntries(
    ["codes.js", "icon.svg", "link.js", "main.js", "screen.js", "style.css", "titles.js"].map((name) => [
      name,
      own(name),
    ]),
  ),
});

const TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** Reads all of them. They are used as they are when somebody first opens a terminal. */
export async function loadAssets(): Promise<Assets> {
  const contents = await Promise.all(
    Object.entries(files()).map(async ([name, url]) => [name, await readFile(fileURLToPath(url))] as const),
  );
  const hash = createHash("sha256");
  for (const [name, bytes] of contents) hash.update(`${name} ${bytes.length}\n`).update(bytes);
  const folder = hash.digest("base64url");
  const html = await readFile(fileURLToPath(own("index.html")), "utf8");
  const entries = await Promise.all(
    contents.map(async ([name, bytes]) => [`${folder}/${name}`, await asset(name, bytes)] as const),
  );
  return {
    page: await asset("index.html", Buffer.from(html.replaceAll("FOLDER", folder))),
    files: new Map(entries),
  };
}

async function asset(name: string, bytes: Buffer): Promise<Asset> {
  return { type: TYPES[extname(name)]!, bytes, zipped: await promisify(gzip)(bytes) };
}
