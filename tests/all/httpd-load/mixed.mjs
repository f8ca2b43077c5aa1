// SPDX-License-Identifier: Apache-2.0
// node mixed.mjs base= key= pid= requests= memory=: so many requests of all kinds, four at a time; memory (unless it is "any") and descriptors must not grow.
import { base, bearer, connect, descriptors, get, head, listen, ok, settings, status, tell, until } from './common.mjs';

const total = Number(settings.requests);
const { jobs } = JSON.parse((await get('/api/batch-jobs?limit=50&sort=created_at')).text);
const id = (n) => jobs[n % jobs.length].job_id;
const json = (path, body, method = 'POST') => fetch(new URL(path, base()), { method, headers: { ...bearer, 'Content-Type': 'application/json' }, body: JSON.stringify(body) }).then((answer) => answer.text());
const torn = async (text) => { const one = connect(); one.send(text); await until(() => one.text || one.closed, 50); one.end(); };
const PATHS = ['/api/batch-jobs?q=reno', '/api/batch-jobs?status=failed&sort=-name', '/api/queue/status', '/api/analytics', '/metrics', '/api/errors', '/api/files', '/api/sources', '/api/schedules',
    '/api/searches', '/api/auth/me', '/api/auth/keys', '/api/users', '/', '/api/nothing', '/api/batch-jobs?sort=wrong', '/api/health', '/api/bulk?filter=status:held'];
const KINDS = [
    ...PATHS.map((path) => () => get(path)),
    ...PATHS.slice(0, 4).map((path) => () => get(path, { headers: { 'If-None-Match': '*' } })),
    ...['', '/log', '/files', '/results', '/files/1/raw'].map((path) => (n) => get(`/api/batch-jobs/${id(n)}${path}`)),
    (n) => json(`/api/batch-jobs/${id(n)}/retry`, {}),
    (n) => json('/api/searches', { name: `s-${n % 5}`, source: 'none', job: {} }),
    () => json('/api/batch-jobs', { source: 'there-is-none' }),
    () => json('/api/auth/login', { username: 'nobody' }),
    () => json('/api/batch-jobs', 'no object'),
    () => torn(head('GET', '/api/batch-jobs?limit=500')),
    () => torn(head('POST', '/api/documents', { 'Content-Length': 1000000 }) + 'x'.repeat(5000)),
    () => torn(head('POST', '/api/searches', { 'Content-Type': 'application/json', 'Content-Length': 1000 }) + '{"name"'),
    () => torn('GET /api'),
    async () => { const one = listen(); await until(() => one.beats || one.closed, 1000); one.end(); },
    (n) => fetch(new URL('/api/uploads/urls?name=urls.txt', base()), { method: 'POST', headers: bearer, body: `https://example.com/${n}\nnot one\n` }).then((answer) => answer.text()),
];

async function some(count) {
    let n = 0;
    await Promise.all(Array.from({ length: 4 }, async () => { while (n < count) await KINDS[n++ % KINDS.length](n); }));
    // A listener that has gone is noticed by the second beat after it.
    await until(() => descriptors() < 48, 40000);
}

await some(total / 5); // what is made once, and the allocator's own
const before = [status('RssAnon'), descriptors()];
await some(total * 4 / 5);
const after = [status('RssAnon'), descriptors()];
tell(`${total} requests of ${KINDS.length} kinds: RssAnon ${before[0]} to ${after[0]} kB, ${before[1]} to ${after[1]} descriptors`);
if (settings.memory !== 'any') ok(after[0] < before[0] * 1.25 + 8192, 'memory does not grow', `${before[0]} to ${after[0]} kB`);
ok(await until(() => descriptors() <= before[1] + 4, 20000), 'nor do descriptors', `${before[1]} to ${descriptors()}`);
process.exit(0);
