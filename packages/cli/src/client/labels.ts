/** The query that filters a list by labels: `labels[key]=value` for each. */
export function labelQuery(labels: Record<string, string> = {}): URLSearchParams {
  return new URLSearchParams(Object.entries(labels).map(([key, value]): [string, string] => [`labels[${key}]`, value]));
}
