// SPDX-License-Identifier: Apache-2.0
// Every operation with a right request, in an order in which the one makes what the next needs, and the errors that need a state: 409, 412, 304.
import {rmSync, writeFileSync} from 'node:fs';
import net from 'node:net';

const LISTENERS = 1000; // EVENTS_LISTENERS of api/events.h
const STRANGE = 'W/"0000000000000000"';
export const ABSENT = {id: '20200101T000000Z-000000000000-none', name: 'no-such-one', key_id: '000000000000', batch: '1', run_id: '20200101T000000Z-000000000000'};

const job_file = (count, more = {}) => ({source: 'properties', criteria: [{name: 'Count', value: [count]}], ...more});

async function auth(run) {
    for (const name of ['ada', 'ops', 'rival', 'viola'])
        await run.sign_in(name);
    await run.call('login', {body: {username: 'ops', password: 'wrong wrong wrong'}, status: 401});
    await run.call('me', {as: 'ops', status: 200});
    await run.call('me', {as: {cookie: 'ops'}, status: 200, name: 'with the cookie'});
    const oldest = run.tokens.ops?.refresh_token;
    const second = await run.call('refresh', {body: {refresh_token: oldest}, status: 200});
    const same = await run.call('refresh', {body: {refresh_token: oldest}, status: 200, name: 'again at once, as two tabs do'});
    run.is(second.json?.refresh_token, same.json?.refresh_token, 'refresh: two tabs get the same successor');
    const third = await run.call('refresh', {body: {refresh_token: second.json?.refresh_token}, status: 200, name: 'the next one'});
    await run.call('me', {as: {bearer: third.json?.access_token}, status: 200, name: 'with a refreshed token'});
    await run.call('refresh', {body: {refresh_token: oldest}, status: 401, name: '401 for an old refresh token'});
    await run.call('refresh', {body: {refresh_token: third.json?.refresh_token}, status: 401, name: '401 for the whole family then'});
    await run.call('me', {as: {bearer: third.json?.access_token}, status: 401, name: '401 for its access tokens, too'});
    await run.call('refresh', {status: 401, name: '401 without a token'});
    await run.sign_in('ops');

    const made = await run.call('createKey', {as: 'ops', body: {name: 'nightly', role: 'operator'}, status: 201});
    run.key = made.json?.key;
    await run.call('listKeys', {as: 'ops', status: 200});
    await run.call('listJobs', {as: {key: run.key}, status: 200, name: 'with a key in X-API-Key'});
    await run.call('listJobs', {as: {bearer: run.key}, status: 200, name: 'with a key as Bearer'});
    const spare = await run.call('createKey', {as: 'ops', body: {name: 'spare', scopes: ['read']}, status: 201, name: 'with scopes'});
    await run.call('createJob', {as: {key: spare.json?.key}, body: job_file(1), status: 403, name: '403 outside its scopes'});
    run.targets.deleteKey = {key_id: made.json?.key_id};
    await run.call('deleteKey', {as: 'ops', path: {key_id: spare.json?.key_id}, status: 204});
    await run.call('listJobs', {as: {key: spare.json?.key}, status: 401, name: '401 for a key that was revoked'});

    await run.call('listUsers', {as: 'ada', status: 200});
    const user = {name: 'temp', role: 'viewer', password: 'a long enough one'};
    await run.call('createUser', {as: 'ada', body: user, status: 201});
    await run.call('createUser', {as: 'ada', body: user, status: 409});
    await run.call('updateUser', {as: 'ada', path: {name: 'temp'}, body: {role: 'operator'}, status: 200});
    await run.call('updateUser', {as: 'ada', path: {name: 'ada'}, body: {disabled: true}, status: 409, name: '409 for the last admin'});
    await run.call('deleteUser', {as: 'ada', path: {name: 'ada'}, status: 409, name: '409 for the last admin'});
    const temp = await run.sign_in('temp', user.password);
    if (temp.fits) {
        await run.call('changePassword', {as: 'temp', body: {old_password: 'not this one', new_password: 'another long one'}, status: 422, name: '422 for a wrong old password'});
        await run.call('changePassword', {as: 'temp', body: {old_password: user.password, new_password: 'another long one'}, status: 200});
        await run.call('me', {as: 'temp', status: 401, name: '401 with a token from before the password was changed'});
        await run.sign_in('temp', 'another long one');
        await run.call('logout', {as: 'temp', status: 204});
        await run.call('me', {as: 'temp', status: 401, name: '401 after logout'});
    }
    await run.call('deleteUser', {as: 'ada', path: {name: 'temp'}, status: 204});
    await run.call('createUser', {as: 'ada', body: {...user, name: 'spare'}, status: 201, name: 'another one'});
    run.targets.updateUser = run.targets.deleteUser = {name: 'spare'};
}

const settled = (run, id, places, as = 'ada') => run.wait(async () => {
    const job = await run.peek('getJob', as, {id});
    return job && job.accepted !== false && places.includes(job.place) ? job : null;
}, id === ABSENT.id ? 0 : 20);

const id_of = answer => answer.json?.job_id ?? ABSENT.id;

