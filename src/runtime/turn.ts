import { setImmediate } from "node:timers";
import { runtime } from "./info.ts";

/** Deno lets timers run between immediates, but reads no socket: of so many turns one is a timer, which takes 1 ms there. */
const DENO_TURNS = 5;
let turns = 0;

const immediate = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
const timer = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, 0));

/**
 * One turn of the event loop. On Node and Bun an immediate runs after timers and sockets have been looked after; messages
 * of a MessageChannel do not let them through there.
 */
export const eventLoopTurn: () => Promise<void> = runtime().name === "deno"
  ? () => ++turns % DENO_TURNS === 0 ? timer() : immediate()
  : immediate;
