// The service worker, and new versions of the page: offered, never forced; the outbox is not touched.
import { find } from "./html";

const HOUR_MS = 3_600_000;

function watch(registration: ServiceWorkerRegistration): void {
  const offer = (): void => {
    // Without a controller this is the first visit: there is nothing older to replace.
    if (registration.waiting && navigator.serviceWorker.controller) find("#update").hidden = false;
  };
  const check = (): void => {
    if (navigator.onLine) void registration.update().catch(() => undefined);
    offer();
  };
  registration.addEventListener("updatefound", () => {
    registration.installing?.addEventListener("statechange", offer);
  });
  document.addEventListener("visibilitychange", check);
  addEventListener("pageshow", check);
  addEventListener("focus", check);
  setInterval(check, HOUR_MS);
  check();
  find("#update-go").addEventListener("click", () => {
    navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
    registration.waiting?.postMessage("skip-waiting");
  });
}

/** Keep the page for mornings without network; say so where the browser cannot. */
export async function startUpdates(): Promise<void> {
  if (!("serviceWorker" in navigator)) {
    find("#no-worker").hidden = false;
    return;
  }
  try {
    watch(await navigator.serviceWorker.register("/deliverer/sw.js", { scope: "/deliverer", updateViaCache: "none" }));
  } catch {
    // Without network the one installed before goes on working.
  }
  void navigator.storage?.persist?.();
}
