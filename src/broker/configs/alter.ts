import type { alterResponse } from "../../wire/messages/alter-response.ts";
import type { BrokerServices } from "../services.ts";
import { Code } from "../../wire/error-codes.ts";
import { type Configurable, configurableOf } from "./configurable.ts";
import { refuse } from "../settings/configs.ts";
import { TopicError } from "../topics/create-topic.ts";
import type { Write } from "../../wire/protocol/fields.ts";

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

/** Changes one resource after the other, and answers when that survives a crash. */
export async function alterAll(
  broker: BrokerServices,
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
        : new TopicError(Code.INVALID_REQUEST, "Each resource must appear at most once.");
      return { resourceType, resourceName, errorCode: error?.code ?? 0, errorMessage: error?.message ?? null };
    }),
  };
  await broker.flushed();
  return answer;
}

/** Changes a resource's configuration, all of it or nothing; gives why it cannot be. */
function alter(
  broker: BrokerServices,
  { resourceType, resourceName, changes }: Alteration,
  { replaceAll, validateOnly }: AlterOptions,
): TopicError | undefined {
  const target = configurableOf(broker, resourceType, resourceName);
  if (target instanceof TopicError) return target;
  if (new Set(changes.map(({ name }) => name)).size < changes.length) {
    return new TopicError(Code.INVALID_REQUEST, "Error due to duplicate config keys");
  }
  const config = new Map(replaceAll ? [] : target.config);
  for (const { name, value, operation } of changes) {
    if (operation === DELETE) {
      config.delete(name);
      continue;
    }
    if (operation < SET || operation > SUBTRACT) {
      return new TopicError(Code.UNKNOWN_SERVER_ERROR, `Unknown operation type ${operation} for config ${name}`);
    }
    const next = value === null ? null : combine(target, config, name, value, operation);
    if (next instanceof TopicError) return next;
    const wrong = target.refuse?.(name) ?? refuse(name, next, target.keys, target.kind);
    if (wrong !== undefined) {
      return wrong instanceof TopicError ? wrong : new TopicError(target.invalid ?? Code.INVALID_CONFIG, wrong);
    }
    if (next !== null) config.set(name, next.trim());
  }
  const wrong = target.refuseTogether?.(config);
  if (wrong !== undefined) return new TopicError(Code.INVALID_CONFIG, wrong);
  if (!validateOnly) target.apply(config);
  return undefined;
}

function combine(
  target: Configurable,
  config: ReadonlyMap<string, string>,
  name: string,
  value: string,
  operation: number,
): string | TopicError {
  if (operation === SET) return value;
  if (target.keys.get(name)?.type !== "list") {
    return new TopicError(Code.INVALID_CONFIG, `Config value append is not allowed for config key: ${name}`);
  }
  const items = (text: string) => text.split(",").map((item) => item.trim()).filter((item) => item !== "");
  const now = items(config.get(name) ?? target.defaultOf(name));
  const given = items(value);
  const next = operation === APPEND ? [...new Set([...now, ...given])] : now.filter((item) => !given.includes(item));
  return next.join(",");
}
