-- Batches that are complete, what becomes of them, and what is known of those that were sent.
--
-- sent:<batch>   HASH: receipt -> from (its partition), events, en (the number of the first); and
--                `deliveries` -> a list of { id, part, n }. Gone with the last of its receipts, as is the next
-- order:<batch>  ZSET: these receipts in the order in which they came

-- What is complete: at most so many, the oldest due first; and when to ask again.
local function ripe(limit)
    local over, first_end = loans_over('batches')
    for _, id in ipairs(over) do
        if batch.row(id) then batch.refresh(id) end
    end
    hush()
    local found, next_due = due_of(key('ripe'), limit)
    return found, earlier(first_end, next_due)
end

-- When those are due that are complete, with what tells them apart; then when to ask again.
function ops.ripening()
    local found, next_due = ripe(A.limit)
    for i, one in ipairs(found) do found[i] = {told(one.due), one.member} end
    return {found, told(next_due)}
end

-- Members as they came: the partition of each one's receipt, the receipt, and the blob.
local function members_of(id)
    local about, content, list = hash(key('bi', id)), hash(key('bc', id)), {}
    for i, member in ipairs(redis.call('ZRANGE', key('bm', id), 0, -1)) do
        local from = cmsgpack.unpack(about[member]).from
        list[i] = {from, string.match(member, '^%S+'), content[member]}
    end
    return list
end

-- Leases those that are complete: the mark, the fields, the members and the token of each; then when to
-- ask again.
function ops.ripe()
    local found, next_due = ripe(A.limit)
    for i, one in ipairs(found) do
        redis.call('ZREM', one.set, one.member)
        local token = lend_one('batches', one.id)
        found[i] = {one.member, redis.call('HGETALL', key('b', one.id)), members_of(one.id), token}
    end
    return {found, told(next_due)}
end

-- What receipts came with.
function ops.bodies()
    local found = {}
    for i, id in ipairs(A.ids) do found[i] = redis.call('GET', key('rb', id)) end
    return found
end

