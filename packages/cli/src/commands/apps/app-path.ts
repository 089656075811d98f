/** The API path of an app, or of something that it has. */
export function appPath(app: unknown, rest = "", version: "v1" | "v2" = "v2"): string {
  return `/api/${version}/apps/${encodeURIComponent(String(app))}${rest}`;
}
