// Doors of the own blocks whose milk does not come today: what is asked for there is written down too.
import { keys, type Kept } from "./book";
import { ask } from "./session";
import { state } from "./state";
import { keep, read } from "./store";

interface RestingLine {
  line_id: string;
  order_no: string;
  product: string;
  specification: string;
  /** None: it waits until the household says so. */
  next_date: string | null;
}

export interface RestingDoor {
  stop: string;
  street: string;
  house_no: string;
  compound: string;
  door: string | null;
  recipient: string | null;
  phone: string | null;
  lines: RestingLine[];
}

interface Resting {
  service_date: string;
  items: RestingDoor[];
}

const FRESH_MS = 300_000;

let kept: Kept<Resting> | undefined;
let owner = "";

/** The doors as they are known on this phone. */
export function restingDoors(): RestingDoor[] {
  return owner === state.account?.account_id ? (kept?.value.items ?? []) : [];
}

/** When they were fetched; undefined: never. */
export function restingSince(): number | undefined {
  return owner === state.account?.account_id ? kept?.at : undefined;
}

/** What is kept on the phone, for the time until the network answers. */
export async function readResting(): Promise<void> {
  const account = state.account?.account_id ?? "";
  if (owner === account) return;
  kept = await read<Kept<Resting>>(keys.resting(account));
  owner = account;
}

/** Fetch them, unless that was done a moment ago. */
export async function pullResting(always: boolean): Promise<void> {
  const account = state.account?.account_id;
  const since = restingSince();
  if (!account || (!always && since !== undefined && Date.now() - since < FRESH_MS)) return;
  const answer = await ask("/api/v1/me/resting-doors", account);
  if (!answer.ok) throw new Error(`resting-doors ${answer.status}`);
  kept = { value: (await answer.json()) as Resting, at: Date.now() };
  owner = account;
  await keep(keys.resting(account), kept);
}
