// SPDX-License-Identifier: Apache-2.0
// spool.mjs SPOOL COUNT: so many jobs of every state, owner, source and campaign, as journals and files in jobs/, as if they had been done. Names the last one.
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';

const PLACES = ['processed', 'processed', 'processed', 'processed', 'processed', 'processed', 'processed', 'processed', 'processed', 'processed', 'processed', 'processed',
    'processed', 'pending', 'pending', 'failed', 'failed', 'hold', 'cancelled', 'deferred'];
const OWNERS = ['ada', 'ops', 'rival', 'viola'];
const WORDS = ['absentee', 'owners', 'reno', 'sparks', 'élan', 'foreclosure', 'equity', 'vacant', 'spring', 'autumn', 'late', 'condo'];
const ERRORS = ['status 500 of the source', 'the answer is no JSON: line 1', 'records are missing: 12 of 400', 'connection refused'];
const sha256 = (text) => createHash('sha256').update(text).digest('hex');
const [spool, count] = [process.argv[2], Number(process.argv[3])];
const start = Date.UTC(2026, 0, 1);

class Journal {
    constructor(ms) { Object.assign(this, { ms, seq: 0, prev: '0'.repeat(64), text: '' }); }
    add(event, members) {
        const ts = new Date(this.ms).toISOString().replace('Z', '000Z');
        const line = JSON.stringify({ v: 1, seq: ++this.seq, prev: this.prev, ts, event, node: 'load', ...members });
        this.prev = sha256(line);
        this.text += `${line}\n`;
        this.ms += 700;
    }
}

const job = (n) => {
    const word = (at) => WORDS[Math.floor(n / at) % WORDS.length];
    const ms = start + n * 60000;
    const place = PLACES[(n * 7) % PLACES.length], owner = OWNERS[n % 4], name = `${word(1)} ${word(12)} ${n}`, campaign = `${word(5)}-${n % 300}`;
    const source = n % 3 ? 'properties' : `source-${n % 20}`, priority = ['normal', 'normal', 'low', 'high', 'urgent'][n % 5];
    const text = `${JSON.stringify({ source, name, campaign_id: campaign, created_by: owner, priority, criteria: [{ name: 'Count', value: [n] }] })}\n`;
    const journal = new Journal(ms);
    const stamp = new Date(ms).toISOString().replace(/[-:]|\.\d+/g, '');
    const id = `${stamp}-${sha256(String(n)).slice(0, 12)}-load-${n}`;
    journal.add('accepted', { by: 'daemon', text, sha256: sha256(text), name, source, campaign_id: campaign, priority, process: n % 2 ? 'manual' : 'auto', mode: 'run', metered: true,
        created_by: owner, criteria_hash: sha256(`criteria ${n}`), currency: 'USD', uid: 0 });
    if (place !== 'pending') journal.add('claimed', { by: 'daemon', uid: 0 });
    const error = ERRORS[n % ERRORS.length];
    if (place === 'processed') journal.add('completed', { by: 'daemon', uid: 0, total: n % 4000, missing: 0, unique: n % 4000, duplicates: 0 });
    if (place === 'failed') journal.add('failed', { by: 'daemon', uid: 0, reason: 'coverage', error });
    if (place === 'hold') journal.add('held', { by: 'daemon', uid: 0, reason: 'max_cost', error });
    if (place === 'cancelled') journal.add('cancelled', { by: 'command line', uid: 0, reason: 'asked' });
    if (place === 'deferred') journal.add('deferred', { by: 'daemon', uid: 0, until: '2036-01-01T00:00:00Z', reason: 'not_before' });
    writeFileSync(`${spool}/journal/${id}.ndjson`, journal.text, { mode: 0o660 });
    writeFileSync(`${spool}/jobs/${place}/${id}.json`, text, { mode: 0o660 });
    return id;
};

let id;
for (let n = 1; n <= count; n++) id = job(n);
console.log(id);
