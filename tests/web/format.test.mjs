// SPDX-License-Identifier: Apache-2.0
import test from 'node:test';
import assert from 'node:assert';
import {ago, bytes, clip, compact, duration, money, num, percent, plain, serverClock, shortJson} from '../../src/web/format.js';
import {indent} from '../../src/web/payload.js';
import {filterValue, jobTitle} from '../../src/web/jobs.js';
import {reasonOf, unitWord} from '../../src/web/words.js';

const flat = (text) => text.replaceAll('\u00a0', ' ');

test('what is not known is a dash, never 0', () => {
    for (const format of [num, compact, bytes, duration, money, ago])
        for (const value of [null, undefined, ''])
            assert.equal(format(value), '–', format.name);
    assert.equal(num(0), '0');
    assert.equal(percent(1, 0), '–');
});
test('money stays text: no digit is lost', () => {
    assert.equal(money('12345678901234567890.123456789', 'USD'), '$12,345,678,901,234,567,890.123456789');
    assert.equal(money('5', 'USD'), '$5.00');
    assert.equal(money('0.5', 'XYZ'), '0.50 XYZ');
    assert.equal(money('-20.00', 'EUR'), '-€20.00');
    assert.equal(money('<b>', 'USD'), '<b>');
});
test('percent never says 100 before it is', () => {
    assert.equal(percent(9999, 10000), '99.9%');
    assert.equal(percent(10000, 10000), '100%');
});
test('durations and distances', () => {
    assert.equal(flat(duration(59)), '59 s');
    assert.equal(flat(duration(125)), '2 min 5 s');
    assert.equal(flat(duration(3723)), '1 h 2 min');
    assert.equal(flat(duration(90000)), '1 d 1 h');
    const at = Date.parse('2026-11-23T12:00:00Z');
    assert.equal(flat(ago('2026-11-23T11:57:00Z', at)), '3 min ago');
    assert.equal(flat(ago('2026-11-23T14:00:00Z', at)), 'in 2 h');
    assert.equal(ago('2026-11-23T12:00:02Z', at), 'now');
});
test("a wrong clock of the reader's does not matter", () => {
    const server = new Date(Date.now() + 7200000).toUTCString();
    serverClock(server);
    assert.equal(ago(server), 'now');
    serverClock(new Date().toUTCString());
});
test('foreign text: bounded, and nothing in it turns or hides what is around it', () => {
    assert.equal(plain('a\u202Eb\u0000c\u200Bd'), 'a‹U+202E›b‹U+0000›c‹U+200B›d');
    assert.equal(clip('x'.repeat(1 << 20), 10), `${'x'.repeat(10)}…`);
    assert.equal(clip('ab😀', 3), 'ab…');
    assert.equal(clip('<script>'), '<script>');
    assert.equal(clip(null), '');
});
test('values of criteria', () => {
    assert.equal(shortJson(['CA', 'NV']), 'CA, NV');
    assert.equal(shortJson([[200000, null]]), 'from 200,000');
    assert.equal(shortJson([[null, 5], [7, 9]]), 'up to 5, 7 to 9');
    assert.equal(shortJson([0]), '0');
    assert.equal(shortJson({a: 1}), '{"a":1}');
});
test('JSON is indented without being read: numbers and texts stay as they came', () => {
    const text = '{"id":9007199254740993,"a":[],"b":{},"s":"x,{}[]:\\"\\u0041","n":[1.10,-0]}';
    const shown = indent(text);
    assert.equal(shown.replace(/\n\s*/g, '').replaceAll(': ', ':'), text);
    assert.match(shown, /"id": 9007199254740993,\n {2}"a": \[\],/);
    assert.match(indent('{"a":"cut off'), /"a": "cut off$/);
    assert.equal(indent('not json at all').replace(/\s/g, ''), 'notjsonatall');
    assert.equal(indent('['.repeat(1 << 20)).length, 1 << 20);
    assert.ok(indent(`"${'\\'.repeat(200001)}`).length > 200000);
});
test('values of the filter', () => {
    assert.equal(filterValue('CA-2026'), 'CA-2026');
    assert.equal(filterValue('two words'), '"two words"');
    assert.equal(filterValue('a"b:c'), '"ab:c"');
});
test('what a job does many of, and what it is called when all of them failed', () => {
    assert.equal(unitWord({job: {documents: [{}]}}), 'document');
    assert.equal(unitWord({job: {urls: []}}), 'test');
    assert.equal(unitWord({failed_units: 1}), 'unit');
    assert.equal(unitWord({job: {}}, true), 'unit');
    assert.equal(unitWord({job: {criteria: []}, failed_units: 0}), 'page');
    const row = {reason: 'coverage', processed_records: 0, failed_units: 12};
    assert.equal(reasonOf(row), 'All 12 failed');
    assert.equal(reasonOf(row, 'test'), 'Every one of its 12 tests failed');
    assert.equal(reasonOf({...row, failed_units: 1}, 'test'), 'Its only test failed');
    for (const other of [{...row, failed_units: 0}, {...row, processed_records: 1}])
        assert.equal(reasonOf(other, 'test'), 'Records are missing');
    assert.equal(reasonOf({...row, reason: 'max_cost'}), 'Would cost more than the job allows');
});
test('what a job is called: one without a name is told from others', () => {
    const row = {job_id: '20261123T170501Z-4f9c2a01b7d3-shops', source: 'pagespeed', name: 'pagespeed', campaign_id: null};
    assert.equal(jobTitle({...row, name: 'Shop, November'}), 'Shop, November');
    assert.equal(jobTitle(row), 'shops (4f9c2a)');
    assert.equal(jobTitle({...row, name: null}), 'shops (4f9c2a)');
    assert.equal(jobTitle({...row, campaign_id: 'web-11'}), 'web-11 (4f9c2a)');
    assert.equal(jobTitle({job_id: 'odd', name: '', source: 'x'}), 'odd');
    assert.equal(jobTitle({job_id: null, name: 'x', source: 'x'}), 'x');
});
