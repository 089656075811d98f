/** Parts of the platform's client whose server side is planned for a later version, by reason. */
const REASONS: Record<string, string[]> = {
  "apps and deployments": [
    ...of("Apps", "get create update delete deploy logs"),
    ...of("Layers", "get list create update delete apps"),
    ...of("Revisions", "get list progress buildLogs cancel timelines delete"),
    ...of("Timelines", "list"),
    ...of("Build", "logs"),
    ...of("Client", "revisions timelines layers"),
  ],
  "VS Code in the browser": of("VsCode", "url stdout stderr status kill [Symbol.asyncDispose] [util.inspect.custom]"),
};

/** Maps members of the platform's client to the reason why nothing uses them yet. */
export const later: Map<string, string> = new Map(
  Object.entries(REASONS).flatMap(([reason, members]) => members.map((member) => [member, reason] as const)),
);

function of(owner: string, members: string): string[] {
  return members.split(" ").map((member) => `${owner}.${member}`);
}
