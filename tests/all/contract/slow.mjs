// SPDX-License-Identifier: Apache-2.0
// node slow.mjs BASE COUNT TOKEN: so many connections that send their header a byte a second, and as many that send their body so; all must be closed within 15 s, while others are served.
import net from 'node:net';

const base = new URL(process.argv[2]), count = Number(process.argv[3]), token = process.argv[4];
const LONGEST_MS = 15000, GIVE_UP_MS = 30000;

// Sends `head` at once, then a byte a second; resolves to the milliseconds until it was closed, or to null.
function drip(head, rest) {
    return new Promise(resolve => {
        const socket = net.connect(Number(base.port), base.hostname);
        const began = Date.now();
        let at = 0, drops, last;
        const done = ms => {
            clearInterval(drops);
            clearTimeout(last);
            socket.destroy();
            resolve(ms);
        };
        socket.on('connect', () => {
            socket.write(head);
            drops = setInterval(() => socket.write(rest[at++ % rest.length]), 1000);
        });
        socket.on('data', () => {});
        socket.on('error', () => {});
        socket.on('close', () => done(Date.now() - began));
        last = setTimeout(() => done(null), GIVE_UP_MS);
    });
}

const header = 'GET /api/health HTTP/1.1\r\n', header_rest = `Host: ${base.host}\r\nX-Slow: ${'x'.repeat(1000)}`;
const body = `POST /api/auth/login HTTP/1.1\r\nHost: ${base.host}\r\nContent-Type: application/json\r\nContent-Length: 4000\r\n\r\n`, body_rest = `{"username":"${'x'.repeat(3900)}`;
const slow = {'slow headers': Array.from({length: count}, () => drip(header, header_rest)), 'slow bodies': Array.from({length: count}, () => drip(body, body_rest)),
    'silent ones': Array.from({length: count}, () => drip('', ['']))};

// Meanwhile others are served.
let served = 0, slowest = 0;
const until = Date.now() + 5000;
while (Date.now() < until) {
    const began = Date.now();
    const answer = await fetch(new URL('/api/auth/me', base), {headers: {Authorization: `Bearer ${token}`}}).catch(error => ({status: error.message}));
    await answer.text?.();
    served += answer.status === 200 ? 1 : 0;
    slowest = Math.max(slowest, Date.now() - began);
    await new Promise(resolve => setTimeout(resolve, 20));
}
console.log(`${served > 50 ? 'ok' : 'not ok'} others are served meanwhile (${served} requests, the slowest took ${slowest} ms)`);
for (const [name, list] of Object.entries(slow)) {
    const times = await Promise.all(list);
    const late = times.filter(ms => ms === null || ms > LONGEST_MS);
    console.log(`${late.length === 0 ? 'ok' : 'not ok'} ${times.length} ${name} are closed within 15 s`);
    console.log(`#   the last after ${Math.max(...times.map(ms => ms ?? Infinity))} ms, ${late.length} late`);
}
