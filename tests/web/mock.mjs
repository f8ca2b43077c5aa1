// SPDX-License-Identifier: Apache-2.0
/* A server for looking at the dashboard without a spool: src/web and the shapes of the API, with jobs that are made up. A tool for work on the pages; the tests
 * of record run against batchspool-httpd.
 *
 *   node tests/web/mock.mjs [--port N] [--jobs N]       users: admin, operator, viewer; each with the password "demo"
 *   GET /mock/flood?n=5000&s=10   so many job events within so many seconds
 *   GET /mock/down?ms=5000   answers nothing and drops the streams for as long; /mock/fail?path=/api/files makes a path answer 500 once
 *
 * Further routes: tests/web/mock-more.mjs may export `routes(state)` giving [method, RegExp, handler(context)] rows. */
import http from 'node:http';
import fs from 'node:fs';
import path from 'node:path';
import {createHash} from 'node:crypto';
import {fileURLToPath} from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const web = path.join(here, '../../src/web');
const arg = (name, otherwise) => { const at = process.argv.indexOf(`--${name}`); return at > 0 ? process.argv[at + 1] : otherwise; };
const COUNT = Number(arg('jobs', 240));

let seed = 7;
const random = () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;
const pick = (list) => list[Math.floor(random() * list.length)];
const hex = (n) => Array.from({length: n}, () => Math.floor(random() * 16).toString(16)).join('');
const sha = (text) => createHash('sha256').update(text).digest('hex');
const iso = (ms) => new Date(ms).toISOString().replace(/\.\d+Z/, 'Z');

const names = ['Absentee owners, Reno', 'Vacant lots, Washoe', 'High equity, Clark County', 'Pre-foreclosure, Sacramento', 'Free and clear, Boise', 'Out of state owners, Tahoe', 'Multi-family, Sparks', 'Inherited, Carson City'];
const held = {max_cost: 'the search costs 500.00 USD for 10000 records, max_cost is 250.00', max_records: 'the search gives 48211 records, max_records is 10000', charge_unknown: 'batch 12: connection reset after the request had been sent', duplicates: '37 records were paid for that came before'};
const failed = {coverage: 'expected 4000 records, 3988 unique came, 12 are missing', status_500: 'the source answered 500 six times', load: 'batch 3: /results/17: not an object', paginator: 'the cursor did not advance'};

export const state = {jobs: [], files: new Map(), events: new Map(), runs: new Map(), results: new Map(), clients: new Set(), eventId: 100, ring: [], fail: new Set(), downUntil: 0};

function makeJob(at, status) {
    const created = Date.now() - at * 61000 - Math.floor(random() * 40000);
    const name = pick(names), source = pick(['propertyradar', 'propertyradar', 'propertyradar', 'pets', 'demo']);
    const slug = name.toLowerCase().replace(/[^a-z0-9]+/g, '-').slice(0, 40);
    const total = pick([400, 1200, 4000, 10000, 48211]);
    const pages = Math.ceil(total / 400);
    const metered = source === 'propertyradar';
    const part = {PENDING: 0, DEFERRED: 0.3, HELD: 0.4, FAILED: 0.6, CANCELLED: 0.2, PROCESSING: 0.35, COMPLETED: 1}[status];
    const captured = Math.round(pages * part), records = Math.min(total, captured * 400);
    const auto = random() < 0.4;
    const loaded = status === 'COMPLETED' && (auto || random() < 0.5) ? captured : auto ? Math.max(0, captured - 2) : 0;
    const reason = status === 'HELD' ? pick(Object.keys(held)) : status === 'FAILED' ? pick(Object.keys(failed)) : status === 'DEFERRED' ? pick(['daily_cost_cap', 'rate_limited', 'not_before']) : '';
    const cents = records * 5;
    const text = (c) => `${Math.floor(c / 100)}.${String(c % 100).padStart(2, '0')}`;
    return {
        job_id: `${iso(created).replace(/[-:]/g, '')}-${hex(12)}-${slug}`, status, reason, name, source, campaign_id: pick(['CA-2026-11', 'NV-2026-10', 'ID-fall']), mode: 'run', process: auto ? 'auto' : 'manual',
        priority: pick(['normal', 'normal', 'normal', 'low', 'high', 'urgent']), total_records: status === 'PENDING' ? null : total, processed_records: reason === 'max_cost' ? 0 : records, success_count: Math.min(records, loaded * 400), error_count: status === 'COMPLETED' && random() < 0.2 ? 3 : 0,
        unique_records: status === 'COMPLETED' ? total : null, duplicate_records: status === 'COMPLETED' ? 0 : null, missing_records: status === 'COMPLETED' ? 0 : null, captured_batches: captured, loaded_batches: loaded, failed_batches: reason === 'load' ? 1 : 0, failed_units: 0,
        unknown_batches: reason === 'charge_unknown' ? 1 : 0, error_details: held[reason] ?? failed[reason] ?? '', cost: metered ? text(cents) : '0', cost_in_doubt: reason === 'charge_unknown' ? '20.00' : '0', currency: metered ? 'USD' : '', reuses: '',
        created_by: pick(['operator', 'admin', 'ops']), created_at: iso(created), updated_at: iso(created + 50000), completed_at: status === 'COMPLETED' ? iso(created + 50000) : null, not_before: null,
        until: status === 'DEFERRED' ? iso(Date.now() + 3600000 * (1 + at % 9)) : null, same_batches: 0, estimate: {requests: pages, records: total, cost: metered ? text(total * 5) : null, currency: 'USD', seconds: pages * 2, basis: 'the last 40 pages of the source'}, rate_per_s: status === 'PROCESSING' ? 212.4 : null, eta: status === 'PROCESSING' ? iso(Date.now() + 90000) : null, eta_s: status === 'PROCESSING' ? 90 : null,
    };
}
for (let i = 0; i < COUNT; i++)
    state.jobs.push(makeJob(i, i < 3 ? 'PROCESSING' : i < 6 ? 'PENDING' : pick(['COMPLETED', 'COMPLETED', 'COMPLETED', 'COMPLETED', 'COMPLETED', 'FAILED', 'HELD', 'DEFERRED', 'CANCELLED'])));
