// SPDX-License-Identifier: Apache-2.0
// apt-cache dumpavail | node dumpavail.js >db.json: every package as a record, its fields as the text that stands there.
'use strict';
const { readFileSync, writeSync } = require('fs');

const seen = new Map();
let out = '{"packages":[';
let separator = '\n';

function write(text) {
  const bytes = Buffer.from(text);
  for (let done = 0; done < bytes.length; ) done += writeSync(1, bytes, done);
}

for (const stanza of readFileSync(0, 'utf8').split(/\n{2,}/)) {
  const fields = {};
  // A line that begins with a blank goes on with the field before it.
  for (const field of stanza.split(/\n(?![ \t])/)) {
    const colon = field.indexOf(':');
    if (colon > 0) fields[field.slice(0, colon)] = field.slice(colon + 1).trim();
  }
  if (!fields.Package) continue;
  // Two archives may have the same version of a package.
  const name = `${fields.Package}_${fields.Architecture}_${fields.Version}`;
  const count = (seen.get(name) ?? 0) + 1;
  seen.set(name, count);
  out += separator + JSON.stringify({ id: count > 1 ? `${name}#${count}` : name, ...fields });
  separator = ',\n';
  if (out.length > 1 << 20) {
    write(out);
    out = '';
  }
}
write(`${out}\n]}\n`);
