// Devices of the group that lab.js made, one that speaks HTTPS and one that speaks MQTT: each registers and talks to its hub. In the end
// the provisioning service is asked for both.
'use strict';

const { refusal, tell } = require('./simulated');

const crypto = require('crypto');
const { Client, Message } = require('azure-iot-device');
const { ProvisioningDeviceClient } = require('azure-iot-provisioning-device');
const { ProvisioningServiceClient } = require('azure-iot-provisioning-service');
const { SymmetricKeySecurityClient } = require('azure-iot-security-symmetric-key');

const { GROUP_KEY, ID_SCOPE, PROVISIONING_CONNECTION_STRING } = process.env;
const host = 'global.azure-devices-provisioning.net';

const derived = (id) => crypto.createHmac('sha256', Buffer.from(GROUP_KEY, 'base64')).update(id).digest('base64');

async function register(transport, id, key) {
  const security = new SymmetricKeySecurityClient(id, key);
  const client = ProvisioningDeviceClient.create(host, ID_SCOPE, transport, security);
  client.setProvisioningPayload({ line: 4 });
  return client.register();
}

async function live(id, { Provisioning, Transport }, talk) {
  const state = await register(new Provisioning(), id, derived(id));
  const connection = `HostName=${state.assignedHub};DeviceId=${state.deviceId};SharedAccessKey=${derived(id)}`;
  const client = Client.fromConnectionString(connection, Transport);
  await client.open();
  const message = new Message('{"temperature": 21.5}');
  message.contentType = 'application/json';
  message.properties.add('level', 'high');
  await client.sendEvent(message);
  const said = await talk(client);
  await client.close();
  return { assigned: [state.status, state.assignedHub, state.deviceId], ...said };
}

async function twinOf(client) {
  const twin = await client.getTwin();
  await new Promise((done, failed) => twin.properties.reported.update({ firmware: '1.2' }, (error) => (error ? failed(error) : done())));
  return { desired: twin.properties.desired };
}

tell(async () => {
  const http = { Provisioning: require('azure-iot-provisioning-device-http').Http, Transport: require('azure-iot-device-http').Http };
  const mqtt = { Provisioning: require('azure-iot-provisioning-device-mqtt').Mqtt, Transport: require('azure-iot-device-mqtt').Mqtt };
  const stranger = await refusal(() => register(new http.Provisioning(), 'js-stranger', derived('another')));
  const [https, overMqtt] = await Promise.all([live('js-https', http, async () => ({})), live('js-mqtt', mqtt, twinOf)]);
  const service = ProvisioningServiceClient.fromConnectionString(PROVISIONING_CONNECTION_STRING);
  const query = service.createEnrollmentGroupDeviceRegistrationStateQuery({ query: '*' }, 'js-lab', 10);
  const registered = (await query.next()).responseBody.map((state) => [state.registrationId, state.status, state.payload]);
  return { stranger, https, mqtt: overMqtt, registered };
});
