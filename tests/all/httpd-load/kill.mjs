// SPDX-License-Identifier: Apache-2.0
// node kill.mjs httpd= port= key= spool= log= submissions= kills=: the web program is killed again and again while clients list, listen, upload and submit. Prints the jobs that were made.
import { spawn } from 'node:child_process';
import { openSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { bearer, listen, ok, settings, sleep, tell, until } from './common.mjs';

settings.base = `http://127.0.0.1:${settings.port}`;
const submissions = Number(settings.submissions), kills = Number(settings.kills);
let child, going = true;

function start() {
    const log = openSync(settings.log, 'a');
    child = spawn(settings.httpd, ['--listen', `127.0.0.1:${settings.port}`], { stdio: ['ignore', log, log] });
}

// The answer, however often it takes; null when all is over.
async function persist(path, init = {}) {
    while (going) {
        try {
            const answer = await fetch(new URL(path, settings.base), { ...init, headers: { ...bearer, ...init.headers }, signal: AbortSignal.timeout(20000) });
            const text = await answer.text();
            if (answer.status < 500 && answer.status !== 429) return { status: answer.status, text };
        } catch { /* it is killed, or not there yet */ }
        await sleep(20 + Math.random() * 50);
    }
    return null;
}

const counts = { lists: 0, uploads: 0, wrong: [] };
async function lister() {
    for (let answer; (answer = await persist('/api/batch-jobs?limit=100')); counts.lists++) if (answer.status !== 200) counts.wrong.push(answer.status);
}

const document = Buffer.alloc(3 * 1024 * 1024, 'y');
document.write('%PDF-1.7\n');
document.write('%%EOF\n', document.length - 6);
async function uploader(n) {
    const body = Buffer.from(document);
    for (let i = 0, answer; body.write(`${n} ${i++}`, 20), (answer = await persist('/api/documents', { method: 'POST', body })); counts.uploads++) if (answer.status > 201) counts.wrong.push(answer.status);
}

const made = [];
async function submitter(n) {
    const body = JSON.stringify({ source: 'items', count: 2000 + n, name: `kill-${n}` });
    const init = { method: 'POST', body, headers: { 'Content-Type': 'application/json', 'Idempotency-Key': `key-${n}` } };
    for (let i = 0; i < 3; i++) { // it comes again although it was answered
        const answer = await persist('/api/batch-jobs', init);
        if (answer?.status === 201) made.push([n, JSON.parse(answer.text).job_id]);
        else counts.wrong.push(`${answer?.status} ${answer?.text}`);
    }
}

// Comes back with the last id that it saw; keeps what it was told of each job, and asks for all of them when it must begin again.
function follower() {
    const it = { jobs: new Map(), resyncs: 0, comes: 0, backwards: 0 };
    let last, one;
    const take = (job) => {
        const known = it.jobs.get(job.job_id);
        if (known && known.updated_at > job.updated_at) return; // the list was older than an event
        if (known && known.processed_records > job.processed_records) it.backwards++;
        it.jobs.set(job.job_id, job);
    };
    const ask = async () => {
        const answer = await persist('/api/batch-jobs?limit=500');
        if (answer) JSON.parse(answer.text).jobs.forEach(take);
    };
    const read = async () => {
        for (const event of one.events.splice(0)) {
            last = event.id;
            if (event.event === 'resync') it.resyncs++, await ask();
            if (event.event === 'job') take(JSON.parse(event.data));
        }
    };
    it.done = (async () => {
        while (going) {
            one = listen(last);
            it.comes++;
            while (going && !one.closed) { await sleep(20); await read(); }
            one.end();
            await sleep(50);
        }
        await read();
    })();
    return it;
}

start();
const followers = Array.from({ length: 20 }, follower);
const busy = [...Array.from({ length: 4 }, lister), uploader(1), uploader(2)];
const submitting = (async () => {
    const waiting = [];
    for (let n = 1; n <= submissions; n++) { waiting.push(submitter(n)); await sleep(150); }
    await Promise.all(waiting);
})();
for (let n = 0; n < kills; n++) {
    await sleep(300 + Math.random() * 900);
    child.kill('SIGKILL');
    await new Promise((resolve) => { child.on('exit', resolve); });
    start();
}
await submitting;
const list = async () => JSON.parse((await persist('/api/batch-jobs?limit=500')).text).jobs;
const all = await until(async () => (await list()).filter((job) => job.status === 'COMPLETED').length >= submissions, 60000);
const final = await list();
ok(all, 'every job completes', final.filter((job) => job.status !== 'COMPLETED').map((job) => `${job.name} ${job.status}`).join());
await sleep(500);
going = false;
await Promise.all([...busy, ...followers.map((one) => one.done)]);
tell(`${kills} kills; ${counts.lists} lists, ${counts.uploads} uploads, ${made.length} submissions answered; each follower came ${followers[0].comes} times and began again ${followers[0].resyncs} times`);
ok(!counts.wrong.length, 'no answer was wrong', counts.wrong.join());
ok(made.length === submissions * 3, 'every submission is answered in the end', made.length);
const ids = new Map(made);
ok(made.every(([n, id]) => ids.get(n) === id) && new Set(ids.values()).size === submissions, 'one with the same Idempotency-Key is the same job');
ok(readdirSync(`${settings.spool}/journal`).length === submissions, 'and no other was made', readdirSync(`${settings.spool}/journal`).length);
ok(followers.every((one) => one.comes > kills), 'clients come back');
const stale = followers.flatMap((one) => [...one.jobs.values()].filter((job) => { const now = final.find((other) => other.job_id === job.job_id); return !now || now.status !== job.status || now.processed_records !== job.processed_records; }));
ok(followers.every((one) => one.resyncs > 0 && one.jobs.size === submissions) && !stale.length, 'what they know at last is what holds', `${stale.length} stale, e.g. ${JSON.stringify(stale[0])}, ${followers.map((one) => one.jobs.size)}`);
child.kill('SIGKILL');
await new Promise((resolve) => { child.on('exit', resolve); });
start();
going = true;
await persist('/api/health');
ok(followers.every((one) => !one.backwards), 'and no number ever went backwards');
const left = readdirSync(`${settings.spool}/documents/tmp`);
ok(!left.length, 'nothing is left of broken uploads', left.join());
writeFileSync(`${settings.log}.jobs`, JSON.stringify(final));
child.kill('SIGTERM');
const code = await new Promise((resolve) => { child.on('exit', resolve); });
ok(code === 0, 'at last it ends in good order', `${code} ${readFileSync(settings.log, 'utf8').slice(-300)}`);
process.exit(0);
