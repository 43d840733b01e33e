import type { Clock } from "./clock.ts";
import type { MephistoError } from "./errors.ts";
import { codeField, type LogFields, type Logger, REPEAT_LOG_MS } from "./logger.ts";
import { Outage, seconds } from "./outage.ts";

/** So many different refusals of one loop are told a minute. */
const MOST_SENTENCES = 5;
/** A broker that moves, or starts again, is back within this time: what is over by then is not told. */
const GRACE_MS = 5000;

/** Something that does not go on. */
export interface Trouble {
  /** What does not, as `Reading shop-orders`. */
  readonly name: string;
  /** A sentence for people. */
  readonly reason: string;
  /** On the monotonic clock, in ms. */
  readonly since: number;
  /** Whether waiting mends it. What waiting does not mend makes the worker unready. */
  readonly retriable: boolean;
}

export interface ReportOptions {
  /** An outage that is over within so many ms is not told. */
  readonly graceMs?: number;
  /** A refusal that is over within so many ms is not told; missing: each is. */
  readonly refusalGraceMs?: number;
  /** What an outage means, before what the error says: a sentence. */
  readonly meaning?: string;
  /** What is said when an outage is over: a sentence without its end. */
  readonly back?: string;
  /** Its outage is told even while another one has been told. */
  readonly always?: boolean;
}

/**
 * One rule for whatever goes on in the background. What passes by waiting is an outage: one line when it begins, one a
 * minute, one when it is over, and of several that come together one is told. What waiting does not mend is told once a
 * minute as an error and makes the worker unready until it works. Both are tried again.
 */
export class BackgroundReports {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #reports = new Map<string, Report>();

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
  }

  /** Where the loop of this name reports: a subject, as `Reading shop-orders`. The same one each time. */
  of(name: string, options: ReportOptions = {}): Report {
    let report = this.#reports.get(name);
    if (report === undefined) {
      const { graceMs = GRACE_MS } = options;
      const outage = new Outage(this.#logger, this.#clock, graceMs);
      const mayTell = () =>
        options.always === true || ![...this.#reports.values()].some((each) => each.isLogged(report));
      report = new Report({ ...options, name, outage, mayTell, logger: this.#logger, clock: this.#clock });
      this.#reports.set(name, report);
    }
    return report;
  }

  /** All that lasts. */
  get all(): readonly Trouble[] {
    return [...this.#reports.values()].flatMap(({ trouble }) => trouble ?? []);
  }

  /** Why the worker is not ready: the sentence of what has lasted longest and waiting does not mend. */
  get reason(): string | undefined {
    const refusals = this.all.filter(({ retriable }) => !retriable);
    return refusals.sort((a, b) => a.since - b.since)[0]?.reason;
  }
}

interface ReportParts extends ReportOptions {
  readonly name: string;
  readonly outage: Outage;
  readonly mayTell: () => boolean;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** What one loop has to say of itself. */
export class Report {
  readonly #parts: ReportParts;
  /** Those parts of its work that fail, by their names; of those that waiting does not mend, why. */
  readonly #failing = new Map<string, string | undefined>();
  /** When which refusal was told last. */
  readonly #loggedAt = new Map<string, number>();
  #refusedSince: number | undefined;
  /** Whether this refusal has been told. */
  #isLogged = false;
  #trouble: Trouble | undefined;

  constructor(parts: ReportParts) {
    this.#parts = parts;
  }

  get trouble(): Trouble | undefined {
    return this.#trouble;
  }

  /** Whether it, and not `except`, has told an outage that lasts. */
  isLogged(except: Report | undefined): boolean {
    return this !== except && this.#parts.outage.logged;
  }

  /**
   * It failed, or failed again. A refusal lasts until something works, also while nobody answers. `part`: of its work, as
   * a partition; it is over when no part fails any more.
   */
  failed(error: MephistoError, fields: LogFields = {}, part = ""): void {
    const { clock, name } = this.#parts;
    const refusal = error.retriable ? this.#failing.get(part) : refusalOf(name, error);
    this.#failing.set(part, refusal);
    if (error.retriable) this.#isAway(error, fields);
    else this.#isRefused(error, fields);
    this.#trouble = {
      name,
      reason: error.retriable ? this.#trouble?.reason ?? error.message : refusalOf(name, error),
      since: this.#trouble?.since ?? clock.monotonic(),
      retriable: this.#refusedSince === undefined,
    };
  }

  /** It works. */
  over(part = ""): void {
    this.#ends(part);
    if (this.#failing.size > 0 || this.#trouble === undefined) return;
    const { clock, logger, name, outage, back = `${name} works again` } = this.#parts;
    const wasLogged = outage.logged;
    outage.over(back);
    if (!wasLogged && this.#isLogged) {
      logger.info(`${name} works again after ${seconds(clock.monotonic() - this.#trouble.since)}.`);
    }
    this.#clear();
  }

  /** It is not to be done any more. `part`: as of `failed`; missing: none of it. */
  drop(part?: string): void {
    if (part !== undefined) this.#ends(part);
    else this.#failing.clear();
    if (this.#failing.size > 0) return;
    this.#parts.outage.drop();
    this.#clear();
  }

  /** Of the parts that still fail none may be refused any more: then waiting mends all. */
  #ends(part: string): void {
    const refusal = this.#failing.get(part);
    this.#failing.delete(part);
    if (refusal === undefined || this.#trouble === undefined || this.#failing.size === 0) return;
    const left = [...this.#failing.values()].filter((each) => each !== undefined);
    if (left.length === 0) this.#refusedSince = undefined;
    const reason = left[0] ?? `${this.#parts.name} fails.`;
    this.#trouble = { ...this.#trouble, reason, retriable: left.length === 0 };
  }

  #clear(): void {
    this.#trouble = this.#refusedSince = undefined;
    this.#isLogged = false;
    this.#failing.clear();
  }

  #isAway(error: MephistoError, fields: LogFields): void {
    const { mayTell, name, outage, meaning = `${name} fails.` } = this.#parts;
    if (mayTell()) outage.failed(`${meaning} ${error.message}`.trimStart(), { ...fields, ...codeField(error) });
  }

  #isRefused(error: MephistoError, fields: LogFields): void {
    const { clock, logger, name, refusalGraceMs = 0 } = this.#parts;
    const now = clock.monotonic();
    this.#refusedSince ??= now;
    if (now - this.#refusedSince < refusalGraceMs) return;
    const sentence = refusalOf(name, error);
    for (const [told, at] of this.#loggedAt) if (now - at >= REPEAT_LOG_MS) this.#loggedAt.delete(told);
    if (this.#loggedAt.has(sentence) || this.#loggedAt.size >= MOST_SENTENCES) return;
    this.#loggedAt.set(sentence, now);
    this.#isLogged = true;
    const lasts = now - this.#refusedSince;
    const lasting = lasts < REPEAT_LOG_MS ? "" : ` This has lasted for ${seconds(lasts)}.`;
    logger.error(`${sentence}${lasting} It goes on by itself when that is mended.`, { ...fields, ...codeField(error) });
  }
}

function refusalOf(name: string, error: MephistoError): string {
  return `${name} does not work, and waiting does not mend it. ${error.message}`;
}
