// SPDX-License-Identifier: Apache-2.0
// Requests of somebody, by node:http, so that Host, Origin and what is wrong can be said; and bytes on a bare socket.
import http from 'node:http';
import net from 'node:net';

export class Client {
    constructor(base) {
        this.base = new URL(base);
        this.agent = new http.Agent({keepAlive: true, maxSockets: 64});
    }

    // {method, path, headers, body (text or Buffer), until (text of a stream that is enough), promise (bytes that are announced, and sent only when the server says so)}
    send({method = 'GET', path, headers = {}, body, until, promise, timeout_ms = 60000}) {
        const head = {...headers};
        if (promise !== undefined)
            Object.assign(head, {'Content-Length': String(promise), Expect: '100-continue'});
        else if (body !== undefined && head['Transfer-Encoding'] === undefined)
            head['Content-Length'] = String(Buffer.byteLength(body));
        return new Promise((resolve, reject) => {
            const fresh = until !== undefined || promise !== undefined;
            const request = http.request({host: this.base.hostname, port: this.base.port, method, path, headers: head, agent: fresh ? false : this.agent});
            const timer = setTimeout(() => request.destroy(new Error(`no answer in ${timeout_ms} ms`)), timeout_ms);
            request.on('error', error => {
                clearTimeout(timer);
                reject(error);
            });
            request.on('response', response => {
                const pieces = [];
                const done = () => {
                    clearTimeout(timer);
                    const bytes = Buffer.concat(pieces);
                    const answer = {status: response.statusCode, headers: response.headers, body: bytes, text: bytes.toString('utf8'), head: method === 'HEAD'};
                    try {
                        answer.json = JSON.parse(answer.text);
                    } catch {
                        // no JSON
                    }
                    if (fresh)
                        request.destroy();
                    resolve(answer);
                };
                response.on('data', piece => {
                    pieces.push(piece);
                    if (until !== undefined && Buffer.concat(pieces).includes(until))
                        done();
                });
                response.on('end', done);
                response.on('error', () => done());
            });
            if (promise !== undefined)
                request.flushHeaders();
            else
                request.end(body);
        });
    }

    // Bytes as they are; what came until the other end closed, or the text `until` had come.
    raw(bytes, {until, timeout_ms = 20000} = {}) {
        return new Promise((resolve, reject) => {
            const socket = net.connect(Number(this.base.port), this.base.hostname, () => socket.write(bytes));
            let got = '';
            const done = () => {
                clearTimeout(timer);
                socket.destroy();
                resolve(got);
            };
            const timer = setTimeout(() => reject(new Error(`still open after ${timeout_ms} ms: ${got}`)), timeout_ms);
            socket.on('data', piece => {
                got += piece.toString('latin1');
                if (until !== undefined && got.includes(until))
                    done();
            });
            socket.on('close', done);
            socket.on('error', done);
        });
    }

    close() {
        this.agent.destroy();
    }
}