// 304 for who has it already; what still changes is asked for again.
async function unchanged(run, id, options) {
    for (let i = 0; i < 20; i++) {
        const seen = await run.call(id, {...options, status: 200, quiet: true});
        const headers = {'If-None-Match': seen.headers.etag ?? 'x'};
        const again = await run.client.send({path: run.url(run.by_id[id], options.path, options.query), headers: {...run.credentials(options.as), ...headers}}).catch(() => ({}));
        if (again.status === 304 || i === 19)
            return run.call(id, {...options, headers, status: 304});
    }
}

async function submit(run, body, more = {}) {
    const answer = await run.call('createJob', {as: 'ops', body, status: 201, ...more});
    if (answer.fits)
        run.is(`/api/batch-jobs/${answer.json.job_id}`, answer.headers.location, 'createJob: Location is the job');
    return id_of(answer);
}

async function jobs(run) {
    const body = job_file(1000, {name: 'Big one', campaign_id: 'C-1', max_cost: '500.00'});
    const idempotent = {'Idempotency-Key': 'key-of-the-contract'};
    run.job = await submit(run, body, {headers: idempotent});
    const again = await run.call('createJob', {as: 'ops', body, headers: idempotent, status: 201, name: 'the same key, the same answer'});
    run.is(run.job, again.json?.job_id, 'createJob: and no second job');
    await run.call('createJob', {as: 'ops', body: job_file(7), headers: idempotent, status: 422, name: '422 for the key with another body'});
    const twins = await Promise.all([1, 2, 3, 4].map(() => run.call('createJob', {as: 'ops', body: job_file(3, {on_duplicate: 'run'}), headers: {'Idempotency-Key': 'twin'}, status: 201, quiet: true})));
    run.is(1, new Set(twins.map(answer => answer.json?.job_id)).size, 'createJob: four at once with one key are one job');
    const done = await settled(run, run.job, ['processed', 'failed', 'hold']);
    run.is('processed', done?.place, 'getJob: the job is processed');

    await run.call('getJob', {as: 'ops', path: {id: run.job}, status: 200});
    await run.call('getJob', {as: 'viola', path: {id: run.job}, status: 200, name: 'as a viewer'});
    await unchanged(run, 'getJob', {as: 'ops', path: {id: run.job}});
    await run.call('listJobs', {as: 'ops', query: {campaign: 'C-1'}, status: 200});
    await unchanged(run, 'listJobs', {as: 'ops', query: {campaign: 'C-1'}});
    await run.call('listJobs', {as: 'ops', status: 200, name: 'every parameter', query: {status: 'COMPLETED,FAILED', source: 'properties', campaign: 'C-1', owner: 'ops', priority: 'normal,high',
        mode: 'run', q: 'big', created_after: '2020-01-01T00:00:00Z', created_before: '2100-01-01T00:00:00Z', updated_after: '2020-01-01T00:00:00Z',
        updated_before: '2100-01-01T00:00:00Z', newer: '2h', is: 'manual', filter: 'status:completed big', sort: '-cost', limit: '1'}});
    for (const sort of ['created_at', 'updated_at', 'completed_at', 'priority', 'status', 'source', 'total_records', 'processed_records', 'cost', 'name'])
        await run.call('listJobs', {as: 'ops', query: {sort: `-${sort}`, reason: 'nothing', older: '1s'}, status: 200, name: `sorted by ${sort}`});
    await pages(run, 'listJobs', 'jobs', row => row.job_id);
    await run.call('jobFiles', {as: 'ops', path: {id: run.job}, query: {status: 'PENDING', limit: '2'}, status: 200});
    const files = await run.call('jobFiles', {as: 'ops', path: {id: run.job}, status: 200});
    await unchanged(run, 'jobFiles', {as: 'ops', path: {id: run.job}});
    run.files = files.json?.files ?? [];
    const raw = await run.call('jobFileRaw', {as: 'ops', path: {id: run.job, batch: 1}, status: 200});
    const part = await run.call('jobFileRaw', {as: 'ops', path: {id: run.job, batch: 1}, query: {offset: '1', length: '10'}, status: 200});
    run.is(raw.text.slice(1, 11), part.text, 'jobFileRaw: the part is of the whole');
    const log = await run.call('jobLog', {as: 'ops', path: {id: run.job}, query: {limit: '2', cursor: '1'}, status: 200});
    run.is([2, 3], log.json?.events?.map(event => event.seq), 'jobLog: goes by seq');
    await unchanged(run, 'jobLog', {as: 'ops', path: {id: run.job}, query: {limit: '2', cursor: '1'}});
}

// A list from page to page by its Link has everything once.
async function pages(run, id, member, key) {
    const whole = await run.call(id, {as: 'ada', query: {limit: '500'}, status: 200, name: 'all at once'});
    const seen = [];
    let cursor;
    for (let i = 0; i < 600; i++) {
        const page = await run.call(id, {as: 'ada', query: {limit: '2', cursor}, status: 200, quiet: true});
        seen.push(...(page.json?.[member] ?? []).map(key));
        const next = page.json?.next_cursor;
        const link = /[?&]cursor=([^&>]*)/.exec(page.headers.link ?? '')?.[1];
        if (!next)
            break;
        if (decodeURIComponent(link ?? '') !== next)
            return run.is(next, decodeURIComponent(link ?? ''), `${id}: Link is the next page`);
        cursor = next;
    }
    run.is((whole.json?.[member] ?? []).map(key), seen, `${id}: page by page it is the same`);
}