if (state.jobs[8]) {
    Object.assign(state.jobs[7], {name: '<script>alert(1)</script><img src=x onerror=alert(2)>', campaign_id: '\u202Eevil\u202Cgpj.exe', error_details: `<b>${'A'.repeat(1 << 20)}</b>`, status: 'FAILED', reason: 'coverage'});
    Object.assign(state.jobs[8], {name: 'שלום עולם — نص عربي طويل للاختبار', status: 'HELD', reason: 'charge_unknown', error_details: held.charge_unknown, unknown_batches: 1, cost_in_doubt: '20.00', source: 'propertyradar', currency: 'USD', captured_batches: 11, processed_records: 4400, loaded_batches: 0, success_count: 0, total_records: 10000, cost: '220.00'});
    Object.assign(state.jobs[9], {name: 'Captured, not loaded', status: 'COMPLETED', reason: '', process: 'manual', captured_batches: 25, loaded_batches: 0, processed_records: 10000, total_records: 10000, success_count: 0, source: 'propertyradar', currency: 'USD', cost: '500.00', error_details: ''});
}

function filesOf(job) {
    if (!state.files.has(job.job_id)) {
        const files = [];
        for (let b = 1; b <= Math.min(job.captured_batches, 200); b++) {
            const n = String(b).padStart(4, '0'), loaded = b <= job.loaded_batches, bad = job.failed_batches && b === 3;
            const records = Math.min(400, job.processed_records - (b - 1) * 400);
            files.push({file_id: `${job.job_id}_batch${n}`, file_path: `payloads/raw/2026-11/${job.campaign_id.replace(/[^\w-]/g, '')}_batch${n}_${job.job_id.slice(0, 29)}.json`, sha256: sha(job.job_id + b), job_id: job.job_id, campaign_id: job.campaign_id, batch_number: b,
                status: bad ? 'FAILED' : loaded ? 'COMPLETED' : 'PENDING', shelf: bad ? 'failed' : loaded ? 'processed' : job.process === 'auto' ? 'ready' : 'pending', bytes: 400000 + Math.floor(random() * 90000), records, created_at: job.created_at, captured_at: job.created_at, processed_at: loaded ? job.updated_at : null, error_details: bad ? 'record 17: /results/17: not an object' : '',
                properties_count: loaded ? records : 0, success_count: loaded ? records : 0, error_count: 0, processing_time_ms: loaded ? 40 + b : 0, same_as: ''});
        }
        state.files.set(job.job_id, files);
    }
    return state.files.get(job.job_id);
}
function eventsOf(job) {
    if (!state.events.has(job.job_id)) {
        const list = [];
        let t = Date.parse(job.created_at);
        const put = (event, more = {}) => list.push({v: 1, seq: list.length + 1, prev: sha(String(list.length)), ts: new Date(t += 700).toISOString(), event, node: 'reno', by: 'daemon', ...more});
        put('accepted', {by: 'web', text: '{...}', sha256: sha('x'), priority: job.priority, source: job.source});
        if (job.total_records) put('previewed', {total: job.total_records, cost: job.estimate.cost, currency: 'USD', planned: job.total_records});
        if (job.captured_batches) put('claimed');
        for (let b = 1; b <= Math.min(job.captured_batches, 200); b++) {
            put('requested', {batch: b, attempt: 1, paid: true, offset: (b - 1) * 400, limit: 400, max_cost: '20.00'});
            if (b === 4) { put('retrying', {batch: b, attempt: 1, status: 429, reason: 'rate_limited', error: 'Too Many Requests', until: iso(t + 30000)}); put('requested', {batch: b, attempt: 2, paid: true}); }
            put('answered', {batch: b, attempt: 1, status: 200, bytes: 412345, sha256: sha(job.job_id + b)});
            put('captured', {batch: b, file: 'payloads/raw/…', sha256: sha(job.job_id + b), bytes: 412345, records: 400, total: job.total_records, cost: '20.00', took_ms: 812});
        }
        if (job.reason === 'charge_unknown') { put('requested', {batch: 12, attempt: 1, paid: true, max_cost: '20.00'}); put('charge_unknown', {batch: 12, attempt: 1, reason: 'reset', error: 'connection reset', cost: '20.00'}); }
        for (let b = 1; b <= Math.min(job.loaded_batches, 200); b++) put('loaded', {batch: b, properties_count: 400, success_count: 400, error_count: 0, inserted: 390, updated: 10, unchanged: 0, processing_time_ms: 45});
        if (job.status === 'HELD') put('held', {reason: job.reason, error: job.error_details});
        if (job.status === 'FAILED') put('failed', {reason: job.reason, error: job.error_details.slice(0, 300)});
        if (job.status === 'DEFERRED') put('deferred', {reason: job.reason, until: job.until});
        if (job.status === 'CANCELLED') put('cancelled', {by: 'mv', from: 'pending'});
        if (job.status === 'COMPLETED') put('completed', {total: job.total_records, unique: job.total_records, duplicates: 0, missing: 0});
        state.events.set(job.job_id, list);
    }
    return state.events.get(job.job_id);
}

