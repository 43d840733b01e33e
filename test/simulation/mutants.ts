import { MephistoError } from "../../src/core/errors.ts";
import type { Driver } from "../../src/driver/driver.ts";
import type { FencedPublisher, MasterLog } from "../../src/driver/master-log.ts";
import { plan } from "../../src/driver/group-plan.ts";
import { type Fault, SESSION_MS } from "./faults.ts";
import type { Mutant } from "./world.ts";

/** A mistake that the simulation has to find, and after how many seeds at the latest. */
export interface Mistake {
  readonly name: string;
  readonly within: number;
  readonly mutant: Mutant;
  /** What goes wrong in a seed, where the seed's own faults would take too many of them. */
  readonly faults?: (seed: number) => readonly Fault[];
}

function bound(log: MasterLog): MasterLog {
  return {
    ensureJournal: (spec) => log.ensureJournal(spec),
    readJournal: (topic) => log.readJournal(topic),
    lag: (group, ends) => log.lag(group, ends),
    fence: (options, mayTry) => log.fence(options, mayTry),
  };
}

/** Changes what a master's publisher does. */
function publishers(change: (publisher: FencedPublisher) => Partial<FencedPublisher>): Mutant {
  const changed = (log: MasterLog): MasterLog => ({
    ...bound(log),
    async fence(options, mayTry) {
      const publisher = await log.fence(options, mayTry);
      return {
        read: (mayTry) => publisher.read(mayTry),
        publish: (transaction, mayTry) => publisher.publish(transaction, mayTry),
        recover: (mayTry) => publisher.recover(mayTry),
        close: () => publisher.close(),
        ...change(publisher),
      };
    },
  });
  return { driver: (driver): Driver => ({ ...driver, master: changed(driver.master) }) };
}

/** What the master sends though its lease may be over. */
const unasked = () => true;

/** One mistake each, in what the guarantees stand on. */
export const MISTAKES: readonly Mistake[] = [
  {
    name: "the log lets an older epoch write and commit",
    within: 400,
    mutant: { log: ({ transactions }) => transactions.acceptStaleEpoch = true },
  },
  {
    name: "a lease ends after the group's session instead of before",
    within: 100,
    mutant: { margin: -SESSION_MS / 4 },
  },
  {
    name: "a lease does not count the time in which the machine is suspended",
    within: 100,
    mutant: { host: (host) => void Object.assign(host, { boot: () => undefined }) },
  },
  {
    name: "the journal is read to the last stable offset only",
    within: 200,
    mutant: { log: (log) => log.endsAtStable = true },
  },
  {
    name: "the journal is not read",
    within: 20,
    mutant: publishers(() => ({ read: () => Promise.resolve([]) })),
  },
  {
    name: "the next master does not know since when the timer is due",
    within: 50,
    mutant: publishers((publisher) => ({
      read: async (mayTry) => (await publisher.read(mayTry)).filter(({ key }) => !key.startsWith("rule:")),
    })),
    // The first master dies in its first moments.
    faults: (seed) => [{ at: 50 + 5 * seed, kind: "kill", victim: "master", proof: true, replaced: 100 }],
  },
  {
    name: "who claims mastership is not elected again",
    within: 20,
    mutant: {
      assign: (members, counts) => {
        const unclaimed = members.map((member) => ({ ...member, data: { ...member.data, claim: 0 } }));
        return plan(unclaimed, counts, members.at(-1)?.memberId ?? "");
      },
    },
  },
  {
    name: "a commit without an answer is taken for an abort, and tried again",
    within: 200,
    mutant: publishers((publisher) => ({
      async publish(transaction, mayTry) {
        try {
          return await publisher.publish(transaction, mayTry);
        } catch (error) {
          if (!(error instanceof MephistoError) || error.code !== "UNKNOWN_OUTCOME") throw error;
          await publisher.recover(mayTry);
          throw new MephistoError("UNREACHABLE", "The commit was not answered.");
        }
      },
    })),
  },
  {
    name: "the lease is not asked before the masters before are fenced",
    within: 400,
    mutant: {
      driver: (driver): Driver => ({
        ...driver,
        master: { ...bound(driver.master), fence: (options) => driver.master.fence(options, unasked) },
      }),
    },
  },
  {
    name: "the lease is not asked before a tick is written and committed",
    within: 400,
    mutant: publishers((publisher) => ({ publish: (transaction) => publisher.publish(transaction, unasked) })),
  },
];
