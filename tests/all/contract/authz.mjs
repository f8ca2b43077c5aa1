// SPDX-License-Identifier: Apache-2.0
// The authorisation matrix: each operation as nobody, as a viewer, as an operator of another's things, as their owner and as an admin, with what x-role and x-owner
// say of it. "Let through" is every answer but 401, 403 and 404; what is let through has a body that is refused, or nothing that could be changed, or changes nothing that counts.
import {Run} from './run.mjs';

const options = Object.fromEntries(process.argv.slice(2).map(one => [one.slice(0, one.indexOf('=')), one.slice(one.indexOf('=') + 1)]));
const run = new Run(options);
const LEVEL = {public: 0, viewer: 1, operator: 2, admin: 3};
const WHO = [
    {name: 'nobody', as: null, level: 0},
    {name: 'a viewer', as: 'viola', level: 1},
    {name: 'an operator, of another\'s', as: 'rival', level: 2, stranger: true},
    {name: 'an operator, of the own', as: 'ops', level: 2},
    {name: 'an admin', as: 'ada', level: 3},
];

for (const name of ['ada', 'ops', 'rival', 'viola'])
    await run.sign_in(name);
// The things of ops.
const job = await run.call('createJob', {as: 'ops', body: {source: 'properties', criteria: [{name: 'Count', value: [800]}], on_duplicate: 'run'}, status: 201});
const things = {id: job.json?.job_id ?? 'none', batch: 1, name: 'properties', key_id: '000000000000', run_id: '20200101T000000Z-000000000000'};
await run.wait(async () => (await run.peek('getJob', 'ops', things))?.place === 'processed', 20);
await run.call('createSchedule', {as: 'ops', body: {schedule: 'matrix', cron: '0 6 * * *', job: {source: 'properties', criteria: [{name: 'Count', value: [1]}]}}, status: 201});
const key = await run.call('createKey', {as: 'ops', body: {name: 'matrix'}, status: 201});
const ran = await run.call('processFiles', {as: 'ops', body: {files: [`${things.id}_batch0001`]}, status: 202});
const made = await run.call('makeResults', {as: 'ops', path: things, body: {format: 'csv'}, quiet: true});

function target(operation) {
    const path = {...things};
    if (operation.path.includes('/schedules/'))
        path.name = 'matrix';
    if (operation.path.includes('/users/') || operation.path.includes('/searches/'))
        path.name = 'no-such-one';
    path.run_id = ran.json?.run_id ?? path.run_id;
    return path;
}

// Whose schedule it is shows once its body is right; If-Match keeps it from being changed.
const BODIES = {putSchedule: {cron: '0 6 * * *', job: {source: 'properties', criteria: [{name: 'Count', value: [1]}]}}};
const STREAMS = {events: ': still here'};
await run.call('deleteKey', {as: 'rival', path: {key_id: key.json?.key_id}, status: 404, name: "404 for another's key"});
const rows = [];
const served = run.description.operations.filter(one => run.served.has(one.id));
for (const operation of served) {
    const cells = [];
    for (const who of WHO) {
        const typed = Object.keys(operation.body?.content ?? {})[0];
        const needs_type = operation.method !== 'GET' && operation.method !== 'DELETE';
        // A body that nobody can take: no JSON, of a type that no operation has.
        const answer = await run.client.send({
            method: operation.method, path: run.url(operation, target(operation), operation.parameters.some(one => one.name === 'dry_run') ? {dry_run: 'true'} : {}), until: STREAMS[operation.id],
            headers: {...run.credentials(who.as), ...(needs_type ? {'Content-Type': BODIES[operation.id] ? 'application/json' : 'application/x-nothing'} : {}), 'If-Match': '"never"'},
            body: BODIES[operation.id] ? JSON.stringify(BODIES[operation.id]) : needs_type && typed ? '{' : undefined,
        }).catch(error => ({status: 0, text: error.message}));
        const denied = operation.role !== 'public' && (who.level < LEVEL[operation.role] || (who.level === 2 && operation.not.includes('operator')));
        const hidden = !denied && operation.owner && who.stranger && /\{(id|run_id|name)\}/.test(operation.path);
        const wanted = denied ? (who.level === 0 ? '401' : '403') : hidden ? '404' : 'let through';
        const got = answer.status === 401 && operation.role !== 'public' ? '401' : answer.status === 403 ? '403' : answer.status === 404 ? '404' : 'let through';
        // Where there is no such thing at all, everybody who may ask hears so.
        const nothing = /\/users\/|\/keys\/|\/searches\/|\/results\/download|\/documents\/\{sha256\}/.test(operation.path) && wanted === 'let through' && got === '404';
        // It has ended the session that asked.
        if (operation.id === 'logout' && who.as)
            await run.sign_in(who.as);
        cells.push({who: who.name, wanted, got, good: got === wanted || nothing, answer});
    }
    const bad = cells.filter(cell => !cell.good);
    run.result(bad.length === 0, `${operation.id} (${operation.role}${operation.owner ? ', own' : ''})`,
        bad.map(cell => `${cell.who}: wanted ${cell.wanted}, got ${cell.answer.status} ${cell.answer.text?.slice(0, 160)}`));
    rows.push([operation.id, ...cells.map(cell => cell.answer.status)]);
}
// Lists leave out what is another's.
for (const [id, member, of] of [['listJobs', 'jobs', row => row.created_by], ['batchJobs', 'jobs', row => row.created_by], ['listFiles', 'files', row => (row.job_id === things.id ? 'ops' : 'other')],
    ['listSchedules', 'schedules', row => row.created_by]]) {
    const own = await run.call(id, {as: 'ops', status: 200, name: 'of ops'});
    const other = await run.call(id, {as: 'rival', status: 200, name: 'of rival'});
    run.is(false, (other.json?.[member] ?? []).some(row => of(row) === 'ops'), `${id}: a stranger sees nothing of ops`);
    run.is(true, id === 'batchJobs' || (own.json?.[member] ?? []).some(row => of(row) === 'ops'), `${id}: ops sees its own`);
}
// An unsafe method with the cookie alone, with a wrong token, from another origin.
for (const operation of served.filter(one => one.method !== 'GET' && one.role !== 'public')) {
    const statuses = [];
    for (const as of [{cookie: 'ada', csrf: false}, {cookie: 'ada', csrf: 'x'.repeat(32)}, {cookie: 'ada', origin: 'http://evil.example'}, {cookie: 'ada', origin: false}]) {
        const answer = await run.client.send({method: operation.method, path: run.url(operation, target(operation)), headers: {...run.credentials(as), 'Content-Type': 'application/x-nothing', 'If-Match': '"never"'},
            body: operation.method === 'DELETE' ? undefined : '{'}).catch(() => ({status: 0}));
        statuses.push(answer.status);
    }
    run.is([403, 403, 403, 403], statuses, `${operation.id}: CSRF`);
}
for (const row of [['operation', ...WHO.map(who => who.name)], ...rows])
    console.log(`# ${row.join(' | ')}`);
run.save();
