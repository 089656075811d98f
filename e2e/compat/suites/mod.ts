import type { World } from "../world.ts";
import database from "./database.ts";
import git from "./git.ts";
import grpc from "./grpc.ts";
import java from "./java.ts";
import open from "./open.ts";
import packages from "./packages.ts";
import ssh from "./ssh.ts";
import streams from "./streams.ts";
import web from "./web.ts";
import websockets from "./websockets.ts";

/** A group of clients: registers their tests. */
export type Suite = (world: () => World) => void;

/** Every suite, by name. */
export const suites: Record<string, Suite> = {
  web,
  streams,
  websockets,
  grpc,
  git,
  packages,
  ssh,
  database,
  java,
  open,
};
