import type { Clock } from "../clock.ts";
import type { MephistoError } from "../errors.ts";
import { Lease, type LeaseTerms } from "../lease.ts";
import { BACKOFF, Backoff } from "../backoff.ts";
import { Candidacy, type Outcome } from "./candidacy.ts";
import { LeaseGrace } from "./grace.ts";
import { Hindrance } from "./hindrance.ts";
import type { Answer, Effect, Elected, Event, Kinds, MemberError } from "./messages.ts";
import {
  generationOf,
  isMeant,
  isSynced,
  memberIdOf,
  type Place,
  type Sent,
  STRANGER,
  withoutGeneration,
} from "./place.ts";
import { Pulse } from "./pulse.ts";
import { type Joining, type Living, living, mayBeat, roundDueAt, type State, type Syncing } from "./state.ts";
import { JOIN_SESSIONS, STATIC_STRANGER_SESSIONS, SYNC_SESSIONS } from "./terms.ts";

export interface MachineOptions {
  readonly terms: LeaseTerms;
  readonly heartbeatIntervalMs: number;
  /** Of this run of the process. */
  readonly incarnation: string;
  /** Of a static member. */
  readonly instanceId: string | undefined;
  readonly mayBeMaster: boolean;
  readonly clock: Clock;
  /** From 0 up to 1. */
  readonly random: () => number;
}

/**
 * A member of a group by the classic protocol: its lease, its generation, whether it stands for election, and what is to be
 * asked next. Events go in, requests and notices come out, in the order in which they are to be carried out; nothing is
 * awaited here. ARCHITECTURE.md draws the states.
 */
export class MembershipMachine<K extends Kinds> {
  readonly lease: Lease;
  readonly #options: MachineOptions;
  readonly #grace: LeaseGrace;
  readonly #candidacy: Candidacy;
  readonly #pulse: Pulse;
  readonly #hindrance: Hindrance;
  readonly #backoff: Backoff;
  #state: State;
  /** The incarnation that the latest generation has elected, or "". */
  #master = "";
  /** Whom it asks to stand down, and whether it takes partitions: said in each JoinGroup. */
  #asksToYield = "";
  #draining = false;
  /** Whether it has claimed mastership in its latest JoinGroup. */
  #claims = false;
  /** The JoinGroup that takes a static member's place, until it is answered. */
  #placeAsked: Sent | undefined;
  /** Until when one that was never answered may still arrive, and take the place from this member itself; monotonic. */
  #strayUntil = -Infinity;
  #effects: Effect<K>[] = [];

  constructor(options: MachineOptions) {
    const { terms, clock, instanceId } = options;
    this.#options = options;
    this.lease = new Lease(terms, clock);
    this.#grace = new LeaseGrace(terms.session, instanceId !== undefined, clock);
    this.#candidacy = new Candidacy(options.mayBeMaster);
    this.#pulse = new Pulse(options.heartbeatIntervalMs, terms.session, clock);
    this.#hindrance = new Hindrance(terms.session);
    this.#backoff = new Backoff(BACKOFF.group, options.random);
    this.#state = { name: "pausing", place: STRANGER, until: Infinity, located: false, joins: true };
  }

  get state(): State["name"] {
    return this.#state.name;
  }

