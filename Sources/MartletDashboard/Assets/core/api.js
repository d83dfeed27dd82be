// Requests to the server. The dashboard uses only what every other client can use.

const base = new URL('../api/', document.baseURI);
const timeLimit = 10_000;
let skew = 0;
let onSignedOut = () => {};

/** An error answer, or no answer at all (`status` 0). */
export class Problem extends Error {
    constructor(status, body) {
        super(body.detail ?? `The server answered ${status}.`);
        this.status = status;
        this.code = body.code ?? 'unknown';
        this.body = body;
    }
}

/** The server's time in milliseconds, as far as its answers tell. */
export const now = () => Date.now() + skew;

/** Calls `handler` when a request needs a token that the browser does not have. */
export const whenSignedOut = (handler) => { onSignedOut = handler; };

/** The address of a path of the API, for links and examples. */
export const address = (path) => new URL(path, base).href;

/** The server's address, as commands take it. */
export const server = address('..').replace(/\/$/, '');

/** Sends a request; `query` leaves out empty values. Answers the text and what it means. */
export async function request(method, path, { query, body, signal } = {}) {
    const limit = AbortSignal.timeout(timeLimit);
    let response;
    let text;
    try {
        response = await fetch(target(path, query), {
            method,
            headers: body === undefined ? {} : { 'Content-Type': 'application/json' },
            body: body === undefined ? undefined : JSON.stringify(body),
            signal: signal ? AbortSignal.any([signal, limit]) : limit,
        });
        text = await response.text();
    } catch (error) {
        if (signal?.aborted) throw error;
        throw unreachable();
    }
    noteTime(response.headers.get('Date'));
    const value = parsed(text);
    if (response.ok) return { text, value };
    throw refusal(response.status, value);
}

/** Opens a response that has no end of its own. */
export async function open(path, query, signal) {
    let response;
    try {
        response = await fetch(target(path, query), { signal, cache: 'no-store' });
    } catch {
        throw unreachable();
    }
    if (response.ok) return response;
    throw refusal(response.status, parsed(await response.text().catch(() => '')));
}

function target(path, query = {}) {
    const url = new URL(path, base);
    for (const [name, value] of Object.entries(query)) if (value) url.searchParams.set(name, value);
    // To the server a plus sign is one.
    url.search = url.search.replaceAll('+', '%20');
    return url;
}

const unreachable = () => new Problem(0, { code: 'unreachable', detail: 'The server does not answer.' });

function refusal(status, body) {
    if (status === 401) onSignedOut();
    return new Problem(status, body ?? {});
}

function parsed(text) {
    try {
        return JSON.parse(text);
    } catch {
        return null;
    }
}

// The header has whole seconds, so smaller differences are none.
function noteTime(date) {
    const difference = Date.parse(date ?? '') + 500 - Date.now();
    if (Number.isFinite(difference)) skew = Math.abs(difference) < 1500 ? 0 : difference;
}

export const get = async (path, query, signal) => (await request('GET', path, { query, signal })).value;
export const post = async (path, body, query) => (await request('POST', path, { body, query })).value;
export const put = async (path, body) => (await request('PUT', path, { body })).value;
export const remove = async (path, query) => (await request('DELETE', path, { query })).value;

/** A segment of a path. */
export const part = (text) => encodeURIComponent(text);
