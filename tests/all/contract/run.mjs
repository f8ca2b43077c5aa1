// SPDX-License-Identifier: Apache-2.0
// A run against a server: who is signed in, what was provoked, and what is said of it. Lines of output are "ok NAME", "not ok NAME" and "# ...".
import {existsSync, readFileSync, writeFileSync} from 'node:fs';
import {Client} from './client.mjs';
import {describe, judge} from './description.mjs';

const JSON_TYPE = 'application/json';

export class Run {
    constructor({base, openapi, routes, state, password}) {
        this.client = new Client(base);
        this.base = base;
        this.description = describe(openapi);
        this.by_id = this.description.by_id;
        this.state_file = state;
        this.password = password;
        this.covered = new Set(state && existsSync(state) ? JSON.parse(readFileSync(state, 'utf8')) : []);
        this.routes = readFileSync(routes, 'utf8').trim().split('\n').map(line => {
            const [method, path, id, role, flags] = line.split(' ');
            return {method, path, id, role, flags: flags === '-' ? [] : flags.split(',')};
        });
        this.served = new Set(this.routes.map(route => route.id));
        this.tokens = {};
        this.failed = 0;
        this.told = new Set();
    }

    // --- results ---
    result(good, name, ...diagnosis) {
        console.log(`${good ? 'ok' : 'not ok'} ${name}`);
        if (!good) {
            this.failed++;
            for (const line of diagnosis.flat().filter(Boolean).slice(0, 12))
                console.log(`#   ${String(line).slice(0, 400).replaceAll('\n', '\\n')}`);
        }
        return good;
    }

    is(wanted, got, name) {
        const [a, b] = [JSON.stringify(wanted), JSON.stringify(got)];
        return this.result(a === b, name, `wanted ${a}`, `got    ${b}`);
    }

    save() {
        if (this.state_file)
            writeFileSync(this.state_file, JSON.stringify([...this.covered]));
        process.exitCode = this.failed > 0 ? 3 : 0;
        this.client.close();
    }

    // --- requests ---
    // as: a user's name (its access token), {cookie: name, csrf}, {key}, or null
    credentials(as) {
        if (as === null || as === undefined)
            return {};
        if (typeof as === 'string')
            return {Authorization: `Bearer ${this.tokens[as]?.access_token ?? 'nobody'}`};
        if (as.key)
            return {'X-API-Key': as.key};
        if (as.bearer)
            return {Authorization: `Bearer ${as.bearer}`};
        const session = this.tokens[as.cookie] ?? {access_token: 'nobody', csrf_token: 'none'};
        const head = {Cookie: `bs_access=${session.access_token}`};
        if (as.csrf !== false)
            head['X-CSRF-Token'] = as.csrf ?? session.csrf_token;
        if (as.origin !== false)
            head.Origin = as.origin ?? this.client.base.origin;
        return head;
    }

    url(operation, path = {}, query = {}) {
        const at = operation.path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(path[name] ?? this.example(operation, name)));
        const list = Object.entries(query).filter(([, value]) => value !== undefined);
        return list.length === 0 ? at : `${at}?${list.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&')}`;
    }

    example(operation, name) {
        return operation.parameters.find(one => one.name === name && one.in === 'path')?.example;
    }

    // One request of an operation, judged by the description. Complaints are told under `name`; the answer is returned, with `fits`.
    async call(id, {as = null, path, query, body, type, headers = {}, status, name, timeout_ms, until, promise, quiet} = {}) {
        const operation = this.by_id[id];
        if (!operation)
            return this.lost(`${id} is described`);
        const label = `${id}: ${name ?? status}`;
        // Told once, by the part routes.
        if (!this.served.has(id))
            return {status: 0, headers: {}, body: Buffer.alloc(0), text: '', fits: false};
        const head = {...this.credentials(as), ...headers};
        if (body !== undefined && head['Content-Type'] === undefined && type !== null)
            head['Content-Type'] = type ?? JSON_TYPE;
        const text = body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
        const wrong = status !== undefined && status < 400 ? this.own_faults(operation, query, body, head['Content-Type']) : [];
        let answer;
        try {
            answer = await this.client.send({method: operation.method, path: this.url(operation, path, query), headers: head, body: text, until, promise, timeout_ms});
        } catch (error) {
            return this.lost(label, `${operation.method} ${this.url(operation, path, query)}: ${error.message}`);
        }
        const response = operation.responses[answer.status] ?? this.description.every_path[answer.status];
        if (status !== undefined && answer.status !== status)
            wrong.push(`${operation.method} ${this.url(operation, path, query)}: wanted ${status}, got ${answer.status}: ${answer.text.slice(0, 300)}`);
        else if (!response)
            wrong.push(`${answer.status} is not described: ${answer.text.slice(0, 300)}`);
        else
            wrong.push(...judge(this.description, response, answer));
        if (answer.headers['x-content-type-options'] !== 'nosniff')
            wrong.push('header X-Content-Type-Options is missing');
        answer.fits = wrong.length === 0;
        if (answer.fits)
            this.covered.add(`${id} ${answer.status}`);
        // The same complaint about requests of which only the sum matters is told once.
        const told = `${id} ${wrong.join()}`;
        if (!quiet || (!answer.fits && !this.told.has(told)))
            this.result(answer.fits, label, wrong);
        this.told.add(told);
        return answer;
    }

    lost(name, ...diagnosis) {
        this.result(false, name, diagnosis);
        return {status: 0, headers: {}, body: Buffer.alloc(0), text: '', fits: false};
    }

    // A request that is meant to be right must be so by the description, too.
    own_faults(operation, query = {}, body, type) {
        const wrong = [];
        for (const [name, value] of Object.entries(query)) {
            const parameter = operation.parameters.find(one => one.name === name && one.in === 'query');
            if (value === undefined)
                continue;
            if (!parameter)
                wrong.push(`the description has no parameter ${name}`);
            else {
                const schema = parameter.schema;
                const typed = schema.type === 'integer' ? Number(value) : schema.type === 'boolean' ? value === 'true' || value === true
                    : schema.type === 'array' ? String(value).split(',') : String(value);
                wrong.push(...this.description.complaints(schema, typed).map(one => `the parameter ${name}: ${one}`));
            }
        }
        if (body !== undefined) {
            const media = operation.body?.content?.[(type ?? '').split(';')[0]];
            if (!media)
                wrong.push(`the description has no body of type ${type}`);
            else if (type === JSON_TYPE)
                wrong.push(...this.description.complaints(media.schema, typeof body === 'string' ? JSON.parse(body) : body).map(one => `the body ${one}`));
        }
        return wrong;
    }

    async sign_in(name, password = this.password) {
        const answer = await this.call('login', {body: {username: name, password}, status: 200, name: `${name} signs in`});
        if (answer.fits)
            this.tokens[name] = answer.json;
        return answer;
    }

    // The answer's JSON as it is, for who waits.
    async peek(id, as, path = {}, query = {}) {
        if (!this.served.has(id))
            return null;
        const operation = this.by_id[id];
        const answer = await this.client.send({method: operation.method, path: this.url(operation, path, query), headers: this.credentials(as)}).catch(() => null);
        return answer?.status === 200 ? answer.json : null;
    }

    // Until fn gives something; null when it never did.
    async wait(fn, seconds = 30) {
        for (const end = Date.now() + seconds * 1000; Date.now() < end;) {
            const got = await fn();
            if (got)
                return got;
            await new Promise(resolve => setTimeout(resolve, 50));
        }
        return null;
    }
}
