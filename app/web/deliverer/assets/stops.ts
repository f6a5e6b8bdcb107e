// What stands on the screen: the book with the phone's own events replayed over it. Pure.
import type { Book, BookDelivery, BookStop, KeptBook } from "./book";
import { stopSubject, type Event, type Operation, type StopSaid } from "./events";

export type StopState = "todo" | "made" | "partly" | "failed";
/** Where the last event of a stop is. */
export type Kept = "server" | "waiting" | "refused";

export interface ShownLine {
  line: string;
  delivery_no: number;
  order_no: string;
  product: string;
  specification: string;
  quantity: number;
  delivered: number;
}

export interface ShownStop {
  id: string;
  date: string;
  block: string;
  no: number;
  building: string;
  door: string;
  recipient: string;
  phone: string;
  note: string;
  lines: ShownLine[];
  bottles: number;
  state: StopState;
  reason: string;
  at: string | null;
  bulk: boolean;
  celsius: number | null;
  /** The event that said so; a correction names it. */
  event_id: string | null;
  kept: Kept;
  refusal: string;
}

const ZONE = "Asia/Shanghai";
const dayFormat = new Intl.DateTimeFormat("en-CA", { timeZone: ZONE, dateStyle: "short" });

/** The operator's date of an instant. */
export function dateOf(milliseconds: number): string {
  return dayFormat.format(milliseconds);
}

/** The business date now, by the server's clock as it was known last. */
export function businessDate(kept: KeptBook): string {
  return dateOf(Date.now() + kept.offset_ms);
}

/** Another day. */
export function dayAfter(date: string, days = 1): string {
  return new Date(Date.parse(`${date}T00:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10);
}

/** Building as people say it; the compound is enough where there is one. */
export function buildingText(stop: Pick<BookStop, "compound" | "street" | "house_no">): string {
  return `${stop.compound || stop.street} ${stop.house_no}`.trim();
}

type StopEvent = Extract<Event, StopSaid>;

function saysOfStop(operation: Operation): operation is Operation & { event: StopEvent } {
  return operation.event.kind === "stop_done" || operation.event.kind === "correction";
}

/** Whether the book cannot know an event yet. */
function isAhead(operation: Operation, kept: KeptBook): boolean {
  return operation.state === "waiting" || (operation.state === "uploaded" && (operation.answered_at ?? 0) >= kept.asked_at);
}

/** Stops of a date in the order of the round, as the phone knows them. */
export function shownStops(kept: KeptBook, operations: Operation[], date: string): ShownStop[] {
  const { book } = kept;
  const stops = book.rounds
    .filter((round) => round.service_date === date)
    .flatMap((round) => round.items.map((stop) => fromBook(book, stop, date, round.block_id)));
  const bySubject = new Map(stops.map((stop) => [stopSubject(date, stop.id), stop]));
  for (const operation of operations) {
    const stop = bySubject.get(operation.subject);
    if (!stop) continue;
    if (operation.state === "refused") {
      stop.kept = "refused";
      stop.refusal = operation.title ?? "";
    } else if (isAhead(operation, kept)) {
      if (saysOfStop(operation)) replay(stop, operation.event);
      else if (operation.event.kind === "temperature_note") stop.celsius = operation.event.celsius;
      stop.kept = operation.state === "waiting" ? "waiting" : "server";
    }
  }
  return stops;
}

function fromBook(book: Book, stop: BookStop, date: string, block: string): ShownStop {
  const products = new Map(book.products.map((product) => [product.id, product]));
  const last = latest(stop.deliveries);
  return {
    id: stop.stop,
    date,
    block,
    no: stop.stop_no,
    building: buildingText(stop),
    door: stop.door ?? "",
    recipient: stop.recipient ?? "",
    phone: stop.phone ?? "",
    note: stop.note ?? "",
    lines: stop.deliveries.map((one) => ({
      line: one.line_id,
      delivery_no: one.delivery_no,
      order_no: one.order_no ?? "",
      product: `${products.get(one.product_id)?.name ?? ""}${one.delivery_no ? "（补送）" : ""}`,
      specification: products.get(one.product_id)?.specification ?? "",
      quantity: one.quantity,
      delivered: one.quantity_delivered,
    })),
    bottles: stop.deliveries.reduce((sum, one) => sum + one.quantity, 0),
    state: stateOf(stop.deliveries),
    reason: stop.deliveries.find((one) => one.reason)?.reason ?? "",
    at: last?.done_at ?? null,
    bulk: stop.deliveries.some((one) => one.bulk_marked),
    celsius: last?.celsius ?? null,
    event_id: last?.event_id ?? null,
    kept: "server",
    refusal: "",
  };
}

function latest(deliveries: BookDelivery[]): BookDelivery | undefined {
  return deliveries.reduce<BookDelivery | undefined>(
    (last, one) => ((one.done_at ?? "") > (last?.done_at ?? "") ? one : last),
    undefined,
  );
}

function stateOf(deliveries: BookDelivery[]): StopState {
  const all = (status: BookDelivery["status"]): boolean => deliveries.every((one) => one.status === status);
  if (all("planned")) return "todo";
  if (all("delivered")) return "made";
  return all("failed") ? "failed" : "partly";
}

function replay(stop: ShownStop, event: StopEvent): void {
  const failed = event.outcome === "not_delivered";
  const named = new Map((event.deliveries ?? []).map((one) => [`${one.line}:${one.delivery_no}`, one.delivered_quantity]));
  for (const line of stop.lines) {
    line.delivered = failed ? 0 : (named.get(`${line.line}:${line.delivery_no}`) ?? line.quantity);
  }
  const brought = stop.lines.reduce((sum, line) => sum + line.delivered, 0);
  stop.state = brought === stop.bottles ? "made" : brought === 0 ? "failed" : "partly";
  stop.reason = event.reason ?? "";
  stop.at = event.device_at;
  stop.bulk = event.bulk ?? false;
  stop.celsius = event.celsius ?? stop.celsius;
  stop.event_id = event.event_id;
}

/** The day in numbers. */
export interface Day {
  due: number;
  made: number;
  partly: number;
  failed: number;
  bottles: number;
  brought: number;
}

/** Count a day's stops. */
export function countDay(stops: ShownStop[]): Day {
  const of = (state: StopState): number => stops.filter((stop) => stop.state === state).length;
  return {
    due: stops.length,
    made: of("made"),
    partly: of("partly"),
    failed: of("failed"),
    bottles: stops.reduce((sum, stop) => sum + stop.bottles, 0),
    brought: stops.reduce((sum, stop) => sum + stop.lines.reduce((all, line) => all + line.delivered, 0), 0),
  };
}
