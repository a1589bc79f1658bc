// node-postgres: text results, named statements, pg-cursor's portals, cancel, pool.
'use strict'

const assert = require('node:assert').strict
const { Client, Pool } = require('pg')
const Cursor = require('pg-cursor')

const { PGWARRANT_SUPPORT: SUPPORT, PGWARRANT_ANALYST: ANALYST, PGWARRANT_BARE: BARE } = process.env

const open = async (url, more = {}) => {
  const client = new Client({ connectionString: url, ...more })
  client.on('error', () => {})
  await client.connect()
  return client
}

const one = async (client, text, values) => Object.values((await client.query(text, values)).rows[0])[0]
const rejection = async (promise) => {
  const error = await promise.then(() => null, (error) => error)
  assert(error, 'it worked')
  return error
}
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

const checks = {
  async 'every door'(client) {
    const ca = require('node:fs').readFileSync(process.env.PGWARRANT_AUTHORITY)
    const url = new URL(SUPPORT)
    const socket = { user: url.username, password: url.password, database: 'shop', host: process.env.PGWARRANT_SOCKET_DIR, port: url.port }
    for (const how of [{ connectionString: SUPPORT }, { connectionString: SUPPORT, ssl: { ca } }, socket]) {
      const own = await open(undefined, how)
      assert.equal(await one(own, 'SELECT id FROM customers WHERE tenant_id = 7 AND id = $1', [6]), '6')
      await own.end()
    }
  },

  async 'same as bare'(client, bare) {
    for (const [text, values] of [
      ['SELECT id, name, email, phone, tags, profile, created_at, external_id FROM customers WHERE tenant_id = 7 AND id = $1', [6]],
      ['SELECT id, status, total_cents, note, placed_on FROM orders WHERE tenant_id = 7 AND customer_id = $1 ORDER BY id', [6]],
      ['SELECT id, sku, price_cents, attributes, active FROM products WHERE id = ANY($1) ORDER BY id', [[1, 2, 3]]],
      ['SELECT id, subject FROM tickets WHERE tenant_id = 7 AND status = $1 ORDER BY id LIMIT 3', ['open']],
    ]) {
      const [through, direct] = [await client.query(text, values), await bare.query(text, values)]
      assert(through.rows.length > 0, text)
      assert.deepEqual(through.rows, direct.rows)
      assert.deepEqual(through.fields, direct.fields)
      assert.equal(through.command, direct.command)
      assert.equal(through.rowCount, direct.rowCount)
    }
  },

  async 'a named statement many times'(client) {
    for (let turn = 0; turn < 200; turn++) {
      const id = 1 + (turn % 50)
      const { rows } = await client.query({ name: 'sku', text: 'SELECT sku FROM products WHERE id = $1', values: [id] })
      assert.equal(rows[0].sku, `SKU-${String(id).padStart(5, '0')}`)
    }
  },

  async 'values there and back'(client) {
    for (const [kind, value, wanted = value] of [
      ['int4', -2147483648],
      ['int8', '4611686018427387904'],
      ['text', 'naïve ☂ \'quoted\' \\ " $1'],
      ['uuid', '12345678-1234-5678-1234-567812345678'],
      ['timestamptz', new Date('2026-01-02T03:04:05.678Z')],
      ['numeric', '12345678901234567890.0123456789'],
      ['float8', 0.1],
      ['bool', true],
      ['bytea', Buffer.from([0, 255, 39])],
      ['json', { a: [1, { b: null }] }],
      ['jsonb', { a: [1, { b: null }] }],
      ['int4[]', [1, null, 3]],
      ['text[]', ['a', 'b "c"', null, '']],
      ['uuid[]', ['00000000-0000-0000-0000-000000000001'], '{00000000-0000-0000-0000-000000000001}'],
    ]) {
      const found = await one(client, `SELECT $1::${kind} AS v`, [value])
      assert.deepEqual(kind === 'uuid[]' && Array.isArray(found) ? `{${found}}` : found, wanted, kind)
      assert.equal(await one(client, `SELECT $1::${kind} AS v`, [null]), null)
    }
  },

  async 'binary results'(client) {
    const { rows } = await client.query({ text: 'SELECT id, sku, active FROM products WHERE id = $1', values: [5], binary: true })
    assert.equal(rows[0].id, 5)
    assert.equal(String(rows[0].sku), 'SKU-00005')
    assert.equal(rows[0].active, true)
  },

  async 'simple queries, several at once'(client) {
    const found = await client.query('SELECT 1 AS a; SELECT sku FROM products WHERE id = 1; SELECT 3 AS c')
    assert.deepEqual(found.map((result) => result.rows), [[{ a: 1 }], [{ sku: 'SKU-00001' }], [{ c: 3 }]])
    assert.equal((await client.query('')).rows.length, 0)
  },

  async 'a cursor'(client) {
    await client.query('BEGIN')
    const cursor = client.query(new Cursor('SELECT id FROM products WHERE id <= $1 ORDER BY id', [25]))
    const found = []
    for (let rows = await cursor.read(10); rows.length > 0; rows = await cursor.read(10)) found.push(rows.length)
    assert.deepEqual(found, [10, 10, 5])
    await cursor.close()
    const half = client.query(new Cursor('SELECT id FROM products ORDER BY id'))
    assert.equal((await half.read(3)).length, 3)
    await half.close()
    await client.query('COMMIT')
  },

  async 'a transaction with a savepoint'(client) {
    await client.query('BEGIN READ ONLY')
    await client.query('SAVEPOINT a')
    assert.equal((await rejection(client.query('SELECT 1 / $1::int', [0]))).code, '22012')
    assert.equal((await rejection(client.query('SELECT 1'))).code, '25P02')
    await client.query('ROLLBACK TO a')
    assert.equal(await one(client, 'SELECT name FROM tenants WHERE id = 7'), 'Tenant 7')
    await client.query('COMMIT')
    await client.query('BEGIN')
    await rejection(client.query('SELECT nothing'))
    assert.equal((await client.query('COMMIT')).command, 'ROLLBACK')
  },

  async 'denials teach'(client) {
    const error = await rejection(client.query('SELECT name FROM customers WHERE id = $1', [6]))
    assert.deepEqual([error.code, error.constraint, error.routine], ['42501', 'predicate_not_implied', 'pgwarrant'])
    assert.match(error.hint, /tenant_id/)
    assert.equal(await one(client, 'SELECT 1'), 1)
  },

  async 'queries queued without waiting'(client) {
    const found = await Promise.all(Array.from({ length: 100 }, (_, i) => one(client, 'SELECT id FROM products WHERE id = $1', [i + 1])))
    assert.deepEqual(found, Array.from({ length: 100 }, (_, i) => i + 1))
  },

  async 'cancel'(client, bare) {
    const text = 'SELECT count(*) FROM products WHERE id < $1'
    await client.query({ name: 'long', text, values: [5] })
    const query = new (require('pg').Query)({ name: 'long', text, values: [6] })
    await bare.query('BEGIN; LOCK TABLE products IN ACCESS EXCLUSIVE MODE')
    try {
      const ended = new Promise((resolve) => query.once('error', resolve).once('end', () => resolve(null)))
      client.query(query)
      await sleep(300)
      const other = new Client({ connectionString: SUPPORT })
      other.on('error', () => {})
      other.cancel(client, query)
      const error = await ended
      assert.equal(error && error.code, '57014')
    } finally {
      await bare.query('ROLLBACK')
    }
    assert.equal(await one(client, 'SELECT 1'), 1)
  },

  async 'settings'(client, bare) {
    assert.equal(await one(client, 'SHOW TimeZone'), await one(bare, 'SHOW TimeZone'))
    await client.query("SET TIME ZONE 'Asia/Tokyo'")
    assert.equal(await one(client, 'SHOW TimeZone'), 'Asia/Tokyo')
    await client.query('DISCARD ALL')
    const own = await open(SUPPORT, { statement_timeout: 5000, application_name: 'node', options: '-c TimeZone=UTC' })
    assert.equal(await one(own, 'SHOW statement_timeout'), '5s')
    assert.equal(await one(own, 'SHOW application_name'), 'node')
    await own.end()
  },

  async 'a pool'() {
    const pool = new Pool({ connectionString: SUPPORT, max: 8 })
    const wanted = Array.from({ length: 200 }, (_, turn) => String(6 + 20 * (turn % 10)))
    const found = await Promise.all(wanted.map((id) => one(pool, 'SELECT id FROM customers WHERE tenant_id = 7 AND id = $1', [id])))
    assert.deepEqual(found, wanted)
    await pool.end()
  },

  async 'another persona'() {
    const analyst = await open(ANALYST)
    assert.equal(await one(analyst, 'SELECT count(*) FROM tenants'), '20')
    await analyst.end()
  },
}

const within = (ms, promise) => {
  let timer
  const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error('it hangs')), ms) })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

async function main() {
  const [client, bare] = [await open(SUPPORT), await open(BARE)]
  let failed = 0
  for (const [name, check] of Object.entries(checks)) {
    try {
      await within(30000, check(client, bare))
      console.log(`ok   ${name}`)
    } catch (error) {
      failed++
      console.log(`FAIL ${name}: ${error.stack}`)
    }
  }
  await Promise.all([client.end(), bare.end()])
  process.exit(failed ? 1 : 0)
}

main().catch((error) => { console.log(`FAIL it starts: ${error.stack}`); process.exit(1) })
