// SPDX-License-Identifier: Apache-2.0
// The whole job in Node with better-sqlite3: 8 requests in flight, one durable transaction a page.
//   node peer-node.mjs URL RECORDS LIMIT DATABASE      started where better-sqlite3 is installed; prints its highest RSS in kB
import { createRequire } from 'node:module';
const Database = createRequire(process.cwd() + '/')('better-sqlite3');
const [url, records, limit, path] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4]), process.argv[5]];

const db = new Database(path);
db.pragma('journal_mode = WAL');
db.pragma('synchronous = FULL');
db.exec('CREATE TABLE records (id TEXT PRIMARY KEY, body TEXT NOT NULL)');
const upsert = db.prepare('INSERT INTO records VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body');
const load = db.transaction((items) => {
  for (const item of items) upsert.run(item.RadarID, JSON.stringify(item));
});

let next = 0;
async function fetchPages() {
  while (next < records) {
    const offset = next;
    next += limit;
    const answer = await fetch(`${url}?offset=${offset}&limit=${limit}`);
    if (!answer.ok) throw new Error(`offset ${offset}: ${answer.status}`);
    load((await answer.json()).items);
  }
}
await Promise.all(Array.from({ length: 8 }, fetchPages));
db.close();
console.log(process.resourceUsage().maxRSS);
