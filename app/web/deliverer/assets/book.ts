// The route book: what the server planned, kept on the phone for a morning without network.
import { ask } from "./session";
import { keep, read } from "./store";

export interface BookDelivery {
  line_id: string;
  delivery_no: number;
  /** Not in a book that was kept before an update of the page. */
  order_no?: string;
  product_id: string;
  quantity: number;
  quantity_delivered: number;
  status: "planned" | "delivered" | "short" | "failed";
  reason: string | null;
  done_at: string | null;
  event_id: string | null;
  bulk_marked: boolean;
  celsius: number | null;
}

export interface BookStop {
  stop: string;
  stop_no: number;
  district: string;
  street: string;
  house_no: string;
  compound: string;
  door: string | null;
  recipient: string | null;
  phone: string | null;
  note: string | null;
  deliveries: BookDelivery[];
}

export interface BookRound {
  block_id: string;
  service_date: string;
  items: BookStop[];
}

export interface BookBlock {
  id: string;
  code: string;
  name: string;
  station: string;
  city_code: string;
  is_own: boolean;
  places: { district: string; compound: string; street: string }[];
}

export interface BookProduct {
  id: string;
  code: string;
  name: string;
  specification: string;
  price_fen: number | null;
  max_celsius: string | null;
}

export interface Book {
  service_date: string;
  business_at: string;
  rounds: BookRound[];
  blocks: BookBlock[];
  products: BookProduct[];
  reasons: { code: string; title: string; our_fault: boolean }[];
  agreement: { version: string; text: string } | null;
}

/** A book as it is kept; times in milliseconds of the phone's clock. */
export interface KeptBook {
  book: Book;
  etag: string;
  /** When it was asked for: events answered before are in it. */
  asked_at: number;
  /** The server's clock less the phone's. */
  offset_ms: number;
}

export interface Morning {
  cash_held_fen: number;
}

interface Rate {
  key: string;
  value: string | null;
  numerator: number;
  denominator: number;
  target: string;
  status: string;
  beside: { ratings?: { answers: number; good: number; rate: string | null }; bulk_marked?: number };
}

export interface Month {
  from_date: string;
  to_date: string;
  items: Rate[];
}

/** A kept answer and when it came. */
export interface Kept<T> {
  value: T;
  at: number;
}

/** What is kept of an account. */
export const keys = {
  book: (account: string): string => `book:${account}`,
  morning: (account: string): string => `morning:${account}`,
  month: (account: string): string => `month:${account}`,
  draft: (account: string): string => `draft:${account}`,
  wishes: (account: string): string => `wishes:${account}`,
  changes: (account: string): string => `changes:${account}`,
};

/** Ask for the book and keep it; unchanged, only its age is renewed. */
export async function pullBook(account: string): Promise<KeptBook> {
  const earlier = await read<KeptBook>(keys.book(account));
  const asked_at = Date.now();
  const headers: Record<string, string> = earlier ? { "If-None-Match": earlier.etag } : {};
  const answer = await ask("/api/v1/me/route-book", account, { headers });
  let kept: KeptBook;
  if (answer.status === 304 && earlier) {
    kept = { ...earlier, asked_at };
  } else {
    if (!answer.ok) throw new Error(`route-book ${answer.status}`);
    const book = (await answer.json()) as Book;
    const offset_ms = Date.parse(book.business_at) - Date.now();
    kept = { book, etag: answer.headers.get("etag") ?? "", asked_at, offset_ms };
  }
  await keep(keys.book(account), kept);
  return kept;
}

/** Ask for one of the account's own figures and keep it. */
export async function pullFigure<T>(address: string, key: string, account: string): Promise<Kept<T>> {
  const answer = await ask(address, account);
  if (!answer.ok) throw new Error(`${address} ${answer.status}`);
  const kept = { value: (await answer.json()) as T, at: Date.now() };
  await keep(key, kept);
  return kept;
}
