/** UDP flows. Without an allow list they may go to public addresses; with one, nowhere. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { guestErrno } from "../dial/error.ts";
import type { Address } from "../policy/mod.ts";
import { DatagramReader, frameDatagram } from "./datagrams.ts";

/** A flow that is idle for this long ends, milliseconds. Most routers use the same timeout. */
const IDLE_MS = 60_000;
/** Bytes that may queue for a slow guest or a slow network. Datagrams beyond that are dropped. */
const MAX_WAITING_BYTES = 1024 * 1024;

/** Bytes in each direction. */
export interface UdpTraffic {
  bytesUp: number;
  bytesDown: number;
}

/** Opens a socket connected to one address. @throws {Error} with `errno` for the guest */
export async function openUdp(address: Address, port: number): Promise<Socket> {
  const socket = createSocket(address.family === 4 ? "udp4" : "udp6");
  try {
    socket.connect(port, address.text);
    await once(socket, "connect");
    return socket;
  } catch (error) {
    socket.close();
    throw Object.assign(error as Error, { errno: guestErrno(error) });
  }
}

/** Relays datagrams in both directions until one end closes or the flow is idle. Takes ownership of both ends. */
export async function relayUdp(stream: Duplex, socket: Socket, traffic: UdpTraffic): Promise<void> {
  const reader = new DatagramReader();
  const idle = setTimeout(() => stream.destroy(), IDLE_MS);
  const { promise, resolve } = Promise.withResolvers<void>();
  stream.on("data", (chunk: Buffer) => {
    idle.refresh();
    try {
      for (const datagram of reader.push(chunk)) {
        if (socket.getSendQueueSize() > MAX_WAITING_BYTES) continue;
        traffic.bytesUp += datagram.length;
        socket.send(datagram);
      }
    } catch {
      stream.destroy();
    }
  });
  stream.on("error", () => {});
  stream.once("end", () => stream.destroy());
  stream.once("close", resolve);
  socket.on("message", (datagram) => {
    idle.refresh();
    if (stream.writableLength > MAX_WAITING_BYTES) return;
    traffic.bytesDown += datagram.length;
    stream.write(frameDatagram(datagram));
  });
  // An ICMP "port unreachable" came back: the next datagram may still get through.
  socket.on("error", () => {});
  await promise;
  clearTimeout(idle);
  socket.close();
}
