import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { getCACertificates } from "node:tls";
import { findEgressKeys } from "@sandkeep/host";
import type { Check, Finding } from "./check.ts";

/** The CA bundle of Debian and its derivatives. Node's own CAs are trusted too. */
const SYSTEM_STORE = "/etc/ssl/certs/ca-certificates.crt";
/** The egress proxy's keys and certificate, and the CAs that it trusts for upstreams. */
export const checkEgress: Check = async ({ dataDir, env }) => [
  await findEgressKeys(join(dataDir, "egress")),
  await authorities(env),
];

/** Without any CAs, no upstream's certificate can be verified. */
async function authorities(env: NodeJS.ProcessEnv): Promise<Finding> {
  const name = "authorities";
  for (const variable of ["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"]) {
    const file = env[variable];
    if (file && !(await certificatesIn(file)))
      return {
        name,
        verdict: "warn",
        detail: `${variable} names ${file}, which contains no readable certificate`,
        repair: `correct ${variable}, or unset it`,
      };
  }
  const system = await certificatesIn(SYSTEM_STORE);
  if (system > 0) return { name, verdict: "ok", detail: `${system} in the system's store` };
  const bundled = getCACertificates("bundled").length;
  return {
    name,
    verdict: bundled > 0 ? "warn" : "fail",
    detail: `the system's store ${SYSTEM_STORE} cannot be read; Node's own ${bundled} are used`,
    repair: "apt-get install ca-certificates",
  };
}

async function certificatesIn(file: string): Promise<number> {
  return (await readFile(file, "utf8").catch(() => "")).match(/-----BEGIN (TRUSTED )?CERTIFICATE-----/g)?.length ?? 0;
}
