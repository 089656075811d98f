/** The host's types, its schemas and the agent's Go have the same methods, fields and constants. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { z } from "zod";
import { constants } from "../../guest/internal/agent/testdata/constants.ts";
import type {
  AgentCalls,
  AgentStreams,
  Fault,
  ExitStatus as GoExitStatus,
  WalkEntry as GoWalkEntry,
} from "../../guest/internal/agent/testdata/contract.ts";
import {
  ERRNO_HEADER,
  GUEST_ADDRESS,
  MAX_DATAGRAM_BYTES,
  PROCESS_HEADER,
  UDP_PATH,
} from "../../packages/egress/src/port/contract.ts";
import {
  type ExitStatus,
  FAULT_TRAILER,
  type GuestCalls,
  type GuestErrorObject,
  GuestFrame,
  type GuestStreams,
  HELLO_MAGIC,
  HostFrame,
  MAX_CALL_BYTES,
  MAX_FRAME_BYTES,
  MAX_HEAD_BYTES,
  NONCE_BYTES,
  PORTS,
  READY_MAGIC,
  type WalkEntry,
} from "../../packages/host/src/guest/contract.ts";
import type {
  callResults,
  exitStatusSchema,
  guestErrorSchema,
  streamHeads,
  walkEntrySchema,
} from "../../packages/host/src/guest/schema.ts";
import type { All, Equal, Expect, Given, Kinds } from "./types.ts";

export type SameCalls = Expect<Equal<keyof GuestCalls, keyof AgentCalls>>;
export type SameStreams = Expect<Equal<keyof GuestStreams, keyof AgentStreams>>;

/** The agent replaces absent and null params with their defaults. */
type Params<T> = Given<Kinds<T>>;
export type SameParams = Expect<
  All<
    { [M in keyof GuestCalls]: Equal<Params<GuestCalls[M][0]>, Params<AgentCalls[M][0]>> } & {
      [M in keyof GuestStreams]: Equal<Params<GuestStreams[M][0]>, Params<AgentStreams[M][0]>>;
    }
  >
>;

export type SameResults = Expect<
  All<
    { [M in keyof GuestCalls]: Equal<Kinds<GuestCalls[M][1]>, AgentCalls[M][1]> } & {
      [M in keyof GuestStreams]: Equal<Kinds<GuestStreams[M][1]>, AgentStreams[M][1]>;
    }
  >
>;
export type SameMessages = Expect<
  All<{
    ExitStatus: Equal<Kinds<ExitStatus>, GoExitStatus>;
    WalkEntry: Equal<WalkEntry, GoWalkEntry>;
    GuestErrorObject: Equal<Given<GuestErrorObject>, Given<Fault>>;
  }>
>;

/** The host's schemas accept what its types say. */
export type SameSchemas = Expect<
  All<
    { [M in keyof GuestCalls]: Equal<GuestCalls[M][1], z.infer<(typeof callResults)[M]>> } & {
      [M in keyof GuestStreams]: Equal<GuestStreams[M][1], z.infer<(typeof streamHeads)[M]>>;
    } & {
      exitStatus: Equal<ExitStatus, z.infer<typeof exitStatusSchema>>;
      walkEntry: Equal<WalkEntry, z.infer<typeof walkEntrySchema>>;
      guestError: Equal<GuestErrorObject, z.infer<typeof guestErrorSchema>>;
    }
  >
>;

test("host, proxy and agent have the same constants", () => {
  assert.deepEqual(
    { ...constants, FAULT_TRAILER: constants.FAULT_TRAILER.toLowerCase() },
    {
      PROTOCOL: 1,
      HELLO_MAGIC,
      READY_MAGIC,
      NONCE_BYTES,
      CONTROL_PORT: PORTS.control,
      EGRESS_PORT: PORTS.egress,
      MAX_CALL_BYTES,
      MAX_HEAD_BYTES,
      MAX_FRAME_BYTES,
      FAULT_TRAILER,
      UDP_PATH,
      ERRNO_HEADER,
      PROCESS_HEADER,
      MAX_DATAGRAM_BYTES,
      GUEST_ADDRESS_V4: GUEST_ADDRESS.v4,
      GUEST_ADDRESS_V6: GUEST_ADDRESS.v6,
      FRAME_STDOUT: GuestFrame.stdout,
      FRAME_STDERR: GuestFrame.stderr,
      FRAME_CHANNEL: GuestFrame.channel,
      FRAME_EXIT: GuestFrame.exit,
      FRAME_SOCKET: GuestFrame.socket,
      FRAME_STDIN: HostFrame.stdin,
      FRAME_TO_CHANNEL: HostFrame.channel,
      FRAME_TO_SOCKET: HostFrame.socket,
    },
  );
});
