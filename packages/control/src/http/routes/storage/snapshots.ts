import { Readable } from "node:stream";
import { restoreRequestSchema } from "@sandkeep/protocol";
import type { DiskRecord } from "@sandkeep/store";
import type { Hono } from "hono";
import { deleteDisk, deleteDiskNow, restoreDisk } from "../../../storage/delete.ts";
import { exportSnapshot } from "../../../storage/transfer/export.ts";
import { snapshotDetail, snapshotView } from "../../../storage/views.ts";
import type { Env, Services } from "../../env.ts";
import { readBody } from "../../input/body.ts";
import { refuseHead, resource } from "../../resource.ts";
import { DiskRoutes, named, viewed } from "./disks.ts";

/** Snapshots, as the official clients know them (wire-protocol §10) and with Sandkeep's additions. */
export function snapshotRoutes(app: Hono<Env>, services: Services): void {
  const { storage } = services;
  const snapshots = new DiskRoutes(services, "snapshot");
  const view = (disk: DiskRecord) => snapshotView(storage, disk);
  const detail = (disk: DiskRecord) => snapshotDetail(storage, disk);

  resource(app, "/api/v2/snapshots", {
    GET: async (context) => context.json(await viewed(await snapshots.list(context), view)),
  });
  resource(app, "/api/v2/snapshots/:id", {
    GET: async (context) => context.json(await view(await snapshots.find(context))),
    DELETE: async (context) => {
      await deleteDisk(storage, "snapshot", named(context), context.get("principal"));
      return context.body(null, 204);
    },
  });

  resource(app, "/api/v1/snapshots", {
    GET: async (context) => context.json(await viewed(await snapshots.list(context), detail)),
  });
  resource(app, "/api/v1/snapshots/:id", {
    GET: async (context) => context.json(await detail(await snapshots.find(context))),
    DELETE: async (context) => {
      await deleteDiskNow(storage, "snapshot", named(context), context.get("principal"));
      return context.body(null, 204);
    },
  });
  resource(app, "/api/v1/snapshots/:id/export", {
    GET: async (context) => {
      refuseHead(context);
      const { slug, file } = await exportSnapshot(
        storage,
        named(context),
        context.get("principal"),
        context.get("over"),
      );
      return new Response(Readable.toWeb(file) as ReadableStream, {
        headers: {
          "content-type": "application/zstd",
          "content-disposition": `attachment; filename="${slug}.disk.zst"`,
        },
      });
    },
  });
  resource(app, "/api/v1/snapshots/:id/restore", {
    POST: async (context) => {
      const { slug } = await readBody(context, restoreRequestSchema);
      const snapshot = await restoreDisk(storage, "snapshot", named(context), slug ?? null, context.get("principal"));
      return context.json(await detail(snapshot));
    },
  });
}
