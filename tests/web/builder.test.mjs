// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {test} from 'node:test';
import * as b from '../../src/web/builder.js';

const file = (name) => JSON.parse(readFileSync(new URL(`../../etc/sources/${name}.builder.json`, import.meta.url), 'utf8').replace(/^\s*\/\/.*$/gm, ''));
const radar = b.readBuilder(file('propertyradar')).builder;
const DECLARED = {fields: {type: 'string', default: 'Overview'}};

test('the shipped builder files check', () => {
    for (const name of ['propertyradar', 'demo'])
        assert.deepEqual(b.readBuilder(file(name)).problems, [], name);
    assert.equal(radar.categories.length, 9);
    for (const category of radar.categories)
        for (const def of category.criteria) {
            for (const values of [def.values, def.relative, ...(def.parts || []).map((part) => part.values)])
                assert.ok(typeof values !== 'string' || Array.isArray(radar.lists[values]), `${def.name}: list ${values}`);
            for (const target of Object.values(def.fills || {}))
                assert.ok(b.defOf(radar, target), `${def.name} fills ${target}`);
        }
});

test('a builder file that is wrong says so and breaks nothing', () => {
    const {builder, problems} = b.readBuilder({form: 'xml', dates: {format: 'D.M.'}, categories: [{name: 'a', criteria: [{name: 'X', kind: 'text'}, {name: 'X', kind: 'text'},
        {kind: 'text'}, {name: 'Y', kind: 'colour'}, {name: 'Z', kind: 'text', pattern: '('}]}, null, {}]});
    assert.equal(problems.length, 6);
    assert.deepEqual(builder.categories[0].criteria.map((def) => def.name), ['X']);
    for (const data of [null, [], 7, {categories: 'no'}])
        assert.deepEqual(b.readBuilder(data).builder.categories, []);
});

const EVERYTHING = [
    {name: 'State', value: ['CA', 'NV']},
    {name: 'County', value: [6037]},
    {name: 'ZipFive', value: [97202, '02134']},
    {name: 'Beds', value: [[2, null], [null, 0.5]]},
    {name: 'AvailableEquity', value: [[100000, null]]},
    {name: 'isSameMailingOrExempt', value: [0]},
    {name: 'FirstDate', value: ['from: 1/31/2026 to: 2/28/2026', 'from: to: 1/1/1999', 'from: 3/1/2020 to:', '1/1/2028', 'Last 30 Days']},
    {name: 'PropertyType', value: [{name: 'PType', value: ['SFR', 'CND']}]},
    {name: 'Address', value: ['123 Main St']},
];

test('criteria come and go unchanged, each with its editor', () => {
    const {entries, other} = b.entriesOf(radar, EVERYTHING);
    assert.equal(other, undefined);
    assert.deepEqual(entries.map((entry) => entry.kind), ['choices', 'texts', 'texts', 'range', 'range', 'boolean', 'date', 'nested', 'address']);
    const made = b.makeCriteria(radar, entries);
    assert.deepEqual(made.problems, []);
    assert.deepEqual(made.criteria, EVERYTHING);
});

test('what no editor understands is kept as JSON: unknown names, odd values, further members', () => {
    const odd = [
        {name: 'InList', value: ['L12345'], menuLabels: ['x'], chipLabel: 'y'},
        {name: 'Beds', value: [['2', null]]},
        {name: 'Pool', value: ['1']},
        {name: 'Pool', value: [1, 0]},
        {name: 'FirstDate', value: ['from: 01/05/2026 to: 2/30/2026']},
        {name: 'FirstDate', value: ['from: 01/05/2026 to:']},
        {name: 'PropertyType', value: ['SFR']},
        {name: 'State', value: 'CA'},
        {name: 'State', value: []},
        {name: 'Polygon', value: {points: [[1, 2]]}},
        {name: 'State', value: ['CA'], chipLabel: 'California'},
    ];
    const {entries} = b.entriesOf(radar, odd);
    assert.deepEqual(entries.map((entry) => entry.kind), [...Array(10).fill('json'), 'choices']);
    assert.deepEqual(b.makeCriteria(radar, entries).criteria, odd);
});

