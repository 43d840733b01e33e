import process from "node:process";
import { createTopic } from "../../test/support/kafkajs-oracle.ts";
import type { KafkaServer } from "../../test/support/kafka.ts";
import type { Program } from "../../test/support/process.ts";
import { type Checkout, start } from "./run-program.ts";

/** Members, and timers of each. */
const GROUPS = [[24, 1000], [100, 200], [450, 2000]] as const;
/** So many processes hold the members. */
const PROCESSES = 3;
/** A group that has not formed by then counts as one that never does. */
const LIMIT_MS = 40_000;
const PARTITIONS = 900;

export const MEMBERS_HEAD = ["a group", "all start to all know, s", "one more comes to all know, s"];

/**
 * How long a group takes to form. The members are memberships as a worker has them, many in one process, with the
 * connections of each, and without the rest of a worker.
 */
export async function members({ url, brokers }: KafkaServer, checkout: Checkout): Promise<string[][]> {
  const rows: string[][] = [];
  // The first group of a broker waits until its coordinator has been made, which is not what is measured.
  for (const [count, timers] of [[1, 1], ...GROUPS] as const) {
    const topic = `scale-members-${count}-${checkout.name}`;
    await createTopic(brokers, topic, { partitions: PARTITIONS });
    const env = { URL: url, TOPIC: topic, GROUP: `${topic}-${process.pid}`, TIMERS: String(timers) };
    const programs: Program[] = [];
    const prepare = async (first: number, some: number) => {
      const program = start(checkout, "node", "scale-members", { ...env, FIRST: String(first), COUNT: String(some) });
      programs.push(program);
      await program.waitFor(/^PREPARED$/);
      return program;
    };
    try {
      const each = Math.ceil(count / PROCESSES);
      for (let first = 0; first < count; first += each) await prepare(first, Math.min(each, count - first));
      const formed = await until(programs, programs, count);
      const more = formed === undefined ? undefined : await until([await prepare(count, 1)], programs, count + 1);
      const why = programs.flatMap(({ stdout }) => stdout.filter((line) => line.startsWith("TROUBLE ")))[0];
      if (formed === undefined || more === undefined) console.log(`# ${checkout.name}, ${count}: ${why ?? "silence"}`);
      if (count > 1) {
        rows.push([`${count} members with ${timers.toLocaleString("en")} timers`, shownTime(formed), shownTime(more)]);
      }
    } finally {
      for (const program of programs) {
        program.kill("SIGKILL");
        await program.exit;
      }
    }
  }
  return rows;
}

function shownTime(seconds: number | undefined): string {
  return seconds === undefined ? `not within ${LIMIT_MS / 1000}` : seconds.toFixed(1);
}

/** Has these join; the time until all programs say that there are so many, in one generation, in s. */
async function until(joining: readonly Program[], programs: readonly Program[], count: number) {
  const began = performance.timeOrigin + performance.now();
  for (const program of joining) program.kill("SIGUSR2");
  const deadline = performance.now() + LIMIT_MS;
  const agreed = new RegExp(`^ALL (\\d+) ${count} ([\\d.]+)$`);
  while (performance.now() < deadline) {
    const last = programs.map(({ stdout }) => agreed.exec(stdout.findLast((line) => agreed.test(line)) ?? ""));
    const [generation] = new Set(last.map((found) => found?.[1]));
    if (generation !== undefined && last.every((found) => found?.[1] === generation)) {
      return (Math.max(...last.map((found) => Number(found?.[2]))) - began) / 1000;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return undefined;
}
