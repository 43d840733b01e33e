import { codeField, type LogFields, REPEAT_LOG_MS } from "../../core/logger.ts";
import { formatDuration } from "../../core/duration.ts";
import { errorCodeOf, isRetriable, messageOf } from "../../core/errors.ts";
import { BACKOFF, backoffMs } from "../../core/backoff.ts";
import type { Supervisor } from "../../core/supervisor.ts";
import type { BackgroundReports, Report } from "../../core/background-reports.ts";
import type { Term } from "./mastership.ts";
import { MasterTerm, type MasterTermParts, type Stage } from "./master-term.ts";

/** How often it is looked whether all goes well. */
const CHECK_INTERVAL_MS = 1000;
/** After so many failures to begin, what was read of the journal meanwhile counts for nothing: it may never come to its end. */
const FRUITLESS = 3;

export interface MasterParts extends Omit<MasterTermParts, "ownEpoch" | "begun" | "moved"> {
  /** The id of another journal, where all that was there before is gone for good. */
  journalAnew?(): Promise<string | undefined>;
  /** Gives mastership up: another worker may be able to do what this one cannot. */
  yieldMastership(why: string): void;
  readonly supervisor: Supervisor;
  readonly troubles?: BackgroundReports;
}

/** A worker as master, from term to term: begins its work in each, and gives up when nothing comes of it. */
export class Master {
  readonly #parts: MasterParts;
  readonly #grace: number;
  #run: MasterTerm | undefined;
  #ownEpoch: number | undefined;
  #journalId: string;
  #trouble: string | undefined;
  /** Since when it tries to begin; a journal that is being read is no standstill, however long it is. */
  #tryingSince: number | undefined;
  /** How often it has failed to since. */
  #failures = 0;
  #loggedAt = -Infinity;
  #logged: unknown;
  /** How often it gave up, since it could not tick. */
  resignations = 0;

  constructor(parts: MasterParts) {
    this.#parts = parts;
    this.#journalId = parts.journalId;
    this.#grace = 2 * parts.sessionTimeout;
  }

  /** What it does as the elected one; `over` when it is not. */
  get stage(): Stage {
    return this.#run?.stage ?? "over";
  }

  /** The journal's epoch of the term that lasts, or 0. */
  get epoch(): number {
    return this.#run?.epoch ?? 0;
  }

  /** The latest term's journal, as it was found. */
  get journal(): MasterTerm["journal"] {
    return this.#run?.journal;
  }

  /** What keeps it from ticking, or some of its ticks from a topic, though it is elected, or was last: a sentence. */
  get trouble(): string | undefined {
    return this.#trouble ?? this.#run?.awayFor(this.#grace);
  }

  /** A term has begun. */
  begin(term: Term): void {
    this.#tryingSince = this.#parts.clock.monotonic();
    this.#failures = 0;
    const { supervisor } = this.#parts;
    const { signal } = term;
    void supervisor.loop("The master's term", () => this.#rule(term), { signal });
    void supervisor.loop("The watch over the master", () => this.#watch(term), { signal });
  }

  /** The group has decided again. */
  look(): void {
    this.#run?.look();
  }

  /** Another worker is master: what kept this one from it is its affair no longer. */
  relieved(): void {
    this.#trouble = undefined;
    this.#report?.drop();
  }

  /** Where it tells what waiting mends: an outage, which keeps nobody from being ready. */
  get #report(): Report | undefined {
    return this.#parts.troubles?.of("Beginning as master");
  }

  /** No run begins any more, and tasks are told to end; what is in hand goes on, and may be published. */
  close(): void {
    this.#run?.close();
  }

  /** Writes that it has resigned, as its last transaction, if it is active. At most `ms`; never throws. */
  async resign(ms: number): Promise<void> {
    await this.#run?.resign(ms);
  }

  async #rule(term: Term): Promise<void> {
    const { clock, sleep } = this.#parts;
    const begun = (epoch: number) => {
      this.#ownEpoch = epoch;
      this.#tryingSince = this.#trouble = undefined;
      this.#failures = 0;
      this.#report?.over();
    };
    const moved = () => {
      if (this.#failures < FRUITLESS) this.#tryingSince = clock.monotonic();
    };
    for (let failures = 1; term.holds(); failures++) {
      const run = this.#run = new MasterTerm(term, {
        ...this.#parts,
        journalId: this.#journalId,
        ownEpoch: this.#ownEpoch,
        begun,
        moved,
      });
      try {
        return await run.run();
      } catch (error) {
        this.#tryingSince ??= clock.monotonic();
        if (errorCodeOf(error) === "JOURNAL_LOST" && await this.#isAnew()) continue;
        this.#failures++;
        if (term.holds()) this.#failed(error, run);
      }
      await sleep(backoffMs(BACKOFF.term, failures), term.signal);
    }
  }

  /** Whether there is another journal to go on with. */
  async #isAnew(): Promise<boolean> {
    const journalId = await this.#parts.journalAnew?.().catch(() => undefined);
    if (journalId === undefined || journalId === this.#journalId) return false;
    this.#journalId = journalId;
    this.#ownEpoch = undefined;
    return true;
  }

  #failed(error: unknown, { refused }: MasterTerm): void {
    const { logger, yieldMastership } = this.#parts;
    const code = errorCodeOf(error);
    if (code === "FENCED") return yieldMastership("another one has been made master since, and Kafka refuses this one");
    if (isRetriable(error) && code !== "JOURNAL_BLOCKED") this.#report?.failed(error);
    if (code === "NOT_MASTER" || isRetriable(error) && code !== "JOURNAL_BLOCKED") {
      return logger.debug(messageOf(error), codeField(error));
    }
    this.#trouble = messageOf(error);
    this.#log(code === "NOT_AUTHORIZED" ? this.#trouble : code ?? refused, this.#trouble, codeField(error));
    if (refused) yieldMastership("the clocks differ too much");
  }

  /** A master that holds its lease and does not tick gives up: another one may be able to. */
  async #watch(term: Term): Promise<void> {
    const { clock, sleep, yieldMastership } = this.#parts;
    for (;;) {
      await sleep(CHECK_INTERVAL_MS, term.signal);
      if (!term.holds()) return;
      const run = this.#run;
      run?.look();
      const since = run?.stage === "waiting" ? undefined : this.#tryingSince ?? run?.stuckSince;
      if (run?.stage === "waiting") this.#tryingSince = clock.monotonic();
      const lasts = since === undefined ? 0 : clock.monotonic() - since;
      if (lasts < this.#grace) continue;
      this.resignations++;
      const why = run?.trouble ?? this.#trouble ?? `it is stuck while ${run?.stage ?? "beginning"}`;
      this.#trouble = `This worker is elected and could not tick for ${formatDuration(lasts)}: ${why}`;
      this.#log("stuck", this.#trouble);
      return yieldMastership("it could not tick");
    }
  }

  /** One line a minute, unless it is something else. */
  #log(about: unknown, sentence: string, fields?: LogFields): void {
    const now = this.#parts.clock.monotonic();
    if (about === this.#logged && now - this.#loggedAt < REPEAT_LOG_MS) return;
    this.#logged = about;
    this.#loggedAt = now;
    this.#parts.logger.error(sentence, fields);
  }
}
