// Makes a hub and a provisioning service that links it, enrolls devices in the one and makes devices in the other, and leaves them
// for device.js: lab.js RESOURCE_GROUP
'use strict';

const { all, fingerprint, refusal, tell } = require('./simulated');

const { IotDpsClient } = require('@azure/arm-deviceprovisioningservices');
const { IotHubClient } = require('@azure/arm-iothub');
const { ClientSecretCredential } = require('@azure/identity');
const { ProvisioningServiceClient } = require('azure-iot-provisioning-service');
const { Registry } = require('azure-iothub');

const [group] = process.argv.slice(2);
const [hub, service, location] = ['js-lab-hub', 'js-lab-dps', 'eastus'];
const { AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET, AZURE_SUBSCRIPTION_ID, GROUP_KEY } = process.env;
const [first, second] = [1, 2].map((byte) => Buffer.alloc(32, byte).toString('base64'));
// Operations are polled as often as the answers ask for, and not every two seconds.
const soon = { updateIntervalInMs: 200 };

const signIn = (secret) => new ClientSecretCredential(AZURE_TENANT_ID, AZURE_CLIENT_ID, secret);

async function ofHub(hubs) {
  const sku = { name: 'S1', capacity: 1 };
  const made = await hubs.beginCreateOrUpdateAndWait(group, hub, { location, sku }, soon);
  const tagged = await hubs.beginUpdateAndWait(group, hub, { tags: { plant: '7' } }, soon);
  const stale = await refusal(() => hubs.beginCreateOrUpdate(group, hub, { location, sku }, { ifMatch: made.etag }));
  const listed = (await all(hubs.listByResourceGroup(group))).map((one) => one.name);
  return { made: [made.name, made.properties.state, made.properties.hostName], tags: tagged.tags, stale, listed };
}

async function ofService(services, connectionString) {
  const wanted = { location, sku: { name: 'S1', capacity: 1 }, properties: { iotHubs: [{ connectionString, location }] } };
  const made = await services.beginCreateOrUpdateAndWait(group, service, wanted, soon);
  const tagged = await services.beginUpdateAndWait(group, service, { tags: { plant: '7' } }, soon);
  const seen = await services.get(service, group);
  const listed = (await all(services.listByResourceGroup(group))).map((one) => one.name);
  const links = seen.properties.iotHubs.map((link) => [link.name, link.location]);
  return { made: [made.name, made.properties.state, made.properties.serviceOperationsHostName], tags: tagged.tags, links, listed };
}

async function ofEnrollments(client) {
  const attestation = { type: 'symmetricKey', symmetricKey: { primaryKey: GROUP_KEY, secondaryKey: second } };
  const made = (await client.createOrUpdateEnrollmentGroup({ enrollmentGroupId: 'js-lab', attestation })).responseBody;
  const press = { registrationId: 'js-press', deviceId: 'press-1', attestation: { type: 'symmetricKey' } };
  const own = (await client.createOrUpdateIndividualEnrollment(press)).responseBody;
  const keys = (await client.getEnrollmentGroupAttestationMechanism('js-lab')).responseBody.symmetricKey;
  const bulk = { mode: 'create', enrollments: [{ registrationId: 'js-saw', attestation: { type: 'symmetricKey' } }] };
  // Its promise never ends without a callback.
  const done = await new Promise((then, failed) => {
    client.runBulkEnrollmentOperation(bulk, (error, result) => (error ? failed(error) : then(result)));
  });
  const found = await client.createIndividualEnrollmentQuery({ query: 'SELECT * FROM enrollments' }, 10).next();
  await client.deleteIndividualEnrollment('js-saw');
  return {
    group: [made.enrollmentGroupId, made.provisioningStatus, fingerprint(keys.primaryKey)],
    press: [own.registrationId, own.deviceId],
    bulk: done,
    found: found.responseBody.map((one) => one.registrationId).sort(),
    gone: await refusal(() => client.getIndividualEnrollment('js-saw')),
  };
}

async function ofRegistry(registry) {
  const symmetricKey = { primaryKey: first, secondaryKey: second };
  const made = (await registry.create({ deviceId: 'js-lathe', status: 'enabled', authentication: { type: 'sas', symmetricKey } })).responseBody;
  const again = await refusal(() => registry.create({ deviceId: 'js-lathe' }));
  const barred = (await registry.update({ ...made, status: 'disabled', statusReason: 'sold' })).responseBody;
  const bulk = [(await registry.addDevices([{ deviceId: 'js-mill', status: 'enabled' }])).responseBody.isSuccessful];
  const mill = (await registry.get('js-mill')).responseBody;
  bulk.push((await registry.updateDevices([{ ...mill, status: 'disabled' }], false)).responseBody.isSuccessful);
  bulk.push((await registry.updateDevices([{ ...mill, status: 'enabled' }], true)).responseBody.isSuccessful);
  const listed = (await registry.list()).responseBody.map((device) => device.deviceId);
  const twin = (await registry.getTwin('js-lathe')).responseBody;
  const patch = { tags: { plant: '7' }, properties: { desired: { interval: 30 } } };
  const written = (await registry.updateTwin('js-lathe', patch, twin.etag)).responseBody;
  const found = (await registry.createQuery("SELECT * FROM devices WHERE tags.plant = '7'").nextAsTwin()).result;
  bulk.push((await registry.removeDevices([{ deviceId: 'js-mill' }], true)).responseBody.isSuccessful);
  await registry.delete('js-lathe');
  return {
    made: [made.deviceId, fingerprint(made.authentication.symmetricKey.primaryKey)],
    again,
    barred: [barred.status, barred.statusReason],
    bulk,
    listed,
    twin: [written.tags, written.properties.desired.interval],
    found: found.map((one) => one.deviceId),
    gone: await refusal(() => registry.get('js-lathe')),
  };
}

tell(async () => {
  const credential = signIn(AZURE_CLIENT_SECRET);
  const scope = 'https://management.azure.com/.default';
  const wrong = await refusal(() => signIn('wrong').getToken(scope));
  const hubs = new IotHubClient(credential, AZURE_SUBSCRIPTION_ID).iotHubResource;
  const services = new IotDpsClient(credential, AZURE_SUBSCRIPTION_ID).iotDpsResource;
  const ofTheHub = await ofHub(hubs);
  const hubKey = (await hubs.getKeysForKeyName(group, hub, 'iothubowner')).primaryKey;
  const hubConnection = `HostName=${hub}.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey=${hubKey}`;
  const ofTheService = await ofService(services, hubConnection);
  const key = (await services.listKeysForKeyName(service, 'provisioningserviceowner', group)).primaryKey;
  const connection = `HostName=${service}.azure-devices-provisioning.net;SharedAccessKeyName=provisioningserviceowner;SharedAccessKey=${key}`;
  const [enrollments, registry] = await Promise.all([
    ofEnrollments(ProvisioningServiceClient.fromConnectionString(connection)),
    ofRegistry(Registry.fromConnectionString(hubConnection)),
  ]);
  return { 'a wrong secret': wrong, hub: ofTheHub, service: ofTheService, enrollments, registry };
});
