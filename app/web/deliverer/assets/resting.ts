// Doors of the own blocks whose milk does not come today: what is asked for there is written down too.
// That needs the network, so they are not kept on the phone.
import { ask } from "./session";
import { state } from "./state";

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

const FRESH_MS = 300_000;

let known: RestingDoor[] = [];
let since = 0;

/** The doors as they were fetched last. */
export function restingDoors(): RestingDoor[] {
  return known;
}

/** Fetch them, unless that was done a moment ago. */
export async function pullResting(always: boolean): Promise<void> {
  if (!always && Date.now() - since < FRESH_MS) return;
  const answer = await ask("/api/v1/me/resting-doors", state.account?.account_id ?? "");
  if (!answer.ok) throw new Error(`resting-doors ${answer.status}`);
  known = ((await answer.json()) as { items: RestingDoor[] }).items;
  since = Date.now();
}
