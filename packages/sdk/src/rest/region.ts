/** Where sandboxes and volumes are located, with the names of Deno's platform: `ord` (Chicago) or `ams` (Amsterdam). */
export type Region = "ord" | "ams";
