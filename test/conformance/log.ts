import type { ProducerOptions } from "../../src/kafka/producer/sender.ts";
import type { OwnDriver } from "../kafka/support.ts";
import type { until } from "../support/until.ts";

/** Sends in transactions, and is no part of the toolkit. */
export interface Transactions {
  begin(): Promise<{ send(values: readonly string[]): Promise<void>; commit(): Promise<void>; abort(): Promise<void> }>;
  close(): Promise<void>;
}

/**
 * A log under test: drivers for it, and an independent way to see and change what is in it. Time is the log's: of one in
 * memory it passes as fast as it can.
 */
export interface Log {
  /** What a driver says that its brokers are. */
  readonly brokers: readonly string[];
  driver(options?: Partial<ProducerOptions>): OwnDriver;
  createTopic(topic: string, partitions: number, config?: { [name: string]: string }): Promise<void>;
  deleteTopic(topic: string): Promise<void>;
  /** Deletes what is before an offset of partition 0. */
  deleteRecords(topic: string, before: number): Promise<void>;
  /** What a group has committed, by partition. */
  committed(group: string, topic: string): Promise<(bigint | undefined)[]>;
  /** The end of partition 0. */
  end(topic: string): Promise<bigint>;
  /** The ids of a group's members. */
  members(group: string): Promise<string[]>;
  /** Has the group forget a member. */
  expel(group: string, memberId: string): Promise<void>;
  /** A producer of transactions in partition 0 of a topic, by whose name it is known. */
  transactions(topic: string): Promise<Transactions>;
  /** In ms. */
  now(): number;
  readonly until: typeof until;
  stop(): Promise<void>;
}
