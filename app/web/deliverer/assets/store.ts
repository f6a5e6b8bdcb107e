// IndexedDB of the phone: what it keeps and the outbox. No DOM: the worker reads this too.
import { openDB, type DBSchema, type IDBPDatabase } from "idb";
import type { Operation } from "./events";

interface Schema extends DBSchema {
  kept: { key: string; value: unknown };
  outbox: { key: string; value: Operation; indexes: { seq: number; subject: string } };
}
export type Database = IDBPDatabase<Schema>;

const NAME = "suixinding-deliverer";
let opened: Promise<Database> | undefined;

function open(): Promise<Database> {
  opened ??= openDB<Schema>(NAME, 1, {
    upgrade(database) {
      database.createObjectStore("kept");
      const outbox = database.createObjectStore("outbox", { keyPath: "event_id" });
      outbox.createIndex("seq", "seq");
      outbox.createIndex("subject", "subject");
    },
    blocking() {
      forget();
    },
    terminated() {
      opened = undefined;
    },
  });
  opened.catch(() => (opened = undefined));
  return opened;
}

function forget(): void {
  void opened?.then((database) => database.close()).catch(() => undefined);
  opened = undefined;
}

const LOST = ["InvalidStateError", "UnknownError", "AbortError"];

/** Use the database; once more where the system closed it in the background, as phones do. */
export async function withDatabase<T>(use: (database: Database) => Promise<T>): Promise<T> {
  try {
    return await use(await open());
  } catch (error) {
    if (!(error instanceof DOMException) || !LOST.includes(error.name)) throw error;
    forget();
    return use(await open());
  }
}

/** A kept value. */
export async function read<T>(key: string): Promise<T | undefined> {
  return (await withDatabase((database) => database.get("kept", key))) as T | undefined;
}

/** Keep a value. */
export async function keep(key: string, value: unknown): Promise<void> {
  await withDatabase((database) => database.put("kept", value, key));
}

/** Forget a value. */
export async function drop(key: string): Promise<void> {
  await withDatabase((database) => database.delete("kept", key));
}
