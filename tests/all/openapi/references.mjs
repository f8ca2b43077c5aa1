// SPDX-License-Identifier: Apache-2.0
// What the linter does not look at: node references.mjs OPENAPI.YAML prints what is wrong, a line each.
import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';

const yaml = createRequire(process.cwd() + '/')('js-yaml');
const description = yaml.load(readFileSync(process.argv[2], 'utf8'), {schema: yaml.JSON_SCHEMA});
const METHODS = ['get', 'put', 'post', 'delete', 'patch'];
const ROLES = ['public', 'viewer', 'operator', 'admin'];
const complaints = [];
const complain = (where, what) => complaints.push(`${where}: ${what}`);

const used = new Set();
(function walk(node) {
    if (node === null || typeof node !== 'object')
        return;
    if (typeof node.$ref === 'string')
        used.add(node.$ref);
    Object.values(node).forEach(walk);
})(description);
for (const [kind, components] of Object.entries(description.components))
    for (const name of Object.keys(components))
        if (kind !== 'securitySchemes' && !used.has(`#/components/${kind}/${name}`))
            complain(`components.${kind}.${name}`, 'nobody refers to it');

const resolve = node => (node?.$ref ? node.$ref.slice(2).split('/').reduce((at, part) => at?.[part], description) : node);
// Whether there are texts that it is not.
const has_form = schema => schema.type !== 'string' || schema.pattern !== undefined || schema.enum !== undefined || schema.format !== undefined;
const has_example = media => media.example !== undefined || media.examples !== undefined;
const is_text = media => resolve(media.schema)?.type === 'string';

for (const [path, item] of Object.entries(description.paths))
    for (const method of METHODS.filter(name => item[name])) {
        const operation = item[method], where = operation.operationId;
        const statuses = Object.keys(operation.responses);
        const unsafe = method !== 'get';
        const body = resolve(operation.requestBody);
        const wants = (status, why) => statuses.includes(status) || complain(where, `lacks ${status}: ${why}`);
        if (!ROLES.includes(operation['x-role']))
            complain(where, 'has no x-role');
        if (unsafe !== Number.isInteger(operation['x-body-limit']))
            complain(where, 'x-body-limit goes with methods that may have a body');
        if ((operation['x-role'] === 'public') !== (operation.security !== undefined))
            complain(where, 'x-role public goes with a security of its own');
        if (operation['x-role'] !== 'public')
            wants('401', 'not signed in');
        if (unsafe) {
            wants('413', 'too long a body');
            if (operation['x-role'] !== 'public')
                wants('403', 'CSRF');
        }
        if (['operator', 'admin'].includes(operation['x-role']))
            wants('403', 'a role below');
        if (path.includes('{'))
            wants('404', 'nothing of that name');
        if ((operation.parameters ?? []).map(resolve).some(one => one.in === 'query' && has_form(resolve(one.schema))))
            wants('400', 'a parameter that is not in its form');
        // What is uploaded is judged by its bytes, whatever it is called.
        if (body?.content['application/json'] && !operation.tags.includes('uploads')) {
            wants('400', 'no JSON');
            wants('415', 'a body of another type');
            wants('422', 'a wrong member');
        }
        for (const [type, media] of Object.entries(body?.content ?? {}))
            if (!has_example(media) && !is_text(media))
                complain(where, `the body ${type} has no example`);
        for (const [status, reference] of Object.entries(operation.responses)) {
            const response = resolve(reference);
            const problem = response.content?.['application/problem+json'];
            if (status >= '400' && response.content && !problem && status !== '503')
                complain(where, `${status} is no problem document`);
            for (const [type, media] of Object.entries(response.content ?? {}))
                if (!has_example(media) && !is_text(media))
                    complain(where, `${status} ${type} has no example`);
        }
    }
if (complaints.length > 0)
    console.log(complaints.join('\n'));
process.exit(complaints.length > 0 ? 1 : 0);
