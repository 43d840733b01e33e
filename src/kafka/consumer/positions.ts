import { Acknowledgements } from "../../core/acknowledgements.ts";
import type { MephistoError } from "../../core/errors.ts";
import type { TopicPartition } from "../../driver/driver.ts";
import { groupBy } from "../../core/group-by.ts";
import { EARLIEST, listOffsets } from "../../wire/requests/02-list-offsets.ts";
import { offsetFetch } from "../../wire/requests/09-offset-fetch.ts";
import type { Cluster } from "../connection/cluster.ts";
import { check, ProtocolError } from "../connection/errors.ts";
import type { Group } from "../group/group.ts";
import { isOfAnother } from "./offsets.ts";

/** Where to begin reading: where the group left off, or at the earliest offset. */
export class Positions {
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /**
   * The positions of partitions that were assigned, of topics that are known; and why those of some are not. Errors of all
   * of them: `UNREACHABLE`, `PROTOCOL`, `NOT_AUTHORIZED`, `UNKNOWN_TOPIC`.
   */
  async committed(
    group: Group,
    groupId: string,
    partitions: readonly TopicPartition[],
  ): Promise<{ found: Acknowledgements[]; error: MephistoError | undefined }> {
    const topics = [...groupBy(partitions, ({ topic }) => topic)].map(([topic, group]) => ({
      topic,
      partitions: group.map(({ partition }) => partition),
    }));
    // What is known is from before the question: of a topic that becomes another one meanwhile the id says so.
    const ids = new Map(topics.map(({ topic }) => [topic, this.#cluster.topic(topic)?.topicId ?? ""]));
    const answer = await group.ask(offsetFetch({ groupId, topics }));
    check(answer.errorCode, `The offsets of group ${groupId}`);
    const found: Acknowledgements[] = [];
    const none: TopicPartition[] = [];
    const errors: MephistoError[] = [];
    for (const { topic, partitions } of answer.topics) {
      const topicId = ids.get(topic) ?? "";
      for (const { partition, committedOffset, committedLeaderEpoch, metadata, errorCode } of partitions) {
        if (errorCode !== 0) errors.push(new ProtocolError(errorCode, `The offsets of ${topic} in group ${groupId}`));
        else if (committedOffset < 0 || isOfAnother(metadata, topicId)) none.push({ topic, partition });
        else found.push(new Acknowledgements({ topic, partition }, committedOffset, topicId, committedLeaderEpoch));
      }
    }
    const earliest = await this.#earliest(none, errors);
    found.push(...earliest.map(({ offset, ...at }) => new Acknowledgements(at, offset, ids.get(at.topic))));
    return { found, error: errors[0] };
  }

  /** The earliest offset of one partition. */
  async earliest({ topic, partition }: TopicPartition): Promise<number> {
    const errors: MephistoError[] = [];
    const [found] = await this.#earliest([{ topic, partition }], errors);
    if (errors[0]) throw errors[0];
    return found?.offset ?? 0;
  }

  /** Who leads a partition; asks when that is not known, as of one that was added to its topic after it was asked for. */
  async #leader({ topic, partition }: TopicPartition): Promise<number> {
    const known = (await this.#cluster.known(topic)).leaders[partition] ?? -1;
    if (known >= 0) return known;
    await this.#cluster.refresh([topic]);
    return this.#cluster.topic(topic)?.leaders[partition] ?? -1;
  }

  /** `errors`: those of single partitions are added to it. */
  async #earliest(
    partitions: readonly TopicPartition[],
    errors: MephistoError[],
  ): Promise<(TopicPartition & { offset: number })[]> {
    const placed = await Promise.all(partitions.map(async (at) => ({ ...at, leader: await this.#leader(at) })));
    const answers = [...groupBy(placed, ({ leader }) => leader)].map(async ([leader, group]) => {
      const topics = [...groupBy(group, ({ topic }) => topic)].map(([topic, group]) => ({
        topic,
        partitions: group.map(({ partition }) => ({ partition, timestamp: EARLIEST })),
      }));
      const connection = this.#cluster.sharedConnection(this.#cluster.node(leader));
      const answer = await connection.send(listOffsets({ isolationLevel: "read_committed", topics }));
      return answer.topics.flatMap(({ topic, partitions }) =>
        partitions.flatMap(({ partition, offset, errorCode }) => {
          if (errorCode === 0) return { topic, partition, offset };
          errors.push(new ProtocolError(errorCode, `The earliest offset of ${topic}`));
          return [];
        })
      );
    });
    return (await Promise.all(answers)).flat();
  }
}
