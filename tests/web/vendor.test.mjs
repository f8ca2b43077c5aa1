// SPDX-License-Identifier: Apache-2.0
// What is committed of other people's code is what their package has, byte for byte.
import test from 'node:test';
import assert from 'node:assert';
import fs from 'node:fs';
import {pathToFileURL} from 'node:url';

const vendor = new URL('../../src/web/vendor/', import.meta.url), packages = new URL('node_modules/', pathToFileURL(`${process.cwd()}/`));

test('uPlot is the one that the lock file pins', () => {
    const version = JSON.parse(fs.readFileSync(new URL('uplot/package.json', packages))).version;
    const lock = JSON.parse(fs.readFileSync(new URL('package-lock.json', import.meta.url)));
    assert.equal(lock.packages['node_modules/uplot'].version, version);
    assert.match(fs.readFileSync(new URL('README', vendor), 'utf8'), new RegExp(`^uPlot ${version.replaceAll('.', '\\.')} `));
    for (const [ours, theirs] of [['uPlot.iife.min.js', 'dist/uPlot.iife.min.js'], ['uPlot.min.css', 'dist/uPlot.min.css'], ['uPlot.LICENSE', 'LICENSE']])
        assert.ok(fs.readFileSync(new URL(ours, vendor)).equals(fs.readFileSync(new URL(`uplot/${theirs}`, packages))), ours);
});
