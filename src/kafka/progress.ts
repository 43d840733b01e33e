import type { Socket } from "node:net";

/** What has moved on a connection, and when; on the clock of `performance.now()`, in ms. */
export interface Progress {
  /** When anything moved last, in either direction. */
  at: number;
  /** When the first byte came of the answer that is coming in; undefined: none is. */
  began: number | undefined;
  /** Whether the host has answered at all. */
  reached: boolean;
}

const progresses = new WeakMap<Socket, Progress>();

/** From now on it is known of this socket what moves: one look at the clock for each piece that comes. */
export function watchProgress(socket: Socket): void {
  const progress: Progress = { at: performance.now(), began: undefined, reached: false };
  progresses.set(socket, progress);
  const moved = () => {
    progress.at = performance.now();
    progress.reached = true;
  };
  socket.on("connect", moved);
  socket.on("data", () => {
    moved();
    progress.began ??= progress.at;
  });
}

/** What has moved on a socket that is watched. */
export function progressOf(socket: Socket | undefined): Progress | undefined {
  return socket && progresses.get(socket);
}
