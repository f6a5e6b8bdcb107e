// What the page knows: read from IndexedDB, never the other way round.
import { keys, type Kept, type KeptBook, type Month, type Morning } from "./book";
import type { Operation } from "./events";
import { operations } from "./outbox";
import { businessDate, dayAfter, shownStops, type ShownStop } from "./stops";
import { read } from "./store";

export interface Account {
  account_id: string;
  display_name: string;
}

interface State {
  account?: Account;
  kept?: KeptBook;
  morning?: Kept<Morning>;
  month?: Kept<Month>;
  /** The account's own, in the order they were said. */
  operations: Operation[];
  /** Waiting events of others who used this phone. */
  foreign: number;
  loginNeeded: boolean;
  /** Somebody is logged in in this browser who goes no round. */
  notDeliverer: boolean;
  offline: boolean;
  /** The day that is looked at: tomorrow only where today has no round. */
  date: string;
}

export const state: State = { operations: [], foreign: 0, loginNeeded: false, notDeliverer: false, offline: !navigator.onLine, date: "" };
let wantedDate = "";
const listeners: (() => void)[] = [];

/** Call this whenever what is shown may have changed. */
export function onChange(listener: () => void): void {
  listeners.push(listener);
}

/** Tell everybody. */
export function changed(): void {
  for (const listener of listeners) listener();
}

/** Read everything anew. */
export async function load(): Promise<void> {
  state.account = await read<Account>("account");
  const all = await operations();
  const mine = state.account?.account_id ?? "";
  state.operations = all.filter((one) => one.account_id === mine);
  state.foreign = all.filter((one) => one.account_id !== mine && one.state === "waiting").length;
  state.kept = await read<KeptBook>(keys.book(mine));
  state.morning = await read<Kept<Morning>>(keys.morning(mine));
  state.month = await read<Kept<Month>>(keys.month(mine));
  state.date = chooseDate();
  changed();
}

/** Look at another day. */
export function lookAt(date: string): void {
  wantedDate = date;
  state.date = chooseDate();
  changed();
}

function chooseDate(): string {
  if (!state.kept) return "";
  const days = dates();
  if (days.includes(wantedDate)) return wantedDate;
  return days[0] ?? businessDate(state.kept);
}

/** Today and tomorrow, as far as they have a round. */
export function dates(): string[] {
  if (!state.kept) return [];
  const today = businessDate(state.kept);
  const planned = new Set(state.kept.book.rounds.map((round) => round.service_date));
  return [today, dayAfter(today)].filter((date) => planned.has(date));
}

/** Today's date by the server's clock. */
export function today(): string {
  return state.kept ? businessDate(state.kept) : "";
}

/** The stops of the day that is looked at. */
export function stops(): ShownStop[] {
  return state.kept ? shownStops(state.kept, state.operations, state.date) : [];
}

/** The account's events in one state. */
export function inState(wanted: Operation["state"]): Operation[] {
  return state.operations.filter((one) => one.state === wanted);
}

/** A reason in words. */
export function reasonTitle(code: string): string {
  return state.kept?.book.reasons.find((reason) => reason.code === code)?.title ?? code;
}
