// SPDX-License-Identifier: Apache-2.0
// What the parts share: results, HTTP by hand (one can be slow, wrong and silent by it), listeners of live events, lines appended to journals.
import { createHash } from 'node:crypto';
import { appendFileSync, readFileSync, readdirSync } from 'node:fs';
import net from 'node:net';

export const settings = Object.fromEntries(process.argv.slice(2).map((text) => [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)]));
export const base = () => new URL(settings.base);
export const bearer = { Authorization: `Bearer ${settings.key}` };
export const ok = (good, name, more = '') => console.log(`${good ? 'ok' : 'not ok'} ${name}${good || !more ? '' : `\n#   ${more}`}`);
export const tell = (text) => console.log(`# ${text}`);
export const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
export const quantile = (list, share) => [...list].sort((a, b) => a - b)[Math.floor(share * (list.length - 1))];

// Until it holds; false: it never did.
export async function until(condition, ms = 10000) {
    for (const end = Date.now() + ms; Date.now() < end; await sleep(10)) if (await condition()) return true;
    return false;
}

export const get = async (path, options = {}) => {
    const answer = await fetch(new URL(path, base()), { headers: { ...bearer, ...options.headers }, ...options.init });
    return { status: answer.status, headers: answer.headers, text: await answer.text() };
};

export const status = (name) => Number(readFileSync(`/proc/${settings.pid}/status`, 'utf8').match(new RegExp(`^${name}:\\s+(\\d+)`, 'm'))[1]);
export const descriptors = () => readdirSync(`/proc/${settings.pid}/fd`).length;

// A connection of its own, from this address: everything that came is in text.
export function connect(localAddress = undefined) {
    const socket = net.connect({ port: Number(base().port), host: base().hostname, localAddress });
    const it = { socket, text: '', closed: false, began: Date.now() };
    socket.on('data', (data) => { it.text += data.toString('latin1'); it.seen?.(); });
    socket.on('error', () => {});
    socket.on('close', () => { it.closed = true; it.ms = Date.now() - it.began; });
    it.send = (text) => socket.write(text);
    it.end = () => socket.destroy();
    it.statuses = () => [...it.text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((match) => Number(match[1]));
    return it;
}

export const head = (method, path, fields = {}) => `${method} ${path} HTTP/1.1\r\n${Object.entries({ Host: base().host, ...bearer, ...fields }).map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;

// A listener: every event as {id, event, data, at}.
export function listen(last) {
    const it = connect();
    Object.assign(it, { events: [], beats: 0, rest: '' });
    it.seen = () => {
        if (!it.body && it.text.includes('\r\n\r\n')) it.body = true, it.text = it.text.slice(it.text.indexOf('\r\n\r\n') + 4);
        if (!it.body) return;
        // Lengths of chunks lie between; events are sent whole in one.
        it.rest += it.text;
        it.text = '';
        for (let end; (end = it.rest.indexOf('\n\n')) >= 0; it.rest = it.rest.slice(end + 2)) {
            const lines = it.rest.slice(0, end).split(/\r?\n/);
            const field = (name) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
            if (lines.some((line) => line.startsWith(': '))) it.beats++;
            if (field('event')) it.events.push({ id: field('id'), event: field('event'), data: field('data'), at: Date.now() });
        }
    };
    it.send(head('GET', '/api/events', last === undefined ? {} : { 'Last-Event-ID': last }));
    return it;
}

// A line at the end of a journal, as the daemon would write it.
export function append(spool, id, event, members = {}) {
    const path = `${spool}/journal/${id}.ndjson`;
    const line = readFileSync(path, 'utf8').trimEnd().split('\n').pop();
    const ts = new Date().toISOString().replace('Z', '000Z');
    appendFileSync(path, `${JSON.stringify({ v: 1, seq: JSON.parse(line).seq + 1, prev: createHash('sha256').update(line).digest('hex'), ts, event, node: 'load', ...members })}\n`);
}
