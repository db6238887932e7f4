#!/usr/bin/env node
// SPDX-License-Identifier: MIT
// Runs on any Node: hands over to the Node that npm installed when this one is too old (24.7 brought argon2). Old syntax on purpose.
var path = require('path');
var root = path.join(__dirname, '..');
function find(name) { try { return require.resolve(name, { paths: [root] }); } catch (e) { return null; } }
if (!find('pg')) {
  console.error('The dependencies are not installed.\n  Run "npm ci" in ' + root + ' first.');
  process.exit(1);
}
var v = process.versions.node.split('.').map(Number);
if (v[0] > 24 || (v[0] === 24 && v[1] >= 7)) {
  import('../src/cli.ts');
} else {
  var names = ['node-' + process.platform + '-' + process.arch, 'node-bin-' + process.platform + '-' + process.arch], bin = null;
  for (var i = 0; i < names.length && !bin; i++) {
    var found = find(names[i] + '/package.json');
    if (found) bin = path.join(path.dirname(found), 'bin', 'node');
  }
  if (!bin) {
    console.error('Node ' + process.versions.node + ' is too old: 24.7 or newer is needed, and npm installed none for ' +
      process.platform + '-' + process.arch + '.\n  Run "npm ci" with optional dependencies, or install Node 24.');
    process.exit(1);
  }
  var child = require('child_process').spawn(bin, [__filename].concat(process.argv.slice(2)), { stdio: 'inherit' });
  // We only wait: the child decides when all is stopped. It takes a signal that reaches it twice as one.
  ['SIGINT', 'SIGTERM', 'SIGHUP'].forEach(function (s) { process.on(s, function () { child.kill(s); }); });
  child.on('error', function (e) { console.error('Node cannot be started: ' + e.message); process.exit(1); });
  child.on('exit', function (code) { process.exit(code === null ? 1 : code); });
}
