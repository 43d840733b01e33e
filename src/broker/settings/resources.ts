import type { ConfigKey } from "./configs.ts";
import { CLIENT_METRICS_RESOURCE, GROUP_RESOURCE } from "../../wire/messages/resource-types.ts";
import { getConfig, type KeyValueJournal, putConfig } from "../key-value-journal.ts";

const atLeast = (least: number) => (value: string) => Number(value) >= least;
const oneOf = (...words: string[]) => (value: string) => words.includes(value);

function keys(list: readonly ConfigKey[]): ReadonlyMap<string, ConfigKey> {
  return new Map(list.map((one) => [one.name, one]));
}

function ms(name: string, fallback: string, doc: string): ConfigKey {
  return { name, type: "int", default: fallback, allows: atLeast(1), doc };
}

const OF_OTHER_PROTOCOLS = "It is of a protocol of groups that is not there.";

/**
 * What can be set for a group and for a subscription of client metrics, as in Kafka 4.1. It is kept and described, and does
 * nothing: it is all about protocols of groups that are not there, and about metrics that nobody collects.
 */
export const otherConfigs: ReadonlyMap<number, ReadonlyMap<string, ConfigKey>> = new Map([
  [
    GROUP_RESOURCE,
    keys([
      ms("consumer.heartbeat.interval.ms", "5000", OF_OTHER_PROTOCOLS),
      ms("consumer.session.timeout.ms", "45000", OF_OTHER_PROTOCOLS),
      { ...ms("share.auto.offset.reset", "latest", OF_OTHER_PROTOCOLS), type: "string", allows: () => true },
      ms("share.heartbeat.interval.ms", "5000", OF_OTHER_PROTOCOLS),
      {
        ...ms("share.isolation.level", "read_uncommitted", OF_OTHER_PROTOCOLS),
        type: "string",
        allows: oneOf("read_committed", "read_uncommitted"),
      },
      ms("share.record.lock.duration.ms", "30000", OF_OTHER_PROTOCOLS),
      ms("share.session.timeout.ms", "45000", OF_OTHER_PROTOCOLS),
      ms("streams.heartbeat.interval.ms", "5000", OF_OTHER_PROTOCOLS),
      { ...ms("streams.num.standby.replicas", "0", OF_OTHER_PROTOCOLS), allows: atLeast(0) },
      ms("streams.session.timeout.ms", "45000", OF_OTHER_PROTOCOLS),
    ]),
  ],
  [
    CLIENT_METRICS_RESOURCE,
    keys([
      ms("interval.ms", "300000", "How often clients would report."),
      { ...ms("match", "", "The clients that would report."), type: "list", allows: () => true },
      { ...ms("metrics", "", "The metrics that would be reported."), type: "list", allows: () => true },
    ]),
  ],
]);

/** What was set for resources other than topics and brokers, in a journal. */
export class OtherResources {
  readonly #journal: KeyValueJournal;

  constructor(journal: KeyValueJournal) {
    this.#journal = journal;
  }

  get(type: number, name: string): ReadonlyMap<string, string> {
    return getConfig(this.#journal, keyOf(type, name));
  }

  set(type: number, name: string, config: ReadonlyMap<string, string>): void {
    if (config.size === 0) this.#journal.delete(keyOf(type, name));
    else putConfig(this.#journal, keyOf(type, name), config);
  }

  /** Of those of a type for which something is set. */
  names(type: number): string[] {
    const prefix = `${type} `;
    return [...this.#journal.entries()].map(([key]) => key).filter((key) => key.startsWith(prefix))
      .map((key) => key.slice(prefix.length));
  }
}

function keyOf(type: number, name: string): string {
  return `${type} ${name}`;
}