-- The members of a batch by receipt, in the order in which these came; and whether one of them is the
-- gateway's own.
local function by_receipt(row)
    local about, list, known, own = hash(key('bi', row.id)), {}, {}, nil
    for _, member in ipairs(redis.call('ZRANGE', key('bm', row.id), 0, -1)) do
        local id, event = string.match(member, '^(%S+) (%S+)$')
        local its = cmsgpack.unpack(about[member])
        local one = known[id]
        if not one then
            one = {receipt = id, from = its.from, rn = its.rn, en = its.en, events = {}, joins = {}}
            known[id], list[#list + 1] = one, one
        end
        one.events[#one.events + 1] = event
        one.joins[#one.joins + 1] = its.join
        own = own or its.own
    end
    return list, own
end

-- Sends the deliveries of a batch, in the name of its first member; id, partition and number of each.
local function deliver_batch(row, first, own)
    local goods = {}
    for i, d in ipairs(A.deliveries) do
        local n = number()
        goods[i] = {id = d.id, part = d.part, n = n}
        send(d.part, 'deliver', {
            goods = blob(d.blob),
            row = {
                id = d.id, n = n, receipt = first.receipt, event = first.events[1],
                from = first.from, rn = first.rn, en = first.en, batch = row.id, at = HERE,
                route = row.route, to = d.to, lane = d.lane, created = d.created, due = due(d.created),
                own = own,
            },
        })
    end
    return goods
end

-- Keeps what follows what happens to the deliveries.
local function keep_sent(id, receipts, goods)
    local kept = {deliveries = cmsgpack.pack(goods)}
    for i, one in ipairs(receipts) do
        kept[one.receipt] = cmsgpack.pack({from = one.from, rn = one.rn, en = one.en, events = one.events})
        redis.call('ZADD', key('order', id), i, one.receipt)
    end
    put(key('sent', id), kept)
end

-- Makes a batch into what became of it: { id, token, became, why, failure, deliveries }.
function ops.seal()
    local row, known = batch.row(A.id), loan_of('batches', A.id)
    if not row or not known or known.token ~= A.token then return refuse('lost', A.id) end
    for _, d in ipairs(A.deliveries) do
        if redis.call('EXISTS', key('d', d.id)) == 1 then
            return refuse('conflict', 'the delivery ' .. d.id .. ' is known')
        end
    end
    local receipts, own = by_receipt(row)
    batch.close(row)
    local goods = deliver_batch(row, receipts[1], own)
    if #goods > 0 then keep_sent(row.id, receipts, goods) end
    for _, one in ipairs(receipts) do
        for _, event in ipairs(one.events) do
            redis.call('HDEL', key('waits'), batch.wait(one.receipt, event, row.route))
        end
        send(one.from, 'sealed', {
            receipt = one.receipt, events = one.events, joins = one.joins, route = row.route,
            became = A.became, why = A.why, failure = A.failure, batch = row.id, at = HERE,
            deliveries = goods, now = A.now,
        })
    end
end

-- A delivery of a batch went from one state to another, and with it all that left in it.
function handlers.batch_moved(m)
    for id, packed in pairs(hash(key('sent', m.batch)) or {}) do
        if id ~= 'deliveries' then
            local one = cmsgpack.unpack(packed)
            send(one.from, 'moved', {
                receipt = id, events = one.events, batch = true, from = m.from, to = m.to, now = m.now,
            })
        end
    end
end

-- Ids of deliveries, by where they are.
local function by_part(goods)
    local parts = {}
    for _, d in ipairs(goods) do
        parts[d.part] = parts[d.part] or {}
        table.insert(parts[d.part], d.id)
    end
    return parts
end

-- Retention took a receipt: { receipt, batch }. The deliveries stay with those of the others that stay.
function handlers.forget_member(m)
    local name, order = key('sent', m.batch), key('order', m.batch)
    local first = redis.call('ZRANGE', order, 0, 0)[1]
    if redis.call('ZREM', order, m.receipt) == 0 then return end
    redis.call('HDEL', name, m.receipt)
    local heir = redis.call('ZRANGE', order, 0, 0)[1]
    local parts = by_part(cmsgpack.unpack(redis.call('HGET', name, 'deliveries')))
    if not heir then
        redis.call('DEL', name)
        for part, ids in pairs(parts) do send(part, 'forget', {deliveries = ids}) end
    elseif first == m.receipt then
        local one = cmsgpack.unpack(redis.call('HGET', name, heir))
        for part, ids in pairs(parts) do
            send(part, 'inherit', {
                deliveries = ids, receipt = heir, event = one.events[1], from = one.from, rn = one.rn, en = one.en,
            })
        end
    end
end

-- Deliveries are those of another receipt's event from now on.
function handlers.inherit(m)
    for _, id in ipairs(m.deliveries) do
        if redis.call('EXISTS', key('d', id)) == 1 then
            put(key('d', id), {receipt = m.receipt, event = m.event, from = m.from, rn = m.rn, en = m.en})
        end
    end
end

-- What became of the latest batches that the events of a receipt were gathered for: event, route, the
-- batch's partition, what became of it, why (a list of one or none), the failure, the batch, and its
-- deliveries; the last ones empty while it is open.
function ops.became()
    local of_batch = {}
    for id, known in pairs(receipt.deliveries(A.id)) do
        local _, _, n, sent_in = unpack(known)
        if sent_in then
            of_batch[sent_in] = of_batch[sent_in] or {}
            table.insert(of_batch[sent_in], mark(n, id))
        end
    end
    local lines = {}
    for place, packed in pairs(hash(key('rm', A.id)) or {}) do
        local event, route = string.match(place, '^([^%z]*)%z(.*)$')
        local known = cmsgpack.unpack(packed)
        local ids = known.became and of_batch[known.batch] or {}
        table.sort(ids)
        local deliveries = {}
        for i, id in ipairs(ids) do deliveries[i] = unmark(id) end
        lines[#lines + 1] = {
            event, route, known.part, known.became or '', {known.why}, known.failure or '',
            known.batch or '', deliveries,
        }
    end
    return lines
end

-- Where events wait (A.waits: of { receipt, event, route }): the batch of each and when it is due; nothing
-- of one that waits no more.
function ops.waits()
    local lines = {}
    for i, wait in ipairs(A.waits) do
        local id = redis.call('HGET', key('waits'), batch.wait(unpack(wait)))
        local at = id and redis.call('HGET', key('b', id), 'due')
        lines[i] = id and {id, told(num(at))} or {}
    end
    return lines
end

-- What an event brings to the open batch that it waits in for a route: by, key, group, and the blob; empty
-- if it waits in none.
function ops.brought()
    local id = redis.call('HGET', key('waits'), batch.wait(A.id, A.event, A.route))
    if not id then return {} end
    local row = batch.row(id)
    return {row.by, row.key, row.group, redis.call('HGET', key('bc', id), A.id .. ' ' .. A.event)}
end
