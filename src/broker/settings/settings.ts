import { MephistoError } from "../../core/errors.ts";
import { suggestion } from "../../core/nearest.ts";
import { isOfType } from "./configs.ts";
import { getConfig, type KeyValueJournal, putConfig } from "../key-value-journal.ts";
import { brokerConfigs, topicDefaults } from "./known.ts";

/** Where a value is from, by its number in DescribeConfigs. */
export const SOURCE = {
  topic: 1,
  broker: 2,
  cluster: 3,
  start: 4,
  default: 5,
  logger: 6,
  clientMetrics: 7,
  group: 8,
} as const;

/** A value, and the setting that it is from. */
export interface Synonym {
  readonly name: string;
  readonly value: string;
  readonly source: number;
}

/** What a setting was altered for: this broker, or all of the cluster. */
export type Scope = "broker" | "cluster";

/** The broker's settings: what it was started with, what was altered since, and Kafka's defaults for the rest. */
export class BrokerSettings {
  readonly #given: ReadonlyMap<string, string>;
  readonly #fixed: () => Readonly<Record<string, string>>;
  readonly #journal: KeyValueJournal;
  /** What has been read of the journal, and made of it. */
  readonly #altered = new Map<Scope, ReadonlyMap<string, string>>();
  #topicDefaults: ReadonlyMap<string, string> | undefined;

  /** `given` has been checked; `fixed`: what is said of the broker itself. The journal keeps what is altered. */
  constructor(
    given: ReadonlyMap<string, string>,
    fixed: () => Readonly<Record<string, string>>,
    journal: KeyValueJournal,
  ) {
    this.#given = given;
    this.#fixed = fixed;
    this.#journal = journal;
  }

  /** Null: it has no value. */
  get(name: string): string | null {
    return this.synonyms(name)[0]?.value ?? null;
  }

  number(name: string): number {
    return Number(this.get(name));
  }

  /** All values that a setting has, the one that counts first. */
  synonyms(name: string): Synonym[] {
    const own = this.#own(name);
    const fallback = brokerConfigs.get(name)?.default ?? null;
    return fallback === null ? own : [...own, { name, value: fallback, source: SOURCE.default }];
  }

  /** The values that a topic's setting gets from the broker's, the one that counts first. */
  ofTopics(topicConfig: string): Synonym[] {
    return (topicDefaults.get(topicConfig) ?? []).flatMap(({ name }) => this.synonyms(name));
  }

  /** What topics go by that do not say otherwise, where that is not Kafka's default. */
  get topicDefaults(): ReadonlyMap<string, string> {
    return this.#topicDefaults ??= this.#findTopicDefaults();
  }

  #findTopicDefaults(): ReadonlyMap<string, string> {
    const set = new Map<string, string>();
    for (const [topicConfig, names] of topicDefaults) {
      const first = names.find(({ name }) => this.#own(name).length > 0);
      const value = first === undefined ? null : this.get(first.name);
      if (first === undefined || value === null) continue;
      set.set(topicConfig, first.factor === 1 || Number(value) < 0 ? value : String(Number(value) * first.factor));
    }
    return set;
  }

  /** What was altered for a scope. */
  altered(scope: Scope): ReadonlyMap<string, string> {
    let altered = this.#altered.get(scope);
    if (altered === undefined) {
      altered = getConfig(this.#journal, scope);
      this.#altered.set(scope, altered);
    }
    return altered;
  }

  /** Alters what has been checked. */
  alter(scope: Scope, config: ReadonlyMap<string, string>): void {
    this.#altered.clear();
    this.#topicDefaults = undefined;
    putConfig(this.#journal, scope, config);
  }

  /** What was set, as opposed to a default. */
  #own(name: string): Synonym[] {
    const found: Synonym[] = [];
    const add = (value: string | undefined, source: number) => {
      if (value !== undefined) found.push({ name, value, source });
    };
    add(this.altered("broker").get(name), SOURCE.broker);
    add(this.altered("cluster").get(name), SOURCE.cluster);
    add(this.#given.get(name) ?? this.#fixed()[name], SOURCE.start);
    return found;
  }
}

/** Checks what the broker is to be started with. Errors: `INVALID_OPTION`; `from` says where a setting came from. */
export function checkSettings(
  given: Readonly<Record<string, string>>,
  from: (name: string) => string = (name) => name,
): ReadonlyMap<string, string> {
  for (const [name, value] of Object.entries(given)) {
    const wrong = refuseAtStart(name, value.trim());
    if (wrong !== undefined) throw new MephistoError("INVALID_OPTION", `${from(name)}: ${wrong}`);
  }
  return new Map(Object.entries(given).map(([name, value]) => [name, value.trim()]));
}

function refuseAtStart(name: string, value: string): string | undefined {
  const config = brokerConfigs.get(name);
  if (config === undefined) {
    return `the broker for development has no setting ${JSON.stringify(name)}.${
      suggestion(name, [...brokerConfigs.keys()])
    }`;
  }
  if (config.effect === "fixed") return `${name} says what the broker is, and cannot be set.`;
  if (config.effect === "none") return `${name} has no effect on the broker for development: leave it out.`;
  if (!isOfType(config.type, value)) return `${JSON.stringify(value)} is not of the type ${config.type}.`;
  if (!config.allows(value)) return `${JSON.stringify(value)} is not allowed for ${name}.`;
  return undefined;
}
