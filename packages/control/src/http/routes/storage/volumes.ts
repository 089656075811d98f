import {
  diskSlugSchema,
  growRequestSchema,
  NAME_LENGTH,
  restoreRequestSchema,
  snapshotRequestSchema,
  volumeRequestSchema,
} from "@sandkeep/protocol";
import type { DiskRecord } from "@sandkeep/store";
import type { Hono } from "hono";
import { z } from "zod";
import { createVolume, snapshotVolume } from "../../../storage/create.ts";
import { deleteDisk, deleteDiskNow, restoreDisk } from "../../../storage/delete.ts";
import { growVolume } from "../../../storage/grow.ts";
import { importVolume } from "../../../storage/transfer/import.ts";
import { snapshotView, volumeDetail, volumeView } from "../../../storage/views.ts";
import type { Env, Services } from "../../env.ts";
import { readBody, readQuery } from "../../input/body.ts";
import { allowLongBody } from "../../input/body-limit.ts";
import { bodyStream } from "../../input/long-body.ts";
import { action, resource } from "../../resource.ts";
import { DiskRoutes, named, viewed } from "./disks.ts";

export const importQuery = z.object({ slug: diskSlugSchema, region: z.string().min(1).max(NAME_LENGTH).optional() });

/** Volumes, as the official clients know them (wire-protocol §10) and with Sandkeep's additions. */
export function volumeRoutes(app: Hono<Env>, services: Services): void {
  const { storage } = services;
  const volumes = new DiskRoutes(services, "volume");
  const view = (disk: DiskRecord) => volumeView(storage, disk);
  const details = async (disks: DiskRecord[]) => {
    const attached = await storage.disks.attachments(disks.map(({ id }) => id));
    return await viewed(disks, (disk) => volumeDetail(storage, disk, attached));
  };

  resource(app, "/api/v2/volumes", {
    GET: async (context) => context.json(await viewed(await volumes.list(context), view)),
    POST: async (context) => {
      const request = await readBody(context, volumeRequestSchema);
      return context.json(await view(await createVolume(storage, request, context.get("principal"))), 201);
    },
  });
  resource(app, "/api/v2/volumes/:id", {
    GET: async (context) => context.json(await view(await volumes.find(context))),
    DELETE: async (context) => {
      await deleteDisk(storage, "volume", named(context), context.get("principal"));
      return context.body(null, 204);
    },
  });
  resource(app, "/api/v2/volumes/:id/snapshot", {
    POST: async (context) => {
      const { slug } = await readBody(context, snapshotRequestSchema);
      const snapshot = await snapshotVolume(storage, named(context), slug, context.get("principal"));
      return context.json(await snapshotView(storage, snapshot), 201);
    },
  });

  resource(app, "/api/v1/volumes", {
    GET: async (context) => context.json(await details(await volumes.list(context))),
  });
  action(app, "POST", "/api/v1/volumes/import", async (context) => {
    const { incoming } = context.env;
    using _ = allowLongBody(incoming);
    const request = readQuery(context, importQuery);
    const source = bodyStream(incoming, context.get("over"));
    const volume = await importVolume(storage, request, source, context.get("principal"));
    return context.json((await details([volume]))[0]!, 201);
  });
  resource(app, "/api/v1/volumes/:id", {
    GET: async (context) => context.json((await details([await volumes.find(context)]))[0]!),
    PATCH: async (context) => {
      const { capacity } = await readBody(context, growRequestSchema);
      const volume = await growVolume(storage, named(context), capacity, context.get("principal"));
      return context.json((await details([volume]))[0]!);
    },
    DELETE: async (context) => {
      await deleteDiskNow(storage, "volume", named(context), context.get("principal"));
      return context.body(null, 204);
    },
  });
  resource(app, "/api/v1/volumes/:id/restore", {
    POST: async (context) => {
      const { slug } = await readBody(context, restoreRequestSchema);
      const volume = await restoreDisk(storage, "volume", named(context), slug ?? null, context.get("principal"));
      return context.json((await details([volume]))[0]!);
    },
  });
}