function whyOf(job) {
    switch (job.status) {
    case 'HELD': return job.reason === 'charge_unknown' ? `batch 12: it is not known whether the request was charged: connection reset\nUp to ${job.cost_in_doubt} USD may have been charged without an answer. Ask the provider, then: \`batchspool release ${job.job_id} --accept-charge\` buys these pages once more, \`batchspool release ${job.job_id} --give-up\` goes on without them.\n` : `what:   ${job.reason}: ${job.error_details}\ngo on:  raise the limit in the file, or narrow the search in a new job; then release it\n`;
    case 'DEFERRED': return `It waits until ${job.until}; \`batchspool retry\` goes on at once.\n`;
    case 'PENDING': return `It waits for its turn at priority ${job.priority}: 2 jobs of source ${job.source} run, 1 come before it.\n`;
    case 'FAILED': return `${job.reason}: ${job.error_details.slice(0, 600)}\n\`batchspool retry\` goes on with the missing pages under the same id.\n`;
    case 'COMPLETED': return 'It is complete.\n';
    default: return '';
    }
}

/* ---- filters, lists ---- */
class Problem extends Error { constructor(status, detail, more = {}) { super(detail); Object.assign(this, {status, ...more}); } }
const parseSpan = (text) => { const m = /^(\d+)([smhd])$/.exec(text); if (!m) throw new Problem(400, `"${text}" is no span of time: 30m, 2h, 7d`, {errors: [{pointer: '/filter', detail: `older:${text}: a number and s, m, h or d`}]}); return m[1] * {s: 1, m: 60, h: 3600, d: 86400}[m[2]] * 1000; };
const KEYS = ['status', 'source', 'campaign', 'owner', 'priority', 'mode', 'reason', 'older', 'newer', 'id', 'name'];
function matcher(q) {
    const tests = [];
    const add = (key, value) => {
        const v = value.toLowerCase(), any = v.split(',');
        if (key === 'status') tests.push((j) => any.includes(j.status.toLowerCase()));
        else if (key === 'older') { const at = Date.now() - parseSpan(v); tests.push((j) => Date.parse(j.created_at) < at); }
        else if (key === 'newer') { const at = Date.now() - parseSpan(v); tests.push((j) => Date.parse(j.created_at) > at); }
        else tests.push((j) => any.includes(String({source: j.source, campaign: j.campaign_id, owner: j.created_by, priority: j.priority, mode: j.mode, reason: j.reason, id: j.job_id, name: j.name}[key]).toLowerCase()));
    };
    for (const key of KEYS) if (q.get(key)) add(key, q.get(key));
    for (const word of (q.get('filter') ?? '').match(/(?:[^\s"]+|"[^"]*")+/g) ?? []) {
        const m = /^(\w+):(.+)$/.exec(word);
        if (m && !KEYS.includes(m[1])) throw new Problem(400, `The filter knows no "${m[1]}"`, {errors: [{pointer: '/filter', detail: `unknown: ${m[1]}`}]});
        if (m) add(m[1], m[2].replaceAll('"', '')); else tests.push((j) => `${j.job_id} ${j.name} ${j.campaign_id}`.toLowerCase().includes(word.replaceAll('"', '').toLowerCase()));
    }
    return (job) => tests.every((test) => test(job));
}
const visible = (user) => (job) => user.role !== 'operator' || job.created_by === user.name;
function paged(list, q, member) {
    const limit = Math.min(500, Number(q.get('limit')) || 50), from = q.get('cursor') ? Number(Buffer.from(q.get('cursor'), 'base64url').toString()) : 0;
    return {[member]: list.slice(from, from + limit), total: list.length, next_cursor: from + limit < list.length ? Buffer.from(String(from + limit)).toString('base64url') : null};
}
const SORTS = {created_at: 'created_at', updated_at: 'updated_at', completed_at: 'completed_at', status: 'status', source: 'source', total_records: 'total_records', processed_records: 'processed_records', name: 'name', priority: 'priority', cost: 'cost'};
function sorted(list, sort) {
    const down = sort[0] === '-', key = SORTS[sort.replace('-', '')] ?? 'created_at';
    const value = (j) => key === 'cost' ? Number(j.cost) : key === 'priority' ? ['low', 'normal', 'high', 'urgent'].indexOf(j.priority) : j[key] ?? '';
    return [...list].sort((a, b) => (value(a) < value(b) ? -1 : value(a) > value(b) ? 1 : 0) * (down ? -1 : 1));
}

/* ---- events ---- */
export function emit(event, data) {
    const text = `id: ${++state.eventId}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
    state.ring.push([state.eventId, text]);
    if (state.ring.length > 500) state.ring.shift();
    for (const client of state.clients) client.write(text);
}
function change(job, more) { Object.assign(job, more, {updated_at: iso(Date.now())}); emit('job', job); }
function log(job, event, more = {}) { const list = eventsOf(job); list.push({v: 1, seq: list.length + 1, ts: new Date().toISOString(), event, node: 'reno', by: 'daemon', ...more}); }
setInterval(() => { for (const client of state.clients) client.write(': beat\n\n'); }, 15000);
setInterval(() => {
    for (const job of state.jobs) {
        if (job.status === 'PENDING' && random() < 0.05) { log(job, 'claimed'); change(job, {status: 'PROCESSING', total_records: 4000, rate_per_s: 200}); }
        if (job.status !== 'PROCESSING') continue;
        filesOf(job);
        const records = Math.min(job.total_records, job.processed_records + 400), batch = job.captured_batches + 1, done = records >= job.total_records;
        log(job, 'requested', {batch, paid: true}); log(job, 'captured', {batch, records: 400, bytes: 412345, cost: '20.00', took_ms: 640});
        filesOf(job).push({...filesOf(job)[0], file_id: `${job.job_id}_batch${String(batch).padStart(4, '0')}`, batch_number: batch, sha256: sha(job.job_id + batch), status: 'PENDING', shelf: 'pending', bytes: 412345, records: 400, captured_at: iso(Date.now()), processed_at: null, success_count: 0, error_details: ''});
        const left = Math.round((job.total_records - records) / 212);
        if (done) log(job, 'completed', {total: records});
        change(job, {processed_records: records, captured_batches: batch, cost: job.currency ? (records * 0.05).toFixed(2) : '0', status: done ? 'COMPLETED' : 'PROCESSING', completed_at: done ? iso(Date.now()) : null, rate_per_s: 212, eta_s: left, eta: iso(Date.now() + left * 1000)});
    }
}, 1500);

/* ---- routes ---- */
const find = (c, id) => { const job = state.jobs.find((j) => j.job_id === decodeURIComponent(id)); if (!job || !visible(c.user)(job)) throw new Problem(404, 'There is no such job.'); return job; };
const acts = {
    cancel: (job) => { log(job, 'cancelled', {by: 'web'}); change(job, {status: 'CANCELLED', reason: ''}); },
    hold: (job) => { log(job, 'held', {by: 'web', reason: 'web'}); change(job, {status: 'HELD', reason: ''}); },
    retry: (job) => { log(job, 'requeued', {by: 'web', reason: 'retry'}); change(job, {status: 'PENDING', reason: '', error_details: ''}); },
    release: (job, body) => {
        if (job.status !== 'HELD') throw new Problem(409, `The job is ${job.status.toLowerCase()}, not held.`);
        if (job.unknown_batches && !['accept_charge', 'give_up'].includes(body?.decision)) throw new Problem(409, 'A charge is in doubt: decide with accept_charge or give_up.');
        log(job, 'released', {by: 'web', ...body}); change(job, {status: 'PENDING', reason: '', error_details: '', unknown_batches: 0, cost_in_doubt: '0'});
    },
    process: (job) => { for (const f of filesOf(job)) Object.assign(f, {status: 'COMPLETED', shelf: 'processed', processed_at: iso(Date.now()), success_count: f.records, properties_count: f.records}); log(job, 'loaded', {by: 'web', batch: 1, success_count: job.processed_records, inserted: job.processed_records, updated: 0, unchanged: 0, error_count: 0, processing_time_ms: 90}); setTimeout(() => change(job, {loaded_batches: job.captured_batches, success_count: job.processed_records}), 700); },
    priority: (job, body) => { log(job, 'reprioritised', {by: 'web', priority: body.priority}); change(job, {priority: body.priority}); },
};
const allFiles = (user) => state.jobs.slice(0, 120).filter(visible(user)).flatMap(filesOf);
const groupsOf = (user) => {
    const groups = new Map();
    for (const job of state.jobs.filter(visible(user)).filter((j) => ['FAILED', 'HELD'].includes(j.status))) {
        const key = sha(`${job.source}/${job.reason}`).slice(0, 12);
        const g = groups.get(key) ?? {key, source: job.source, reason: job.reason, cause: job.error_details.slice(0, 300), status: job.status, jobs: 0, files: 0, first_at: job.created_at, last_at: job.updated_at, example: {job_id: job.job_id, error: job.error_details.slice(0, 300)}, acts: job.reason === 'charge_unknown' ? ['cancel'] : job.status === 'HELD' ? ['release', 'cancel'] : ['retry', 'cancel']};
        g.jobs++;
        if (job.created_at < g.first_at) g.first_at = job.created_at;
        if (job.updated_at > g.last_at) g.last_at = job.updated_at;
        groups.set(key, g);
    }
    return [...groups.values()].sort((a, b) => b.jobs - a.jobs);
};
const routes = [
    ['GET', /^\/api\/batch-jobs$/, (c) => paged(sorted(state.jobs.filter(visible(c.user)).filter(matcher(c.q)), c.q.get('sort') ?? '-created_at'), c.q, 'jobs')],
    ['GET', /^\/api\/batch-jobs\/([^/]+)$/, (c, id) => {
        const job = find(c, id), criteria = [{name: 'State', value: ['CA', 'NV']}, {name: 'isSameMailingOrExempt', value: [0]}, {name: 'AVM', value: [[200000, null]]}];
        return {...job, criteria, job: {source: job.source, name: job.name, campaign_id: job.campaign_id, criteria, max_cost: job.currency ? '600.00' : undefined, max_records: 10000, process: job.process, priority: job.priority}, why: whyOf(job)};
    }],
    ['POST', /^\/api\/batch-jobs\/([^/]+)\/(cancel|retry|hold|release|process|priority)$/, (c, id, act) => { const job = find(c, id); acts[act](job, c.body); return job; }, 'operator'],
    ['GET', /^\/api\/batch-jobs\/([^/]+)\/files$/, (c, id) => { const job = find(c, id); return {...paged(filesOf(job), c.q, 'files'), open_batches: job.unknown_batches ? [{batch_number: 12, state: 'charge_unknown', error: 'connection reset after the request had been sent'}] : []}; }],
    ['GET', /^\/api\/batch-jobs\/([^/]+)\/files\/(\d+)\/raw$/, (c, id) => {
        find(c, id);
        const text = JSON.stringify({totalResultCount: 10000, results: Array.from({length: 400}, (_, i) => ({RadarID: `P${i}`, PropertyKey: '9007199254740993', Address: `${i} Café St <script>alert(1)</script>`, Owner: '\u202Egnihtemos', County: 'Washoe', AVM: 350000 + i}))});
        const from = Number(c.q.get('offset')) || 0, part = Buffer.from(text).subarray(from, from + Math.min(1 << 20, Number(c.q.get('length')) || 65536));
        c.res.writeHead(200, {'Content-Type': 'text/plain; charset=utf-8', 'X-Total-Bytes': Buffer.byteLength(text), 'X-SHA256': sha(text)});
        c.res.end(part);
    }],
    ['GET', /^\/api\/batch-jobs\/([^/]+)\/log$/, (c, id) => { const from = Number(c.q.get('cursor')) || 0, limit = Number(c.q.get('limit')) || 200, list = eventsOf(find(c, id)), events = list.slice(from, from + limit); return {events, next_cursor: from + limit < list.length ? String(events.at(-1).seq) : null}; }],
    ['GET', /^\/api\/batch-jobs\/([^/]+)\/results$/, (c, id) => { const job = find(c, id); return {results: state.results.get(job.job_id) ?? [], records: job.success_count, children: [], formats: ['csv', 'ndjson']}; }],
    ['POST', /^\/api\/batch-jobs\/([^/]+)\/results$/, (c, id) => { const job = find(c, id); const list = state.results.get(job.job_id) ?? []; setTimeout(() => { list.push({name: `records.${c.body.format}`, bytes: 1234567, sha256: sha(c.body.format), created_at: iso(Date.now())}); state.results.set(job.job_id, list); emit('job', job); }, 1500); c.status = 202; return {job_id: 'x'}; }, 'operator'],
    ['GET', /^\/api\/batch-jobs\/([^/]+)\/results\/download$/, (c, id) => { find(c, id); c.res.writeHead(200, {'Content-Type': 'text/csv', 'Content-Disposition': 'attachment; filename="records.csv"'}); c.res.end('RadarID,Address\nP1,1 Main St\n'); }],
    ['GET', /^\/api\/bulk$/, (c) => ({count: state.jobs.filter(visible(c.user)).filter(matcher(c.q)).length})],
    ['POST', /^\/api\/bulk$/, (c) => {
        const list = state.jobs.filter(visible(c.user)).filter(matcher(new URLSearchParams({filter: c.body.filter})));
        if (list.length !== c.body.count) throw new Problem(409, `The filter matches ${list.length} jobs now, not ${c.body.count}.`);
        const failed = [];
        for (const job of list) try { if (c.body.act === 'retry' && job.status === 'COMPLETED') throw new Error('it is complete'); acts[c.body.act](job, c.body); } catch (e) { failed.push({job_id: job.job_id, detail: e.message}); }
        return {matched: list.length, done: list.length - failed.length, failed};
    }, 'operator'],
    ['GET', /^\/api\/files$/, (c) => paged(allFiles(c.user).filter((f) => (!c.q.get('shelf') || f.shelf === c.q.get('shelf')) && (!c.q.get('job') || f.job_id === c.q.get('job'))), c.q, 'files')],
    ['POST', /^\/api\/files\/process$/, (c) => {
        const chosen = allFiles(c.user).filter((f) => c.body.all ? ['pending', 'ready'].includes(f.shelf) : c.body.files.includes(f.file_id)), id = `r${++state.eventId}`;
        const run = {run_id: id, started_at: iso(Date.now()), status: 'PROCESSING', files_count: chosen.length, files: {PENDING: chosen.length, PROCESSING: 0, COMPLETED: 0, FAILED: 0}, properties_count: 0, success_count: 0, error_count: 0, failed: []};
        state.runs.set(id, run);
        const next = () => { const f = chosen[run.files.COMPLETED]; if (!f) { run.status = 'COMPLETED'; return; } run.files.PENDING--; run.files.COMPLETED++; run.properties_count += f.records; run.success_count += f.records; Object.assign(f, {shelf: 'processed', status: 'COMPLETED', success_count: f.records, properties_count: f.records, processed_at: iso(Date.now()), processing_time_ms: 41}); emit('file', {job_id: f.job_id, captured_batches: 1, loaded_batches: 1, failed_batches: 0, unknown_batches: 0}); setTimeout(next, 60); };
        next();
        c.status = 202;
        return run;
    }, 'operator'],
    ['GET', /^\/api\/files\/process\/(.+)$/, (c, id) => state.runs.get(id) ?? (() => { throw new Problem(404, 'There is no such run.'); })()],
    ['GET', /^\/api\/queue\/status$/, () => { const figure = (s) => { const list = state.jobs.filter((j) => j.status === s); return {urgent: {depth: list.filter((j) => j.priority === 'urgent').length, oldest_s: null}, high: {depth: 0, oldest_s: null}, normal: {depth: list.length, oldest_s: 300}, low: {depth: 0, oldest_s: null}, depth: list.length, oldest_s: list.length ? 300 : null}; }; const counts = {}; for (const j of state.jobs) counts[j.status] = (counts[j.status] ?? 0) + 1; return {daemon: {running: true}, counts, queue: {pending: figure('PENDING'), processing: figure('PROCESSING'), deferred: figure('DEFERRED'), hold: figure('HELD')}, sources: []}; }],
    ['GET', /^\/api\/analytics$/, () => { const counts = {}; for (const j of state.jobs) counts[j.status] = (counts[j.status] ?? 0) + 1; return {window_s: 86400, counts, finished: counts.COMPLETED, success_rate: 0.941, error_rate: 0.059, throughput: {records_per_hour: 48211, batches_per_hour: 121}, series: Array.from({length: 24}, (_, i) => ({t: iso(Date.now() - (24 - i) * 3600000), captured: 1000 + (i * 7919) % 5000, loaded: 800 + (i * 5501) % 4000, completed: i % 4, failed: i % 7 ? 0 : 1, cost: {USD: String((i * 13) % 50)}})), cost: {totals: [{currency: 'USD', records: 48211, spent: '2410.55', in_doubt: '20.00', in_flight: '0', cost_per_record: '0.05'}], caps: [{source: 'propertyradar', currency: 'USD', daily_cost_cap: '2500.00', reserve: '0', used_today: '2410.55', left_today: '89.45'}]}, users: [], history: []}; }],
    ['GET', /^\/api\/errors$/, (c) => ({groups: groupsOf(c.user)})],
    ['POST', /^\/api\/errors\/act$/, (c) => {
        const group = groupsOf(c.user).find((g) => g.key === c.body.key);
        if (!group || group.jobs !== c.body.count) throw new Problem(409, 'The group has changed.');
        const list = state.jobs.filter(visible(c.user)).filter((j) => sha(`${j.source}/${j.reason}`).slice(0, 12) === c.body.key && ['FAILED', 'HELD'].includes(j.status));
        for (const job of list) acts[c.body.act](job, {});
        return {matched: list.length, done: list.length, failed: []};
    }, 'operator'],
    ['GET', /^\/api\/auth\/me$/, (c) => ({...c.user, csrf_token: 'csrf-demo', csrf_header: 'X-CSRF-Token', expires_at: iso(Date.now() + 900000)})],
    ['GET', /^\/api\/auth\/keys$/, () => ({keys: state.keys ?? []})],
    ['POST', /^\/api\/auth\/keys$/, (c) => { const key = {key_id: hex(8), name: c.body.name, role: c.body.role ?? c.user.role, scopes: [], expires_at: c.body.expires_at ?? null, created_at: iso(Date.now()), last_used_at: null}; (state.keys ??= []).push(key); c.status = 201; return {...key, key: `bsk_${hex(40)}`}; }],
    ['DELETE', /^\/api\/auth\/keys\/(.+)$/, (c, id) => { state.keys = (state.keys ?? []).filter((k) => k.key_id !== id); c.status = 204; }],
    ['POST', /^\/api\/auth\/password$/, (c) => { if (c.body.old_password !== 'demo') throw new Problem(422, 'The password was not changed.', {errors: [{pointer: '/old_password', detail: 'it is another one'}]}); c.status = 204; }],
];
const more = await import('./mock-more.mjs').catch((error) => { if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error; return null; });
if (more) routes.unshift(...more.routes({...state, state, emit, change, makeJob, paged, Problem, iso, visible}));

const TYPES = {'.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml', '.json': 'application/json'};
const SECURITY = {'Content-Security-Policy': "default-src 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; form-action 'self'", 'X-Content-Type-Options': 'nosniff', 'Referrer-Policy': 'no-referrer', 'Cross-Origin-Opener-Policy': 'same-origin'};
const ROLES = {viewer: 0, operator: 1, admin: 2};
const sessions = new Map();

function answer(c, status, value, type = 'application/json') {
    const text = value === undefined || value === null ? '' : JSON.stringify(value);
    c.res.writeHead(status, {...SECURITY, 'Content-Type': type, 'Content-Length': Buffer.byteLength(text), 'Cache-Control': 'no-store'});
    c.res.end(text);
}
async function handle(c) {
    const {req, res, url} = c;
    if (url.pathname === '/mock/down') { state.downUntil = Date.now() + Number(url.searchParams.get('ms') ?? 5000); for (const client of state.clients) client.destroy(); state.clients.clear(); return answer(c, 200, {}); }
    if (url.pathname === '/mock/flood') { let left = Number(url.searchParams.get('n') ?? 1000); const each = Math.ceil(left / Number(url.searchParams.get('s') ?? 10) / 20); const timer = setInterval(() => { for (let i = 0; i < each && left-- > 0; i++) { const job = random() < 0.2 ? state.jobs[Math.floor(random() * 50)] : pick(state.jobs); emit('job', {...job, processed_records: Math.floor(random() * 9999)}); } if (left <= 0) clearInterval(timer); }, 50); return answer(c, 200, {}); }
    if (url.pathname === '/mock/fail') { state.fail.add(url.searchParams.get('path')); return answer(c, 200, {}); }
    if (url.pathname === '/mock/expire') { for (const s of sessions.values()) s.access = 0; return answer(c, 200, {}); }
    if (Date.now() < state.downUntil) return req.socket.destroy();
    if (!url.pathname.startsWith('/api/')) {
        let file = path.join(web, path.normalize(url.pathname));
        if (!fs.existsSync(file) || fs.statSync(file).isDirectory()) file = path.join(web, 'index.html');
        const body = fs.readFileSync(file);
        res.writeHead(200, {...SECURITY, 'Content-Type': TYPES[path.extname(file)] ?? 'application/octet-stream', 'Content-Length': body.length, 'Cache-Control': 'no-cache'});
        return res.end(body);
    }
    if (state.fail.delete(url.pathname)) throw new Problem(500, 'Something broke on purpose.');
    const chunks = [];
    for await (const chunk of req) chunks.push(chunk);
    const text = Buffer.concat(chunks);
    try { c.body = text.length && (req.headers['content-type'] ?? '').includes('json') ? JSON.parse(text) : text; } catch { throw new Problem(400, 'The body is no JSON.'); }
    const sid = /bs_access=(\w+)/.exec(req.headers.cookie ?? '')?.[1];
    const s = sessions.get(sid);
    if (url.pathname === '/api/auth/login') {
        if (!(c.body.username in ROLES) || c.body.password !== 'demo') throw new Problem(401, 'Not signed in.');
        const id = hex(16);
        sessions.set(id, {user: {name: c.body.username, role: c.body.username}, access: Date.now() + 900000});
        res.setHeader('Set-Cookie', `bs_access=${id}; HttpOnly; SameSite=Strict; Path=/`);
        return answer(c, 200, {csrf_token: 'csrf-demo', user: sessions.get(id).user});
    }
    if (url.pathname === '/api/auth/refresh') { if (!s) throw new Problem(401, 'Not signed in.'); s.access = Date.now() + 900000; return answer(c, 200, {csrf_token: 'csrf-demo', user: s.user}); }
    if (url.pathname === '/api/auth/logout') { sessions.delete(sid); return answer(c, 204); }
    if (!s || s.access < Date.now()) throw new Problem(401, 'Not signed in.');
    if (req.method !== 'GET' && req.headers['x-csrf-token'] !== 'csrf-demo') throw new Problem(403, 'The CSRF token is missing.');
    c.user = s.user;
    if (url.pathname === '/api/events') {
        res.writeHead(200, {...SECURITY, 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store'});
        res.write(': hello\n\n');
        const last = Number(req.headers['last-event-id']);
        for (const [id, text] of state.ring) if (last && id > last) res.write(text);
        state.clients.add(res);
        return res.on('close', () => state.clients.delete(res));
    }
    for (const [method, pattern, handler, role] of routes) {
        const m = pattern.exec(url.pathname);
        if (!m || method !== req.method) continue;
        if (role && ROLES[c.user.role] < ROLES[role]) throw new Problem(403, `This is for the role ${role}.`);
        const value = await handler(c, ...m.slice(1));
        return res.headersSent ? undefined : answer(c, c.status ?? 200, value);
    }
    throw new Problem(404, 'There is no such path.');
}
const server = http.createServer((req, res) => {
    const url = new URL(req.url, 'http://x'), c = {req, res, url, q: url.searchParams};
    handle(c).catch((e) => { if (!e.status) console.error(e); if (!res.headersSent) answer(c, e.status ?? 500, {type: 'about:blank', title: http.STATUS_CODES[e.status ?? 500], status: e.status ?? 500, detail: e.message, errors: e.errors}, 'application/problem+json'); });
});
server.listen(Number(arg('port', 0)), '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
