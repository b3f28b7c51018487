import { bytes, characters, ms, number } from './limit.ts'

/** Bounds of subscriptions, and of what their webhooks may take. */
export const subscriptionLimits = {
  subscriptionsPerService: number(1_000, 'subscriptions of one service', {
    beyond: '409 SUBSCRIPTION_LIMIT',
    why: 'every stream that is new to the process is matched against all their patterns',
  }),
  streamsPerSubscription: number(10_000, 'streams of one subscription', {
    beyond: '409 SUBSCRIPTION_LIMIT; one that a pattern covers later is left out, and the log says so',
    why: 'their cursors are one record, written anew with every wake',
    most: 100_000,
  }),
  subscriptionBodyBytes: bytes(256 << 10, 'body of a request about subscriptions', {
    beyond: '413, and the connection is closed; nothing is changed',
    why: 'acknowledgements of everything that one wake told fit',
  }),
  descriptionLength: characters(1_024, 'description of a subscription', {
    beyond: '400',
    why: 'it is part of the record that is written with every wake',
  }),
  webhookUrlLength: characters(2_048, 'webhook URL', {
    beyond: '400 WEBHOOK_URL_REJECTED',
    why: 'it is part of the record that is written with every wake',
  }),
  workerLength: characters(256, 'name of a worker', {
    beyond: '400',
    why: 'it is part of the record, and other workers are told',
  }),
  wakeBytes: bytes(192 << 10, 'list of streams in one wake', {
    beyond: 'the list ends; what is left out comes with the next wake',
    why: 'what receivers of webhooks commonly take, with room around it',
    least: 8 << 10,
  }),
  webhookMs: ms(5_000, 'time from looking up a webhook’s host to the end of its answer', {
    beyond: 'the delivery has failed and is tried again',
    why: 'a slow receiver occupies one of the places below',
  }),
  webhookAnswerBytes: bytes(64 << 10, 'answer of a webhook', {
    beyond: 'the connection is cut; the delivery has failed and is tried again',
    why: 'only one field of it is read',
  }),
  webhooksAtOnce: number(64, 'deliveries to webhooks under way', {
    beyond: 'the others wait for their turn',
    why: 'each is a connection',
  }),
  webhooksPerTarget: number(8, 'deliveries under way to one host', {
    beyond: 'the others wait for their turn',
    why: 'so that a slow host holds up only itself',
  }),
  subscriptionRescanMs: ms(30_000, 'from one look over all subscriptions to the next', {
    beyond: 'what a process that died, or another one, left to be done is done',
    why: 'each look reads every subscription and lists the streams its pattern may cover',
  }),
} as const
