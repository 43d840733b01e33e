import type { Socket } from "node:net";
import type { Clock } from "../../core/clock.ts";

/** What has moved on a connection, and when; on the monotonic clock, in ms. */
export interface Progress {
  readonly clock: Clock;
  /** When anything moved last, in either direction. */
  at: number;
  /** When so much moved last that a request which is on its way comes to its end: a byte a second does not count. */
  on: number;
  /** When the first byte came of the answer that is coming in; undefined: none is. */
  began: number | undefined;
  /** Whether the host has answered at all. */
  reached: boolean;
}

/** Of an answer that has begun less than this is no progress. */
const PROGRESS_BYTES = 128;

const progresses = new WeakMap<Socket, Progress>();

/** From now on it is known of this socket what moves: one look at the clock for each piece that comes. */
export function watchProgress(socket: Socket, clock: Clock): void {
  const now = clock.monotonic();
  const progress: Progress = { clock, at: now, on: now, began: undefined, reached: false };
  let few = 0;
  progresses.set(socket, progress);
  const moved = () => {
    progress.at = clock.monotonic();
    progress.reached = true;
  };
  socket.on("connect", moved);
  socket.on("data", (piece: Uint8Array) => {
    moved();
    few += piece.length;
    if (few < PROGRESS_BYTES && progress.began !== undefined) return;
    progress.began ??= progress.at;
    progress.on = progress.at;
    few = 0;
  });
}

/** What has moved on a socket that is watched. */
export function progressOf(socket: Socket | undefined): Progress | undefined {
  return socket && progresses.get(socket);
}
