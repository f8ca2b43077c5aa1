// SPDX-License-Identifier: Apache-2.0
// The errors that follow from the description alone, for each operation that names them: not signed in, not allowed, nothing there, parameters and bodies that are not right.
import {ABSENT} from './scenario.mjs';

const JOB = {source: 'properties', criteria: [{name: 'Count', value: [9]}]};
const BELOW = {operator: 'viola', admin: 'ops'};

// A value that the schema of a parameter does not take; undefined when it takes every text.
function wrong_value(schema) {
    const one = schema.type === 'array' ? schema.items : schema;
    if (one.enum)
        return 'nonsense';
    if (one.type === 'integer')
        return one.minimum > 0 ? '0' : '-1';
    if (one.type === 'boolean')
        return 'perhaps';
    if (one.format === 'date-time')
        return 'yesterday';
    if (one.pattern)
        return '!!';
    return undefined;
}

function example_body(operation) {
    const media = operation.body?.content?.['application/json'];
    return media?.example;
}

export async function errors(run) {
    const {operations} = run.description;
    const right_bodies = {createJob: JOB, previewJob: JOB, uploadCriteria: JOB, bulk: {act: 'cancel', filter: 'campaign:no-such-one', count: 0},
        createSchedule: {schedule: 'wrong', cron: '0 6 * * *', job: JOB}, putSchedule: {cron: '0 6 * * *', job: JOB}};
    const path_of = operation => {
        const path = run.targets[operation.id] ?? {};
        return {id: run.job, name: 'properties', batch: 1, ...path};
    };
    const absent = operation => Object.fromEntries(operation.parameters.filter(one => one.in === 'path').map(one => [one.name, ABSENT[one.name]]));
    for (const operation of operations.filter(one => run.served.has(one.id))) {
        const {id} = operation, has = status => operation.responses[status] !== undefined;
        const first_type = Object.keys(operation.body?.content ?? {})[0];
        const required = operation.parameters.filter(one => one.in === 'query' && one.required);
        const query = Object.fromEntries(required.map(one => [one.name, String(one.example)]));
        const body = operation.method === 'GET' ? undefined : first_type === 'application/json' ? right_bodies[id] ?? example_body(operation) : first_type ? 'x' : undefined;
        const right = {path: path_of(operation), query, body, type: body === undefined ? undefined : first_type, until: id === 'events' ? '\n\n' : undefined, timeout_ms: 20000};
        const admin = 'ada';
        if (has(401) && operation.role !== 'public')
            await run.call(id, {...right, as: null, status: 401});
        if (has(403)) {
            if (BELOW[operation.role])
                await run.call(id, {...right, as: BELOW[operation.role], status: 403, name: `403 for a role below ${operation.role}`});
            for (const role of operation.not)
                await run.call(id, {...right, as: role === 'operator' ? 'ops' : role, status: 403, name: `403 for ${role}`});
            if (operation.method !== 'GET' && operation.role !== 'public')
                await run.call(id, {...right, as: {cookie: 'ada', csrf: false}, status: 403, name: '403 without the CSRF token'});
        }
        if (has(404) && operation.parameters.some(one => one.in === 'path'))
            await run.call(id, {...right, path: absent(operation), as: admin, status: 404});
        if (has(400)) {
            for (const parameter of operation.parameters.filter(one => one.in === 'query')) {
                const value = parameter.name === 'filter' ? 'no-such-key:x' : wrong_value(parameter.schema);
                if (value === undefined)
                    continue;
                const answer = await run.call(id, {...right, query: {...query, [parameter.name]: value}, as: admin, status: 400, name: `400 for ${parameter.name}=${value}`});
                if (parameter.name === 'limit' && answer.text)
                    run.is('limit', JSON.parse(answer.text).errors?.[0]?.parameter, `${id}: the parameter is named`);
            }
            for (const parameter of required)
                await run.call(id, {...right, query: {...query, [parameter.name]: undefined}, as: admin, status: 400, name: `400 without ${parameter.name}`});
            if (first_type === 'application/json' && operation.tag !== 'uploads')
                for (const [text, name] of [['{"a":', 'half of it'], ['{"a":1,"a":2}', 'a member twice'], ['{"a":"\xff"}', 'bad UTF-8']])
                    await run.call(id, {...right, body: Buffer.from(text, 'latin1'), as: admin, status: 400, name: `400 for a body that is no JSON: ${name}`});
            else if (first_type && !operation.parameters.some(one => one.in === 'query' && wrong_value(one.schema)))
                await run.call(id, {...right, query: {...query, name: ''}, as: admin, status: 400, name: '400 for an empty name'});
        }
        if (has(413))
            await run.call(id, {...right, body: undefined, type: undefined, headers: first_type ? {'Content-Type': first_type} : {}, promise: operation.body_limit + 1, as: admin, status: 413});
        if (has(415))
            await run.call(id, {...right, body: 'x=1', type: 'application/x-www-form-urlencoded', as: admin, status: 415});
        if (has(422) && first_type === 'application/json') {
            const answer = await run.call(id, {...right, body: {...body, no_such_member_as_this: 1}, as: admin, status: 422});
            if (answer.fits)
                run.is('/no_such_member_as_this', answer.json.errors?.[0]?.pointer, `${id}: 422 has the Pointer`);
        }
    }
    await tokens(run);
    await every_path(run);
}