async function loading(run) {
    await run.call('makeResults', {as: 'ops', path: {id: run.job}, body: {format: 'csv'}, status: 409, name: '409 when nothing is loaded'});
    await run.call('listFiles', {as: 'ops', query: {file_status: 'PENDING', shelf: 'pending', job: run.job, status: 'COMPLETED', source: 'properties', campaign: 'C-1', filter: 'big', limit: '2'}, status: 200});
    run.is(0, (await run.call('listFiles', {as: 'ops', query: {shelf: 'failed'}, status: 200, name: 'of a shelf'})).json?.total, 'listFiles: nothing lies in failed');
    run.is(true, run.files.every(file => file.shelf === 'pending'), 'jobFiles: all lie in pending');
    run.is(run.files.length, (await run.call('listFiles', {as: 'ops', query: {shelf: 'pending', job: run.job}, status: 200, name: 'pending ones of a job'})).json?.total, 'listFiles: all lie in pending');
    await run.call('listFiles', {as: 'ops', status: 200, name: 'all'});
    await pages(run, 'listFiles', 'files', file => file.file_id);
    const first = await run.call('processFiles', {as: 'ops', body: {files: [run.files[0]?.file_id ?? `${ABSENT.id}_batch0001`]}, status: 202});
    run.targets.processRun = {run_id: first.json?.run_id ?? ABSENT.run_id};
    const came = await run.wait(async () => {
        const answer = await run.peek('processRun', 'ops', run.targets.processRun);
        return answer?.status === 'COMPLETED' ? answer : null;
    }, first.fits ? 20 : 0);
    await run.call('processRun', {as: 'ops', path: run.targets.processRun, status: 200});
    run.is([1, 1], [came?.files_count, came?.files?.COMPLETED], 'processRun: one file was loaded');
    await run.call('processFiles', {as: 'ops', body: {files: [`${ABSENT.id}_batch0001`]}, status: 404, name: '404 for a file that is not there'});
    const twice = await run.call('processFiles', {as: 'ops', body: {files: [run.files[0]?.file_id ?? `${ABSENT.id}_batch0001`]}, status: 202, name: 'one that is loaded'});
    run.is(1, twice.json?.failed?.length, 'processFiles: tells that it is loaded already');
    run.is(run.files.length - 1, (await run.call('processJob', {as: 'ops', path: {id: run.job}, status: 200})).json?.moved, 'processJob: moves what waits');
    await run.wait(async () => (await run.peek('getJob', 'ops', {id: run.job}))?.loaded_batches === run.files.length, 20);
    run.is(0, (await run.call('processJob', {as: 'ops', path: {id: run.job}, status: 200, name: 'again'})).json?.moved, 'processJob: nothing more');
    /* Pages of a shelf may be short. */
    let processed = 0;
    for (let cursor, more = true; more;) {
        const page = await run.call('listFiles', {as: 'ops', query: {shelf: 'processed', job: run.job, ...(cursor && {cursor})}, status: 200, name: 'processed ones of a job', quiet: Boolean(cursor)});
        processed += page.json?.files?.length ?? 0;
        cursor = page.json?.next_cursor;
        more = Boolean(cursor);
    }
    run.is(run.files.length, processed, 'listFiles: all lie in processed');
    await run.call('processFiles', {as: 'ops', body: {all: true}, status: 202, name: 'all'});

    const asked = await run.call('makeResults', {as: 'ops', path: {id: run.job}, body: {format: 'csv'}, status: 202});
    await settled(run, id_of(asked), ['processed', 'failed', 'hold']);
    const list = await run.wait(async () => {
        const answer = await run.peek('jobResults', 'ops', {id: run.job});
        return answer?.results?.length > 0 ? answer : null;
    }, asked.fits ? 20 : 0);
    await run.call('jobResults', {as: 'ops', path: {id: run.job}, status: 200});
    const csv = await run.call('jobDownload', {as: 'ops', path: {id: run.job}, query: {format: 'csv'}, status: 200});
    await run.call('jobDownload', {as: 'ops', path: {id: run.job}, query: {name: list?.results?.[0]?.name}, status: 200, name: 'by name'});
    await unchanged(run, 'jobDownload', {as: 'ops', path: {id: run.job}, query: {format: 'csv'}});
    const part = await run.call('jobDownload', {as: 'ops', path: {id: run.job}, query: {format: 'csv'}, headers: {Range: 'bytes=2-5'}, status: 206});
    run.is(csv.text.slice(2, 6), part.text, 'jobDownload: the part is of the whole');
    await run.call('jobDownload', {as: 'ops', path: {id: run.job}, query: {format: 'csv'}, headers: {Range: 'bytes=999999999-'}, status: 416});
    await run.call('makeResults', {as: 'ops', path: {id: run.job}, body: {format: 'pdf'}, status: 202, name: 'pages'});
    await run.call('makeResults', {as: 'ops', path: {id: run.job}, body: {}, status: 202, name: 'the standard set'});
    for (const id of ['jobReview', 'reviewDocuments', 'reviewDocument'])
        await run.call(id, {as: 'ops', path: {id: run.job, sha256: 'ab'.repeat(32)}, status: 409, name: '409 for a job of another kind'});
    const changed = await run.call('records', {as: 'viola', query: {limit: '2', source: 'properties'}, status: 200});
    run.is(2, changed.text.trim().split('\n').filter(Boolean).length, 'records: as many lines as were asked for');
    await run.call('records', {as: 'viola', query: {since: changed.headers['x-next-cursor']}, status: 200, name: 'from the cursor on'});
}

