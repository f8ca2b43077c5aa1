// SPDX-License-Identifier: Apache-2.0
/* Talking to the server. The session is in cookies that no script can read; unsafe methods carry the CSRF token.
 *
 *   await api.get('/api/batch-jobs', {query: {limit: 50, status: 'failed'}, signal})   the body as an object
 *   await api.post('/api/preview', job, {headers})                                     the same; 204 gives null
 *   await api.request('GET', path, {want: 'text' | 'response'})                         a text; the Response itself (already known to be ok)
 *   api.all(path, 'jobs', {query, most: 500})                                           follows cursors, at most so many
 *
 * query: null, undefined and '' are left out; lists are joined by commas. body: an object (JSON), or a Blob, File or text that is sent as it is (say its
 * Content-Type in headers).
 * Whatever goes wrong is an ApiError: `message` can be shown to a person, `status` (0: no answer came), `title`, `errors` [{pointer, detail}] of the problem,
 * `retryAfter` in seconds. An aborted call throws its AbortError: isAbort(e).
 * A 401 is tried once more after one refresh, shared by all calls that wait; when that fails the session is over (`signed-out` on `session`). */
import {serverClock} from './format.js';

const TIMEOUT_MS = 30000;
const WAIT_MOST_S = 5;

export class ApiError extends Error {
    constructor(status, problem = {}, retryAfter = null) {
        super(problem.detail || problem.title || (status ? `The server answered ${status}.` : 'The server cannot be reached.'));
        this.status = status;
        this.title = problem.title ?? '';
        this.errors = Array.isArray(problem.errors) ? problem.errors : [];
        this.retryAfter = retryAfter;
    }
}
export const isAbort = (error) => error?.name === 'AbortError';

/* Who is signed in: {name, role}, or null. Fires `signed-in`, `signed-out`. */
export const session = new (class extends EventTarget {
    user = null;
    csrf = '';
    csrfHeader = 'X-CSRF-Token';
    take(answer) {
        const user = answer.user ?? {name: answer.name, role: answer.role};
        const changed = this.user?.name !== user.name || this.user?.role !== user.role;
        this.csrf = answer.csrf_token ?? this.csrf;
        this.csrfHeader = answer.csrf_header ?? this.csrfHeader;
        this.user = user;
        if (changed)
            this.dispatchEvent(new Event('signed-in'));
    }
    drop() {
        this.csrf = '';
        if (this.user) {
            this.user = null;
            this.dispatchEvent(new Event('signed-out'));
        }
    }
})();

async function problemOf(response) {
    let problem = {};
    try {
        problem = JSON.parse((await response.text()).slice(0, 65536)) ?? {};
    } catch { /* no problem document: the status must do */ }
    return new ApiError(response.status, problem, Number(response.headers.get('Retry-After')) || null);
}

function urlOf(path, query) {
    const params = new URLSearchParams();
    for (const [name, value] of Object.entries(query ?? {}))
        if (value !== null && value !== undefined && value !== '' && !(Array.isArray(value) && !value.length))
            params.set(name, Array.isArray(value) ? value.join(',') : String(value));
    const text = params.toString();
    return text ? `${path}${path.includes('?') ? '&' : '?'}${text}` : path;
}

/* One exchange, without the refresh. Also the way of events.js to its stream (timeout 0). */
export async function send(method, path, {query, body, headers = {}, signal, timeout = TIMEOUT_MS} = {}) {
    const given = new Headers({Accept: 'application/json', ...headers});
    let payload;
    if (body !== undefined && body !== null) {
        const raw = typeof body === 'string' || body instanceof Blob;
        payload = raw ? body : JSON.stringify(body);
        if (!raw && !given.has('Content-Type'))
            given.set('Content-Type', 'application/json');
    }
    if (method !== 'GET' && session.csrf)
        given.set(session.csrfHeader, session.csrf);
    const limits = [signal, timeout ? AbortSignal.timeout(timeout) : null].filter(Boolean);
    try {
        const response = await fetch(urlOf(path, query), {method, headers: given, body: payload, credentials: 'same-origin', cache: 'no-store', redirect: 'error',
            signal: limits.length ? AbortSignal.any(limits) : undefined});
        serverClock(response.headers.get('Date'));
        return response;
    } catch (error) {
        if (signal?.aborted)
            throw new DOMException('aborted', 'AbortError');
        throw new ApiError(0, {detail: error.name === 'TimeoutError' ? 'The server did not answer in time.' : 'The server cannot be reached.'});
    }
}

let refreshing = null;
/* Another window may have refreshed just now, with the same cookies: a second refresh with the old token would revoke all of them. */
async function refreshOnce() {
    const me = await send('GET', '/api/auth/me');
    const response = me.ok ? me : await send('POST', '/api/auth/refresh');
    if (response.ok) {
        session.take(await response.json());
        return true;
    }
    if (response.status === 401 || response.status === 403)
        session.drop();
    return false;
}
/* True when there is a session again. Calls that come while one refresh is under way share it. */
export function refresh() {
    const alone = () => navigator.locks ? navigator.locks.request('batchspool-refresh', refreshOnce) : refreshOnce();
    refreshing ??= alone().finally(() => { refreshing = null; });
    return refreshing;
}

async function request(method, path, options = {}) {
    let response = await send(method, path, options);
    if (response.status === 401 && options.refresh !== false && await refresh())
        response = await send(method, path, options);
    if (response.status === 429 && method === 'GET') { /* one's own fault, soon over: once more */
        const wait = Number(response.headers.get('Retry-After')) || 1;
        if (wait <= WAIT_MOST_S) {
            await new Promise((resolve) => setTimeout(resolve, wait * 1000));
            response = await send(method, path, options);
        }
    }
    if (!response.ok) {
        const error = await problemOf(response);
        if (response.status === 401 && options.refresh !== false)
            session.drop();
        throw error;
    }
    if (options.want === 'response')
        return response;
    try {
        const text = await response.text();
        return options.want === 'text' ? text : text ? JSON.parse(text) : null;
    } catch (error) {
        if (options.signal?.aborted)
            throw new DOMException('aborted', 'AbortError');
        throw new ApiError(0, {detail: error instanceof SyntaxError ? 'The server gave an answer that cannot be read.' : 'The connection broke while the answer came.'});
    }
}

async function all(path, member, {query, most = 500, signal} = {}) {
    const items = [];
    for (let cursor = null; ;) {
        const page = await request('GET', path, {query: {...query, limit: Math.min(500, most - items.length), cursor}, signal});
        items.push(...page[member]);
        cursor = page.next_cursor;
        if (!cursor || items.length >= most)
            return {items, total: page.total ?? items.length, complete: !cursor};
    }
}

export const api = {
    request, all,
    get: (path, options) => request('GET', path, options),
    post: (path, body, options) => request('POST', path, {...options, body}),
    put: (path, body, options) => request('PUT', path, {...options, body}),
    patch: (path, body, options) => request('PATCH', path, {...options, body}),
    del: (path, options) => request('DELETE', path, options),
};

export async function login(username, password) {
    session.take(await request('POST', '/api/auth/login', {body: {username, password}, refresh: false}));
}
export async function logout() {
    try {
        await request('POST', '/api/auth/logout', {refresh: false});
    } finally {
        session.drop();
    }
}
/* At the start: is there a session? False: sign in. */
export async function resume() {
    try {
        session.take(await request('GET', '/api/auth/me'));
        return true;
    } catch (error) {
        if (error.status === 401)
            return false;
        throw error;
    }
}
export const job = (id, act = '') => `/api/batch-jobs/${encodeURIComponent(id)}${act ? `/${act}` : ''}`;