  get isOver(): boolean {
    return living(this.#state) === undefined;
  }

  get memberId(): string {
    return memberIdOf(this.#place);
  }

  get generation(): number {
    return generationOf(this.#place);
  }

  /** Whether the current generation has been synced. */
  get synced(): boolean {
    return isSynced(this.#place);
  }

  get #place(): Place {
    return living(this.#state)?.place ?? STRANGER;
  }

  /**
   * The generation in which mastership was won, as the JoinGroup says that is sent now: its own, which is 0 without one, or
   * an inherited one. Nothing is claimed without a lease.
   */
  claim(own: number): number {
    const inherited = this.#place.is === "member" && this.lease.holds() ? this.#place.inherited : 0;
    const claim = own || inherited;
    this.#claims = claim > 0;
    return claim;
  }

  /** When `tick` is due, on the monotonic clock; undefined: only an answer or a wish leads any further. */
  get dueAt(): number | undefined {
    const state = living(this.#state);
    if (state === undefined) return undefined;
    const beat = this.#mayBeat(state) ? this.#pulse.dueAt : Infinity;
    const due = Math.min(beat, this.#candidacy.until ?? Infinity, roundDueAt(state));
    return due === Infinity ? undefined : due;
  }

  /** Takes in what has happened; what is to be done now. */
  on(event: Event<K>): readonly Effect<K>[] {
    const effects: Effect<K>[] = this.#effects = [];
    const state = living(this.#state);
    if (state !== undefined) this.#handle(state, event);
    this.#beatIfDue();
    return effects;
  }

  #handle(state: Living, event: Event<K>): void {
    switch (event.type) {
      case "start":
        return this.#seek(STRANGER, true);
      case "tick":
        return this.#tick(state);
      case "rejoin":
        return this.#rejoin(state);
      case "drain":
        this.#draining = true;
        return;
      case "resign":
        return this.#wished(state, this.#candidacy.resign());
      case "yield":
        return this.#wished(state, this.#candidacy.yieldMastership(this.#now + this.#options.terms.session));
      case "askToResign":
        this.#asksToYield = this.#master;
        return this.#rejoin(state);
      case "heartbeatNow":
        return this.#pulse.beatNow();
      case "leave":
        return this.#leave(state);
      default:
        return event.sent.what === "beat" ? this.#beatAnswered(state, event) : this.#answered(state, event);
    }
  }

  // What is wished for.

  /** Joins again, to say that something has changed: now, or when the round that is under way is over. */
  #rejoin(state: Living): void {
    switch (state.name) {
      case "settled":
        return this.#join(state.place);
      case "seeking":
      case "pausing":
        this.#state = { ...state, joins: true };
        return;
      default:
        this.#state = { ...state, again: true };
    }
  }

  #wished(state: Living, { outcomes, news }: { outcomes: Outcome[]; news: boolean }): void {
    this.#notify(outcomes);
    if (news) this.#rejoin(state);
  }

  #notify(outcomes: Outcome[]): void {
    for (const outcome of outcomes) this.#effects.push({ do: outcome });
  }

  /** A static member keeps its place until its session ends. */
  #leave({ place }: Living): void {
    this.#state = { name: "left" };
    this.lease.end();
    this.#notify(this.#candidacy.close());
    this.#effects.push({ do: "hangUp" });
    const memberId = memberIdOf(place);
    if (memberId !== "" && this.#options.instanceId === undefined) this.#effects.push({ do: "leave", memberId });
  }

  // From one round to the next.

  get #now(): number {
    return this.#options.clock.monotonic();
  }

  /** A moment so many sessions from now. */
  #in(sessions: number): number {
    return this.#now + sessions * this.#options.terms.session;
  }

  #sending(what: Sent["what"], place: Place): Sent {
    return { what, at: this.lease.now(), place };
  }

