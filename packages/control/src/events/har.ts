import { STATUS_CODES } from "node:http";
import type { SandboxEvent } from "@sandkeep/protocol";

type HttpEvent = SandboxEvent & { kind: "http" };

/** HAR's value for unknown sizes. */
const UNKNOWN = -1;

/** The beginning of a HAR file, up to its first entry (HTTP Archive 1.2, http://www.softwareishard.com/blog/har-12-spec/). */
export const harHead = (version: string) =>
  `{"log":{"version":"1.2","creator":${JSON.stringify({ name: "Sandkeep", version })},"entries":[\n`;
/** The end of a HAR file, after its last entry. */
export const harFoot = "\n]}}\n";

/**
 * A request as an entry of a HAR file. What Sandkeep does not record is empty: headers, cookies, bodies, and query values.
 * Fields that HAR does not define start with `_`, as the format requires.
 */
export function harEntry({ id, data }: HttpEvent): object {
  const { at, durationMs, protocol, scheme, method, host, port, path, query, status, bytesUp, bytesDown, address } =
    data;
  const { verdict, rule, reason, process, secrets, placeholders } = data;
  const httpVersion = protocol === "h2" ? "HTTP/2" : "HTTP/1.1";
  const name = host.includes(":") ? `[${host}]` : host;
  const authority = port === (scheme === "https" ? 443 : 80) ? name : `${name}:${port}`;
  return {
    startedDateTime: new Date(at).toISOString(),
    time: durationMs,
    request: {
      method,
      url: `${scheme}://${authority}${path}`,
      httpVersion,
      cookies: [],
      headers: [],
      queryString: query.map((name) => ({ name, value: "" })),
      headersSize: UNKNOWN,
      bodySize: bytesUp,
    },
    response: {
      // 0: there was no answer.
      status: status ?? 0,
      statusText: (status !== null && STATUS_CODES[status]) || "",
      httpVersion,
      cookies: [],
      headers: [],
      content: { size: bytesDown, mimeType: "" },
      redirectURL: "",
      headersSize: UNKNOWN,
      bodySize: bytesDown,
    },
    cache: {},
    // Only the total is known, but these three are required.
    timings: { send: 0, wait: durationMs, receive: 0 },
    ...(address !== null && { serverIPAddress: address }),
    _event: id,
    _protocol: protocol,
    _verdict: verdict,
    ...(rule !== null && { _rule: rule }),
    ...(reason !== null && { _reason: reason }),
    ...(process && { _process: process }),
    ...(secrets.length > 0 && { _secrets: secrets }),
    ...(placeholders.length > 0 && { _placeholders: placeholders }),
  };
}
