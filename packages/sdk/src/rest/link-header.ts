/**
 * The URLs of a `Link` header by their relation (RFC 8288), such as `next`. Ignores what it cannot parse.
 */
export function parseLinkHeader(header: string | null): Record<string, string> {
  const links: Record<string, string> = {};
  for (const [, url, params] of (header ?? "").matchAll(/<([^>]*)>([^,]*)/g)) {
    const relation = /;\s*rel="?([^";]+)"?/i.exec(params ?? "")?.[1];
    if (url !== undefined && relation !== undefined) links[relation] = url;
  }
  return links;
}