  #seek(place: Place, joins: boolean): void {
    const sent = this.#sending("find", place);
    this.#state = { name: "seeking", place, sent, joins };
    this.#effects.push({ do: "find", sent });
  }

  #pause(place: Place, joins: boolean, located: boolean): void {
    this.#state = { name: "pausing", place, joins, located, until: this.#now + this.#backoff.next() };
  }

  /** The coordinator is known. */
  #go(place: Place, joins: boolean): void {
    if (joins) this.#join(place);
    else this.#state = { name: "settled", place };
  }

  #join(place: Place): void {
    const sent = this.#sending("join", place);
    const takesPlace = this.#wouldFenceItself(place);
    const sessions = takesPlace ? STATIC_STRANGER_SESSIONS : JOIN_SESSIONS;
    if (takesPlace && this.#placeAsked !== undefined) this.#strayUntil = this.#in(STATIC_STRANGER_SESSIONS);
    if (takesPlace) this.#placeAsked = sent;
    const deadline = this.#in(sessions);
    this.#hindrance.joining(this.#now);
    this.#state = { name: "joining", place, sent, deadline, again: false, overdue: undefined };
    this.#effects.push({
      do: "join",
      sent,
      memberId: memberIdOf(place),
      generation: generationOf(place),
      eligible: this.#candidacy.say(),
      leaseGraceMs: this.#grace.asked,
      asksToYield: this.#asksToYield,
      draining: this.#draining,
      timeoutMs: this.#timeoutMs(sessions),
    });
  }

  /**
   * A static member without an id takes its place from whoever has it, itself included: if its first JoinGroup is only late,
   * it would be fenced by it, and end. As a stranger it holds up nobody, so that it can wait.
   */
  #wouldFenceItself({ is }: Place): boolean {
    return this.#options.instanceId !== undefined && is === "stranger";
  }

  #sync(place: Place, again: boolean, plan: K["plan"] | undefined): void {
    const sent = this.#sending("sync", place);
    this.#state = { name: "syncing", place, sent, again, deadline: this.#in(SYNC_SESSIONS), overdue: undefined };
    this.#effects.push({ do: "sync", sent, plan, timeoutMs: this.#timeoutMs(SYNC_SESSIONS) });
  }

  /** Of a connection that is waited for no longer: it is given up here before. */
  #timeoutMs(sessions: number): number {
    return (sessions + 1) * this.#options.terms.session;
  }

  #tick(before: Living): void {
    const outcomes = this.#candidacy.due(this.#now);
    this.#notify(outcomes);
    if (outcomes.length > 0) this.#rejoin(before);
    const state = living(this.#state);
    if (state === undefined || this.#now < roundDueAt(state)) return;
    switch (state.name) {
      case "pausing":
        return state.located ? this.#go(state.place, state.joins) : this.#seek(state.place, state.joins);
      case "joining":
      case "syncing":
        if (state.overdue === undefined) this.#state = { ...state, overdue: this.#now };
        else this.#anotherConnection(state.place);
    }
  }

  /** The answer may still come, to whom nobody can say: the round begins again where it cannot get in the way. */
  #anotherConnection(place: Place): void {
    this.#effects.push({ do: "hangUp" });
    this.#join(place);
  }

  // What is answered.

  #answered(state: Living, event: Answer<K>): void {
    // What was given up is nobody's.
    if (!("sent" in state) || state.sent !== event.sent) return;
    const { place } = state;
    if (event.type !== "lost" && event.sent === this.#placeAsked) this.#placeAsked = undefined;
    switch (event.type) {
      case "found":
        if (state.name === "seeking") this.#go(place, state.joins);
        return;
      case "joined":
        if (state.name === "joining") this.#joined(state, event);
        return;
      case "planned":
        if (state.name === "planning") this.#sync(place, state.again, event.plan);
        return;
      case "assigned":
        if (state.name === "syncing") this.#assigned(state, event);
        return;
      case "refused":
        // A plan that is refused is not lost: to try it over another connection is of no use.
        if (state.name === "syncing") this.#hindrance.over();
        else this.#hindrance.answered();
        if (event.why !== "MEMBER_ID_REQUIRED") return this.#refused(state, event.why, event.error, false);
        return this.#join({ is: "named", memberId: event.memberId ?? "" });
      case "lost":
        this.#effects.push({ do: "unreachable", error: event.error });
        if (event.error.code === "UNREACHABLE") return this.#forget(state);
        return this.#pause(place, wantsToJoin(state), state.name !== "seeking");
    }
  }

  #joined(state: Joining, { memberId, generation, members }: Answer<K> & { type: "joined" }): void {
    const { sent, again } = state;
    // No proof: the generation may have begun before, and the time in which it has to be synced with it.
    this.lease.signOfLife(sent.at);
    this.#grace.joined();
    this.#hindrance.answered();
    const inherited = state.place.is === "member" ? state.place.inherited : 0;
    const place: Place = { is: "member", memberId, generation, synced: false, leads: members !== undefined, inherited };
    if (members === undefined) return this.#sync(place, again, undefined);
    const planning = this.#sending("plan", place);
    this.#state = { name: "planning", place, sent: planning, again };
    this.#effects.push({ do: "plan", sent: planning, members });
  }

  #assigned(state: Syncing, { sent, elected, given }: Answer<K> & { type: "assigned" }): void {
    this.lease.renew(sent.at);
    this.#hindrance.over();
    this.#backoff.reset();
    this.#master = elected.master;
    const inherits = this.#isPredecessor(elected);
    const inherited = inherits ? this.generation : 0;
    const place: Place = state.place.is === "member" ? { ...state.place, synced: true, inherited } : state.place;
    if (inherits) this.#grace.session(sent.at.monotonic);
    // Whose claim was taken is told only what it has asked itself: a round more would be waited for each time.
    const isOwn = this.#claims && elected.master === this.#options.incarnation;
    if (!isOwn) this.#grace.heard(elected.leaseGraceMs);
    this.#state = { name: "settled", place };
    this.#effects.push({ do: "reachable" }, { do: "synced", given, notBefore: this.#grace.notBefore });
    this.#notify(this.#candidacy.decided(elected.master !== "" && elected.master !== this.#options.incarnation));
    if (state.again || inherits) this.#join(place);
  }

  /**
   * A static member that is started again gets its predecessor's assignment without a new generation. If that one was
   * master, its lease may still be held: this member inherits mastership, waits a session before it acts, and joins again
   * to say so.
   */
  #isPredecessor({ master, instanceId }: Elected): boolean {
    return this.#options.instanceId !== undefined && instanceId === this.#options.instanceId &&
      master !== this.#options.incarnation;
  }

  #beatAnswered(state: Living, event: Answer<K>): void {
    const { sent } = event;
    if (!this.#pulse.ended(sent)) return;
    if (event.type === "lost") {
      this.#effects.push({ do: "unreachable", error: event.error });
      return event.error.code === "UNREACHABLE" ? this.#forget(state) : undefined;
    }
    // An answer to what this member no longer is says nothing of what it is now.
    if (!isMeant(sent, state.place)) return;
    if (event.type === "beaten") {
      // Without SyncGroup it is removed at the rebalance timeout, however often it is answered.
      if (!isSynced(sent.place)) this.lease.signOfLife(sent.at);
      else {
        this.lease.renew(sent.at);
        this.#effects.push({ do: "reachable" });
      }
      return this.#watchHindrance(state, sent, !isSynced(state.place) && leads(state.place));
    }
    if (event.type !== "refused") return;
    switch (event.why) {
      case "REBALANCE_IN_PROGRESS":
        this.lease.signOfLife(sent.at);
        // A round that is under way answers this by itself: another one after it would be a rebalance for all, and so on.
        if (state.name === "settled") this.#join(state.place);
        return this.#watchHindrance(state, sent, false);
      case "ILLEGAL_GENERATION":
        // The next generation begins with a JoinGroup of ours, whose answer is on its way, on another connection, or lost.
        // The lease is not renewed by this, nor is it over: whoever has not joined in time is unknown, not of an old
        // generation (or a static member, whose lease the rebalance timeout has ended).
        if (state.name === "settled") return this.#refused(state, event.why, event.error, true);
        return this.#watchHindrance(state, sent, true);
      default:
        return this.#refused(state, event.why, event.error, true);
    }
  }

  /** `waits`: a group that has gone on, or one that has not got the plan of this member, waits for its next request. */
  #watchHindrance(state: Living, { at }: Sent, waits: boolean): void {
    const isAtIt = state.name === "planning" || state.name === "settled";
    const does = this.#hindrance.beat(at.monotonic, waits && !isAtIt);
    if (does === "hangUp") this.#anotherConnection(state.place);
    if (does !== "leave") return;
    this.#effects.push({ do: "leave", memberId: memberIdOf(state.place) });
    this.#removed(STRANGER, true);
  }

  /** Who claims mastership is heard of to the end: its lease is what the others wait for. */
  #mayBeat(state: Living): boolean {
    return mayBeat(state) && (this.#claims || this.#now < this.#hindrance.silentFrom);
  }

  #beatIfDue(): void {
    const state = living(this.#state);
    if (state === undefined || !this.#mayBeat(state) || this.#pulse.dueAt > this.#now) return;
    const sent = this.#sending("beat", state.place);
    this.#pulse.sending(sent);
    this.#effects.push({ do: "beat", sent });
  }

  // What goes wrong.

  /** The coordinator refuses a heartbeat (`beats`), beside which a round may be under way, or the round itself. */
  #refused(state: Living, why: MemberError, error: MephistoError, beats: boolean): void {
    switch (why) {
      case "REBALANCE_IN_PROGRESS":
        return this.#join(state.place);
      case "UNKNOWN_MEMBER_ID":
        // Unknown, though not silent for long: the group's state was lost, and another's lease may be running. Ours may
        // have been ended before, by a coordinator that had moved.
        if (this.lease.wasAlive) this.#grace.session();
        return this.#removed(STRANGER, beats && state.name !== "settled");
      case "ILLEGAL_GENERATION":
        return this.#removed(withoutGeneration(state.place), false);
      case "NOT_COORDINATOR":
        this.lease.end();
        this.#effects.push({ do: "unreachable", error });
        return this.#forget(state);
      case "FENCED":
        // Once, since another worker may have the same place indeed: then that one is fenced.
        if (this.#now >= this.#strayUntil) return this.#refused(state, "FATAL", error, beats);
        this.#strayUntil = -Infinity;
        return this.#removed(STRANGER, beats && state.name !== "settled");
      case "FATAL":
        this.lease.end();
        this.#state = { name: "failed" };
        this.#notify(this.#candidacy.close());
        this.#effects.push({ do: "forget" }, { do: "removed" }, { do: "failed", error });
        return;
      default:
        this.lease.end();
        this.#effects.push({ do: "unreachable", error });
        if (!beats) this.#pause(state.place, true, true);
    }
  }

  /** It is no member any more, and joins as what it is now. `hangsUp`: a round of what it was is under way. */
  #removed(place: Place, hangsUp: boolean): void {
    this.lease.end();
    this.#hindrance.over();
    this.#pulse.forget(); // what it was is asked after no more
    if (hangsUp) this.#effects.push({ do: "hangUp" });
    this.#effects.push({ do: "removed" });
    this.#join(place);
  }

  /** The coordinator is another one now, or gone. */
  #forget(state: Living): void {
    this.#effects.push({ do: "forget" });
    this.#pulse.forget();
    if (state.name === "settled") this.#seek(state.place, false);
    else this.#pause(state.place, wantsToJoin(state), false);
  }
}

/** Whether it has to join before it is in a generation that it knows. */
function wantsToJoin(state: Living): boolean {
  return state.name === "seeking" || state.name === "pausing" ? state.joins : state.name !== "settled";
}

function leads(place: Place): boolean {
  return place.is === "member" && place.leads;
}
