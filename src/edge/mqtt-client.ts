// SPDX-License-Identifier: MIT
// What is known of one MQTT connection, and the two things that are said to it: a verdict on what it sent, and no.
import type { Client } from 'aedes'
import type { Caller } from '../base/caller.ts'
import type { TmiError } from '../base/errors.ts'
import type { Identity } from '../db/access.ts'
import type { Intake } from './intake.ts'
import { audit } from './keep.ts'

export interface MqttClient extends Client {
  /** Of the CONNECT packet; a listener has no session that outlives its connection. */
  connectPacket?: { clean: boolean }
  /** As it called itself; its id here begins with whose it is. */
  ownId?: string
  identity?: Identity
  caller?: Caller
  wantsVerdicts?: boolean
  /** Messages of QoS 2 that are being taken, by their ids. */
  taking?: Map<number, Promise<void>>
  /** What a listener subscribed to, by filter. */
  following?: Map<string, { stop(): void }>
  /** Filters that it may not have, in a row. */
  refusals?: number
  /** Bytes that were written for it and that its socket has not taken. */
  waiting?: number
  /** Its subscriptions are served one after the other. */
  turn?: Promise<void>
}

export const verdictTopic = 'tmi/verdict'

export function tell(client: MqttClient, verdict: object): void {
  if (!client.wantsVerdicts) return
  const payload = JSON.stringify(verdict)
  client.publish({ cmd: 'publish', topic: verdictTopic, payload, qos: 0, retain: false, dup: false }, () => {})
}

/** Tells it, writes it down, and returns the error that ends the connection. */
export async function denied(intake: Intake, client: MqttClient, topic: string, e: TmiError): Promise<TmiError> {
  tell(client, { topic, code: e.code, message: e.message, hint: e.hint })
  await auditDenied(intake, client, topic, e)
  return e
}

export async function auditDenied(intake: Intake, client: MqttClient, topic: string, e: TmiError): Promise<void> {
  const detail = { topic: topic.slice(0, 300), code: e.code, client: (client.ownId ?? client.id).slice(0, 300) }
  await audit(intake, 'mqtt.denied', client.identity, detail, { ...client.caller, agent: client.ownId })
}
