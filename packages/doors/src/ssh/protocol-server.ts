import type { Connection as Client, Server as Ssh2Server } from "ssh2";
import { hybridKex } from "./kex/hybrid-kex.ts";
import { KEEPALIVE_MS, MAX_KEEPALIVES } from "./limits.ts";
import { Server } from "./ssh2.ts";

/**
 * Ciphers that Node.js does in native code with the processor's instructions: ChaCha20, which OpenSSH prefers, takes five times as long in
 * `ssh2`. No compression: it makes bombs possible. No SHA-1, no CBC, no groups of integers.
 */
const ALGORITHMS = {
  kex: [hybridKex.name, "curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256"],
  serverHostKey: ["ssh-ed25519"],
  cipher: ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes256-ctr"],
  hmac: ["hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256"],
  compress: ["none"],
};

/** A server of `ssh2` for a single connection, so that it is clear whose socket a client has. */
export function sshServer(hostKey: string, greet: (client: Client) => void): Ssh2Server {
  hybridKex.register();
  return new Server(
    {
      hostKeys: [hostKey],
      ident: "Sandkeep",
      algorithms: ALGORITHMS as never,
      keepaliveInterval: KEEPALIVE_MS,
      keepaliveCountMax: MAX_KEEPALIVES,
    },
    (client) => {
      hybridKex.extend(client);
      greet(client);
    },
  );
}