test('criteria of another form are kept whole', () => {
    for (const criteria of [{a: 1}, ['x'], [{name: 'A'}], 7]) {
        const {entries, other} = b.entriesOf(radar, criteria);
        assert.deepEqual([entries, other], [[], criteria]);
        assert.deepEqual(b.makeJob(radar, {}, b.stateOf(radar, {}, {source: 's', criteria})).job, {source: 's', criteria});
    }
});

function made(name, draft) {
    const entry = b.newEntry(radar, name);
    Object.assign(entry.draft, draft);
    return b.entryMake(radar, entry);
}

test('editors: what is typed becomes values, or says what is wrong', () => {
    assert.deepEqual(made('AVM', {ranges: [['100,000', ''], ['', '']]}), {value: [[100000, null]]});
    assert.deepEqual(made('AVM', {ranges: [['', '250000.50']]}), {value: [[null, 250000.5]]});
    assert.match(made('AVM', {ranges: [['5', '3']]}).problem, /more than the most/);
    assert.match(made('AVM', {ranges: [['1e5', '']]}).problem, /no number/);
    assert.match(made('AVM', {ranges: [['-1', '']]}).problem, /less than 0/);
    assert.match(made('Units', {ranges: [['1.5', '']]}).problem, /whole/);
    assert.deepEqual(made('AVM', {ranges: [['', '']]}), {empty: true});
    assert.deepEqual(made('Pool', {on: true}), {value: [1]});
    assert.deepEqual(made('Pool', {on: false}), {value: [0]});
    assert.deepEqual(made('Pool', {}), {empty: true});
    assert.deepEqual(made('FirstDate', {dates: [{from: '2026-01-31', to: '2026-02-28'}, {words: 'Last 7 Days'}, {from: '', to: '1999-01-01'}]}),
        {value: ['from: 1/31/2026 to: 2/28/2026', 'Last 7 Days', 'from: to: 1/1/1999']});
    assert.match(made('FirstDate', {dates: [{from: '2026-02-28', to: '2026-01-31'}]}).problem, /after/);
    assert.match(made('ZipFive', {items: ['9720']}).problem, /five digits/);
    assert.deepEqual(made('PropertyType', {parts: [{name: 'PType', items: ['SFR']}, {name: 'AdvancedPropertyType', items: []}]}), {value: [{name: 'PType', value: ['SFR']}]});
    assert.deepEqual(made('Unknown', {text: '[1]'}), {value: [1]});
    assert.match(made('Unknown', {text: '[1'}).problem, /line 1/);
});

test('several criteria do not touch each other, and a problem names its own', () => {
    const state = b.newState('propertyradar');
    for (const name of ['Beds', 'Baths', 'SqFt'])
        state.entries.push(b.newEntry(radar, name));
    state.entries[0].draft.ranges[0][0] = '2';
    state.entries[1].draft.ranges[0][1] = 'x';
    state.entries[2].draft.ranges[0] = ['', '1000'];
    const result = b.makeJob(radar, {}, state);
    assert.deepEqual(result.job.criteria, [{name: 'Beds', value: [[2, null]]}, {name: 'SqFt', value: [[null, 1000]]}]);
    assert.deepEqual(result.problems.map((problem) => problem.entry), [state.entries[1].id]);
    assert.deepEqual(b.locate('/criteria/1/value/0', result.index), {entry: state.entries[2].id});
    assert.deepEqual(b.locate('/criteria/7', result.index), {field: 'criteria'});
    assert.deepEqual(b.locate('/max_cost', result.index), {field: 'max_cost'});
    assert.equal(b.locate('', result.index), null);
});

