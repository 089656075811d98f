import { keyPem, newKeyPair } from "@sandkeep/common/x509";
import { Certificate } from "../certificate.ts";
import type { CertificatePair } from "../contract.ts";
import type { Solver } from "./challenges/solver.ts";
import type { AcmeClient, Reply } from "./client/acme-client.ts";
import {
  type Authorization,
  acknowledgementSchema,
  authorizationSchema,
  type Order,
  orderSchema,
} from "./client/answers.ts";
import { AcmeError, printable } from "./client/error.ts";
import { certificateRequest } from "./csr.ts";

export interface OrderOptions {
  client: AcmeClient;
  /** DNS names, with wildcards. */
  names: readonly string[];
  solver: Solver;
  /** The certificate that this one replaces (RFC 9773), by its id there. */
  replaces: string | null;
}

/**
 * Orders a certificate, and proves to the certificate authority whose the names are.
 *
 * @throws {AcmeError}
 */
export async function order({ client, names, solver, replaces }: OrderOptions): Promise<CertificatePair> {
  const created = await newOrder(client, names, replaces);
  const { location } = created;
  if (location === null) throw new AcmeError("The certificate authority made an order without an address.");
  await prove(client, created.body, names, solver);
  const isPending = ({ status }: Order) => status === "pending" || status === "processing";
  const ready = checked(await client.poll(location, orderSchema, "the order", isPending));
  const keys = await newKeyPair();
  if (ready.status === "ready") {
    const csr = await certificateRequest(keys, names);
    await client.post(ready.finalize, orderSchema, "the certificate", { csr });
  }
  const isUnfinished = (order: Order) => isPending(order) || order.status === "ready";
  const { certificate } = checked(await client.poll(location, orderSchema, "the order", isUnfinished));
  if (certificate === undefined) throw new AcmeError("The certificate authority names no certificate for the order.");
  const cert = await client.readText(certificate, "application/pem-certificate-chain", "the certificate");
  return usable({ cert, key: keyPem(keys.privateKey) }, names);
}

async function newOrder(client: AcmeClient, names: readonly string[], replaces: string | null): Promise<Reply<Order>> {
  const identifiers = names.map((value) => ({ type: "dns", value }));
  const post = (more: object) =>
    client.post(client.directory.newOrder, orderSchema, "the order", { identifiers, ...more });
  if (replaces === null) return await post({});
  return await post({ replaces }).catch((error: AcmeError) => {
    // Another order has replaced it, for instance one whose certificate was lost on the way.
    if (error.type !== "alreadyReplaced") throw error;
    return post({});
  });
}

/** Answers the challenges of all names, then waits for what the certificate authority finds. */
async function prove(
  client: AcmeClient,
  { authorizations }: Order,
  names: readonly string[],
  solver: Solver,
): Promise<void> {
  await using presented = new AsyncDisposableStack();
  const challenges: { url: string; authorization: string; name: string }[] = [];
  for (const authorization of authorizations) {
    const { body } = await client.read(authorization, authorizationSchema, "an authorisation");
    if (body.status === "valid") continue;
    const name = body.identifier.value;
    // It becomes an argument of the DNS hook.
    if (!names.some((one) => one.replace(/^\*\./, "").toLowerCase() === name.toLowerCase()))
      throw new AcmeError(`The certificate authority asks about ${printable(name)}, which was not ordered.`);
    const challenge = body.challenges.find(({ type }) => type === solver.type);
    if (body.status !== "pending" || challenge?.token === undefined) {
      const offered = body.challenges.map(({ type }) => printable(type)).join(", ");
      throw new AcmeError(
        `The certificate authority does not check ${printable(name)} by ${solver.type}; it offers ${offered || "nothing"}.`,
      );
    }
    const keyAuthorization = client.key.authorize(challenge.token);
    presented.use(await solver.present({ name, token: challenge.token, keyAuthorization }, client.signal));
    challenges.push({ url: challenge.url, authorization, name });
  }
  for (const { url, name } of challenges)
    await client.post(url, acknowledgementSchema, `the challenge for ${name}`, {});
  for (const { authorization, name } of challenges) {
    const isPending = ({ status }: Authorization) => status === "pending";
    const body = await client.poll(authorization, authorizationSchema, "an authorisation", isPending);
    if (body.status === "valid") continue;
    const { error } = body.challenges.find(({ type }) => type === solver.type) ?? {};
    throw AcmeError.from(error ?? { type: "", detail: `it is ${body.status}`, subproblems: [] }, `the name ${name}`);
  }
}

function checked(order: Order): Order {
  if (order.status === "invalid") {
    throw AcmeError.from(order.error ?? { type: "", detail: "it is invalid", subproblems: [] }, "the order");
  }
  return order;
}

function usable(pair: CertificatePair, names: readonly string[]): CertificatePair {
  let certificate: Certificate;
  try {
    certificate = new Certificate(pair);
  } catch (error) {
    throw new AcmeError(
      `The certificate authority gave a certificate that cannot be used: ${(error as Error).message}`,
    );
  }
  const missing = names.find((name) => !certificate.covers(name));
  if (missing !== undefined) throw new AcmeError(`The certificate authority gave a certificate without ${missing}.`);
  if (certificate.expiresAt <= Date.now())
    throw new AcmeError("The certificate authority gave an expired certificate.");
  return pair;
}
