/**
 * The seam: what a worker needs of a log, in its own words. `src/kafka` is a driver; a test may bring another.
 *
 * @module
 */
import type { ByteBudget } from "../core/byte-budget.ts";
import type { TopicPartition } from "../core/topic-partition.ts";
import type { Lease } from "../core/lease.ts";
import type { NamedWork, WorkSummary } from "../core/master-work.ts";
import type { RecordBatchCursor } from "../core/message.ts";
import type { Supervisor } from "../core/supervisor.ts";
import type { BackgroundReports } from "../core/background-reports.ts";
import type { MasterLog } from "./master-log.ts";
import type { OutgoingRecord } from "./outgoing-record.ts";

/** Sends messages; a retry neither duplicates nor reorders. */
export interface Publisher {
  /** Resolves when all replicas in sync have the message. Waits for room when too much is on its way. */
  send(record: OutgoingRecord): Promise<void>;
  /** Resolves when everything sent so far is acknowledged or has failed. */
  flush(): Promise<void>;
}

/** A topic that has to be there. */
export interface TopicSpec {
  readonly topic: string;
  readonly partitions: number;
  /** -1: the broker's default. */
  readonly replicationFactor: number;
  /**
   * A topic whose messages this one is to take, whatever their size and time, with some more headers, and to keep until
   * somebody deletes them. Looked at when this one is created; one that is there stays as it is.
   */
  readonly limitsOf?: string;
}

/** A topic that was there, and is gone. */
export interface MissingTopic {
  readonly topic: string;
  /** What has happened and what is done about it: sentences for people. */
  readonly why: string;
}

export type { OutgoingRecord, TopicPartition };

/** Messages of one partition, on their way to a handler. */
export interface Delivery extends TopicPartition {
  /** What it takes of the worker's budget at the moment; nothing once it is closed. */
  readonly bytes: number;
  /** Reads them; called once, when it is their turn. Nothing when they turn out to be unreadable: the driver says so. */
  open(): RecordBatchCursor | undefined;
  /** They have been handed out, or are not wanted any more: room for the next. */
  close(): void;
}

/** A process, as another one on the same machine can look for it. */
export interface ProcessIdentity {
  /** Of the machine since it was started. */
  readonly bootId: string;
  /** Process ids mean something in one namespace only. */
  readonly pidNamespace: string;
  readonly pid: number;
  /** When it began, in the machine's ticks: a pid is used again. */
  readonly startTime: string;
}

/** How others notice at once that a worker is gone. */
export interface Presence {
  /** Where it listens; a connection lasts as long as the worker. */
  readonly host: string;
  readonly port: number;
  /** What it greets with: an address alone may be another worker's, on another machine. */
  readonly id: string;
  /** Undefined when it cannot be told: then nobody can prove that it is gone. */
  readonly process: ProcessIdentity | undefined;
}

/** What runs on the master: a timer and when, or a task. */
export type MasterWork = NamedWork;

/** A worker that lacks something of what another has to run on the master. */
export interface LackingWorker {
  /** Its name, and the version of its script, or "". */
  readonly worker: string;
  readonly version: string;
  readonly work: WorkSummary;
}

/** The time zone data of a runtime, as far as its timers on the master go by them. */
export interface ZoneData {
  /** Their release, as `2026c`; "" where the runtime does not say. */
  readonly release: string;
  readonly zones: readonly ZoneMarks[];
}

/** A zone by its IANA name: a mark for each year from one on, another one where its clock is another. */
export interface ZoneMarks {
  readonly name: string;
  readonly from: number;
  readonly marks: readonly string[];
}

/** What a member tells the others of itself. */
export interface MemberProfile {
  /** The worker's name, for people. */
  readonly worker: string;
  readonly runtime: string;
  /** The script's version, or "". */
  readonly version: string;
  /** Timers and tasks that run on the master. The others are told how many, and a sketch of their names. */
  readonly timers: readonly MasterWork[];
  /** Undefined when none of these goes by a zone's clock. */
  readonly zones?: ZoneData | undefined;
  /** Whether it may be elected. */
  readonly mayBeMaster: boolean;
  readonly presence: Presence | undefined;
}

/** A member to be watched. */
export interface Peer {
  /** Of its membership; for {@link Membership.evict}. */
  readonly id: string;
  readonly worker: string;
  readonly presence: Presence;
}

