import type { Instant, Lease } from "../../src/core/lease.ts";
import { leaseTerms } from "../../src/core/membership/terms.ts";
import { type Logger, silent } from "../../src/core/logger.ts";
import type { Tick } from "../../src/core/timer.ts";
import type { Driver, JoinOptions, MemberListener, Membership } from "../../src/driver/driver.ts";
import { type Assign, plan as assign } from "../../src/driver/group-plan.ts";
import type { GroupError } from "../../src/testing/groups.ts";
import { Host, type Standstill } from "../../src/testing/host.ts";
import { MemoryDriver } from "../../src/testing/memory-driver.ts";
import { MemoryLog } from "../../src/testing/memory-log.ts";
import { Network, type Phase } from "../../src/testing/network.ts";
import { Random } from "../../src/testing/random.ts";
import { VirtualTime } from "../../src/testing/time.ts";
import { type Fault, SESSION_MS, type Victim } from "./faults.ts";
import { Invariants, say } from "./invariants.ts";
import type { Trace } from "./trace.ts";
import { APP, SimWorker } from "./sim-worker.ts";

/** How a simulation differs from what runs in earnest: to see that a mistake would be found. */
export interface Mutant {
  /** Meddles with a machine. */
  readonly host?: (host: Host) => void;
  readonly log?: (log: MemoryLog) => void;
  readonly assign?: Assign;
  readonly margin?: number;
  /** Put between worker and driver. */
  readonly driver?: (driver: Driver) => Driver;
  /** Leases hold for ever: only what must hold without them is checked. */
  readonly leaseless?: boolean;
}

/** Why a group drops a member. */
type Dropped = "silent" | "left" | "late" | "forgotten" | "replaced";

/** Of a worker: what has befallen it, and what it has said. */
interface Life {
  readonly worker: SimWorker;
  readonly driver: MemoryDriver;
  /** The name of its place in the group. */
  readonly place: string | undefined;
  /** Up to this moment it may behave as one that is in trouble. */
  trouble: number;
  memberId: () => string;
  generation: () => number;
  elected: boolean;
  /** Why the group has dropped it, as long as it has not heard of that. */
  dropped: Dropped | undefined;
  /** What it took itself for, after its last step in which it was a member. */
  was: { readonly memberId: string; readonly generation: number };
  /** Under which it knows that the group does not know it. */
  readonly gone: Set<string>;
  /** Whether it has told the group that it is gone, since it was last in a generation. */
  leaves: boolean;
  /**
   * All clocks that it may ask have stood still, and nothing has been answered that it has asked since: it cannot know
   * better. What holds of it then is what the fence does.
   */
  blind: boolean;
  /** How often that has happened. */
  standstills: number;
  /** It has seen that its lease is over, and nothing has been answered since. */
  sawOver: boolean;
  /** Whether it has ticked since it was elected: who only waits for its turn may lose it. */
  hasTicked: boolean;
}

/** How long a worker that nothing befalls may take to hear of a refusal. */
const HEARS_WITHIN_MS = 50;
/** What only a master sends; of messages the simulated workers send none outside of ticks. */
const WRITES: ReadonlySet<string> = new Set(["InitProducerId", "Produce", "EndTxn"]);
const TERMS = leaseTerms(SESSION_MS);
/** By how much the clocks of a host go wrong in the longest time that a lease is measured by. */
const DRIFT_MS = TERMS.rebalance * 0.001;

/** How long after a trouble a worker may still lose mastership by it. */
const AFTERMATH_MS = 6 * SESSION_MS;

type Drag = Extract<Fault, { kind: "drag" }> & { readonly host: Host; begun: boolean };
type Strike = Extract<Fault, { kind: "strike" }> & { left: number };

/** A log, a network, and workers in processes of their own. */
export class World {
  readonly time = new VirtualTime();
  readonly random: Random;
  readonly network: Network;
  readonly log: MemoryLog;
  readonly invariants: Invariants;
  readonly trace: Trace;
  /** How far the topic could be read when all was well again. */
  ends: readonly number[] | undefined;
  readonly #mutant: Mutant;
  readonly #lives: Life[] = [];
  /** When something befell all of them. */
  #troubleForAll = 0;
  #strikes: Strike[] = [];
  readonly #drags = new Set<Drag>();
  readonly #suspended = new Set<Host>();
  readonly #wrongClocks = new Set<Host>();
  #master = "";
  #dirty: Life | undefined;
  #names = 0;
  /** Whether the workers have places of their own in the group. */
  readonly #isStatic: boolean;
  /** When a member's heartbeat was last answered without a refusal. */
  readonly #accepted = new Map<string, number>();