// Tokens that are nearly right, and pages of other sites.
async function tokens(run) {
    const [head, body, signature] = run.tokens.viola.access_token.split('.');
    const encode = value => Buffer.from(JSON.stringify(value)).toString('base64url');
    const claims = JSON.parse(Buffer.from(body, 'base64url'));
    for (const [name, bearer] of Object.entries({
        'of no algorithm': `${encode({alg: 'none', typ: 'JWT'})}.${body}.`,
        'of another algorithm': `${encode({alg: 'HS512', typ: 'JWT'})}.${body}.${signature}`,
        'of another role': `${head}.${encode({...claims, role: 'admin'})}.${signature}`,
        'that never ends': `${head}.${encode({...claims, exp: claims.exp + 1e6})}.${signature}`,
        'without a signature': `${head}.${body}.`,
        'with half a signature': `${head}.${body}.${signature.slice(0, 20)}`,
        'that is a key of nobody': `bsk_${'A'.repeat(40)}`,
        'that is very long': 'A'.repeat(4000),
    }))
        await run.call('me', {as: {bearer}, status: 401, name: `401 for a token ${name}`});
    for (const id of ['login', 'refresh'])
        for (const headers of [{Origin: 'http://evil.example'}, {Origin: 'null'}, {'Sec-Fetch-Site': 'cross-site'}])
            await run.call(id, {body: id === 'login' ? {username: 'viola', password: run.password} : {refresh_token: 'x'}, headers, status: 403, name: `403 for ${JSON.stringify(headers)}`});
    for (const headers of [{Cookie: 'bs_access=x; bs_access=y'}, {Cookie: 'bs_access='}, {Authorization: 'Basic dmlvbGE6eA=='}, {'X-API-Key': 'x y'}])
        await run.call('me', {headers, status: 401, name: `401 for ${JSON.stringify(headers)}`});
    // A key that may read may not change anything, and one for metrics sees nothing else.
    const key = async scopes => (await run.call('createKey', {as: 'ops', body: {name: scopes.join(), scopes}, status: 201, name: `of ${scopes}`})).json?.key;
    const [read, metrics] = [await key(['read']), await key(['metrics'])];
    for (const operation of run.description.operations.filter(one => run.served.has(one.id) && one.role !== 'public' && one.id !== 'events')) {
        const send = as => run.client.send({method: operation.method, path: run.url(operation, {...ABSENT, ...run.targets[operation.id]}), headers: {...run.credentials(as), 'Content-Type': 'application/x-nothing'}});
        const about = /^(me|logout|changePassword|listKeys|createKey|deleteKey)$/.test(operation.id);
        if (operation.id === 'makeResults' || operation.id === 'suggest' || operation.tag === 'leases')
            continue; // scopes of their own: who may read may have an export made; suggestions drop a job; cron is for the paths of the processor
        if (operation.method !== 'GET' || operation.role === 'admin')
            run.is(403, (await send({key: read})).status, `${operation.id}: 403 for a key that may read`);
        else if (operation.id !== 'metrics' && !operation.not.includes('operator') && !about)
            run.result(![401, 403].includes((await send({key: read})).status), `${operation.id}: for a key that may read`);
        const status = (await send({key: metrics})).status;
        if (!about)
            run.result(operation.id === 'metrics' ? status === 200 : status === 403, `${operation.id}: ${operation.id === 'metrics' ? 'for' : '403 for'} a key of metrics`, status);
    }
}