/** What a generation of the group decided. */
export interface Generation {
  readonly generation: number;
  readonly members: number;
  /** The worker that was elected, for people; undefined when nobody may be master. */
  readonly master: string | undefined;
  /** The version of its script, or "". */
  readonly masterVersion?: string;
  /** What that worker has to run; undefined: the same as this one, or there is no master. */
  readonly masterWork?: WorkSummary | undefined;
  /** The master alone: some workers that lack something of what it has to run, and may not be elected therefore. */
  readonly lacking?: readonly LackingWorker[];
  /** The time zone data of that worker, if it has told of any that are not this one's. */
  readonly masterZones?: ZoneData | undefined;
  /** Whether it is this one. */
  readonly elected: boolean;
  /** An elected worker may not act before this moment of its monotonic clock, in ms: an older lease may still be held. */
  readonly notBefore: number;
  /** Whom to watch: everybody the master and one more, these two everybody. */
  readonly peers: readonly Peer[];
  /** The worker that would be elected in the master's place; undefined when there is none. */
  readonly successor: string | undefined;
  /** The master, which this one is, is asked to stand down: there is a successor. */
  readonly resignAsked: boolean;
}

/** What a member of the group hears; called by the driver. */
export interface MemberListener {
  /** The generation in which mastership was won, while it is held; else 0. Asked before each JoinGroup. */
  claim(): number;
  generation(generation: Generation): void;
  assigned(partitions: readonly TopicPartition[]): void;
  /** Resolves when what is in hand of these partitions is finished; they are committed and handed over then. */
  revoked(partitions: readonly TopicPartition[]): Promise<void>;
  /** They have been committed and are another's now, or nobody's. */
  handedOver(partitions: readonly TopicPartition[]): void;
  /** These partitions may be somebody else's already; nothing of them can be committed. */
  lost(partitions: readonly TopicPartition[]): void;
  deliver(delivery: Delivery): void;
  /** The group has dropped or forgotten this member; it joins again by itself. */
  removed(): void;
  /** This member cannot go on: somebody else has its instance id, or the group refuses it. */
  failed(error: Error): void;
}

export interface JoinOptions {
  readonly group: string;
  readonly topics: readonly string[];
  readonly profile: MemberProfile;
  /** Static membership. */
  readonly instanceId: string | undefined;
  /** In ms. */
  readonly sessionTimeout: number;
  /** In ms. */
  readonly heartbeatInterval: number;
  /** Looks after the loops of the membership. Default: one of its own, which tells the listener when it fails. */
  readonly supervisor?: Supervisor | undefined;
  /** What its messages may take in memory; missing: the default. */
  readonly budget?: ByteBudget;
}

/** A place in the group. */
export interface Membership {
  readonly lease: Lease;
  /** Whether the member is in the group, in a generation that has been synced. */
  readonly joined: boolean;
  /** Why it is not in its group, if that is known: a sentence. */
  readonly trouble?: string | undefined;
  /** When the group's coordinator last answered, in ms of the monotonic clock. */
  readonly lastContact: number;
  /** Resolves when the first generation has been synced and positions are known; rejects when joining is hopeless. */
  ready(): Promise<void>;
  /** Stands for election no longer, and says so at once; resolves when the group has heard it. */
  resign(): Promise<void>;
  /**
   * Stands for election no longer until another one has been elected, or a session has passed, and says so at once.
   * Resolves when it stands again. Whoever is master has stopped acting before.
   */
  yieldMastership(): Promise<void>;
  /**
   * Takes no partitions any more, and says so at once if it has any: what is idle goes to others now, the rest as soon as
   * what is in hand of it is finished. A mastership that is held stays.
   */
  drain(): void;
  /** Asks the master of the latest generation to stand down: {@link Generation.resignAsked}. */
  askToResign(): void;
  /** Removes a member whose process is gone, so that nobody waits for the end of its session. Never throws. */
  evict(peer: Peer): Promise<void>;
  /** The group may have changed: asks it now, not only with the next heartbeat. */
  heartbeatNow(): void;
  /** Gives up everything, commits it and leaves; at most `within` ms. */
  leave(within: number): Promise<void>;
}

/** How the cluster looks, for people. */
export interface ClusterInfo {
  readonly clusterId: string;
  /** Whether it keeps nothing: under another id it is one that has never seen what was there before. */
  readonly isInMemory?: boolean;
  readonly brokers: readonly string[];
  /** What works, and not as it should: sentences. */
  readonly warnings?: readonly string[];
}

/** A log. */
export interface Driver {
  readonly publisher: Publisher;
  readonly master: MasterLog;
  /** Where all that goes on in the background says that it does not: the driver's loops, and the worker's. */
  readonly troubles: BackgroundReports;
  /** Connects once. Errors: `UNREACHABLE`, `AUTHENTICATION_FAILED`, `UNTRUSTED_CERTIFICATE`, `PROTOCOL`. */
  connect(): Promise<ClusterInfo>;
  /**
   * Creates what is missing; the number of partitions of each topic as it is. One that is deleted later is created again,
   * unless somebody else does it.
   */
  ensureTopics(topics: readonly TopicSpec[]): Promise<Map<string, number>>;
  /** Of the topics that were ensured, those that are gone at the moment. */
  readonly missingTopics: readonly MissingTopic[];
  join(options: JoinOptions, listener: MemberListener): Membership;
  /** Ends every connection, at most `within` ms after what is being sent. */
  close(within: number): Promise<void>;
}