test('a job round trip keeps all of it', () => {
    const job = {source: 'propertyradar', name: 'Absentee – Reno', campaign_id: 'CA-2026-11', criteria: EVERYTHING, fields: 'Overview,Owner', priority: 'high', not_before:
        '2026-11-24T06:00:00Z', max_records: 10000, take: 400, batch_size: 400, max_cost: '250.00', process: 'auto', on_duplicate: 'reuse', notify: ['mailto:a@b.c'], cache: false};
    const again = b.makeJob(radar, DECLARED, b.stateOf(radar, DECLARED, job));
    assert.deepEqual(again.problems, []);
    assert.deepEqual(again.job, job);
    assert.deepEqual(b.makeJob(radar, DECLARED, b.newState('propertyradar')).job, {source: 'propertyradar'});
});

test('fields of the job: what is wrong is said at the field', () => {
    const state = b.newState('propertyradar');
    Object.assign(state.form, {name: 'ü'.repeat(65), campaign_id: 'a b', not_before: 'soon', take: '0', max_records: '1e3', max_cost: '1,5'});
    assert.deepEqual(b.makeJob(radar, {n: {type: 'integer', required: true}}, state).problems.map((problem) => problem.field),
        ['name', 'campaign_id', 'n', 'not_before', 'max_records', 'take', 'max_cost']);
    state.form = {...b.blankForm(), max_records: '10,000', members: {n: '2.5'}};
    const result = b.makeJob(radar, {n: {type: 'integer'}}, state);
    assert.equal(result.job.max_records, 10000);
    assert.deepEqual(result.problems.map((problem) => problem.detail), ['integer wanted']);
});

test('other forms of sources: an object of criteria, members of the job', () => {
    const categories = [{name: 'all', title: 'All', criteria: [{name: 'status', kind: 'choice', values: ['available', 'sold']}, {name: 'tags', kind: 'texts'},
        {name: 'open', kind: 'boolean'}, {name: 'age', kind: 'number'}]}];
    const object = b.readBuilder({form: 'object', categories}).builder, members = b.readBuilder({form: 'members', categories}).builder;
    const values = {status: 'sold', tags: ['a', 'b'], open: false, age: 7};
    const state = b.stateOf(object, {}, {source: 's', criteria: {...values, more: [1]}});
    assert.deepEqual(state.entries.map((entry) => entry.kind), ['choice', 'texts', 'boolean', 'number', 'json']);
    assert.deepEqual(b.makeJob(object, {}, state).job, {source: 's', criteria: {...values, more: [1]}});
    const declared = {status: {type: 'string'}, prefer: {type: 'string'}};
    const job = {source: 'pets', ...values, prefer: 'code=200'};
    assert.deepEqual(b.makeJob(members, declared, b.stateOf(members, declared, job)).job, job);
});

test('raw JSON: a job, a list, or what the service itself takes', () => {
    assert.deepEqual(b.jobOfText('[{"name":"State","value":["CA"]}]', 'p').job, {source: 'p', criteria: [{name: 'State', value: ['CA']}]});
    assert.deepEqual(b.jobOfText('{"Criteria":[]}', 'p').job, {source: 'p', criteria: []});
    assert.deepEqual(b.jobOfText('{"take":1}', 'p').job, {source: 'p', take: 1});
    assert.match(b.jobOfText('{"take":\n 1,}', 'p').problem, /^line 2, column 4/);
    for (const [text, where] of [['{"take": }', /column 10: a value/], ['{"a" 1}', /column 6: a colon/], ['{"a": 1 "b"', /column 9: a comma/], ['{a: 1}', /column 2: "a: 1}" is no/], ['[1,]', /column 4: a value/], ['{"a": "x\ny"}', /column 7: this text/], ['[1', /column 3: the end/],
        ['[] 1', /column 4: the JSON is at its end/], ['01', /column 1/], ['[1}', /column 3: a comma/], ['\n\n  tru', /^line 3, column 3/]])
        assert.match(b.parseJson(text).problem, where, text);
    assert.ok(b.jobOfText('7', 'p').problem);
    assert.ok(b.jobOfText('', 'p').problem);
});

