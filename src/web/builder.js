// SPDX-License-Identifier: Apache-2.0
/* The criteria builder without its page: what a builder file (docs/BUILDER.md) says, the criteria in use, and the job that they make. No DOM here.
 *
 * An entry is one criterion in use: {id, name, kind, draft, extra}. `draft` is what its editor shows. A value that its kind cannot give back exactly as it came is kept
 * and edited as JSON (kind 'json'), so that nothing that was written by hand is changed by looking at it. */
import {DATE_FORMS, KINDS, kinds, pad, parseJson, same} from './builder-kinds.js';
export * from './builder-kinds.js';

export const PRIORITIES = ['low', 'normal', 'high', 'urgent'];
export const ON_DUPLICATE = ['reject', 'reuse', 'run'];
const ENTRIES_MAX = 200;
const VALUES_MAX = 20000;

/* --- builder files ----------------------------------------------------------------------------------------------------------------------------------------- */

/* What is served as `builder` comes from a file that people write: everything is checked before it is used. -> {builder, problems: [text]} */
export function readBuilder(data) {
    const problems = [];
    const builder = {form: 'list', lists: {}, categories: [], ...(data && typeof data === 'object' && !Array.isArray(data) ? data : {})};
    if (!['list', 'object', 'members'].includes(builder.form)) {
        problems.push(`form "${builder.form}" is none of list, object, members`);
        builder.form = 'list';
    }
    if (builder.dates?.format && !DATE_FORMS[builder.dates.format]) {
        problems.push(`dates.format "${builder.dates.format}" is none of ${Object.keys(DATE_FORMS).join(', ')}`);
        builder.dates = {};
    }
    const seen = new Set();
    builder.categories = (Array.isArray(builder.categories) ? builder.categories : []).filter((category) => category && Array.isArray(category.criteria)).map((category) => ({
        name: String(category.name),
        title: String(category.title || category.name),
        criteria: category.criteria.filter((def) => {
            const problem = !def || typeof def.name !== 'string' || !def.name ? 'a criterion has no name'
                : seen.has(def.name) ? `${def.name} is there twice`
                : !KINDS.includes(def.kind) ? `${def.name}: kind "${def.kind}" is none of ${KINDS.join(', ')}`
                : badPattern(def);
            if (problem)
                problems.push(problem);
            else
                seen.add(def.name);
            return !problem;
        }).map((def) => ({...def, title: String(def.title || def.name), category: String(category.name)})),
    }));
    return {builder, problems};
}

function badPattern(def) {
    if (def.pattern === undefined)
        return '';
    try {
        new RegExp(def.pattern, 'u');
        return '';
    } catch {
        return `${def.name}: its pattern is no regular expression`;
    }
}

export function defOf(builder, name) {
    for (const category of builder.categories)
        for (const def of category.criteria)
            if (def.name === name)
                return def;
    return null;
}

export function defsMatching(builder, words) {
    const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (def, category) => {
        const text = `${def.title} ${def.name} ${def.help || ''} ${category.title}`.toLowerCase();
        return wanted.every((word) => text.includes(word));
    };
    return builder.categories.flatMap((category) => category.criteria.filter((def) => fits(def, category)));
}

/* --- entries ----------------------------------------------------------------------------------------------------------------------------------------------- */

let ids = 0;

export function newEntry(builder, name) {
    const def = defOf(builder, name);
    return {id: ++ids, name, kind: def ? def.kind : 'json', draft: kinds[def ? def.kind : 'json'].blank(def || {}), extra: {}};
}

function listOf(builder, def, value) {
    return builder.form === 'list' ? (Array.isArray(value) ? value : null) : isMany(def) ? (Array.isArray(value) ? value : null) : [value];
}

function isMany(def) {
    return ['choices', 'texts', 'address', 'range', 'date', 'nested'].includes(def.kind) && !def.single;
}

function unlist(builder, def, values) {
    return builder.form === 'list' || isMany(def) ? values : values[0];
}

