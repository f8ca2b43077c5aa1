// SPDX-License-Identifier: Apache-2.0
// npm smtp-server as the tests want it: node server.mjs '{"port": 2525, "dir": "DIR", "tls": "none|starttls", "key": F, "cert": F, "user": U, "pass": P, "rcpt": [550, "text"], "data": [451, "text"]}'
// Messages go to DIR, a file each: envelope first.
import fs from 'node:fs';
import {createRequire} from 'node:module';
const {SMTPServer} = createRequire(process.cwd() + '/')('smtp-server');
const options = JSON.parse(process.argv[2]);
const failure = ([code, text]) => Object.assign(new Error(text), {responseCode: code});
let count = 0;
const server = new SMTPServer({
    authOptional: !options.user,
    disabledCommands: options.tls === 'starttls' ? [] : ['STARTTLS'],
    allowInsecureAuth: options.tls !== 'starttls',
    key: options.key && fs.readFileSync(options.key),
    cert: options.cert && fs.readFileSync(options.cert),
    logger: false,
    onAuth(auth, session, done) {
        if (auth.username === options.user && auth.password === options.pass)
            done(null, {user: options.user});
        else
            done(failure([535, '5.7.8 Authentication failed']));
    },
    onRcptTo(address, session, done) { done(options.rcpt ? failure(options.rcpt) : null); },
    onData(stream, session, done) {
        const parts = [];
        stream.on('data', (part) => parts.push(part));
        stream.on('end', () => {
            if (options.data)
                return done(failure(options.data));
            const envelope = `envelope: ${session.envelope.mailFrom.address} -> ${session.envelope.rcptTo.map((to) => to.address).join()} tls=${session.secure} user=${session.user ?? ''}\n`;
            fs.writeFileSync(`${options.dir}/${Date.now()}-${count++}`, Buffer.concat([Buffer.from(envelope), ...parts]));
            done(null, 'taken');
        });
    },
});
server.on('error', (error) => console.error(error.message));
server.listen(options.port, '127.0.0.1', () => console.log(`listening on ${options.port}`));