// Of a job of one document, whose record contract.t makes.
async function review(run, job) {
    const list = await run.call('reviewDocuments', {as: 'viola', path: job, status: 200});
    await unchanged(run, 'reviewDocuments', {as: 'viola', path: job});
    const document = list.json?.documents?.[0]?.sha256 ?? 'ab'.repeat(32), path = {...job, sha256: document};
    const one = await run.call('reviewDocument', {as: 'viola', path, status: 200});
    run.targets.reviewDocument = run.targets.jobDocument = path;
    run.is(['tenant', false], [list.json?.needs?.[0]?.field, list.json?.reviewed], 'reviewDocuments: what is without a quote needs review');
    await unchanged(run, 'reviewDocument', {as: 'viola', path});
    await run.call('reviewDocument', {as: 'viola', path: {...job, sha256: 'ab'.repeat(32)}, status: 404});
    const bytes = await run.call('jobDocument', {as: 'viola', path, status: 200});
    run.is(['%PDF-', 'inline'], [bytes.text.slice(0, 5), bytes.headers['content-disposition']], 'jobDocument: to be shown');
    await unchanged(run, 'jobDocument', {as: 'viola', path});
    await run.call('jobDocument', {as: 'viola', path: {...job, sha256: 'ab'.repeat(32)}, status: 404});
    const row = one.json?.rows?.rent?.rows?.[0]?.row ?? 'r0';
    const put = (body, status, more = {}) => run.call('changeReview', {as: 'ops', path: job, body, status, ...more});
    const said = await put({fields: {[document]: {deposit: {decision: 'corrected', value: '12500.50', unit: 'GBP'}}}, rows: {[document]: {rent: {[row]: {decision: 'confirmed', cells: {to: {decision: 'corrected', value: '2025-01-01'}}}, a1: {decision: 'added', values: {from: '2025-01-02', amount: 6}}}}}}, 200);
    run.is(['ops', 12500.5, 'confirmed', false], [said.json?.fields?.[document]?.deposit?.reviewer, said.json?.fields?.[document]?.deposit?.value, said.json?.rows?.[document]?.rent?.[row]?.decision, said.json?.reviewed], 'changeReview: who said what');
    await put({fields: {[document]: {deposit: null}}}, 409, {as: 'ada', name: '409 for the word of another'});
    await put({fields: {[document]: {deposit: null}}}, 412, {headers: {'If-Match': '"1"'}});
    await put({reviewed: true}, 409, {name: '409 while something is open'});
    await put({fields: {[document]: {deposit: {decision: 'corrected', value: 'much'}}}}, 422, {name: '422 for an amount that is none'});
    await put({fields: {[document]: {deposit: {decision: 'corrected'}}}}, 422, {name: '422 for a correction without a value'});
    await put({rows: {[document]: {rent: {[row]: {cells: {to: {decision: 'corrected', value: '2025-02-30'}}}}}}}, 422, {name: '422 for a day that is none'});
    run.is(true, (await put({fields: {[document]: {tenant: {decision: 'confirmed'}, deposit: null}}}, 200, {name: 'the rest'})).json?.reviewed, 'changeReview: reviewed when nothing is open');
    await run.call('jobReview', {as: 'viola', path: job, status: 200});
    await unchanged(run, 'jobReview', {as: 'viola', path: job});
    await run.call('reviewDocument', {as: 'viola', path, status: 200, name: 'with a review'});
}

async function sources(run) {
    await run.call('listSources', {as: 'viola', status: 200});
    await run.call('getSource', {as: 'viola', path: {name: 'properties'}, status: 200});
    await unchanged(run, 'getSource', {as: 'viola', path: {name: 'properties'}});
    await run.call('suggest', {as: 'ops', path: {name: 'properties'}, query: {field: 'County', q: 'was'}, status: 200});
    await settled(run, id_of(await run.call('rateSource', {as: 'ops', path: {name: 'properties'}, body: {rates: [{limit: 600, interval: 'PT1M'}], concurrency: 2, reason: 'a try'}, status: 202})), ['processed']);
    await settled(run, id_of(await run.call('rateSource', {as: 'ops', path: {name: 'properties'}, body: {default: true}, status: 202, name: 'back to the definition'})), ['processed']);
    const preview = await run.call('previewJob', {as: 'ops', body: job_file(1200, {max_cost: '1.00'}), status: 200});
    run.is('max_cost', preview.json?.guards?.[0]?.reason, 'previewJob: tells the guard');
    await run.call('previewJob', {as: 'ops', body: {...job_file(5), source: 'broken'}, status: 409});
    await settled(run, id_of(await run.call('pauseSource', {as: 'ops', path: {name: 'properties'}, body: {until: '2100-01-01T00:00:00Z', reason: 'invoice under dispute'}, status: 202})), ['processed']);
    await settled(run, id_of(await run.call('resumeSource', {as: 'ops', path: {name: 'properties'}, status: 202})), ['processed']);
}

