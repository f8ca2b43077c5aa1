// SPDX-License-Identifier: Apache-2.0
// node events.mjs base= key= spool= pid= listeners=: live events with many listeners, some of whom do not read, beside uploads.
import { append, base, bearer, descriptors, get, listen, ok, quantile, settings, sleep, status, tell, until } from './common.mjs';

const count = Number(settings.listeners), SLOW = 20, LINES = 20, WITHIN_MS = 1000;
const jobs = async (query) => JSON.parse((await get(`/api/batch-jobs?${query}`)).text).jobs.map((job) => job.job_id);
const fd = descriptors();

const listeners = Array.from({ length: count }, () => listen());
const slow = listeners.slice(0, SLOW), well = listeners.slice(SLOW);
ok(await until(() => listeners.every((one) => one.beats), 30000), `${count} listeners are heard`, `${listeners.filter((one) => one.beats).length}`);
slow.forEach((one) => one.socket.pause());
const rss = status('RssAnon');

// Uploads of 3 MB meanwhile, one after the other.
const body = Buffer.alloc(3 * 1024 * 1024, 'x');
body.write('%PDF-1.7\n');
body.write('%%EOF\n', body.length - 6);
let uploading = true, uploads = 0, refused = 0;
const uploader = (async () => {
    while (uploading) {
        body.write(String(uploads), 20);
        const answer = await fetch(new URL('/api/documents?name=load.pdf', base()), { method: 'POST', headers: { ...bearer, 'Content-Type': 'application/pdf' }, body });
        await answer.text();
        uploads++;
        if (answer.status !== 201) refused = answer.status;
    }
})();

const [first] = await jobs('status=pending&limit=1');
const waits = [];
for (let n = 0; n < LINES; n++) {
    const at = well.map((one) => one.events.length), sent = Date.now();
    append(settings.spool, first, 'reprioritised', { by: 'command line', uid: 0, priority: n % 2 ? 'high' : 'low' });
    const heard = (one, i) => one.events.slice(at[i]).find((event) => event.event === 'job' && JSON.parse(event.data).job_id === first);
    if (!await until(() => well.every(heard), 10000)) break;
    waits.push(Math.max(...well.map((one, i) => heard(one, i).at - sent)));
}
uploading = false;
await uploader;
tell(`journal line to the last of ${well.length} listeners: median ${quantile(waits, 0.5)} ms, longest ${Math.max(...waits)} ms of ${waits.length}; ${uploads} uploads of 3 MB meanwhile`);
ok(waits.length === LINES && Math.max(...waits) < WITHIN_MS, `each journal line is with all ${well.length} listeners within a second, ${SLOW} others do not read`, `${waits}`);
ok(uploads > 0 && !refused, 'uploads are taken meanwhile', `${refused}`);

// More events than are kept: who did not read is told to begin again, and costs little.
const many = [...new Set([...await jobs('status=pending&limit=500'), ...await jobs('status=completed&limit=500'), ...await jobs('status=failed&limit=500')])];
const here = well[0].events.length, rounds = Math.ceil(4600 / many.length);
for (let n = 0; n < rounds; n++) {
    const before = well[0].events.length;
    for (const id of many) append(settings.spool, id, 'reprioritised', { by: 'command line', uid: 0, priority: n % 2 ? 'urgent' : 'low' });
    await until(() => well[0].events.length >= before + many.length * 0.9, 20000);
}
tell(`${well[0].events.length - here} events to each of ${count}; RssAnon ${rss} kB before, ${status('RssAnon')} kB after`);
ok(status('RssAnon') < rss + 48 * 1024, 'what listeners cost is bounded');
ok(await until(() => well.every((one) => one.events.at(-1)?.id === well[0].events.at(-1).id), 20000), 'all who read have all of it');
slow.forEach((one) => one.socket.resume());
ok(await until(() => slow.every((one) => one.events.some((event) => event.event === 'resync') || one.events.at(-1)?.id === well[0].events.at(-1).id || one.closed), 20000),
    'those who did not are told to begin again, or caught up');

// Coming back.
const last = well[1].events.at(-1), earlier = well[1].events.at(-6);
const back = listen(earlier.id);
ok(await until(() => back.events.at(-1)?.id === last.id), 'Last-Event-ID: what came since is told again', back.events.map((event) => event.id).join());
ok(back.events.map((event) => event.id).join() === well[1].events.slice(-5).map((event) => event.id).join(), 'each once, in order');
const [epoch, number] = last.id.split('-');
for (const [name, id] of [['too old an id', `${epoch}-1`], ['an id of another start', `${Number(epoch) - 1}-${number}`], ['no id of ours', 'xyz'], ['one that never was', `${epoch}-${Number(number) + 5}`]]) {
    const one = listen(id);
    ok(await until(() => one.events[0]?.event === 'resync'), `${name}: resync`, JSON.stringify(one.events[0]));
    one.end();
}
const beats = well.map((one) => one.beats);
ok(await until(() => well.every((one, i) => one.beats > beats[i]), 20000), 'a beat every 15 s');

// Clients that are gone leave nothing behind.
[...listeners, back].forEach((one) => one.end());
ok(await until(async () => descriptors() <= fd + 4, 40000), 'clients that are gone leave no descriptor behind', `${fd} before, ${descriptors()} now`);
await sleep(0);
process.exit(0);
