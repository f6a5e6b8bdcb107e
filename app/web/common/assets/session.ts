// The session: its token goes with every request that changes something, and when it has ended,
// a dialog takes the login while the page stays as it is.
import { onHtmx } from "./htmx";
import { toast } from "./toast";

const HEADER = "X-CSRF-Token";

const meta = (): HTMLMetaElement | null => document.querySelector("meta[name=csrf-token]");

/** The token for requests that change something. */
export function csrfToken(): string {
  return meta()?.content ?? "";
}

function useToken(token: string): void {
  const place = meta();
  if (place) place.content = token;
  for (const field of document.querySelectorAll<HTMLInputElement>("input[name=csrf_token]")) {
    field.value = token;
  }
}

/** `fetch` for our own JSON: with the token, and with the login dialog where the session has ended. */
export async function ask(address: string, options: RequestInit = {}): Promise<Response> {
  const headers = new Headers(options.headers);
  headers.set(HEADER, csrfToken());
  if (!headers.has("Accept")) headers.set("Accept", "application/json");
  const answer = await fetch(address, { ...options, headers, credentials: "same-origin" });
  if (answer.status === 401) askForLogin();
  return answer;
}

/** Open the login dialog; without one, go to the login page. */
export function askForLogin(): void {
  const dialog = document.querySelector<HTMLDialogElement>("#login-dialog");
  if (!dialog) {
    location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
  } else if (!dialog.open) {
    dialog.showModal();
  }
}

interface Session {
  account_id: string;
  csrf_token: string;
}

/** Take over the session that the cookie belongs to now; another account's page is opened anew. */
async function renew(): Promise<boolean> {
  const answer = await fetch("/session", { headers: { Accept: "application/json" } });
  if (!answer.ok) return false;
  const session = (await answer.json()) as Session;
  const account = document.body.dataset["account"] ?? "";
  if (account !== "" && session.account_id !== account) {
    location.assign("/");
    return false;
  }
  // A page open to all becomes the one of whoever logs in on it.
  document.body.dataset["account"] = session.account_id;
  useToken(session.csrf_token);
  return true;
}

/** The page is older than the session: somebody logged in again in another tab. */
async function catchUp(): Promise<void> {
  if (await renew().catch(() => false)) toast("登录状态已更新，请再提交一次", "info");
}

async function logInAgain(dialog: HTMLDialogElement, form: HTMLFormElement): Promise<void> {
  const told = form.querySelector<HTMLElement>("[role=alert]");
  const say = (text: string): void => {
    if (!told) return;
    told.textContent = text;
    told.hidden = text === "";
  };
  say("");
  const body = new URLSearchParams(new FormData(form) as unknown as Record<string, string>);
  try {
    const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" } });
    if (!answer.ok) {
      const problem = (await answer.json().catch(() => ({}))) as { title?: string };
      say(problem.title ?? "登录未成功，请稍后再试");
      return;
    }
    if (!(await renew())) return;
  } catch {
    say("网络不通，请稍后再试");
    return;
  }
  form.reset();
  dialog.close();
  toast("已重新登录，请再提交一次", "ok");
}

/** Put the token on HTMX's requests, and react to what goes wrong with them. */
export function startSession(): void {
  onHtmx("config:request", ({ ctx }) => {
    if (ctx.request.method.toUpperCase() !== "GET") ctx.request.headers[HEADER] = csrfToken();
  });
  onHtmx("response:error", ({ ctx }) => {
    const status = ctx.response?.status ?? 0;
    const part = new DOMParser().parseFromString(ctx.text ?? "", "text/html");
    if (status === 401) {
      askForLogin();
    } else if (part.querySelector("[data-code=request_not_meant]")) {
      void catchUp();
    } else if (!ctx.sourceElement.closest(`[hx-status\\:${status}]`)) {
      toast(part.querySelector("[data-problem-title]")?.textContent ?? "操作未完成，请稍后再试", "bad");
    }
  });
  onHtmx("error", () => toast("网络不通，请稍后再试", "bad"));
  const dialog = document.querySelector<HTMLDialogElement>("#login-dialog");
  dialog?.querySelector("form")?.addEventListener("submit", (event) => {
    event.preventDefault();
    void logInAgain(dialog, event.currentTarget as HTMLFormElement);
  });
}
