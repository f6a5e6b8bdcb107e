// Who is logged in, by the browser's cookie, and requests in his name. No DOM: the worker reads this too.

export interface Session {
  account_id: string;
  display_name: string;
  roles: string[];
  csrf_token: string;
}

export interface Problem {
  code?: string;
  title?: string;
  facts?: Record<string, unknown>;
}

/** Nobody is logged in (any more). */
export class LoginNeeded extends Error {}

const TIMEOUT_MS = 15_000;
let known: Session | undefined;
let reached = navigator.onLine;

/** Whether the last request got an answer. */
export function isReached(): boolean {
  return reached;
}

/** `fetch` that gives up after 15 seconds: a half-open network must not hold the queue. */
export async function request(address: string, options: RequestInit = {}): Promise<Response> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), TIMEOUT_MS);
  try {
    const answer = await fetch(address, { cache: "no-store", credentials: "same-origin", signal: stop.signal, ...options });
    reached = true;
    return answer;
  } catch (error) {
    reached = false;
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** The session; asks the server unless it is known. Raises LoginNeeded, or what the network raises. */
export async function session(anew = false): Promise<Session> {
  if (known && !anew) return known;
  known = undefined;
  const answer = await request("/session", { headers: { Accept: "application/json" } });
  if (answer.status === 401) throw new LoginNeeded();
  if (!answer.ok) throw new Error(`session ${answer.status}`);
  known = (await answer.json()) as Session;
  return known;
}

/** Forget who is logged in. */
export function forgetSession(): void {
  known = undefined;
}

/** What an answer that is not ok says. */
export async function problemOf(answer: Response): Promise<Problem> {
  return (await answer.json().catch(() => ({}))) as Problem;
}

/** A request in an account's name; raises LoginNeeded, also when another account is logged in by now.
 *
 * A stale proof of intent is renewed once.
 */
export async function ask(address: string, accountId: string, options: RequestInit = {}): Promise<Response> {
  for (let again = false; ; again = true) {
    const mine = await session(again);
    if (mine.account_id !== accountId) throw new LoginNeeded();
    const answer = await request(address, {
      ...options,
      headers: { Accept: "application/json", "X-CSRF-Token": mine.csrf_token, ...options.headers },
    });
    if (answer.status === 401) {
      known = undefined;
      throw new LoginNeeded();
    }
    if (answer.status !== 403 || again) return answer;
    if ((await problemOf(answer.clone())).code !== "request_not_meant") return answer;
  }
}
