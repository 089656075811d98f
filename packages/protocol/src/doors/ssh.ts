import { z } from "zod";

/** Keys of one door, and the characters of one line: an RSA key of 16,384 bits has 2,800. */
const MAX_AUTHORIZED_KEYS = 16;
const MAX_KEY_CHARS = 4_096;

/** Body of POST /api/v3/sandbox/{id}/expose/ssh. The official clients send an empty object. */
export const exposeSshRequestSchema = z.object({
  /**
   * Public keys, as in `authorized_keys` and without options, one of which must log in. Without any, the user name suffices.
   */
  authorizedKeys: z.array(z.string().min(1).max(MAX_KEY_CHARS)).max(MAX_AUTHORIZED_KEYS).default([]),
});
export type ExposeSshRequest = z.output<typeof exposeSshRequestSchema>;

/** Its answer. JavaScript's official client reads host name and user name only, Python's also the port. */
export const exposeSshAnswerSchema = z.object({
  hostname: z.string(),
  /** Whoever knows it can log in, unless a key is asked for too. */
  username: z.string(),
  port: z.number(),
  /** The server's key, as in `known_hosts`: `ssh-ed25519 AAAA…`. */
  hostKey: z.string(),
  /** The same as OpenSSH shows it: `SHA256:…`. */
  fingerprint: z.string(),
});
export type ExposeSshAnswer = z.infer<typeof exposeSshAnswerSchema>;

/** What all events of one login have in common. */
const login = { connection: z.string(), remote: z.string() };

/** Data of the events of the SSH door. */
export const sshEventShapes = {
  "ssh.login": {
    ...login,
    /** Fingerprint of the key that was used, if one was asked for. */ key: z.string().nullable(),
  },
  "ssh.logout": { ...login, durationMs: z.number(), reason: z.string().nullable() },
  /** A process that has ended, or could not be started. */
  "ssh.process": {
    ...login,
    program: z.enum(["shell", "exec", "sftp"]),
    command: z.string().nullable(),
    terminal: z.boolean(),
    exitCode: z.number().nullable(),
    signal: z.string().nullable(),
    durationMs: z.number(),
    error: z.string().nullable(),
  },
  /** A connection from the client into the sandbox (or through it), or back, that has ended or could not be made. */
  "ssh.forward": {
    ...login,
    direction: z.enum(["in", "out"]),
    host: z.string().nullable(),
    port: z.number().nullable(),
    /** Of a Unix socket in the sandbox, instead of a port. */
    path: z.string().nullable(),
    durationMs: z.number(),
    error: z.string().nullable(),
  },
  /** The client takes connections to a port in the sandbox. */
  "ssh.listen": { ...login, port: z.number(), error: z.string().nullable() },
} as const;