export function entryOf(builder, name, value, extra = {}) {
    const def = defOf(builder, name);
    const entry = {id: ++ids, name, kind: 'json', draft: {text: JSON.stringify(value, null, 1)}, extra};
    const list = def && def.kind !== 'json' ? listOf(builder, def, value) : null;
    const draft = list && list.length <= VALUES_MAX ? kinds[def.kind].parse(def, list, builder) : null;
    if (!draft)
        return entry;
    const made = kinds[def.kind].make(def, draft, builder);
    return made.problem || made.empty || !same(unlist(builder, def, made.values), value) ? entry : {...entry, kind: def.kind, draft};
}

/* {value} | {problem} | {empty: true} */
export function entryMake(builder, entry) {
    const def = defOf(builder, entry.name) || {kind: 'json'};
    const made = kinds[entry.kind].make(def, entry.draft, builder);
    return made.problem || made.empty ? made : {value: entry.kind === 'json' ? made.whole : unlist(builder, def, made.values)};
}

export function entryTitle(builder, entry) {
    return defOf(builder, entry.name)?.title ?? entry.name;
}

export function entryShow(builder, entry) {
    const made = entryMake(builder, entry);
    return made.empty ? '…' : kinds[entry.kind].show(builder, defOf(builder, entry.name) || {}, entry.draft);
}

export function categoryOf(builder, entry) {
    return defOf(builder, entry.name)?.category ?? '';
}

/* --- criteria as a whole ----------------------------------------------------------------------------------------------------------------------------------- */

/* -> {criteria, members, index, problems}. index[i] is the id of the entry that became criteria[i] (or the member of that name): problems of a server point there. */
export function makeCriteria(builder, entries) {
    const problems = [], index = new Map(), list = [], object = {};
    for (const entry of entries) {
        const made = entryMake(builder, entry);
        if (made.problem)
            problems.push({entry: entry.id, detail: made.problem});
        else if (made.empty)
            problems.push({entry: entry.id, detail: 'says nothing yet: fill it in, or remove it', empty: true});
        else if (builder.form === 'list') {
            index.set(`/criteria/${list.length}`, entry.id);
            list.push({name: entry.name, value: made.value, ...entry.extra});
        } else if (Object.hasOwn(object, entry.name))
            problems.push({entry: entry.id, detail: 'is there twice; this source takes it once'});
        else {
            index.set(`${builder.form === 'object' ? '/criteria' : ''}/${escapePointer(entry.name)}`, entry.id);
            object[entry.name] = made.value;
        }
    }
    const criteria = builder.form === 'list' ? (list.length ? list : undefined) : builder.form === 'object' && Object.keys(object).length ? object : undefined;
    return {criteria, members: builder.form === 'members' ? object : {}, index, problems};
}

export function escapePointer(name) {
    return name.replaceAll('~', '~0').replaceAll('/', '~1');
}

/* Criteria of any form: what the builder's form does not know comes back as `other` and is kept as it is. */
export function entriesOf(builder, criteria, job = {}) {
    const entries = [];
    let other;
    if (builder.form === 'list') {
        const isOne = (item) => item && typeof item === 'object' && !Array.isArray(item) && typeof item.name === 'string' && Object.hasOwn(item, 'value');
        if (Array.isArray(criteria) && criteria.length <= ENTRIES_MAX && criteria.every(isOne))
            for (const {name, value, ...extra} of criteria)
                entries.push(entryOf(builder, name, value, extra));
        else
            other = criteria;
    } else if (builder.form === 'object') {
        if (criteria && typeof criteria === 'object' && !Array.isArray(criteria) && Object.keys(criteria).length <= ENTRIES_MAX)
            for (const [name, value] of Object.entries(criteria))
                entries.push(entryOf(builder, name, value));
        else
            other = criteria;
    } else {
        other = criteria;
        for (const [name, value] of Object.entries(job))
            if (defOf(builder, name))
                entries.push(entryOf(builder, name, value));
    }
    return {entries, other};
}

/* --- the job ----------------------------------------------------------------------------------------------------------------------------------------------- */

const FORM_MEMBERS = ['name', 'campaign_id', 'priority', 'process', 'not_before', 'take', 'max_records', 'max_cost', 'batch_size', 'on_duplicate'];

export function blankForm() {
    return {name: '', campaign_id: '', priority: 'normal', process: 'manual', not_before: '', take: '', max_records: '', max_cost: '', batch_size: '', on_duplicate: '', members: {}};
}

export function newState(source) {
    return {source, entries: [], form: blankForm(), rest: {}, other: undefined};
}

