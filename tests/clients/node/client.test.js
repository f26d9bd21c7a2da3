// A Node program talks to a live server: place, repeat, refuse, stream.
//
// HOLDFAST_ADDRESS and HOLDFAST_TOKEN name the server; tests/clients/test_clients.py
// starts one and runs this with `node --test`.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import path from 'node:path'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import grpc from '@grpc/grpc-js'
import loader from '@grpc/proto-loader'

const protos = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../../protos')
const files = ['stock', 'orders', 'parcels', 'events', 'admin'].map(name => `holdfast/v1/${name}.proto`)
const definition = loader.loadSync(files, { includeDirs: [protos], longs: String, enums: String, keepCase: true })
const { holdfast } = grpc.loadPackageDefinition(definition)
const address = process.env.HOLDFAST_ADDRESS
const metadata = new grpc.Metadata()
metadata.set('authorization', `Bearer ${process.env.HOLDFAST_TOKEN}`)

function client(service) {
  return new holdfast.v1[service](address, grpc.credentials.createInsecure())
}

function call(stub, method, request) {
  return new Promise((resolve, reject) => {
    stub[method](request, metadata, { deadline: Date.now() + 10_000 }, (error, answer) => (error ? reject(error) : resolve(answer)))
  })
}

const place = (number, quantity) => ({
  request_id: randomUUID(),
  order_number: number,
  source_channel: 'SOURCE_CHANNEL_YOUZAN',
  urgency: 'URGENCY_URGENT',
  lines: [{ sku: 'node-cup', quantity }]
})

test('an order is held once, however often it is asked for', { skip: !address }, async () => {
  const orders = client('OrderService')
  await call(client('StockService'), 'ReceiveStock', { request_id: randomUUID(), sku: 'node-cup', warehouse: 'hz', quantity: 5 })
  const request = place(`node-${randomUUID()}`, 2)
  const first = await call(orders, 'PlaceOrder', request)
  const again = await call(orders, 'PlaceOrder', request)
  assert.equal(first.receipt.durability, 'DURABILITY_SYNCED')
  assert.equal(again.receipt.replayed, true)
  assert.equal(again.receipt.seq, first.receipt.seq)
  assert.equal(first.order.hold_state, 'HOLD_STATE_HELD')
})

test('a refusal has a code, a reason and facts', { skip: !address }, async () => {
  await assert.rejects(call(client('OrderService'), 'PlaceOrder', place('node-short', 1000)), error => {
    assert.equal(error.code, grpc.status.FAILED_PRECONDITION)
    assert.match(error.details, /^STOCK_INSUFFICIENT: /)
    assert.equal(error.metadata.get('grpc-status-details-bin').length, 1)
    return true
  })
})

test('a stream answers in order', { skip: !address }, async () => {
  const stream = client('OrderService').StreamSubmit(metadata, { deadline: Date.now() + 10_000 })
  const answers = []
  const ended = new Promise((resolve, reject) => stream.on('end', resolve).on('error', reject))
  stream.on('data', answer => answers.push(answer.outcome))
  for (let index = 0; index < 20; index += 1) {
    stream.write({ command: { place_order: place(`node-stream-${index}`, index === 7 ? 0 : 1) } })
  }
  stream.end()
  await ended
  assert.equal(answers.length, 20)
  assert.equal(answers[7].refused.reason, 'QUANTITY_INVALID')
})
