import { messageOf, stackOf } from "./describe.ts";

/**
 * The stable codes of {@link MephistoError}. A program may branch on them; messages may change. Beside each stands what
 * {@link MephistoError.retriable} is.
 *
 * | code | retriable | when |
 * |-|-|-|
 * | `INVALID_NAME` | no | an id or name that cannot become a topic, or that a build may have shortened |
 * | `DUPLICATE_NAME` | no | two actors or two timers of one name on one app |
 * | `INVALID_DURATION` | no | a duration that cannot be read, or that is out of range |
 * | `INVALID_OPTION` | no | any other option, flag or environment variable that makes no sense |
 * | `INVALID_URL` | no | an address that is not of the form `kafka://host:port` |
 * | `ENCODE_FAILED` | no | a value or key that the serializer does not take |
 * | `DECODE_FAILED` | no | bytes that the serializer cannot read |
 * | `UNREACHABLE` | yes | no broker answers at the address |
 * | `AUTHENTICATION_FAILED` | no | the broker refused the user, the password or the mechanism |
 * | `NOT_AUTHORIZED` | no | the broker does not allow this user what it was asked for |
 * | `UNTRUSTED_CERTIFICATE` | no | the broker's TLS certificate is not trusted |
 * | `UNSUPPORTED_BROKER` | no | a broker that is too old for what is asked of it |
 * | `UNKNOWN_TOPIC` | no | a topic that does not exist and was not created |
 * | `MESSAGE_TOO_LARGE` | no | a message larger than the broker accepts |
 * | `MESSAGE_REFUSED` | no | a message that its topic does not take, such as one without a key on a compacted topic |
 * | `BUFFER_FULL` | no | more sends are waiting for room than are kept in memory |
 * | `SEND_TIMEOUT` | yes | a message that the broker did not acknowledge in time |
 * | `NOT_MASTER` | no | a send of a tick whose mastership is over |
 * | `TICK_ENDED` | no | a send that was started after its tick had ended |
 * | `TICK_TIMEOUT` | no | a run of a timer that took longer than its timeout |
 * | `FENCED` | no | another worker has become master since: the broker refuses this one's ticks |
 * | `UNKNOWN_OUTCOME` | no | a transaction that may have been committed, or not |
 * | `JOURNAL_UNUSABLE` | no | a topic of the journal's name that cannot be one |
 * | `JOURNAL_LOST` | no | the journal has been deleted, or is another one |
 * | `JOURNAL_BLOCKED` | yes | the journal's end cannot be read, since the transaction of another producer is open in it |
 * | `PARTITION_LOST` | no | the reason of a handler's signal: its partition is, or may be, another worker's |
 * | `STOPPED` | no | a call on something that has been stopped |
 * | `PORT_IN_USE` | no | the web port is taken |
 * | `PROTOCOL` | as Kafka says of its code | an answer of the broker that is not understood, or an error that it reports |
 * | `INTERNAL` | no | a fault of Mephisto itself, which ends the worker |
 */
export type ErrorCode =
  | "INVALID_NAME"
  | "DUPLICATE_NAME"
  | "INVALID_DURATION"
  | "INVALID_OPTION"
  | "INVALID_URL"
  | "ENCODE_FAILED"
  | "DECODE_FAILED"
  | "UNREACHABLE"
  | "AUTHENTICATION_FAILED"
  | "NOT_AUTHORIZED"
  | "UNTRUSTED_CERTIFICATE"
  | "UNSUPPORTED_BROKER"
  | "UNKNOWN_TOPIC"
  | "MESSAGE_TOO_LARGE"
  | "MESSAGE_REFUSED"
  | "BUFFER_FULL"
  | "SEND_TIMEOUT"
  | "NOT_MASTER"
  | "TICK_ENDED"
  | "TICK_TIMEOUT"
  | "FENCED"
  | "UNKNOWN_OUTCOME"
  | "JOURNAL_UNUSABLE"
  | "JOURNAL_LOST"
  | "JOURNAL_BLOCKED"
  | "PARTITION_LOST"
  | "STOPPED"
  | "PORT_IN_USE"
  | "PROTOCOL"
  | "INTERNAL";

/** The codes of what passes by waiting. */
const RETRIABLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "UNREACHABLE",
  "SEND_TIMEOUT",
  "JOURNAL_BLOCKED",
]);

/**
 * The one class of errors that Mephisto raises: a stable `code`, whether it is `retriable`, a sentence for a person, and
 * the `cause` if there is one.
 *
 * ```ts
 * import { app, MephistoError } from "mephisto";
 * try {
 *   app("not a topic name");
 * } catch (error) {
 *   if (error instanceof MephistoError) console.log(error.code); // INVALID_NAME
 * }
 * ```
 */
export class MephistoError extends Error {
  override readonly name = "MephistoError";
  readonly code: ErrorCode;
  /**
   * Whether waiting mends it: the same call may succeed later, although nobody changes anything. Of what a broker
   * answers this is what Kafka's own clients go by.
   */
  readonly retriable: boolean;

  /** `retriable`: missing, it is what the code says. */
  constructor(code: ErrorCode, message: string, options: { cause?: unknown; retriable?: boolean } = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.retriable = options.retriable ?? RETRIABLE.has(code);
    ours.add(this);
    // Where it was raised in here helps nobody: the stack begins at the program's own line.
    const theirs = stackOf(this)?.split("\n").filter((line) => !line.includes(PACKAGE_PATH)) ?? [];
    if (theirs.some((line) => /^\s*at /.test(line))) this.stack = theirs.join("\n");
  }
}

const ours = new WeakSet<object>();

/** The folder of this module's package, as it stands in stacks: `src/` in the repository, `dist/` as it is published. */
const PACKAGE_PATH = new URL(import.meta.url.includes("/src/core/") ? "../" : "./", import.meta.url).pathname;

export {
  codeOf,
  describeQuoted,
  describeThrown,
  describeValue,
  kindOf,
  messageOf,
  stackOf,
  withoutStop,
} from "./describe.ts";

/** Whether it is an error of ours. Unlike `instanceof` this never throws, and no Proxy passes for one. */
export function isMephistoError(thrown: unknown): thrown is MephistoError {
  return typeof thrown === "object" && thrown !== null && ours.has(thrown);
}

/** The code of an error of ours. */
export function errorCodeOf(error: unknown): ErrorCode | undefined {
  return isMephistoError(error) ? error.code : undefined;
}

/** Whatever was thrown, as an error of ours. */
export function asError(thrown: unknown): MephistoError {
  return isMephistoError(thrown) ? thrown : new MephistoError("PROTOCOL", messageOf(thrown), { cause: thrown });
}

/** Whether waiting mends it: the one question that decides whether to go on trying. */
export function isRetriable(error: unknown): error is MephistoError {
  return isMephistoError(error) && error.retriable;
}
