import { X509Certificate } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Finding } from "./finding.ts";

/** Files of the egress proxy in the data directory's folder `egress`, and which of them only the owner may read. */
const FILES = [
  { file: "ca.pem", what: "its certificate", secret: false },
  { file: "ca-key.pem", what: "the certificate's key", secret: true },
  { file: "secrets.key", what: "the key that seals secrets", secret: true },
];
/** A certificate that expires within this time causes a warning: running sandboxes go on trusting it. */
const SOON_MS = 30 * 24 * 60 * 60_000;

/**
 * Checks the egress proxy's keys and certificate: whether they exist, are valid, and are readable only by their owner.
 */
export async function findEgressKeys(dir: string): Promise<Finding> {
  const name = "egress";
  const folder = await stat(dir).catch(() => null);
  if (!folder) return { name, verdict: "ok", detail: "the first server creates its keys and certificate" };
  if ((folder.mode & 0o077) !== 0)
    return {
      name,
      verdict: "fail",
      detail: `others may read the directory ${dir} (mode ${mode(folder.mode)})`,
      repair: `chmod 700 ${dir}`,
    };
  for (const { file, what, secret } of FILES) {
    const path = join(dir, file);
    const found = await stat(path).catch((error: NodeJS.ErrnoException) => error);
    if (found instanceof Error) {
      if (found.code === "ENOENT")
        return {
          name,
          verdict: "warn",
          detail: `${path}, ${what}, is missing`,
          repair: "the next start of the server creates another; replace sandboxes that kept running",
        };
      return {
        name,
        verdict: "fail",
        detail: `${path}, ${what}: ${found.message}`,
        repair: "make it readable for the user that runs the server",
      };
    }
    if (secret && (found.mode & 0o077) !== 0)
      return {
        name,
        verdict: "fail",
        detail: `others may read ${path}, ${what} (mode ${mode(found.mode)})`,
        repair: `chmod 600 ${path}`,
      };
  }
  return await certificate(join(dir, "ca.pem"));
}

async function certificate(path: string): Promise<Finding> {
  const name = "egress";
  try {
    const { validTo } = new X509Certificate(await readFile(path));
    const left = Date.parse(validTo) - Date.now();
    const until = new Date(validTo).toISOString().slice(0, 10);
    if (left < SOON_MS)
      return {
        name,
        verdict: left < 0 ? "fail" : "warn",
        detail: `the proxy's certificate is valid until ${until}`,
        repair: `stop the server and remove ${path}; its next start creates another`,
      };
    return {
      name,
      verdict: "ok",
      detail: `the proxy's keys are present and private; its certificate is valid until ${until}`,
    };
  } catch (error) {
    return {
      name,
      verdict: "fail",
      detail: `${path} cannot be used: ${(error as Error).message}`,
      repair: "stop the server and remove it; its next start creates another",
    };
  }
}

const mode = (bits: number) => (bits & 0o777).toString(8).padStart(4, "0");