// While the source is paused what is submitted waits.
async function control(run, spool) {
    const pause = `${spool}/paused/source.properties`;
    writeFileSync(pause, '');
    await run.wait(async () => (await run.peek('queueStatus', 'ada'))?.sources?.find(source => source.source === 'properties')?.paused);
    const id = await submit(run, job_file(21, {name: 'Waits', on_duplicate: 'run'}), {name: 'one that waits'});
    await settled(run, id, ['pending']);
    const path = {id};
    run.is('high', (await run.call('priorityJob', {as: 'ops', path, body: {priority: 'high'}, status: 200})).json?.priority, 'priorityJob: it is high');
    run.is('HELD', (await run.call('holdJob', {as: 'ops', path, status: 200})).json?.status, 'holdJob: it is held');
    await run.call('holdJob', {as: 'ops', path, status: 409});
    await run.call('releaseJob', {as: 'ops', path, body: {decision: 'accept_charge', batch: 1}, status: 409});
    run.is('PENDING', (await run.call('releaseJob', {as: 'ops', path, status: 200})).json?.status, 'releaseJob: it waits');
    run.is('CANCELLED', (await run.call('cancelJob', {as: 'ops', path, status: 200})).json?.status, 'cancelJob: it is cancelled');
    await run.call('cancelJob', {as: 'ops', path, status: 409});
    run.is('PENDING', (await run.call('retryJob', {as: 'ops', path, status: 200})).json?.status, 'retryJob: it waits');
    if ((await run.call('batchCancel', {as: 'ops', path, status: 200})).fits)
        await run.call('retryJob', {as: 'ops', path, status: 200, name: 'once more'});
    for (const act of ['retryJob', 'priorityJob'])
        await run.call(act, {as: 'ops', path: {id: run.job}, body: act === 'priorityJob' ? {priority: 'low'} : undefined, status: 409, name: '409 for a job that is over'});
    run.waiting = id;

    const many = [];
    for (let i = 0; i < 3; i++)
        many.push(await submit(run, job_file(30 + i, {name: `Many ${i}`, campaign_id: 'C-many', on_duplicate: 'run'}), {name: `bulk ${i}`}));
    for (const one of many)
        await settled(run, one, ['pending']);
    const filter = 'campaign:C-many';
    const count = await run.call('bulkCount', {as: 'ops', query: {filter}, status: 200});
    run.is(3, count.json?.count, 'bulkCount: three');
    run.is(0, (await run.call('bulkCount', {as: 'rival', query: {filter}, status: 200, name: "of another's"})).json?.count, "bulkCount: none of another's");
    await run.call('bulk', {as: 'ops', body: {act: 'cancel', filter, count: 4}, status: 409});
    await run.call('bulk', {as: 'ops', body: {act: 'priority', filter, count: 3, priority: 'low'}, status: 200, name: 'priority'});
    const result = await run.call('bulk', {as: 'ops', body: {act: 'cancel', filter, count: 3}, status: 200});
    run.is([3, 3, []], [result.json?.matched, result.json?.done, result.json?.failed], 'bulk: all three');
    rmSync(pause);
}

async function failures(run) {
    for (let i = 0; i < 2; i++)
        await settled(run, await submit(run, job_file(400 + i, {max_cost: '0.01', campaign_id: 'C-dear'}), {name: 'one that is too dear'}), ['hold']);
    const list = await run.wait(async () => {
        const answer = await run.peek('errors', 'ops');
        return answer?.groups?.some(group => group.reason === 'max_cost' && group.jobs === 2) ? answer : null;
    }, run.served.has('errors') ? 20 : 0);
    await run.call('errors', {as: 'ops', status: 200});
    const group = list?.groups?.find(one => one.reason === 'max_cost') ?? {key: '0'.repeat(12), jobs: 2, files: 0};
    await run.call('errorsAct', {as: 'ops', body: {key: 'f'.repeat(12), act: 'cancel', count: 1}, status: 404});
    await run.call('errorsAct', {as: 'ops', body: {key: group.key, act: 'cancel', count: group.jobs + group.files + 1}, status: 409});
    await run.call('errorsAct', {as: 'ops', body: {key: group.key, act: 'cancel', count: group.jobs + group.files}, status: 200});
}

async function schedules(run, spool) {
    const file = {cron: '0 6 * * 1-5', timezone: 'America/New_York', missed: 'once', job: job_file(10, {name: 'nightly'})};
    const path = {name: 'nightly'};
    const made = await run.call('createSchedule', {as: 'ops', body: {schedule: 'nightly', ...file}, status: 201});
    if (made.fits)
        run.is('/api/schedules/nightly', made.headers.location, 'createSchedule: Location is the schedule');
    await run.call('createSchedule', {as: 'ops', body: {schedule: 'nightly', ...file}, status: 409});
    await run.call('listSchedules', {as: 'ops', status: 200});
    const got = await run.call('getSchedule', {as: 'ops', path, status: 200});
    await run.call('putSchedule', {as: 'ops', path, body: file, headers: {'If-Match': STRANGE}, status: 412});
    await run.call('putSchedule', {as: 'ops', path, body: {...file, cron: '0 7 * * 1-5'}, headers: got.headers.etag ? {'If-Match': got.headers.etag} : {}, status: 200});
    run.is('off', (await run.call('pauseSchedule', {as: 'ops', path, status: 200})).json?.state, 'pauseSchedule: it is off');
    run.is('on', (await run.call('resumeSchedule', {as: 'ops', path, status: 200})).json?.state, 'resumeSchedule: it is on');
    await run.call('runSchedule', {as: 'ops', path, status: 201});
    await run.call('deleteSchedule', {as: 'ops', path, headers: {'If-Match': STRANGE}, status: 412});
    writeFileSync(`${spool}/schedules/crooked.json`, '{"cron":"0 6 * * *","job":{"source":"no-such-source"}}', {mode: 0o660});
    await run.call('runSchedule', {as: 'ada', path: {name: 'crooked'}, status: 409});
    await run.call('deleteSchedule', {as: 'ada', path: {name: 'crooked'}, status: 204});
    for (const id of ['getSchedule', 'putSchedule', 'deleteSchedule', 'pauseSchedule', 'resumeSchedule', 'runSchedule'])
        run.targets[id] = path;
}