  constructor(seed: number, mutant: Mutant, trace: Trace) {
    this.random = new Random(seed);
    this.network = new Network(this.time, this.random);
    this.log = new MemoryLog(this.time, this.random);
    this.#mutant = mutant;
    this.#isStatic = seed % 3 === 0;
    this.trace = trace;
    this.invariants = new Invariants(this.log);
    mutant.log?.(this.log);
    this.network.watch = (host, name, phase) => this.#watch(host, name, phase);
    this.log.transactions.onFenced = (id, expected) => {
      if (id === `${APP}.master` && expected === undefined) this.#overtaken();
    };
    this.log.group(APP).onDecided = (master) => this.#elected(master);
    this.log.group(APP).onHeartbeat = (memberId, error) => this.#answered(memberId, error);
    this.log.group(APP).onDropped = (memberId, why) => {
      this.trace.note(this.time.now, `the group drops ${memberId}: ${why}`);
      const life = this.#lives.find((each) => each.worker.host.alive && each.memberId() === memberId);
      if (life) life.dropped = why;
      if (why === "silent" || why === "late") this.#checkDropped(memberId);
    };
  }

  /** Those that have not been killed or stopped. */
  get alive(): Life[] {
    return this.#lives.filter(({ worker }) => worker.host.alive && !worker.stopping);
  }

  get lives(): readonly Life[] {
    return this.#lives;
  }

  /** `place`: another worker's, which it takes. */
  add(place?: string): void {
    const { random } = this;
    const name = `w${++this.#names}`;
    const own = this.#isStatic ? place ?? `place-of-${name}` : undefined;
    const host = new Host(name, this.time, {
      rate: 1 + random.between(-0.0005, 0.0005),
      wall: Math.round(random.between(-300, 300)),
      monotonic: Math.round(random.between(1000, 100_000)),
      knowsBoot: this.#names % 3 !== 0,
    });
    this.#mutant.host?.(host);
    const { margin } = this.#mutant;
    const driver = new MemoryDriver({
      log: this.log,
      network: this.network,
      host,
      assign: this.#mutant.assign ?? assign,
      ...(margin !== undefined && { margin }),
    });
    const spied = this.#spied(driver, (membership) => worker.membership = membership, () => life);
    const worker: SimWorker = new SimWorker(
      host,
      this.#mutant.driver?.(spied) ?? spied,
      SESSION_MS,
      {
        tick: (tick, send) => this.#tick(life, tick, send),
        handle: (partition, offset) => this.#handle(host, partition, offset),
      },
      () => random.next(),
      this.#logger(name),
      own,
    );
    const life: Life = {
      worker,
      driver,
      place: own,
      trouble: 0,
      memberId: () => "",
      generation: () => -1,
      elected: false,
      dropped: undefined,
      was: { memberId: "", generation: -1 },
      gone: new Set(),
      leaves: false,
      blind: false,
      standstills: 0,
      sawOver: false,
      hasTicked: false,
    };
    host.onStep = () => this.#dirty = life;
    this.#lives.push(life);
    this.trace.note(this.time.now, `${name} starts`);
    host.after(0, "timer", () => worker.start());
  }

  /** Runs one event; whose process it was given to, if any. */
  step(): Life | undefined | false {
    this.#dirty = undefined;
    if (!this.time.step()) return false;
    return this.#dirty;
  }

