/** Path of a door in the API. @param door its address, host name, or name alone */
export function doorPath(door: string | string[] | undefined): string {
  const [name = ""] = String(door)
    .replace(/^[a-z]+:\/\//i, "")
    .split(/[.:/]/, 1);
  return `/api/v1/doors/${encodeURIComponent(name.toLowerCase())}`;
}