async function searches(run) {
    const search = {name: 'reno', source: 'properties', shared: false, job: {source: 'properties', criteria: [{name: 'State', value: ['NV']}]}};
    const path = {name: 'reno'};
    await run.call('createSearch', {as: 'ops', body: search, status: 201});
    await run.call('createSearch', {as: 'ops', body: search, status: 409});
    await run.call('createSearch', {as: 'ops', body: {...search, name: 'sparks'}, status: 201, name: 'another one'});
    await run.call('listSearches', {as: 'ops', query: {source: 'properties'}, status: 200});
    await run.call('getSearch', {as: 'ops', path, status: 200});
    await unchanged(run, 'getSearch', {as: 'ops', path});
    await run.call('getSearch', {as: 'rival', path, status: 404, name: "404 for another's"});
    await run.call('putSearch', {as: 'ops', path, body: {...search, shared: true}, headers: {'If-Match': STRANGE}, status: 412});
    await run.call('putSearch', {as: 'ops', path, body: {...search, shared: true}, status: 200});
    await run.call('putSearch', {as: 'ops', path, body: {...search, name: 'sparks'}, status: 409});
    await run.call('getSearch', {as: 'rival', path, status: 200, name: "another's that is shared"});
    await run.call('putSearch', {as: 'rival', path, body: search, status: 403, name: "403 for another's that is shared"});
    await run.call('deleteSearch', {as: 'ops', path, headers: {'If-Match': STRANGE}, status: 412});
    await run.call('deleteSearch', {as: 'ops', path: {name: 'sparks'}, status: 204});
    for (const id of ['getSearch', 'putSearch', 'deleteSearch'])
        run.targets[id] = path;
}

async function figures(run) {
    await run.call('queueStatus', {as: 'viola', status: 200});
    await run.call('analytics', {as: 'ada', query: {window: '2h', source: 'properties', owner: 'ops'}, status: 200});
    await run.call('analytics', {as: 'viola', status: 200, name: 'of a day'});
    const anybody = await run.call('health', {status: 200});
    run.is(['status'], Object.keys(anybody.json ?? {}), 'health: nobody hears more than the status');
    await run.call('health', {as: 'viola', status: 200, name: 'details'});
    const stranger = await run.call('health', {as: {bearer: 'nonsense'}, status: 200, name: 'with a token that is none'});
    run.is(['status'], Object.keys(stranger.json ?? {}), 'health: hears no more');
    const metrics = await run.call('metrics', {as: 'viola', status: 200});
    run.is(false, /[0-9]{8}T[0-9]{6}Z-[0-9a-f]{12}/.test(metrics.text), "metrics: no job's id");
    for (const by of ['source', 'campaign', 'owner', 'day', 'job'])
        await run.call('money', {as: 'ops', query: {by, since: 'P7D'}, status: 200, name: `by ${by}`});
    await run.call('money', {as: 'ada', query: {source: 'properties', campaign: 'C-1', until: '2100-01-01'}, status: 200, name: 'of one source'});
    await run.call('audit', {as: 'ada', query: {limit: '5', source: 'properties', since: 'P1D'}, status: 200});
    await run.call('audit', {as: 'ada', query: {job: run.job, event: 'accepted,cancelled', by: 'ops', all: 'true'}, status: 200, name: 'of one job'});
    await pages(run, 'audit', 'events', event => JSON.stringify(event));
    const cleanup = await run.call('cleanup', {as: 'ada', query: {dry_run: 'true'}, status: 202});
    await settled(run, id_of(cleanup), ['processed', 'failed', 'hold']);
}