  /** What must hold after a step of this worker, when all that it led to has run. */
  check(life: Life): void {
    const { worker } = life;
    this.trace.step(this.time.now, worker.host.name);
    if (!this.#mutant.leaseless) this.#checkLease(life);
    if (this.#mutant.leaseless || !this.#mayBeMaster(life)) return;
    const rival = this.#rival(life);
    if (rival && worker.master) {
      this.invariants.fail(`${worker.host.name} and ${rival.worker.host.name} hold mastership at once`);
    }
  }

  /** A lease must end before the group's own leaseGraceMs does, by the whole margin: at every moment, whatever comes later. */
  #checkLease(life: Life): void {
    const { worker: { host, membership }, memberId, generation, gone } = life;
    if (generation() >= 0) life.was = { memberId: memberId(), generation: generation() };
    const left = membership?.lease.left() ?? 0;
    if (left <= 0) return;
    if (life.sawOver) this.invariants.fail(`the lease of ${host.name} holds again, though nothing was answered`);
    if (generation() < 0) this.invariants.fail(`the lease of ${host.name} holds, which is in no generation`);
    if (gone.has(memberId())) this.invariants.fail(`the lease of ${host.name} holds, and it knows that it is nobody`);
    const kept = this.log.group(APP).keeps(memberId());
    if (life.blind || kept === undefined || left + TERMS.margin <= kept - this.time.now + DRIFT_MS) return;
    const late = (left + TERMS.margin - kept + this.time.now).toFixed(1);
    this.invariants.fail(
      `the lease of ${host.name} may end ${late} ms later than it should, by what the group has heard`,
    );
  }

  /** Another one that holds mastership at this moment. */
  #rival(life: Life): Life | undefined {
    return this.#lives.find((other) => other !== life && this.#mayBeMaster(other) && other.worker.master);
  }

