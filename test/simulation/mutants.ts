import { MephistoError } from "../../src/core/errors.ts";
import type { Driver } from "../../src/driver/driver.ts";
import type { FencedPublisher, MasterLog } from "../../src/driver/master-log.ts";
import { plan } from "../../src/kafka/assignor.ts";
import { SESSION } from "./faults.ts";
import type { Mutant } from "./world.ts";

/** A mistake that the simulation has to find, and after how many seeds at the latest. */
export interface Mistake {
  readonly name: string;
  readonly within: number;
  readonly mutant: Mutant;
}

/** Changes what a master's publisher does. */
function publishers(change: (publisher: FencedPublisher) => Partial<FencedPublisher>): Mutant {
  const changed = (log: MasterLog): MasterLog => ({
    ensureJournal: (spec) => log.ensureJournal(spec),
    readJournal: (topic) => log.readJournal(topic),
    behind: (group, ends) => log.behind(group, ends),
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
    mutant: { margin: -SESSION / 4 },
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
    within: 2000,
    mutant: publishers((publisher) => ({
      read: async (mayTry) => (await publisher.read(mayTry)).filter(({ key }) => !key.startsWith("rule:")),
    })),
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
];