// A stream: what comes is as x-events says, and with the last id it goes on where it was.
async function events(run) {
    const stream = run.call('events', {as: 'ops', until: 'event: job', status: 200, timeout_ms: 20000});
    await submit(run, job_file(5, {on_duplicate: 'run'}), {name: 'one for the stream'});
    const heard = (await stream).text;
    const list = heard.split('\n\n').filter(one => /^event: /m.test(one) && /^data: .*$/m.test(one)).map(one => ({
        id: /^id: (.*)$/m.exec(one)?.[1], event: /^event: (.*)$/m.exec(one)[1], data: JSON.parse(/^data: (.*)$/m.exec(one)[1])}));
    for (const one of list) {
        const schema = run.description.events[one.event];
        const wrong = schema ? run.description.complaints(schema, one.data) : ['is not described'];
        run.result(wrong.length === 0, `events: ${one.event} is as described`, wrong);
    }
    const last = list.at(-1)?.id;
    await submit(run, job_file(6, {on_duplicate: 'run'}), {name: 'one for the stream that comes back'});
    const back = await run.call('events', {as: 'ops', headers: {'Last-Event-ID': last ?? '1-1'}, until: '\nevent: ', status: 200, name: 'with Last-Event-ID'});
    run.is(false, back.text.includes('event: resync'), 'events: nothing was lost, so no resync');
    const lost = await run.call('events', {as: 'ops', query: {last_event_id: '1-1'}, until: '\nevent: ', status: 200, name: 'with an id of another time'});
    run.is(true, lost.text.includes('event: resync'), 'events: resync');
    // As many listeners as the server takes, and some more.
    const head = `GET /api/events HTTP/1.1\r\nHost: ${run.client.base.host}\r\nAuthorization: ${run.credentials('ops').Authorization}\r\n\r\n`;
    const crowd = await Promise.all(Array.from({length: LISTENERS}, () => listener(run.client.base, head)));
    // Of those before it may not have been seen yet that they have gone.
    run.result(crowd.filter(one => one !== null).length > LISTENERS - 10, `events: ${LISTENERS} listeners at once`);
    for (let more = 0, one = crowd.at(-1); one !== null && more < 20; more++)
        crowd.push(one = await listener(run.client.base, head)); /* in the places of those that are seen to have gone */
    await run.call('events', {as: 'ops', until: '\n\n', status: 503, name: '503 for one more'});
    crowd.forEach(one => one?.destroy());
    run.result(await run.wait(async () => (await run.call('events', {as: 'ops', until: '\n\n', quiet: true})).status === 200, 40), 'events: listeners again, when those have gone');
}

// A socket on which a stream has begun; null: none.
function listener(base, head) {
    return new Promise(resolve => {
        const socket = net.connect(Number(base.port), base.hostname, () => socket.write(head));
        socket.once('data', bytes => resolve(bytes.toString('latin1').startsWith('HTTP/1.1 200') ? socket : null));
        socket.on('error', () => resolve(null));
        socket.on('close', () => resolve(null));
    });
}

async function uploads(run) {
    const pdf = Buffer.from('%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n2 0 obj\n<< /Type /Pages /Kids [3 0 R] /Count 1 >>\nendobj\n' +
        '3 0 obj\n<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] >>\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n');
    run.pdf = pdf;
    await run.call('uploadDocument', {as: 'ops', query: {name: 'lease.pdf'}, body: pdf, type: 'application/pdf', status: 201});
    await run.call('uploadDocument', {as: 'ops', query: {name: 'lease.pdf'}, body: pdf, type: 'application/pdf', status: 200});
    await run.call('uploadDocument', {as: 'ops', query: {name: 'lease.pdf'}, body: Buffer.from('no pdf at all'), type: 'application/pdf', status: 415});
    await run.call('uploadDocument', {as: 'ops', body: '', type: 'application/pdf', status: 422, name: '422 for an empty one'});
    await run.call('uploadDocument', {as: 'ops', query: {name: ''}, body: pdf, type: 'application/pdf', status: 400, name: '400 for an empty name'});
    await run.call('uploadCriteria', {as: 'ops', query: {name: 'absentee.json'}, body: job_file(3), status: 201});
    const urls = await run.call('uploadUrls', {as: 'ops', query: {name: 'urls.txt'}, body: 'example.com\nhttps://example.org/\nexample.com/\nnot a url\n', type: 'text/plain', status: 201});
    run.is([2, 1, 4], [urls.json?.total, urls.json?.duplicates, urls.json?.rejected?.[0]?.line], 'uploadUrls: cleaned, with the line of what is wrong');
    await run.call('uploadUrls', {as: 'ops', body: 'url,label\nexample.com,home\n', type: 'text/csv', status: 201, name: 'as CSV'});
    await run.call('uploadUrls', {as: 'ops', body: 'not a url\n', type: 'text/plain', status: 422});
    const found = await run.call('readSitemap', {as: 'ops', body: {url: `${run.site}/sitemap.xml`, any_host: true, labels: true}, status: 200});
    run.is([2, '2026-11-28'], [found.json?.total, found.json?.urls?.[1]?.labels?.lastmod], 'readSitemap: what is in it, with labels');
    await run.call('readSitemap', {as: 'ops', body: {url: `${run.site}/missing.xml`}, status: 422, name: '422 for one that is not there'});
    await run.call('readSitemap', {as: 'ops', body: {url: `${run.site}/broken.xml`}, status: 502});
}

