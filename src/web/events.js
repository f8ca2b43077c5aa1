// SPDX-License-Identifier: Apache-2.0
/* The live stream, GET /api/events. One for the whole page.
 *
 *   events.on('job', (row) => ...)       `job`, `file`, `queue`, `notice`: data as an object; gives the function that ends it
 *   events.on('resync', () => ...)       what was shown may be old: ask again. Also after every gap that the server could not replay.
 *   events.on('state', (state) => ...)   'live', 'connecting', 'offline'; events.state; events.seen: when something (a heartbeat too) came last
 *
 * It is read by fetch rather than by EventSource: that way silence is noticed (heartbeats are comments, which EventSource does not show), a session that has
 * ended is renewed instead of ending the stream, and the place to go on from outlives our own reconnects. A window that nobody looks at gives its connection
 * back: a browser has six for a host. */
import {send, refresh, session} from './api.js';

const SILENCE_MS = 40000; /* heartbeats come every 15 s */
const ANSWER_MS = 10000;
const HIDDEN_MS = 20000;
const FIRST_MS = 300;
const MOST_MS = 10000;
const LINE_MOST = 4 << 20;

class Events {
    state = 'connecting';
    seen = 0;
    #listeners = new Map();
    #lastId = null;
    #abort = null;
    #wanted = false;
    #delay = FIRST_MS;
    #timer = 0;
    #watch = 0;
    #hidden = 0;
    #was = false; /* connected before */

    on(name, listener) {
        if (!this.#listeners.has(name))
            this.#listeners.set(name, new Set());
        this.#listeners.get(name).add(listener);
        return () => this.#listeners.get(name).delete(listener);
    }
    #tell(name, data) {
        for (const listener of [...this.#listeners.get(name) ?? []])
            try {
                listener(data);
            } catch (error) {
                console.error(error);
            }
    }
    #set(state) {
        if (this.state !== state) {
            this.state = state;
            this.#tell('state', state);
        }
    }

    start() {
        if (this.#wanted)
            return;
        this.#wanted = true;
        document.addEventListener('visibilitychange', this.#looked);
        addEventListener('online', this.#now);
        addEventListener('offline', this.#broken);
        this.#connect();
    }
    stop() {
        this.#wanted = false;
        this.#was = false;
        this.#lastId = null;
        document.removeEventListener('visibilitychange', this.#looked);
        removeEventListener('online', this.#now);
        removeEventListener('offline', this.#broken);
        for (const timer of [this.#timer, this.#watch, this.#hidden])
            clearTimeout(timer);
        this.#abort?.abort();
        this.#set('connecting');
    }
    #looked = () => {
        clearTimeout(this.#hidden);
        if (document.hidden)
            this.#hidden = setTimeout(() => { clearTimeout(this.#timer); this.#abort?.abort(); this.#abort = null; this.#set('connecting'); }, HIDDEN_MS);
        else if (this.state !== 'live')
            this.#now();
    };
    #now = () => {
        if (!this.#abort) {
            clearTimeout(this.#timer);
            this.#delay = FIRST_MS;
            this.#connect();
        }
    };
    #broken = () => this.#abort?.abort();

    #alive() {
        this.seen = Date.now();
        clearTimeout(this.#watch);
        this.#watch = setTimeout(() => this.#abort?.abort(), SILENCE_MS);
    }

    async #connect() {
        const abort = this.#abort = new AbortController();
        clearTimeout(this.#watch);
        this.#watch = setTimeout(() => abort.abort(), ANSWER_MS);
        const begun = Date.now();
        let answered = false;
        try {
            const headers = {Accept: 'text/event-stream', ...(this.#lastId === null ? {} : {'Last-Event-ID': this.#lastId})};
            const response = await send('GET', '/api/events', {headers, signal: abort.signal, timeout: 0});
            if (response.status === 401 && await refresh())
                this.#delay = 0;
            else if (response.ok && response.body) {
                answered = true;
                await this.#read(response.body, abort);
            }
        } catch { /* broken, or ended by us: again, below */ }
        if (this.#abort !== abort)
            return; /* the window is hidden, or another one was begun */
        this.#abort = null;
        abort.abort();
        clearTimeout(this.#watch);
        if (!this.#wanted || !session.user)
            return;
        /* A stream that ends is begun anew at once, as it must be every quarter of an hour; only who gets no answer is cut off. */
        this.#set(answered && this.seen > begun + 1000 ? 'connecting' : 'offline');
        this.#timer = setTimeout(() => this.#connect(), this.#delay * (0.75 + Math.random() / 2));
        this.#delay = Math.min(MOST_MS, Math.max(FIRST_MS, this.#delay * 2));
    }

    async #read(body, abort) {
        const reader = body.pipeThrough(new TextDecoderStream()).getReader();
        abort.signal.addEventListener('abort', () => reader.cancel().catch(() => {}));
        this.#delay = FIRST_MS;
        this.#set('live');
        if (this.#was && this.#lastId === null)
            this.#tell('resync');
        this.#was = true;
        let rest = '', name = '', data = [];
        for (this.#alive(); ;) {
            const {value, done} = await reader.read();
            if (done || abort.signal.aborted)
                return;
            this.#alive();
            const lines = (rest + value).split(/\r?\n/);
            rest = lines.pop();
            if (rest.length > LINE_MOST)
                return;
            for (const line of lines)
                if (line === '') {
                    this.#event(name, data);
                    name = '';
                    data = [];
                } else if (line[0] !== ':') {
                    const at = line.indexOf(':');
                    const key = at < 0 ? line : line.slice(0, at), text = at < 0 ? '' : line.slice(at + (line[at + 1] === ' ' ? 2 : 1));
                    if (key === 'event')
                        name = text;
                    else if (key === 'data')
                        data.push(text);
                    else if (key === 'id')
                        this.#lastId = text;
                }
        }
    }
    #event(name, data) {
        if (!data.length && name !== 'resync')
            return;
        let value = null;
        try {
            value = data.length ? JSON.parse(data.join('\n')) : null;
        } catch {
            return;
        }
        this.#tell(name || 'message', value);
    }
}
export const events = new Events();
