/**
 * The wire between a guest and the proxy: one byte stream (virtio-serial port `sandkeep.egress`) that begins as the
 * control port does (hello by the host, ready by the agent; see the guest's contract), after which the *guest* is an HTTP/2
 * client with prior knowledge and the proxy is the server. The guest is hostile: everything it sends is parsed as such.
 *
 * - A TCP flow is `CONNECT` with the destination as `:authority`: `192.0.2.1:443` or `[2001:db8::1]:443`. Status 200: the
 *   connection is there, and the bodies are its bytes; the end of a body is a FIN, a reset of the stream a reset. Any other
 *   status: it is not, and {@link ERRNO_HEADER} says why.
 * - A UDP flow is `POST` {@link UDP_PATH} with the destination as `:authority`. After status 200 both bodies are datagrams, each with
 *   its length before it (16 bit, big endian). Refused as TCP is.
 * - What goes to port 53 is answered by the proxy, whichever address it was sent to.
 *
 * The Go side of this file is `guest/internal/egress`.
 */

/** On refusals: an errno's name, `ECONNREFUSED`, `EHOSTUNREACH`, `ENETUNREACH`, `ETIMEDOUT` or `ECONNRESET`. */
export const ERRNO_HEADER = "sandkeep-errno";
/** On requests, optional: `<pid> <name of the process, percent-encoded>`. */
export const PROCESS_HEADER = "sandkeep-process";
export const UDP_PATH = "/udp";
/** Largest datagram in bytes. */
export const MAX_DATAGRAM_BYTES = 65_507;

/** The guest's own addresses on tun0. */
export const GUEST_ADDRESS = { v4: "100.100.100.2/24", v6: "fd64:6464:6464::2/64" } as const;
/** The resolver that the guest's resolv.conf names. */
export const RESOLVER_ADDRESS = "100.100.100.100";
/** Addresses that stand for names: their lower bits are the name's number. */
export const SYNTHETIC = { v4: "198.18.0.0/15", v6: "fd64:6464:6464:1::/64" } as const;
