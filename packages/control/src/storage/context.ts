import type { KeyedQueue, Logger } from "@sandkeep/common";
import type { Storage } from "@sandkeep/host";
import { ApiError } from "@sandkeep/protocol";
import type { DiskRecord, DiskStore } from "@sandkeep/store";
import type { StorageConfig } from "../config/schema.ts";
import type { EventBus } from "../events/bus.ts";
import type { Hosts } from "../hosts.ts";
import type { Holders } from "./holders.ts";
import type { Transfers } from "./transfer/transfers.ts";

/** What everything about volumes and snapshots needs from the server. */
export interface StorageContext {
  disks: DiskStore;
  hosts: Hosts;
  events: EventBus;
  /** Id of this control plane. */
  owner: string;
  holders: Holders;
  /** Ids of the disks that this process is creating. */
  creating: Set<string>;
  /** Growing, one at a time for each volume, so that record and host have the same capacity afterwards. */
  growing: KeyedQueue;
  transfers: Transfers;
  region: string;
  limits: StorageConfig;
  log: Logger;
}

/**
 * The storage of the host with a disk's data.
 *
 * @throws {ApiError} `HOST_NOT_READY` if the host is not one of this server's
 */
export function storageOf({ hosts }: Pick<StorageContext, "hosts">, { host, slug }: DiskRecord): Storage {
  const found = hosts.get(host);
  if (!found)
    throw new ApiError(
      "HOST_NOT_READY",
      `The data of ${slug} is on the computer ${host}, which this server does not use.`,
    );
  return found.storage;
}

/** Milliseconds for which the data of a deleted disk is kept. */
export function graceMs({ limits }: Pick<StorageContext, "limits">): number {
  return limits.keepDeletedHours * 60 * 60_000;
}
