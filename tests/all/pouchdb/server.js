// SPDX-License-Identifier: Apache-2.0
// node server.js express|express5: PouchDB in memory behind that version of Express, on a free port of loopback. Prints the port, then method and URL of each request.
'use strict';
const PouchDB = require('pouchdb-core').plugin(require('pouchdb-adapter-memory')).defaults({ adapter: 'memory' });
const express = require(process.argv[2]);

const app = express();
app.use((request, response, next) => {
  console.log(request.method, request.url);
  next();
});
app.use(require('express-pouchdb')(PouchDB, { mode: 'minimumForPouchDB' }));
const server = app.listen(0, '127.0.0.1', () => console.log('port', server.address().port));
