// SPDX-License-Identifier: Apache-2.0
// node connections.mjs base= key= pid= few=: connections that are idle, too many, or say what they must not. few: so many descriptors the program has; only what that is about.
import { readFileSync } from 'node:fs';
import { base, bearer, connect, descriptors, get, head, ok, settings, sleep, tell, until } from './common.mjs';

const alive = async () => (await get('/api/auth/me')).status === 200;
const cpu_ms = () => { const parts = readFileSync(`/proc/${settings.pid}/stat`, 'utf8').split(') ')[1].split(' '); return (Number(parts[11]) + Number(parts[12])) * 10; };
const is = (name, got, wanted) => ok(String(got) === String(wanted), name, `wanted ${wanted}, got ${got}`);

async function few() {
    const count = Number(settings.few), own = descriptors();
    const many = Array.from({ length: count * 2 }, () => connect());
    await until(() => descriptors() >= count - 1, 5000);
    const before = cpu_ms();
    await sleep(2000); // the time that is measured
    const used = cpu_ms() - before;
    ok(used < 400, 'without a descriptor left it does not spin', `${used} ms of 2 s`);
    many.forEach((one) => one.end());
    ok(await until(alive, 20000), 'and serves again when there are some');
    ok(await until(() => descriptors() <= own + 1, 20000), 'the connections are gone', `${descriptors()}, of its own ${own}`); // and one that is kept open to ask
}

// What a connection answers to this; the statuses of all its answers once it has so many, or was closed.
async function answers(text, count = 1, pieces = []) {
    const one = connect();
    one.send(text);
    for (const piece of pieces) {
        await sleep(1);
        if (!one.closed) one.send(piece);
    }
    await until(() => one.statuses().length >= count || one.closed, 15000);
    one.end();
    return one.statuses().join();
}

async function wrong() {
    const json = { 'Content-Type': 'application/json' };
    is('a request head of 33 KB', await answers(head('GET', '/api/auth/me', { 'X-Long': 'x'.repeat(33 * 1024) })), 431);
    is('a request line of 33 KB', (await answers(`GET /api/auth/me?${'x'.repeat(33 * 1024)} HTTP/1.1\r\nHost: ${base().host}\r\n\r\n`)).replace('414', '431'), 431);
    is('a body that says that it is too long, before it comes', await answers(head('POST', '/api/auth/login', { ...json, 'Content-Length': 5000 })), 413);
    is('an upload that says so', await answers(head('POST', '/api/documents', { 'Content-Length': 1e12 })), 413);
    const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`;
    is('a body that turns out to be', await answers(head('POST', '/api/auth/login', { ...json, 'Transfer-Encoding': 'chunked' }), 1, [chunk, chunk, '0\r\n\r\n']), 413);
    is('an upload that turns out to be', await answers(head('POST', '/api/uploads/urls', { 'Transfer-Encoding': 'chunked' }), 1, [...Array.from({ length: 300 }, () => chunk), '0\r\n\r\n']), 413);
    is('Content-Length beside Transfer-Encoding', await answers(`${head('POST', '/api/auth/login', { ...json, 'Content-Length': 4, 'Transfer-Encoding': 'chunked' })}0\r\n\r\n`), 400);
    is('two of Content-Length', await answers(`${head('POST', '/api/auth/login', { ...json, 'Content-Length': 4 }).slice(0, -2)}Content-Length: 5\r\n\r\nabcde`), 400);
    is('no HTTP at all', (await answers('\x16\x03\x01\x02\x00\x01\x00\r\n\r\n')).replace('400', ''), '');
    const one = head('GET', '/api/auth/me');
    is('twenty requests in one piece', await answers(one.repeat(20), 20), Array(20).fill(200));
    is('of them some that wait for a lane', await answers((head('GET', '/api/searches') + one).repeat(5), 10), Array(10).fill(200));
    for (const path of ['/api/batch-jobs', '/', '/api/searches', '/metrics', '/api/events']) {
        const it = connect();
        it.send(head('HEAD', path) + one);
        ok(await until(() => it.statuses().length === 2, 5000) && it.statuses().every((code) => code === 200) && !it.text.split('\r\n\r\n')[1].startsWith('{'), `HEAD ${path} has no body`, it.text.slice(0, 300));
        it.end();
    }
}

async function idle() {
    const own = descriptors(), one = Array.from({ length: 1300 }, () => connect('127.0.0.2'));
    ok(await until(() => descriptors() - own >= 1200 && one.filter((it) => it.closed).length === 100, 8000), 'one address has 1,200 connections at most', descriptors() - own);
    const many = [...one.filter((it) => !it.closed), ...Array.from({ length: 700 }, () => connect('127.0.0.3'))];
    ok(await until(() => descriptors() - own >= 1900, 8000), '1,900 connections that say nothing', descriptors() - own);
    const began = Date.now();
    ok(await alive() && Date.now() - began < 2000, 'others are served meanwhile');
    const more = Array.from({ length: 400 }, () => connect('127.0.0.4'));
    ok(await until(() => many.every((one) => one.closed), 15000), 'each is closed within 15 s', many.filter((one) => !one.closed).length);
    ok(await until(() => more.every((one) => one.closed), 25000), 'so are those that waited for a place', more.filter((one) => !one.closed).length);
    ok(await until(alive, 20000), 'it serves after that');
    ok(await until(() => descriptors() < 100, 10000), 'no descriptor is left', descriptors());
}

if (settings.few) await few();
else {
    await wrong();
    await idle();
}
process.exit(0);
