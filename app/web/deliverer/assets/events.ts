// What the phone says to the server, and what it keeps of it. No DOM: the worker reads this too.

interface Said {
  event_id: string;
  device_at: string;
}

export interface BroughtLine {
  line: string;
  delivery_no: number;
  delivered_quantity: number;
}

/** A tap at a door; `deliveries` names the lines that were not brought in full. */
export interface StopSaid {
  stop: string;
  service_date: string;
  outcome: "delivered" | "not_delivered";
  reason?: string;
  deliveries?: BroughtLine[];
  celsius?: number;
  bulk?: boolean;
}

export interface PosSlip {
  merchant_no: string;
  terminal_no: string;
  batch_no: string;
  trace_no: string;
  reference_no: string;
  card_last4?: string;
}

export type Pattern =
  | { kind: "every_days"; interval_days: number; quantity: number }
  | { kind: "weekdays"; quantities: number[] };

export interface DoorOrder {
  client_order_id: string;
  customer_name: string;
  phone: string;
  address: {
    city_code: string;
    district: string;
    street: string;
    house_no: string;
    compound: string;
    door: string;
    recipient: string;
    phone: string;
    note?: string;
  };
  product_id: string;
  pattern: Pattern;
  start_date?: string;
  bottles: number;
  /** All that is collected, the deposit with it. */
  amount_fen: number;
  deposit_fen?: number;
  pay_channel: "cash" | "pos";
  receipt_no: string;
  pos_slip?: PosSlip;
  agreement_version: string;
  taken_at: string;
}

export type Event =
  | (Said & StopSaid & { kind: "stop_done" })
  | (Said & StopSaid & { kind: "correction"; corrects: string })
  | (Said & { kind: "temperature_note"; stop: string; service_date: string; celsius: number })
  | (Said & { kind: "handover"; block: string; service_date: string; celsius: number; product?: string })
  | (Said & { kind: "offline_order"; order: DoorOrder });

type WithoutSaid<T> = T extends Said ? Omit<T, keyof Said> : never;
/** An event before it has its id and time. */
export type NewEvent = WithoutSaid<Event>;

/** waiting: only on this phone · uploaded: the server has it · refused: needs a person · closed: a person has seen that. */
export type OperationState = "waiting" | "uploaded" | "refused" | "closed";

/** An event in the outbox. Times in milliseconds of the phone's clock. */
export interface Operation {
  event_id: string;
  seq: number;
  account_id: string;
  /** What it speaks of: two events of one subject follow each other. */
  subject: string;
  label: string;
  event: Event;
  state: OperationState;
  saved_at: number;
  /** Not sent before: until then it can be undone. */
  ready_at: number;
  answered_at?: number;
  code?: string;
  title?: string;
  facts?: Record<string, unknown>;
}

/** The subject of a stop's events. */
export function stopSubject(serviceDate: string, stop: string): string {
  return `stop:${serviceDate}:${stop}`;
}
