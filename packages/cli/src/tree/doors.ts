import { parseDuration } from "../values/duration.ts";
import type { CommandSpec } from "./spec.ts";

/** Commands about the addresses that `sandkeep expose` makes. */
export const doorCommands: CommandSpec = {
  name: "doors",
  summary: "List and close addresses of sandboxes, and replace their tokens",
  details: "A door is named by its address, or by the first label of that: https://shop.example.com:7777 is shop.",
  commands: [
    {
      name: "list",
      aliases: ["ls"],
      args: "[id]",
      summary: "List doors, and names that your organisation keeps; with an id, those of one sandbox",
      completes: "sandbox",
      client: true,
      load: () => import("../commands/doors/list.ts"),
    },
    {
      name: "close",
      aliases: ["rm"],
      args: "<door>",
      summary: "Close a door, with everything that is open through it; a stable name is given back",
      examples: [["sandkeep doors close shop", "others may have the name now"]],
      client: true,
      load: () => import("../commands/doors/close.ts"),
    },
    {
      name: "token",
      args: "<door>",
      summary: "Make another token for a private door, and print the URL with it; the earlier one ends",
      options: [
        { flags: "--expires <duration>", description: "how long it is valid (default: 24h)", parse: parseDuration },
      ],
      examples: [["sandkeep doors token shop --expires 1h", "a link for the next hour"]],
      client: true,
      load: () => import("../commands/doors/token.ts"),
    },
    {
      name: "revoke",
      args: "<door>",
      summary:
        "End the token of a private door, with everything that it has opened; nobody passes until there is another",
      client: true,
      load: () => import("../commands/doors/revoke.ts"),
    },
  ],
};
