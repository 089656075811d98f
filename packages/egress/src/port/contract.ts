/**
 * The egress port: the byte stream between a guest and the proxy (virtio-serial port `sandkeep.egress`). It begins like the
 * control port (hello from the host, ready from the agent; see the guest contract). From then on the *guest* is an HTTP/2
 * client with prior knowledge and the proxy is the server. The guest is hostile: everything it sends is parsed strictly.
 *
 * - A TCP flow is `CONNECT` with the destination as `:authority`: `192.0.2.1:443` or `[2001:db8::1]:443`. Status 200 means that the
 *   connection is established. The bodies are its bytes; the end of a body is a FIN, a stream reset is a reset. Any other
 *   status is a refusal, and {@link ERRNO_HEADER} says why.
 * - A UDP flow is `POST` {@link UDP_PATH} with the destination as `:authority`. After status 200 both bodies are datagrams, each
 *   prefixed with its length (16 bits, big endian). Refusals are as for TCP.
 * - The proxy itself answers everything sent to port 53, whatever the destination address.
 *
 * The Go side of this file is `guest/internal/contract/egress.go`; `scripts/agreements/guest.test.ts` compares the two.
 */

/** On refusals: the name of an errno, `ECONNREFUSED`, `EHOSTUNREACH`, `ENETUNREACH`, `ETIMEDOUT` or `ECONNRESET`. */
export const ERRNO_HEADER = "sandkeep-errno";
/** On requests, optional: `<pid> <process name, percent-encoded>`. */
export const PROCESS_HEADER = "sandkeep-process";
export const UDP_PATH = "/udp";
/** Largest datagram in bytes. */
export const MAX_DATAGRAM_BYTES = 65_507;

/** The guest's own addresses on tun0. */
export const GUEST_ADDRESS = { v4: "100.100.100.2/24", v6: "fd64:6464:6464::2/64" } as const;
/** The resolver named in the guest's resolv.conf. */
export const RESOLVER_ADDRESS = "100.100.100.100";
/** Synthetic addresses, each of which stands for a name: the lower bits are the name's number. */
export const SYNTHETIC = { v4: "198.18.0.0/15", v6: "fd64:6464:6464:1::/64" } as const;
