/// <reference lib="webworker" />
// The service worker: the shell without network, and what waits where the system lets it be sent
// while no page is open. It never keeps or answers anything of /api/.
import { upload } from "./outbox";

declare const self: ServiceWorkerGlobalScope;
declare const __PRECACHE__: string[];
declare const __BUILD__: string;

const CACHE = `deliverer-${__BUILD__}`;
const SHELL = "/deliverer";

interface SyncEvent extends ExtendableEvent {
  readonly tag: string;
}

self.addEventListener("install", (event) => {
  const fresh = __PRECACHE__.map((address) => new Request(address, { cache: "reload" }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(fresh)));
});

async function takeOver(): Promise<void> {
  for (const name of await caches.keys()) {
    if (name.startsWith("deliverer-") && name !== CACHE) await caches.delete(name);
  }
  await self.clients.claim();
}

self.addEventListener("activate", (event) => event.waitUntil(takeOver()));

async function kept(address: string, request: Request): Promise<Response> {
  return (await caches.match(address, { cacheName: CACHE })) ?? fetch(request);
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const address = new URL(request.url);
  if (request.method !== "GET" || address.origin !== location.origin) return;
  if (request.mode === "navigate" && address.pathname === SHELL) {
    event.respondWith(kept(SHELL, request));
  } else if (__PRECACHE__.includes(address.pathname)) {
    event.respondWith(kept(address.pathname, request));
  }
});

self.addEventListener("message", (event) => {
  if (event.data === "skip-waiting") void self.skipWaiting();
});

self.addEventListener("sync" as keyof ServiceWorkerGlobalScopeEventMap, ((event: SyncEvent) => {
  if (event.tag === "outbox") event.waitUntil(upload());
}) as unknown as EventListener);