  /** What a worker says of itself costs more to ask. */
  #mayBeMaster({ elected, dropped, blind, worker: { host, membership } }: Life): boolean {
    if (blind) return false;
    // Whom an administrator removes is master until it hears of it. That is why nobody else is removed who lives.
    return elected && dropped !== "left" && host.alive && hasLease(membership);
  }

  // What goes wrong.

  befall(fault: Fault): void {
    const { now } = this.time;
    this.trace.note(now, `FAULT ${JSON.stringify(fault)}`);
    switch (fault.kind) {
      case "join":
        if (this.alive.length < 6) this.add();
        return;
      case "move":
        this.#troubleForAll = Math.max(this.#troubleForAll, now + fault.lasts + AFTERMATH_MS);
        this.log.group(APP).move();
        this.time.after(fault.lasts, () => this.log.group(APP).settle());
        return;
      case "forget":
        this.#troubleForAll = Math.max(this.#troubleForAll, now + AFTERMATH_MS);
        return this.log.group(APP).forget();
      case "stranger":
        this.#troubleForAll = Math.max(this.#troubleForAll, now + fault.lasts + AFTERMATH_MS);
        return this.#stranger(fault.lasts);
      case "strike":
        this.#strikes.push({ ...fault, left: fault.skip });
        return;
    }
    const life = this.#victim(fault.victim);
    if (life === undefined) return;
    const { worker: { host }, worker } = life;
    const way = this.network.way(host);
    const lasts = "lasts" in fault ? fault.lasts : 0;
    if (fault.kind !== "leave") this.#trouble(life, lasts);
    switch (fault.kind) {
      case "kill": {
        // Of static members only the master is watched.
        const isWatched = life.place === undefined || host.name === this.#master;
        this.#kill(life);
        if (fault.proof && isWatched) {
          const id = life.memberId();
          this.time.after(this.random.between(1, 100), () => this.log.group(APP).leave(id));
        }
        if (fault.replaced !== undefined) this.time.after(fault.replaced, () => this.add(life.place));
        return;
      }
      case "freeze":
        return this.#freeze(life, lasts, fault.what);
      case "cut":
        for (const phase of fault.phases) way.cut[phase] = true;
        this.time.after(lasts, () => way.heal());
        return;
      case "reset":
        return this.network.reset(host);
      case "loss":
        way.loss = fault.rate;
        this.time.after(lasts, () => way.loss = 0);
        return;
      case "slow":
        way.slow = fault.most;
        this.time.after(lasts, () => way.slow = 0);
        return;
      case "clock":
        // With its monotonic clock standing still and its wall clock set back a machine cannot know better, without a third.
        if (this.#suspended.has(host) && !host.knowsBoot) return;
        this.#wrongClocks.add(host);
        host.setWall(fault.ahead);
        this.time.after(lasts, () => host.setWall(0));
        return;
      case "evict":
        return this.log.group(APP).leave(life.memberId());
      case "double":
        if (this.alive.length >= 8) return;
        if (fault.frozen > 0) this.#freeze(life, fault.frozen, "process");
        if (fault.joins) this.add();
        this.time.after(fault.joins ? this.random.between(0, 20) : 0, () => this.add(life.place));
        return;
      case "drag":
        // Whose rounds do not come through holds up those of all.
        if (fault.message === "round") this.#troubleForAll = Math.max(this.#troubleForAll, now + lasts + AFTERMATH_MS);
        this.#drags.add({ ...fault, host, begun: false });
        return;
      case "leave":
        if (this.alive.length > 1) worker.stop();
        return;
    }
  }

  /** All is well from now on: what lasts ends, and at least two workers live. */
  heal(): void {
    this.trace.note(this.time.now, "all is well again");
    this.#strikes = [];
    for (const { worker: { host } } of this.#lives) {
      const way = this.network.way(host);
      way.loss = way.slow = 0;
      way.heal();
      host.thaw();
      if (this.#wrongClocks.has(host)) host.setWall(0);
    }
    while (this.alive.length < 2) this.add();
  }

  #kill(life: Life): void {
    const { host } = life.worker;
    this.trace.note(this.time.now, `${host.name} is killed`);
    host.kill();
    if (this.#master === host.name) this.#master = "";
    if (this.alive.length === 0) this.add();
  }

  #freeze(life: Life, lasts: number, asked: Standstill): void {
    const { host } = life.worker;
    if (host.frozen) return;
    const what = asked !== "all" && this.#wrongClocks.has(host) && !host.knowsBoot ? "process" : asked;
    if (what !== "process") this.#suspended.add(host);
    if (what === "all" || what === "wall" && !host.knowsBoot) {
      life.blind = true;
      life.standstills++;
    }
    host.freeze(what);
    this.time.after(lasts, () => {
      this.trace.note(this.time.now, `${host.name} goes on`);
      host.thaw(this.random.pick(["timer", "message", undefined] as const));
      if (what === "process" || what === "monotonic") return;
      // Something sets its wall clock right: at once, or later.
      this.time.after(this.random.pick([0, 50, 4000]) ?? 0, () => {
        if (!this.#wrongClocks.has(host)) host.setWall(0);
      });
    });
  }

  #victim(victim: Victim): Life | undefined {
    const { alive } = this;
    const master = alive.find(({ worker: { host } }) => host.name === this.#master);
    return victim === "master" ? master ?? alive[0] : alive[victim % Math.max(1, alive.length)];
  }

  #trouble(life: Life, lasts: number): void {
    life.trouble = Math.max(life.trouble, this.time.now + lasts + AFTERMATH_MS);
  }

  /** A program that has no business there has a transaction open in the journal. */
  #stranger(lasts: number): void {
    const { log } = this;
    const topic = `${APP}-master`;
    const producer = log.transactions.initialise("stranger", undefined, 60_000);
    if (typeof producer === "string" || !log.topics.has(topic)) return;
    const record = { topic, key: new Uint8Array([120]), value: null, headers: [], timestamp: 0 };
    const batch = { records: [record], ...producer, sequence: 0, transactional: true };
    log.append({ topic, partition: 0, batch, transactionalId: "stranger", topicId: undefined });
    const commit = this.random.happens(0.5);
    this.time.after(lasts, () => log.transactions.end("stranger", producer, commit));
  }

  #watch(host: Host, name: string, phase: Phase): "lost" | number {
    this.trace.message(this.time.now, host.name, name, phase);
    const strike = this.#strikes.find((each) => each.message === name && each.phase === phase && each.left-- <= 0);
    const life = this.#lives.find(({ worker }) => worker.host === host);
    if (life && phase === "request" && name === "LeaveGroup") life.leaves = true;
    if (life && phase === "request" && WRITES.has(name)) this.#checkWrite(life, name);
    if (strike === undefined) return this.#dragged(host, name, phase);
    this.#strikes = this.#strikes.filter((each) => each !== strike);
    if (life === undefined) return 0;
    this.trace.note(this.time.now, `${strike.what}: the ${phase} ${name} of ${host.name}`);
    this.#trouble(life, strike.lasts);
    switch (strike.what) {
      case "lose":
        return "lost";
      case "delay":
        return strike.lasts;
      case "kill":
        this.#kill(life);
        return 0;
      case "freeze":
        this.#freeze(life, strike.lasts, "process");
        return 0;
    }
  }

  #dragged(host: Host, name: string, phase: Phase): "lost" | number {
    let extra = 0;
    for (const drag of this.#drags) {
      if (drag.host !== host || drag.phase !== phase || this.time.now > drag.at + drag.lasts) continue;
      if (drag.message === "round") {
        drag.begun ||= name === "SyncGroup";
        if (drag.begun && (name === "SyncGroup" || name === "JoinGroup")) return "lost";
      } else if (drag.message === name) extra += this.random.between(0, drag.most ?? 0);
    }
    return extra;
  }

  // What is watched.

  /** The fence would do without the lease: but then it is two masters that publish in turn. */
  #checkWrite({ worker: { host, membership } }: Life, name: string): void {
    if (this.#mutant.leaseless || hasLease(membership)) return;
    this.invariants.fail(`${host.name} sends ${name} without a lease`);
  }

  #spied(driver: MemoryDriver, joined: (membership: Membership) => void, lifeOf: () => Life): Driver {
    return {
      publisher: driver.publisher,
      master: driver.master,
      troubles: driver.troubles,
      connect: () => driver.connect(),
      ensureTopics: (topics) => driver.ensureTopics(topics),
      close: (within) => driver.close(within),
      get missingTopics() {
        return driver.missingTopics;
      },
      join: (options: JoinOptions, listener: MemberListener): Membership => {
        const life = lifeOf();
        const watched: MemberListener = {
          ...listener,
          generation: (generation) => {
            life.elected = generation.elected;
            // An answer that was under way when the group dropped it tells it of no later one.
            if (this.log.group(APP).members.has(life.memberId())) life.dropped = undefined;
            life.leaves = false;
            const { generation: number, master } = generation;
            if (generation.elected) this.#checkElected(life, generation.notBefore);
            this.trace.note(this.time.now, `${life.worker.host.name}: generation ${number}, master ${master}`);
            listener.generation(generation);
          },
          removed: () => {
            life.elected = false;
            this.#checkExpelled(life);
            life.dropped = undefined;
            life.blind = false;
            listener.removed();
          },
          failed: (error) => {
            if (this.#hasDouble(life)) this.time.after(0, () => this.#kill(life)); // as its process ends
            listener.failed(error);
          },
        };
        const membership = driver.join(options, watched);
        life.memberId = () => membership.member.memberId;
        life.generation = () => membership.member.generation;
        if (this.#mutant.leaseless) membership.lease.left = () => 1000;
        else watchLease(life, membership.lease);
        joined(membership);
        return membership;
      },
    };
  }

  /** Whether another process has had its place, and may have taken it. */
  #hasDouble(life: Life): boolean {
    return life.place !== undefined && this.#lives.some((other) => other !== life && other.place === life.place);
  }

  /** A request to fence that was late has fenced the one who is active: it may step down. */
  #overtaken(): void {
    const active = this.#lives.find((life) => this.#mayBeMaster(life) && life.worker.master);
    if (active) this.#trouble(active, 0);
  }

  /** The group has decided who is master. */
  #elected(after: string): void {
    const before = this.#lives.find(({ worker }) => worker.host.name === this.#master);
    const { now } = this.time;
    const stays = before &&
      [...this.log.group(APP).members.values()].some(({ request }) =>
        request.subscription.data.incarnation === this.#master
      );
    if (stays && before.hasTicked && after !== this.#master) {
      if (before.worker.host.alive && !before.worker.stopping && !before.blind && before.worker.master) {
        this.invariants.fail(`mastership moves from ${this.#master} to ${after}, while it is active`);
      }
      const calm = before.worker.host.alive && !before.worker.stopping && before.trouble < now &&
        this.#troubleForAll < now;
      if (calm) this.invariants.fail(`mastership moves from ${this.#master} to ${after} without a cause`);
    }
    if (before && after !== this.#master) before.hasTicked = false;
    this.#master = after;
  }

  /** A heartbeat has been answered. Of a refusal whom nothing hinders hears at once, and then its lease is over. */
  #answered(memberId: string, error: GroupError | undefined): void {
    const { now } = this.time;
    if (error === undefined || error === "REBALANCE_IN_PROGRESS") {
      this.#accepted.set(memberId, now);
    } else if (error !== "ILLEGAL_GENERATION" && !this.#mutant.leaseless) {
      const life = this.#lives.find((each) => each.memberId() === memberId);
      if (life === undefined) return;
      this.time.after(HEARS_WITHIN_MS, () => {
        const isAccepted = (this.#accepted.get(life.memberId()) ?? -Infinity) >= now;
        const { host, membership } = life.worker;
        if (isAccepted || life.memberId() !== memberId || !host.alive || host.frozen) return;
        if (hasLease(membership)) this.#checkCalm(life, `is refused, ${error}, and keeps its lease`);
      });
    }
  }

  /** Who is elected while a static member whose place was taken still holds its lease acts after the end of that. */
  #checkElected(life: Life, notBefore: number): void {
    const { host } = life.worker;
    for (const other of this.#lives) {
      if (other === life || other.dropped !== "replaced" || !this.#mayBeMaster(other) || !other.worker.master) continue;
      const left = other.worker.membership?.lease.left() ?? 0;
      if (notBefore - host.monotonic() > left - DRIFT_MS) continue;
      this.invariants.fail(`${host.name} is elected to act while ${other.worker.host.name}, replaced, is still master`);
    }
  }

  /** Who gives everything up has been dropped, or has left for want of answers, or the group has gone on to a generation of which it has not heard. */
  #checkExpelled(life: Life): void {
    const { worker: { host }, was, gone, dropped } = life;
    if (life.memberId() === "") gone.add(was.memberId);
    if (dropped !== undefined || life.leaves || was.generation < 0 || this.#hasDouble(life)) return;
    const group = this.log.group(APP);
    if (group.members.has(was.memberId) && group.generation === was.generation) {
      this.invariants.fail(`${host.name} thinks that it was removed, and was not`);
    }
  }

  /** What may happen to a worker only in trouble of its own. */
  #checkCalm({ worker: { host, stopping }, trouble }: Life, what: string): void {
    if (host.alive && !stopping && trouble < this.time.now) this.invariants.fail(`${host.name} ${what}`);
  }

  /** The log has dropped a member: its lease must be over. */
  #checkDropped(memberId: string): void {
    if (this.#mutant.leaseless) return;
    const life = this.#lives.find((each) => each.worker.host.alive && each.memberId() === memberId);
    if (life && !life.blind && hasLease(life.worker.membership)) {
      this.invariants.fail(`the lease of ${life.worker.host.name} holds when the group drops it`);
    }
  }

  async #tick(life: Life, tick: Tick, send: (value: string) => Promise<void>): Promise<void> {
    const { worker } = life;
    const { host } = worker;
    this.trace.note(this.time.now, `${host.name} ticks ${tick.slot % 100_000} in epoch ${tick.epoch}`);
    life.hasTicked = true;
    const holds = () => this.#mutant.leaseless || hasLease(worker.membership);
    if (!holds()) this.invariants.fail(`a tick of ${host.name} begins without a lease`);
    const isOut = this.#mutant.leaseless || life.dropped === "left" || life.blind;
    const rival = isOut ? undefined : this.#rival(life);
    if (rival) this.invariants.fail(`a tick of ${host.name} begins while ${rival.worker.host.name} is master`);
    const work = this.random.next();
    if (work > 0.6) await host.sleep(work > 0.99 ? this.random.between(500, 5000) : this.random.between(0, 100));
    const over = !holds();
    try {
      await send(say({ slot: tick.slot, epoch: tick.epoch, worker: host.name }));
      if (over) this.invariants.fail(`a send of ${host.name} is taken after its lease`);
    } catch (error) {
      if (over && !tick.signal.aborted) this.invariants.fail(`the signal of ${host.name} has not aborted`);
      throw error;
    }
  }

  #handle(host: Host, partition: number, offset: number): Promise<void> | undefined {
    const takes = this.random.next();
    if (takes < 0.8) {
      this.invariants.handled(partition, offset);
      return undefined;
    }
    return host.sleep(takes > 0.99 ? 2000 : takes * 50).then(() => this.invariants.handled(partition, offset));
  }

  #logger(name: string): Logger {
    if (!this.trace.keeps) return silent;
    const note = (message: string) => this.trace.say(this.time.now, `${name}: ${message}`);
    return { debug: note, info: note, warn: note, error: note };
  }
}

/** Asked without the worker's noticing: what it does not see it does not know. */
function hasLease(membership: Membership | undefined): boolean {
  return (membership?.lease.left() ?? 0) > 0;
}

/** What its worker sees and hears of it. */
function watchLease(life: Life, lease: Lease): void {
  const { now, holds, signOfLife } = lease;
  const sentIn = new WeakMap<Instant, number>();
  lease.now = () => {
    const instant = now.call(lease);
    sentIn.set(instant, life.standstills);
    return instant;
  };
  lease.holds = () => {
    const does = holds.call(lease);
    life.sawOver ||= !does;
    return does;
  };
  lease.signOfLife = (sent) => {
    life.sawOver = false;
    if (sentIn.get(sent) === life.standstills) life.blind = false;
    signOfLife.call(lease, sent);
  };
}
