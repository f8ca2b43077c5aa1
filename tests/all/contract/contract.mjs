// SPDX-License-Identifier: Apache-2.0
// node contract.mjs PART key=value...: a part of the contract test, which contract.t runs one after the other:
//   all        every operation, and every error that can be had from a server as it is meant to run
//   limits     429, from one that was started with low rates
//   full       507, from one whose every write fails
//   stopped    202, while the daemon is there and does nothing
//   daemonless 503, while no daemon runs
//   routes     whether the server's table and the description are the same
//   covered    whether every documented answer of every operation was seen
// What was seen is kept between the parts in the file `state`.
import {errors} from './errors.mjs';
import {Run} from './run.mjs';
import {scenario} from './scenario.mjs';

const [part, ...settings] = process.argv.slice(2);
const options = Object.fromEntries(settings.map(one => [one.slice(0, one.indexOf('=')), one.slice(one.indexOf('=') + 1)]));
const run = new Run(options);
run.site = options.site;

async function all() {
    await scenario(run, options.spool);
    console.log('# --- errors');
    await errors(run);
    // Last, because it ends the session.
    await run.call('logout', {as: 'rival', status: 204});
}

// The description's operations that may answer `status`, each asked again and again until it does.
async function limits() {
    // Secrets of the environment are good for their one path.
    for (const [bearer, paths] of [[options.cron, ['cronStatus', 'cronLeaseJobs']], [options.processor, ['leaseProcessorStatus', 'leaseProcessor']]])
        for (const id of ['cronStatus', 'cronLeaseJobs', 'leaseProcessorStatus', 'leaseProcessor', 'listJobs', 'cleanup', 'me']) {
            const {method} = run.by_id[id], good = method === 'GET' ? 200 : 202;
            const answer = await run.call(id, {as: {bearer}, quiet: true});
            run.result(paths.includes(id) ? answer.status === good : [401, 403].includes(answer.status), `${id}: ${paths.includes(id) ? 'for' : 'not for'} the environment's secret`, answer.status);
        }
    const every = run.description.operations;
    const documented = every.filter(one => one.responses[429]);
    await run.sign_in('ada');
    for (const operation of documented) {
        const media = Object.keys(operation.body?.content ?? {})[0];
        const example = operation.body?.content?.[media]?.example;
        // Nothing that would change something: a body that is refused counts as well.
        const body = operation.id === 'login' ? {username: 'rival', password: 'wrong wrong wrong'} : media === 'application/json' ? {...example, no_such_member: 1} : 'x';
        let answer;
        for (let i = 0; i < 400; i++) {
            answer = await run.call(operation.id, {as: operation.role === 'public' ? null : 'ada', body, type: media, quiet: true});
            if (answer.status === 429 || answer.status === 0)
                break;
        }
        run.is(429, answer.status, `${operation.id}: 429 in the end`);
        run.result(Number(answer.headers['retry-after']) >= 1, `${operation.id}: and Retry-After`, answer.headers['retry-after']);
    }
    let answer;
    for (let i = 0; i < 2000 && answer?.status !== 429; i++)
        answer = await run.call('me', {as: 'ada', quiet: true});
    if (run.is(429, answer.status, 'any operation: 429 in the end'))
        run.covered.add('every path 429');
}

async function daemonless() {
    await run.sign_in('ada');
    await run.call('health', {status: 503});
    await run.call('batchHealth', {status: 503});
    const preview = await run.call('previewJob', {as: 'ada', body: {source: 'properties', criteria: [{name: 'Count', value: [3]}]}, status: 503});
    if (preview.fits)
        run.covered.add('every path 503');
    await run.call('records', {as: 'ada', status: 503});
    await run.call('testEmail', {as: 'ada', body: {email: 'ops@example.com'}, status: 503});
    // What needs no daemon goes on.
    await run.call('listJobs', {as: 'ada', status: 200});
    await run.call('createJob', {as: 'ada', body: {source: 'properties', criteria: [{name: 'Count', value: [4]}], on_duplicate: 'run'}, status: 201});
}

// The daemon is there and does nothing: it was sent SIGSTOP.
async function stopped() {
    await run.sign_in('ada');
    const asked = await Promise.all([
        run.call('previewJob', {as: 'ada', body: {source: 'properties', criteria: [{name: 'Count', value: [1300]}]}, status: 202, timeout_ms: 40000}),
        run.call('records', {as: 'ada', status: 202, timeout_ms: 40000}),
    ]);
    const shelf = async name => (await run.call('listFiles', {as: 'ada', query: {shelf: name, limit: '500'}, status: 200, name: `shelf ${name}`})).json;
    const [pending, ready] = [await shelf('pending'), await shelf('ready')];
    const file = pending?.files?.[0]?.file_id;
    await run.call('processFiles', {as: 'ada', body: {files: [file]}, status: 202});
    const [pending_then, ready_then] = [await shelf('pending'), await shelf('ready')];
    run.is([pending?.total - 1, ready?.total + 1], [pending_then?.total, ready_then?.total], 'listFiles: a payload on its way goes from pending to ready');
    run.is([false, true], [pending_then, ready_then].map(one => one?.files?.some(row => row.file_id === file)), 'listFiles: it is listed there');
    for (const answer of asked)
        run.is(`/api/batch-jobs/${answer.json?.job_id}`, answer.headers.location, 'the job that will answer is told');
}

// The disk is full. Signing in would write, so the token comes from before.
async function full() {
    run.tokens.ada = {access_token: options.token};
    const answer = await run.call('createJob', {as: 'ada', body: {source: 'properties', criteria: [{name: 'Count', value: [6]}], on_duplicate: 'run'}, status: 507});
    if (answer.fits)
        run.covered.add('every path 507');
    await run.call('listJobs', {as: 'ada', status: 200});
}

function routes() {
    const described = new Map(run.description.operations.map(one => [`${one.method} ${one.path}`, one]));
    const served = new Map(run.routes.map(one => [`${one.method} ${one.path}`, one]));
    for (const [route, operation] of described) {
        const row = served.get(route);
        if (run.result(row !== undefined, `${operation.id}: the server has ${route}`))
            run.is([operation.id, operation.role], [row.id, row.role], `${operation.id}: name and least role are the same`);
    }
    for (const route of served.keys())
        run.result(described.has(route), `the description has ${route}`);
}

function covered() {
    for (const operation of run.description.operations)
        for (const [status, response] of Object.entries(operation.responses)) {
            if (response['x-not-yet']) {
                console.log(`# ${operation.id}: ${status} not yet: ${response['x-not-yet']}`);
                continue;
            }
            run.result(run.covered.has(`${operation.id} ${status}`), `${operation.id}: ${status} was seen, and as described`);
        }
    for (const status of Object.keys(run.description.every_path))
        run.result(run.covered.has(`every path ${status}`), `every path: ${status} was seen, and as described`);
}

await {all, limits, full, stopped, daemonless, routes, covered}[part]();
run.save();
