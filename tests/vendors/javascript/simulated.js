// Where the scripts find Azure, and how they tell what they saw.
//
// Loaded before Microsoft's clients. Every host name keeps its meaning, for TLS too, and leads to the simulator's address: in this
// process, and nowhere else. The simulator's authority is trusted through NODE_EXTRA_CA_CERTS.
'use strict';

const crypto = require('crypto');
const tls = require('tls');

const [host, port] = process.env.SIMULATOR.split(':');
const connect = tls.connect;

tls.connect = (options, ...rest) => connect({ ...options, servername: options.servername || options.host, host, port: Number(port) }, ...rest);

// Tells two secrets apart without telling them.
const fingerprint = (secret) => crypto.createHash('sha256').update(secret).digest('hex').slice(0, 16);

// What the client makes of a refusal: the exception, and the status and the code that it took from the answer.
async function refusal(attempt) {
  try {
    await attempt();
  } catch (refused) {
    const entra = /AADSTS\d+/.exec(refused.message);
    const status = refused.statusCode || (refused.response && refused.response.statusCode) || null;
    return [refused.name, status, entra ? entra[0] : refused.code || null];
  }
  return null;
}

async function all(list) {
  const items = [];
  for await (const item of list) items.push(item);
  return items;
}

// Runs a script, and prints the one line that the test reads.
function tell(script) {
  script().then(
    (facts) => process.stdout.write(JSON.stringify(facts) + '\n', () => process.exit(0)),
    (error) => process.stderr.write(`${error.stack}\n`, () => process.exit(1)),
  );
}

module.exports = { all, fingerprint, refusal, tell };