/* A job (of a file, a saved search, raw JSON) as the page shows it. declared: the source's job_members. */
export function stateOf(builder, declared, job) {
    const form = blankForm(), rest = {};
    const {entries, other} = entriesOf(builder, job.criteria, job);
    for (const [name, value] of Object.entries(job)) {
        if (name === 'source' || name === 'criteria')
            continue;
        const isText = typeof value === 'string' || typeof value === 'number';
        if (builder.form === 'members' && defOf(builder, name))
            continue;
        if (FORM_MEMBERS.includes(name) && isText)
            form[name] = String(value);
        else if (Object.hasOwn(declared, name))
            form.members[name] = typeof value === 'string' ? value : JSON.stringify(value);
        else
            rest[name] = value;
    }
    return {source: job.source, entries, form, rest, other};
}

const INTEGER = /^[1-9]\d{0,14}$/;
const MONEY = /^(?:0|[1-9]\d{0,14})(?:\.\d{1,9})?$/;

function memberValue(type, text) {
    if (type === 'string' || type === undefined)
        return {value: text};
    const parsed = parseJson(text.trim());
    if (parsed.problem)
        return {problem: `${type} wanted: ${parsed.problem}`};
    const value = parsed.value;
    const kind = Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value;
    const good = type === 'integer' ? Number.isInteger(value) : kind === type;
    return good ? {value} : {problem: `${type} wanted`};
}

/* -> {job, problems: [{field | entry, detail}], index} */
export function makeJob(builder, declared, state, now = Date.now()) {
    const {form} = state, problems = [];
    const made = makeCriteria(builder, state.entries);
    const job = {source: state.source};
    const bad = (field, detail) => problems.push({field, detail});
    const text = (name) => form[name].trim();
    if (text('name')) {
        job.name = text('name');
        if (new TextEncoder().encode(job.name).length > 128)
            bad('name', 'at most 128 bytes');
    }
    if (text('campaign_id')) {
        job.campaign_id = text('campaign_id');
        if (!/^[A-Za-z0-9_-]{1,64}$/.test(job.campaign_id))
            bad('campaign_id', 'letters, digits, _ and -, at most 64');
    }
    if (made.criteria !== undefined)
        job.criteria = made.criteria;
    else if (state.other !== undefined)
        job.criteria = state.other;
    Object.assign(job, made.members);
    for (const [name, about] of Object.entries(declared)) {
        if (Object.hasOwn(job, name))
            continue;
        const given = form.members[name] ?? '';
        if (!given.trim()) {
            if (about?.required)
                bad(name, 'this source needs it');
            continue;
        }
        const value = memberValue(about?.type, given);
        if (value.problem)
            bad(name, value.problem);
        else
            job[name] = value.value;
    }
    if (form.priority !== 'normal')
        job.priority = form.priority;
    if (text('not_before')) {
        job.not_before = text('not_before');
        if (Number.isNaN(Date.parse(job.not_before)))
            bad('not_before', 'a time such as 2026-11-24T06:00:00Z');
    }
    for (const name of ['max_records', 'take', 'batch_size'])
        if (text(name)) {
            job[name] = Number(text(name).replaceAll(',', ''));
            if (!INTEGER.test(text(name).replaceAll(',', '')))
                bad(name, 'a whole number, 1 or more');
        }
    if (text('max_cost')) {
        job.max_cost = text('max_cost');
        if (!MONEY.test(job.max_cost))
            bad('max_cost', 'an amount such as 250.00');
    }
    if (form.process !== 'manual')
        job.process = form.process;
    if (form.on_duplicate)
        job.on_duplicate = form.on_duplicate;
    Object.assign(job, state.rest);
    return {job, index: made.index, problems: [...problems, ...made.problems], late: Boolean(job.not_before) && Date.parse(job.not_before) <= now};
}

/* What a person pastes: a job, a list of criteria, or {"Criteria": [...]}. -> {job} or {problem} */
export function jobOfText(text, source) {
    const parsed = parseJson(text);
    if (parsed.problem)
        return parsed;
    const value = parsed.value;
    if (Array.isArray(value))
        return {job: {source, criteria: value}, partly: true};
    if (!value || typeof value !== 'object')
        return {problem: 'an object, or a list of criteria'};
    if (Array.isArray(value.Criteria) && Object.keys(value).length === 1)
        return {job: {source, criteria: value.Criteria}, partly: true};
    if (value.source !== undefined && typeof value.source !== 'string')
        return {problem: 'source is a name'};
    return {job: {source, ...value}};
}

