/** Renewal information: when a certificate authority wants a certificate to be renewed (RFC 9773). */
import { x509 } from "@sandkeep/common/x509";
import type { Certificate } from "../../certificate.ts";
import type { AcmeClient } from "../client/acme-client.ts";
import { renewalInfoSchema } from "../client/answers.ts";
import { AcmeError } from "../client/error.ts";
import type { Window } from "./renewal-time.ts";

/** Pauses between two questions, milliseconds (RFC 9773, section 4.3). */
export const USUAL_PAUSE_MS = 6 * 60 * 60_000;
const MIN_PAUSE_MS = 60_000;
const MAX_PAUSE_MS = 24 * 60 * 60_000;

export interface Suggestion {
  window: Window;
  /** When to ask again, milliseconds from now. */
  pauseMs: number;
}

/** A certificate's id: its issuer's key and its serial number. Null if it does not name its issuer's key. */
export function certificateId({ der }: Pick<Certificate, "der">): string | null {
  const certificate = new x509.X509Certificate(der);
  const keyId = certificate.getExtension(x509.AuthorityKeyIdentifierExtension)?.keyId;
  if (!keyId) return null;
  // As it is in the certificate: with a leading zero if its first bit is set.
  const digits = certificate.serialNumber.replace(/^(?:00)+(?=..)/, "");
  const serial = Number.parseInt(digits.slice(0, 2), 16) >= 0x80 ? `00${digits}` : digits;
  return [keyId, serial].map((hex) => Buffer.from(hex, "hex").toString("base64url")).join(".");
}

/** What the certificate authority suggests; null if it suggests nothing. @throws {AcmeError} */
export async function askForWindow(client: AcmeClient, id: string, now: number): Promise<Suggestion | null> {
  const { renewalInfo } = client.directory;
  if (renewalInfo === undefined) return null;
  const { body, retryAt } = await client.fetch(
    `${renewalInfo.replace(/\/$/, "")}/${id}`,
    renewalInfoSchema,
    "renewal information",
  );
  const window = { start: Date.parse(body.suggestedWindow.start), end: Date.parse(body.suggestedWindow.end) };
  if (window.end <= window.start) throw new AcmeError("The certificate authority suggests to renew in no time at all.");
  const asked = retryAt === null ? USUAL_PAUSE_MS : retryAt - now;
  return { window, pauseMs: Math.min(Math.max(asked, MIN_PAUSE_MS), MAX_PAUSE_MS) };
}
