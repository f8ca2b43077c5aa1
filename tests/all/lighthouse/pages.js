// SPDX-License-Identifier: Apache-2.0
// Pages on loopback: a quick one, a heavy one, one that is not there. Prints its port.
const http = require('node:http');

const page = (title, body) => `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${title}</title><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="description" content="A page to be tested"></head><body><h1>${title}</h1>${body}</body></html>`;
const heavy = `<script src="/large.js"></script><img src="/picture.svg" alt="a picture" width="300" height="200"><p>${'Some text. '.repeat(500)}</p>`;
const answers = {
    '/': ['text/html', page('Quick', '<p>Some text that is painted.</p>')],
    '/heavy': ['text/html', page('Heavy', heavy)],
    '/large.js': ['text/javascript', `function unused() { return ${JSON.stringify('x'.repeat(400000))}; }\nfor (let end = performance.now() + 300; performance.now() < end;);`],
    '/picture.svg': ['image/svg+xml', '<svg xmlns="http://www.w3.org/2000/svg" width="300" height="200"><rect width="300" height="200" fill="teal"/></svg>'],
    '/robots.txt': ['text/plain', 'User-agent: *\nAllow: /\n'],
};
const server = http.createServer((request, response) => {
    const [type, body] = answers[request.url.split('?')[0]] ?? [];
    response.writeHead(type ? 200 : 404, {'Content-Type': type ?? 'text/html'});
    response.end(body ?? page('Not found', ''));
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