/* Where a server's JSON Pointer belongs on the page: {entry}, {field}, or null. */
export function locate(pointer, index) {
    for (let path = pointer; path; path = path.slice(0, path.lastIndexOf('/')))
        if (index.has(path))
            return {entry: index.get(path)};
    const member = pointer.split('/')[1]?.replaceAll('~1', '/').replaceAll('~0', '~');
    return member ? {field: member} : null;
}

/* <input type=datetime-local> speaks of the clock on the wall here. */
export function toLocalInput(rfc3339) {
    const date = new Date(rfc3339);
    return Number.isNaN(date.getTime())
        ? ''
        : `${String(date.getFullYear()).padStart(4, '0')}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}T${pad(date.getHours())}:${pad(date.getMinutes())}`;
}

export function fromLocalInput(text) {
    const date = new Date(text);
    return text && !Number.isNaN(date.getTime()) ? date.toISOString().replace('.000Z', 'Z') : '';
}

/* JSON that people read: what is short stays on its line. */
export function jsonText(value, indent = '') {
    const short = JSON.stringify(value);
    if (short === undefined || value === null || typeof value !== 'object' || short.length + indent.length <= 60 && !Object.values(value).some((v) => v && typeof v === 'object' && !Array.isArray(v)))
        return spaced(value);
    const deeper = `${indent}  `, isList = Array.isArray(value);
    if (isList && value.every((v) => v === null || typeof v !== 'object'))
        return packed(value.map(spaced), indent);
    const parts = Object.entries(value).map(([name, v]) => {
        const one = spaced(v);
        const text = one.length + deeper.length + name.length <= 90 && !(Array.isArray(v) && isObjects(v)) ? one : jsonText(v, deeper);
        return `${deeper}${isList ? '' : `${JSON.stringify(name)}: `}${text}`;
    });
    return parts.length ? `${isList ? '[' : '{'}\n${parts.join(',\n')}\n${indent}${isList ? ']' : '}'}` : short;
}
/* A long list of short values: as many on a line as fit. */
function packed(texts, indent) {
    const lines = [];
    let line = '';
    for (const [at, text] of texts.entries()) {
        const piece = at < texts.length - 1 ? `${text},` : text;
        if (line && line.length + piece.length + 1 > 72) {
            lines.push(line);
            line = piece;
        } else
            line = line ? `${line} ${piece}` : piece;
    }
    return `[\n${[...lines, line].map((one) => `${indent}  ${one}`).join('\n')}\n${indent}]`;
}

const isObjects = (list) => list.some((v) => v && typeof v === 'object' && !Array.isArray(v) && 'name' in v && list.length > 1);
function spaced(value) {
    if (Array.isArray(value))
        return `[${value.map(spaced).join(', ')}]`;
    if (value && typeof value === 'object')
        return `{${Object.entries(value).map(([name, v]) => `${JSON.stringify(name)}: ${spaced(v)}`).join(', ')}}`;
    return JSON.stringify(value) ?? 'null';
}

/* Taking out what belongs to an earlier run of a job that is to be run again. */
export function jobAgain(job, now = Date.now()) {
    const {created_by, mode, not_before, ...again} = job;
    return {...again, ...(not_before && Date.parse(not_before) > now ? {not_before} : {})};
}

/* Adds values to the criteria that carry these names; those that are not there are made. Gives the entries that were touched. */
export function fillEntries(builder, entries, values) {
    const touched = [];
    for (const [name, given] of Object.entries(values)) {
        const list = Array.isArray(given) ? given : [given];
        const there = entries.find((entry) => entry.name === name && Array.isArray(entry.draft.items));
        if (there)
            for (const value of list.filter((v) => !there.draft.items.some((item) => String(item) === String(v))))
                there.draft.items.push(value);
        const entry = there ?? entryOf(builder, name, builder.form === 'list' ? list : given);
        if (!there)
            entries.push(entry);
        touched.push(entry);
    }
    return touched;
}