test('badges say what a criterion says', () => {
    const show = (criterion) => b.entryShow(radar, b.entriesOf(radar, [criterion]).entries[0]);
    assert.equal(show({name: 'State', value: ['CA', 'NV', 'OR', 'WA', 'ID']}), 'California, Nevada, Oregon +2');
    assert.equal(show({name: 'AVM', value: [[100000, null]]}), '≥ $100,000');
    assert.equal(show({name: 'YearBuilt', value: [[null, 1980]]}), '≤ 1980');
    assert.equal(show({name: 'EquityPercent', value: [[40, 60]]}), '40% – 60%');
    assert.equal(show({name: 'Beds', value: [[3, 3]]}), '3');
    assert.equal(show({name: 'isSameMailingOrExempt', value: [0]}), 'absentee owner');
    assert.equal(show({name: 'FirstDate', value: ['from: 1/31/2026 to:']}), 'since 2026-01-31');
    assert.equal(show({name: 'Odd', value: [{x: 1}]}), '[ { "x": 1 } ]');
    assert.equal(b.entryShow(radar, b.newEntry(radar, 'AVM')), '…');
});

test('dates and times', () => {
    assert.equal(b.dateToIso('2/29/2024'), '2024-02-29');
    assert.equal(b.dateToIso('2/29/2023'), '');
    assert.equal(b.dateFromIso('2026-01-05'), '1/5/2026');
    assert.equal(b.dateFromIso('2026-01-05', 'YYYY-MM-DD'), '2026-01-05');
    assert.equal(b.dateFromIso('2026-13-05'), '');
    assert.equal(b.fromLocalInput(b.toLocalInput('2026-11-24T06:00:00Z')), '2026-11-24T06:00:00Z');
    assert.equal(b.toLocalInput('x'), '');
    assert.equal(b.fromLocalInput(''), '');
});

test('finding a criterion', () => {
    assert.deepEqual(b.defsMatching(radar, 'zip').map((def) => def.name), ['ZipFive', 'Address']);
    assert.deepEqual(b.defsMatching(radar, 'first loan date').map((def) => def.name), ['FirstDate']);
});

test('JSON for people is the same JSON', () => {
    const job = {source: 'propertyradar', criteria: EVERYTHING, rest: {deep: [{a: [1, {b: null}]}], long: 'x'.repeat(100)}, none: [], empty: {}};
    assert.deepEqual(JSON.parse(b.jsonText(job)), job);
    const zips = {criteria: [{name: 'ZipFive', value: Array.from({length: 300}, (_, i) => String(10000 + i))}]};
    assert.deepEqual(JSON.parse(b.jsonText(zips)), zips);
    assert.ok(b.jsonText(zips).split('\n').length < 50);
    assert.equal(b.jsonText({source: 'a', criteria: [{name: 'State', value: ['CA', 'NV']}, {name: 'Beds', value: [[2, null]]}], take: 5}),
        '{\n  "source": "a",\n  "criteria": [\n    {"name": "State", "value": ["CA", "NV"]},\n    {"name": "Beds", "value": [[2, null]]}\n  ],\n  "take": 5\n}');
});

test('an address fills several criteria, and doubles nothing', () => {
    const entries = [b.entryOf(radar, 'City', ['Reno'])];
    assert.equal(b.fillEntries(radar, entries, {City: ['Reno'], State: ['NV'], ZipFive: '89501'}).length, 3);
    assert.deepEqual(b.makeCriteria(radar, entries).criteria, [{name: 'City', value: ['Reno']}, {name: 'State', value: ['NV']}, {name: 'ZipFive', value: ['89501']}]);
});

test('a job that is run again leaves its past behind', () => {
    assert.deepEqual(b.jobAgain({source: 's', created_by: 'x', mode: 'run', not_before: '2020-01-01T00:00:00Z', take: 1}), {source: 's', take: 1});
    assert.equal(b.jobAgain({source: 's', not_before: '2999-01-01T00:00:00Z'}).not_before, '2999-01-01T00:00:00Z');
});
