/** The query that filters a list by labels: `labels[key]=value`. */
export function labelQuery(labels: Record<string, string> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).map(([key, value]) => [`labels[${key}]`, value]));
}
