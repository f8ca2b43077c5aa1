// SPDX-License-Identifier: Apache-2.0
// The description as data, references followed: operations with their parameters, bodies and answers, and validators of what they say.
import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';

// The packages are where the test installed them, which is the working directory.
const need = createRequire(process.cwd() + '/');
const yaml = need('js-yaml');
const Ajv = need('ajv/dist/2020.js').default;
const formats = need('ajv-formats').default;

const METHODS = ['get', 'put', 'post', 'delete', 'patch'];

function follow(root, node) {
    if (Array.isArray(node))
        return node.map(item => follow(root, item));
    if (node === null || typeof node !== 'object')
        return node;
    if (typeof node.$ref === 'string')
        return follow(root, node.$ref.slice(2).split('/').reduce((at, part) => at[part], root));
    return Object.fromEntries(Object.entries(node).map(([name, value]) => [name, follow(root, value)]));
}

// An answer has no member that the description does not name. In the document itself schemas are open, so that clients ignore what a newer server adds.
function close(schema, inside = false) {
    if (schema === null || typeof schema !== 'object' || Array.isArray(schema))
        return schema;
    const closed = {...schema};
    for (const name of ['items', 'additionalProperties'])
        if (closed[name] && typeof closed[name] === 'object')
            closed[name] = close(closed[name]);
    if (closed.properties)
        closed.properties = Object.fromEntries(Object.entries(closed.properties).map(([name, value]) => [name, close(value)]));
    for (const name of ['allOf', 'anyOf', 'oneOf'])
        if (closed[name])
            closed[name] = closed[name].map(one => close(one, name === 'allOf' || inside));
    const object = closed.properties !== undefined || closed.allOf !== undefined;
    if (object && !inside && closed.additionalProperties === undefined && closed.unevaluatedProperties === undefined)
        closed.unevaluatedProperties = false;
    return closed;
}

export function describe(file) {
    const root = yaml.load(readFileSync(file, 'utf8'), {schema: yaml.JSON_SCHEMA});
    const ajv = new Ajv({strict: false, allErrors: true});
    formats(ajv);
    const compiled = new Map();
    // Complaints about a value; none: it fits.
    const complaints = (schema, value) => {
        if (!compiled.has(schema))
            compiled.set(schema, ajv.compile(schema));
        const validate = compiled.get(schema);
        if (validate(value))
            return [];
        const strangers = validate.errors.filter(error => error.keyword === 'unevaluatedProperties');
        const others = validate.errors.filter(error => error.keyword !== 'unevaluatedProperties')
            .map(error => `${error.instancePath || '/'} ${error.message} ${JSON.stringify(error.params)}`);
        // When a branch of allOf does not fit, its members count as strangers too: what does not fit is told first.
        return strangers.length === 0 ? others : [...others, `members that are not described: ${strangers.map(error => `${error.instancePath}/${error.params.unevaluatedProperty}`).join(' ')}`];
    };
    const operations = [];
    for (const [path, item] of Object.entries(root.paths))
        for (const method of METHODS.filter(name => item[name])) {
            const raw = item[method];
            const responses = follow(root, raw.responses);
            for (const response of Object.values(responses))
                for (const media of Object.values(response.content ?? {}))
                    media.schema = close(media.schema);
            operations.push({
                id: raw.operationId, method: method.toUpperCase(), path, role: raw['x-role'], not: raw['x-not'] ?? [], owner: raw['x-owner'] === true,
                body_limit: raw['x-body-limit'] ?? 0, tag: raw.tags[0],
                parameters: follow(root, [...(item.parameters ?? []), ...(raw.parameters ?? [])]),
                body: follow(root, raw.requestBody), responses,
            });
        }
    const every_path = follow(root, root['x-every-path']);
    const events = Object.fromEntries(Object.entries(follow(root, root.paths['/api/events'].get['x-events'])).map(([name, schema]) => [name, close(schema)]));
    return {operations, every_path, events, complaints, by_id: Object.fromEntries(operations.map(one => [one.id, one]))};
}

// What the description says against an answer: nothing, when it fits.
export function judge(description, response, answer) {
    const wrong = [];
    for (const [name, header] of Object.entries(response.headers ?? {})) {
        const value = answer.headers[name.toLowerCase()];
        if (value === undefined) {
            if (header.required)
                wrong.push(`header ${name} is missing`);
            continue;
        }
        const text = Array.isArray(value) ? value.join(', ') : value;
        const typed = header.schema.type === 'integer' ? Number(text) : text;
        wrong.push(...description.complaints(header.schema, typed).map(one => `header ${name}: ${one}`));
    }
    if (response['x-any-body'])
        return wrong;
    const types = Object.keys(response.content ?? {});
    const type = (answer.headers['content-type'] ?? '').split(';')[0].trim();
    if (types.length === 0) {
        if (answer.body.length > 0)
            wrong.push(`has a body of ${answer.body.length} bytes, where none is described`);
        return wrong;
    }
    if (!types.includes(type)) {
        wrong.push(`has the type "${type}" in the place of ${types.join(' or ')}`);
        return wrong;
    }
    if (answer.head)
        return wrong;
    const schema = response.content[type].schema;
    if (type.endsWith('json') && !type.endsWith('ndjson')) {
        if (answer.json === undefined)
            wrong.push('is no JSON');
        else
            wrong.push(...description.complaints(schema, answer.json));
    }
    if (type === 'application/problem+json' && answer.json && answer.json.status !== answer.status)
        wrong.push(`the problem says ${answer.json.status}, the answer is ${answer.status}`);
    return wrong;
}