async function families(run) {
    const start = await run.call('batchStart', {as: 'ops', body: {urls: ['https://example.com'], strategies: ['mobile'], concurrency: 5, timeout_s: 120}, headers: {'Idempotency-Key': 'urls'}, status: 201});
    await run.call('batchStart', {as: 'ops', body: {urls: ['https://example.com'], concurrency: 21}, status: 422, name: '422 for a concurrency of 21'});
    const other = await run.call('batchStart', {as: 'ops', body: {urls: [{url: 'dead-dns.example', labels: {client: 'A'}}, 'example.com'], strategy: 'desktop', batch_size: 2, timeout: 60, engine: 'service'}, status: 201, name: 'with the other names of its members'});
    const wrong = await run.call('batchStart', {as: 'ops', body: {urls: ['https://example.com', 'nonsense', 'ftp://example.com']}, status: 422, name: '422 for wrong URLs'});
    run.is(['/urls/1', '/urls/2'], wrong.json?.errors?.map((e) => e.pointer), 'batchStart: each wrong URL is told by its index');
    const whole = await run.call('batchStart', {as: 'ops', body: {sitemap: {url: `${run.site}/sitemap.xml`, any_host: true}}, status: 201, name: 'of a sitemap'});
    run.is({duplicates: 0, other_hosts: 0, sitemaps: 1}, whole.json?.sitemap, 'batchStart: what was left out of a sitemap is told');
    await run.call('batchStart', {as: 'ops', body: {sitemap: `${run.site}/broken.xml`}, status: 502});
    const path = {id: start.fits ? start.json.job_id : run.job};
    await settled(run, path.id, ['processed', 'failed', 'hold']);
    await run.call('batchProgress', {as: 'ops', path, status: 200});
    await unchanged(run, 'batchProgress', {as: 'ops', path});
    if (other.fits) {
        const of = {id: other.json.processing_run_id};
        await settled(run, of.id, ['processed', 'failed', 'hold']);
        const failed = await run.call('batchProgress', {as: 'ops', path: of, query: {url_status: 'failed', limit: '1'}, status: 200, name: 'the URLs that failed'});
        const again = await run.call('retryFailed', {as: 'ops', path: of, headers: {'Idempotency-Key': 'again'}, status: 201});
        await settled(run, id_of(again), ['failed']);
        await run.call('retryFailed', {as: 'ops', path: {id: id_of(again)}, status: 409});
        await run.call('retryFailed', {as: 'ops', path: of, headers: {'Idempotency-Key': 'x'.repeat(300)}, status: 400});
        run.is([1, 'DNS_FAILURE'], [failed.json?.url_counts?.failed, failed.json?.urls?.[0]?.error_class], 'batchProgress: a dead URL is told');
        const results = await run.call('batchResults', {as: 'ops', path: of, query: {limit: '1', cursor: '1'}, status: 200, name: 'the second row'});
        run.is(['ok', 2], [results.json?.results?.[0]?.status, results.json?.results?.[0]?.batch_number], 'batchResults: a row has its record');
    }
    await run.call('batchProgress', {as: 'ops', path, query: {url_status: 'dead'}, status: 400, name: '400 for an unknown status'});
    await run.call('batchJobs', {as: 'ops', query: {limit: '2', sort: '-created_at', filter: 'status:pending,processing,completed,failed,held'}, status: 200});
    await unchanged(run, 'batchJobs', {as: 'ops', query: {limit: '2', sort: '-created_at', filter: 'status:pending,processing,completed,failed,held'}});
    await run.call('batchResults', {as: 'ops', path, status: 200});
    await unchanged(run, 'batchResults', {as: 'ops', path});
    await run.call('batchQueueStatus', {as: 'viola', status: 200});
    await run.call('batchHealth', {status: 200});
    await settled(run, id_of(await run.call('batchCleanup', {as: 'ada', query: {dry_run: 'true'}, status: 202})), ['processed', 'failed', 'hold']);
    await run.call('batchCancel', {as: 'ops', path: {id: run.job}, status: 409});

    const lease = await run.call('leaseUpload', {as: 'ops', query: {name: 'lease.pdf'}, body: run.pdf, type: 'application/pdf', status: 201});
    await run.call('leaseUpload', {as: 'ops', body: '', type: 'application/pdf', status: 422, name: '422 for an empty one'});
    const of = {id: lease.fits ? lease.json.job_id : run.job};
    await settled(run, of.id, ['processed', 'failed', 'hold']);
    await run.call('leaseStatus', {as: 'ops', path: of, status: 200});
    await unchanged(run, 'leaseStatus', {as: 'ops', path: of});
    await run.call('leaseResults', {as: 'ops', path: of, status: 200});
    await review(run, of);
    await run.call('leaseDownload', {as: 'ops', path: {id: run.job}, query: {format: 'csv'}, status: 200});
    await unchanged(run, 'leaseDownload', {as: 'ops', path: {id: run.job}, query: {format: 'csv'}});
    await run.call('leaseDownload', {as: 'ops', path: {id: run.job}, query: {format: 'csv'}, headers: {Range: 'bytes=0-1'}, status: 206});
    await run.call('leaseDownload', {as: 'ops', path: {id: run.job}, query: {format: 'csv'}, headers: {Range: 'bytes=999999999-'}, status: 416});
    await run.call('leaseProcessorStatus', {as: 'viola', status: 200});
    await run.call('leaseProcessor', {as: 'ops', status: 202});
    await run.call('cronStatus', {as: 'viola', status: 200});
    await run.call('cronLeaseJobs', {as: 'ops', status: 202});
    await run.call('testEmail', {as: 'ada', body: {email: 'ops@example.com'}, status: 202});
}

export async function scenario(run, spool) {
    run.targets = {};
    run.files = [];
    run.job = ABSENT.id;
    for (const part of [auth, jobs, loading, sources, control, failures, schedules, searches, figures, events, uploads, families]) {
        console.log(`# --- ${part.name}`);
        await part(run, spool).catch(error => run.result(false, `${part.name} runs to its end`, error.stack));
    }
}
