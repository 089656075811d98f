/** What a certificate authority answers (RFC 8555, section 7.1), as far as it is used. Its strings and lists are bounded. */
import { z } from "zod";
import { problemSchema } from "./error.ts";

const url = z.string().max(2_048);
/** Base64url, at least 128 bits of it (section 8.1). It becomes part of a path, and of a DNS record. */
const token = z.string().regex(/^[A-Za-z0-9_-]{16,256}$/);

export const directorySchema = z.object({
  newNonce: url,
  newAccount: url,
  newOrder: url,
  /** RFC 9773. */
  renewalInfo: url.optional(),
  meta: z.object({ externalAccountRequired: z.boolean().optional() }).optional(),
});
export type Directory = z.infer<typeof directorySchema>;

export const accountSchema = z.object({ status: z.string() });

export const orderSchema = z.object({
  status: z.enum(["pending", "ready", "processing", "valid", "invalid"]),
  authorizations: z.array(url).max(100),
  finalize: url,
  certificate: url.optional(),
  error: problemSchema.optional(),
});
export type Order = z.infer<typeof orderSchema>;

const challengeSchema = z.object({
  type: z.string(),
  url,
  status: z.string().default("pending"),
  token: token.optional(),
  error: problemSchema.optional(),
});

export const authorizationSchema = z.object({
  status: z.enum(["pending", "valid", "invalid", "deactivated", "expired", "revoked"]),
  identifier: z.object({ type: z.literal("dns"), value: z.string().max(253) }),
  challenges: z.array(challengeSchema).max(20),
});
export type Authorization = z.infer<typeof authorizationSchema>;

/** Of a challenge that was answered. What becomes of it is read from its authorisation. */
export const acknowledgementSchema = z.looseObject({});

export const renewalInfoSchema = z.object({
  suggestedWindow: z.object({ start: z.iso.datetime({ offset: true }), end: z.iso.datetime({ offset: true }) }),
});
