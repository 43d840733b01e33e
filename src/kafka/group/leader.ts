import type { Clock } from "../../core/clock.ts";
import { isRetriable, MephistoError } from "../../core/errors.ts";
import { Pacer } from "../../core/delay.ts";
import { planInTurns } from "../../driver/group-plan.ts";
import type { JoinGroupResponse } from "../../wire/requests/11-join-group.ts";
import type { Cluster } from "../connection/cluster.ts";
import { type MemberAssignment, readMember, writePlan } from "./subscription.ts";
import { type GroupSize, sizeOf } from "./group-refusal.ts";

/** What a member does that leads its group: plans for all, and sees when another plan is needed. */
export class Leader {
  readonly #cluster: Cluster;
  readonly #clock: Clock;
  /** Told what topics are refused for, with which the leader plans as it knows them; undefined: nothing. */
  readonly #refused: (error: MephistoError | undefined) => void;
  /** The numbers of partitions that were planned with. */
  #planned: ReadonlyMap<string, number> | undefined;
  #size: GroupSize | undefined;

  constructor(cluster: Cluster, clock: Clock, refused: (error: MephistoError | undefined) => void) {
    this.#cluster = cluster;
    this.#clock = clock;
    this.#refused = refused;
  }

  /** What the group becomes by the latest plan. */
  get size(): GroupSize | undefined {
    return this.#size;
  }

  /** The topics that were planned with; undefined: it does not lead. */
  get topics(): readonly string[] | undefined {
    return this.#planned && [...this.#planned.keys()];
  }

  /** Whether a topic has another number of partitions than was planned with. */
  get isOutdated(): boolean {
    const planned = [...this.#planned ?? []];
    return planned.some(([topic, count]) => (this.#cluster.topic(topic)?.leaders.length ?? 0) !== count);
  }

  /** Another generation begins, of which nothing is planned. */
  begin(leads: boolean): void {
    this.#planned = this.#size = undefined;
    if (!leads) this.#refused(undefined);
  }

  /** Who gets what, and who is master. */
  async assign({ members, memberId }: JoinGroupResponse): Promise<MemberAssignment[]> {
    const known = members.map(readMember);
    const topics = [...new Set(known.flatMap(({ topics }) => topics))].sort();
    const refused = await this.#refresh(topics);
    const counts = new Map(topics.map((topic) => [topic, this.#cluster.topic(topic)?.leaders.length ?? 0]));
    this.#planned = new Map(counts);
    // Whoever reads a topic that the leader is told nothing of goes on with it.
    if (refused) {
      for (const { topic, partition } of known.flatMap(({ owned }) => owned)) {
        if (!this.#planned.get(topic)) counts.set(topic, Math.max(counts.get(topic) ?? 0, partition + 1));
      }
    }
    const turns = new Pacer(this.#clock);
    const plan = await planInTurns(known, counts, memberId, () => turns.due());
    const assignments = writePlan(known, plan, sizeOf(members).bytes);
    this.#size = sizeOf(members, assignments);
    return assignments;
  }

  /** Asks how topics are. What one is refused for, and waiting does not mend, is no reason to keep all from going on. */
  async #refresh(topics: readonly string[]): Promise<MephistoError | undefined> {
    let refused: MephistoError | undefined;
    try {
      await this.#cluster.refresh(topics);
    } catch (error) {
      if (!(error instanceof MephistoError) || isRetriable(error)) throw error;
      refused = error;
    }
    this.#refused(refused);
    return refused;
  }
}
