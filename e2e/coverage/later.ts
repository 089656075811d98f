/** Parts of the platform's client whose server side is planned for a later version, by reason. */
const REASONS: Record<string, string[]> = {
  "deployments of files in a request": ["Apps.deploy"],
  "VS Code in the browser": of("VsCode", "url stdout stderr status kill [Symbol.asyncDispose] [util.inspect.custom]"),
};

/** Maps members of the platform's client to the reason why nothing uses them yet. */
export const later: Map<string, string> = new Map(
  Object.entries(REASONS).flatMap(([reason, members]) => members.map((member) => [member, reason] as const)),
);

function of(owner: string, members: string): string[] {
  return members.split(" ").map((member) => `${owner}.${member}`);
}
