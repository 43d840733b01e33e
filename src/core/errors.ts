import { stackOf } from "./describe.ts";

/**
 * The stable codes of {@link MephistoError}. A program may branch on them; messages may change.
 *
 * | code | when |
 * |-|-|
 * | `INVALID_NAME` | an id or name that cannot become a topic, or that a build may have shortened |
 * | `DUPLICATE_NAME` | two actors or two timers of one name on one app |
 * | `INVALID_DURATION` | a duration that cannot be read, or that is out of range |
 * | `INVALID_OPTION` | any other option, flag or environment variable that makes no sense |
 * | `INVALID_URL` | an address that is not of the form `kafka://host:port` |
 * | `ENCODE_FAILED` | a value or key that the serializer does not take |
 * | `DECODE_FAILED` | bytes that the serializer cannot read |
 * | `UNREACHABLE` | no broker answers at the address |
 * | `AUTHENTICATION_FAILED` | the broker refused the user, the password or the mechanism |
 * | `NOT_AUTHORIZED` | the broker does not allow this user what it was asked for |
 * | `UNTRUSTED_CERTIFICATE` | the broker's TLS certificate is not trusted |
 * | `UNSUPPORTED_BROKER` | a broker that is too old for what is asked of it |
 * | `UNKNOWN_TOPIC` | a topic that does not exist and was not created |
 * | `MESSAGE_TOO_LARGE` | a message larger than the broker accepts |
 * | `MESSAGE_REFUSED` | a message that its topic does not take, such as one without a key on a compacted topic |
 * | `BUFFER_FULL` | more sends are waiting for room than are kept in memory |
 * | `SEND_TIMEOUT` | a message that the broker did not acknowledge in time |
 * | `NOT_MASTER` | a send of a tick whose mastership is over |
 * | `TICK_ENDED` | a send that was started after its tick had ended |
 * | `TICK_TIMEOUT` | a run of a timer that took longer than its timeout |
 * | `FENCED` | another worker has become master since: the broker refuses this one's ticks |
 * | `UNKNOWN_OUTCOME` | a transaction that may have been committed, or not |
 * | `JOURNAL_UNUSABLE` | a topic of the journal's name that cannot be one |
 * | `JOURNAL_LOST` | the journal has been deleted, or is another one |
 * | `JOURNAL_BLOCKED` | the journal's end cannot be read, since the transaction of another producer is open in it |
 * | `PARTITION_LOST` | the reason of a handler's signal: its partition is, or may be, another worker's |
 * | `STOPPED` | a call on something that has been stopped |
 * | `PORT_IN_USE` | the web port is taken |
 * | `PROTOCOL` | an answer of the broker that is not understood, or an error that it reports |
 * | `INTERNAL` | a fault of Mephisto itself, which ends the worker |
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

/**
 * The one class of errors that Mephisto raises: a stable `code`, a sentence for a person, and the `cause` if there is one.
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

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
    ours.add(this);
    // Where it was raised in here helps nobody: the stack begins at the program's own line.
    const theirs = stackOf(this)?.split("\n").filter((line) => !line.includes(HERE)) ?? [];
    if (theirs.some((line) => /^\s*at /.test(line))) this.stack = theirs.join("\n");
  }
}

const ours = new WeakSet<object>();

/** The folder of this module's package, as it stands in stacks: `src/` in the repository, `dist/` as it is published. */
const HERE = new URL(import.meta.url.includes("/src/core/") ? "../" : "./", import.meta.url).pathname;

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

/** Whether what was asked of the log may succeed later without anybody's doing: it is away, or reports an error. */
export function waitingMends(error: unknown): error is MephistoError {
  return isMephistoError(error) && (error.code === "UNREACHABLE" || error.code === "PROTOCOL");
}
