import type { Broker } from "./broker.ts";
import { INVALID_CONFIG, INVALID_REQUEST, UNKNOWN_SERVER_ERROR, UNKNOWN_TOPIC_OR_PARTITION } from "./codes.ts";
import { refuse, refuseTogether, topicConfigs, valueOf } from "./configs.ts";
import { TOPIC_RESOURCE } from "./describe.ts";
import { TopicError } from "./plan.ts";
import { array, int16, int32, int8, string, type Write } from "./protocol/fields.ts";

/** What is done to a value, by its number in IncrementalAlterConfigs. */
export const SET = 0;
export const DELETE = 1;
const APPEND = 2;
const SUBTRACT = 3;

export interface Alteration {
  readonly resourceType: number;
  readonly resourceName: string;
  readonly changes: readonly { readonly name: string; readonly value: string | null; readonly operation: number }[];
}

export interface AlterOptions {
  /** What is not named goes back to its default, as in AlterConfigs. */
  readonly replaceAll: boolean;
  readonly validateOnly: boolean;
}

/** The answer to AlterConfigs and to IncrementalAlterConfigs. */
export const alterResponse = {
  throttleTimeMs: int32({ or: 0 }),
  responses: array({
    errorCode: int16({ or: 0 }),
    errorMessage: string({ nullable: "0+", or: null }),
    resourceType: int8(),
    resourceName: string(),
  }),
};

/** Changes one resource after the other, and answers when that survives a crash. */
export async function alterAll(
  broker: Broker,
  alterations: readonly Alteration[],
  options: AlterOptions,
): Promise<Write<typeof alterResponse>> {
  const keyOf = ({ resourceType, resourceName }: Alteration) => `${resourceType} ${resourceName}`;
  const times = new Map<string, number>();
  for (const one of alterations) times.set(keyOf(one), (times.get(keyOf(one)) ?? 0) + 1);
  const answer = {
    responses: alterations.map((one) => {
      const { resourceType, resourceName } = one;
      const error = times.get(keyOf(one)) === 1
        ? alter(broker, one, options)
        : new TopicError(INVALID_REQUEST, "Each resource must appear at most once.");
      return { resourceType, resourceName, errorCode: error?.code ?? 0, errorMessage: error?.message ?? null };
    }),
  };
  await broker.flushed();
  return answer;
}

/** Changes a topic's configuration, all of it or nothing; gives why it cannot be. */
function alter(
  broker: Broker,
  { resourceType, resourceName, changes }: Alteration,
  { replaceAll, validateOnly }: AlterOptions,
): TopicError | undefined {
  if (resourceType !== TOPIC_RESOURCE) {
    return new TopicError(INVALID_REQUEST, "Only topics can be configured while the broker runs.");
  }
  const topic = broker.topics.get(resourceName);
  if (topic === undefined) {
    return new TopicError(UNKNOWN_TOPIC_OR_PARTITION, `The topic '${resourceName}' does not exist.`);
  }
  if (new Set(changes.map(({ name }) => name)).size < changes.length) {
    return new TopicError(INVALID_REQUEST, "Error due to duplicate config keys");
  }
  const config = new Map(replaceAll ? [] : topic.config);
  for (const { name, value, operation } of changes) {
    if (operation === DELETE) {
      config.delete(name);
      continue;
    }
    if (operation < SET || operation > SUBTRACT) {
      return new TopicError(UNKNOWN_SERVER_ERROR, `Unknown operation type ${operation} for config ${name}`);
    }
    const next = value === null ? null : combine(config, name, value, operation);
    if (next instanceof TopicError) return next;
    const wrong = refuse(name, next);
    if (wrong !== undefined) return new TopicError(INVALID_CONFIG, wrong);
    if (next !== null) config.set(name, next.trim());
  }
  const wrong = refuseTogether(config);
  if (wrong !== undefined) return new TopicError(INVALID_CONFIG, wrong);
  if (!validateOnly) broker.topics.configure(topic, config);
  return undefined;
}

function combine(
  config: ReadonlyMap<string, string>,
  name: string,
  value: string,
  operation: number,
): string | TopicError {
  if (operation === SET) return value;
  if (topicConfigs.get(name)?.type !== "list") {
    return new TopicError(INVALID_CONFIG, `Config value append is not allowed for config key: ${name}`);
  }
  const items = (text: string) => text.split(",").map((item) => item.trim()).filter((item) => item !== "");
  const now = items(valueOf(config, name));
  const given = items(value);
  const next = operation === APPEND ? [...new Set([...now, ...given])] : now.filter((item) => !given.includes(item));
  return next.join(",");
}
