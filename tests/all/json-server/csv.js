// SPDX-License-Identifier: Apache-2.0
// node csv.js db.json <export.csv: the rows as in RFC 4180 against the records, cell by cell; prints the records that agree and what does not.
'use strict';
const { readFileSync } = require('fs');

const records = JSON.parse(readFileSync(process.argv[2], 'utf8')).packages;
const text = readFileSync(0, 'utf8');
const cell = /(?:"([^"]*(?:""[^"]*)*)"|([^",\r\n]*))(,|\r\n)/y;
const complaints = [];

function* rows() {
  let row = [];
  let end = 0;
  for (let match; (match = cell.exec(text)); end = cell.lastIndex) {
    row.push(match[1] !== undefined ? match[1].replaceAll('""', '"') : match[2]);
    if (match[3] === ',') continue;
    yield row;
    row = [];
  }
  if (end !== text.length || row.length > 0) complaints.push(`not CSV from character ${end} on`);
}

// A text that a spreadsheet would take for a formula has an apostrophe before it.
function guarded(value) {
  return /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
}

let columns;
let place = 0;
let good = 0;
for (const row of rows()) {
  if (!columns) {
    columns = row;
    continue;
  }
  const record = records[place++] ?? {};
  const got = new Map(columns.map((name, i) => [name, row[i]]));
  const names = new Set([...columns, ...Object.keys(record)]);
  const wrong = [...names].filter((name) => got.get(name) !== guarded(record[name] ?? ''));
  if (wrong.length > 0 || row.length !== columns.length) complaints.push(`row ${place}, ${record.id}: ${wrong}`);
  else good++;
}
console.log([good, ...complaints.slice(0, 5)].join('\n'));