// What every path answers, whatever its operations.
async function every_path(run) {
    const paths = new Map();
    for (const operation of run.description.operations.filter(one => run.served.has(one.id)))
        paths.set(operation.path, [...(paths.get(operation.path) ?? []), operation.method]);
    const {client, description} = run;
    const one = async (name, status, request) => {
        let answer;
        try {
            answer = await client.send(request);
        } catch (error) {
            return run.result(false, name, error.message);
        }
        const response = description.every_path[status];
        const wrong = answer.status === status ? [] : [`wanted ${status}, got ${answer.status}: ${answer.text.slice(0, 200)}`];
        const {judge} = await import('./description.mjs');
        if (wrong.length === 0)
            wrong.push(...judge(description, response, answer));
        if (run.result(wrong.length === 0, name, wrong))
            run.covered.add(`every path ${status}`);
        return answer;
    };
    const token = run.credentials('ada');
    for (const [path, methods] of paths) {
        const concrete = path.replace(/\{(\w+)\}/g, (_, name) => ABSENT[name]);
        const method = ['PATCH', 'PUT', 'DELETE', 'POST'].find(other => !methods.includes(other));
        const answer = await one(`${path}: 405 for ${method}`, 405, {method, path: concrete, headers: token});
        const allowed = (answer?.headers?.allow ?? '').split(/, */);
        if (answer?.status === 405)
            run.result(methods.every(name => allowed.includes(name)), `${path}: Allow has ${methods.join(', ')}`, answer.headers.allow);
    }
    await one('an unknown path: 404', 404, {path: '/api/no/such/path', headers: token});
    await one('a malformed query: 400', 400, {path: '/api/batch-jobs?q=%zz', headers: token});
    await one('a NUL in the query: 400', 400, {path: '/api/batch-jobs?q=%00', headers: token});
    await one('a body of another type: 415', 415, {method: 'POST', path: `/api/batch-jobs/${run.job}/cancel`, headers: {...token, 'Content-Type': 'text/plain'}, body: 'x'});
    await one('another Host: 421', 421, {path: '/api/auth/me', headers: {...token, Host: 'evil.example'}});
    await one('a body longer than any may be: 413', 413, {method: 'POST', path: '/api/auth/login', headers: {'Content-Type': 'application/json'}, promise: 1e12});
    await one('a header field that is too large: 431', 431, {path: '/api/auth/me', headers: {...token, 'X-Long': 'x'.repeat(40000)}});
    const host = client.base.host, auth = token.Authorization;
    const raw = async (name, wanted, bytes) => {
        const got = await client.raw(bytes).catch(error => error.message);
        run.result(new RegExp(`^HTTP/1\\.[01] ${wanted} `).test(got) || (wanted === 400 && got === ''), `${name}: ${wanted}`, got.slice(0, 200));
    };
    await raw('Content-Length beside Transfer-Encoding', 400,
        `POST /api/auth/refresh HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\n{}\r\n0\r\n\r\n`);
    await raw('two Host', 400, `GET /api/auth/me HTTP/1.1\r\nHost: ${host}\r\nHost: ${host}\r\nAuthorization: ${auth}\r\nConnection: close\r\n\r\n`);
    await raw('no Host', 400, `GET /api/auth/me HTTP/1.1\r\nAuthorization: ${auth}\r\nConnection: close\r\n\r\n`);
    await raw('two Content-Length', 400,
        `POST /api/auth/refresh HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nContent-Length: 2\r\nContent-Length: 3\r\nConnection: close\r\n\r\n{} `);
    await raw('no HTTP at all', 400, 'nonsense\r\n\r\n');
}
