-- Receipts, their events, and what is counted of them.
--
-- r:<receipt>    HASH: n, source, at, state (processed | failed), reason, type, kind, name, correlations,
--                events, deliveries, duplicates, replays, turn, pending, lost, finished
-- rb:<receipt>   HASH of packed blobs: content, body, outcome
-- re:<receipt>   HASH: event -> its tally
-- rd:<receipt>   HASH: delivery -> partition, route, number, and of those of a batch this and its partition
-- rm:<receipt>   HASH: <event> <route> -> part (of the latest batch it was gathered for), scope (its group),
--                join (which time it was gathered), became (nil while open), why, failure, batch
-- rh:<receipt>   HASH: <event> <route> <destination> <lane> -> partition, place, whether it is the first
--                of its route there
-- receipts       ZSET: all by received_at
-- failed         ZSET: those that failed, likewise
-- of:<source>    ZSET: those of a source, likewise
-- over, kept     ZSET: those that nothing waits for, by when the last thing about them ended; kept: with
--                something dead, cancelled or failed
-- ledger         HASH: running totals

local receipt, tally = {}, {}

local TALLY = {
    'n', 'pending', 'delivered', 'dead', 'cancelled', 'superseded', 'failed', 'filtered', 'coalesced',
    'gathered', 'deferred',
}

-- See the rule of `Ledger`.
function tally.state(t)
    if t.pending + t.failed + t.gathered + t.deferred > 0 then return 'pending' end
    for _, state in ipairs({'dead', 'cancelled', 'delivered', 'coalesced', 'superseded', 'filtered'}) do
        if t[state] > 0 then return state end
    end
    return 'unmatched'
end

function tally.unpack(packed)
    local t, values = {}, cmsgpack.unpack(packed)
    for i, name in ipairs(TALLY) do t[name] = values[i] end
    return t
end

function tally.write(id, event, t)
    local values = {}
    for i, name in ipairs(TALLY) do values[i] = t[name] or 0 end
    redis.call('HSET', key('re', id), event, cmsgpack.pack(values))
end

function tally.moved(from, to, count)
    if from == to then return end
    redis.call('HINCRBY', key('ledger'), from, -count)
    redis.call('HINCRBY', key('ledger'), to, count)
end

-- Changes the tally of an event that is known; the totals follow.
function tally.change(id, event, change)
    local packed = redis.call('HGET', key('re', id), event)
    if not packed then return end
    local t = tally.unpack(packed)
    local before = tally.state(t)
    change(t)
    tally.write(id, event, t)
    tally.moved(before, tally.state(t), 1)
end

-- Adds an event; `n` is its place among those of its receipt.
function tally.add(id, n, event)
    local t = {
        n = n, pending = event.deliveries, failed = event.failed, filtered = event.filtered,
        gathered = event.gathered, deferred = event.deferred,
        delivered = 0, dead = 0, cancelled = 0, superseded = 0, coalesced = 0,
    }
    tally.write(id, event.id, t)
    redis.call('HINCRBY', key('ledger'), 'accepted', 1)
    redis.call('HINCRBY', key('ledger'), tally.state(t), 1)
end

function receipt.mark(id)
    return mark(num(redis.call('HGET', key('r', id), 'n')), id)
end

-- Puts a receipt where retention looks for it, if nothing of it waits.
function receipt.shelve(id)
    local row = redis.call('HMGET', key('r', id), 'pending', 'lost', 'state', 'finished')
    redis.call('ZREM', key('over'), id)
    redis.call('ZREM', key('kept'), id)
    if num(row[1]) > 0 then return end
    local is_lost = num(row[2]) > 0 or row[3] == 'failed'
    redis.call('ZADD', key(is_lost and 'kept' or 'over'), num(row[4]), id)
end

-- Adds to the counts of a receipt: { deliveries, pending, lost, finished (an instant) }.
function receipt.count(id, change)
    local name = key('r', id)
    if redis.call('EXISTS', name) == 0 then return end
    for _, field in ipairs({'deliveries', 'pending', 'lost'}) do
        if change[field] and change[field] ~= 0 then
            redis.call('HINCRBY', name, field, change[field])
        end
    end
    if change.finished and change.finished > num(redis.call('HGET', name, 'finished')) then
        redis.call('HSET', name, 'finished', int(change.finished))
    end
    receipt.shelve(id)
end

-- Whether it failed, and why; the list of failed ones follows.
function receipt.judge(id, reason)
    local name, member = key('r', id), receipt.mark(id)
    if reason then
        redis.call('HSET', name, 'state', 'failed', 'reason', reason)
        redis.call('ZADD', key('failed'), num(redis.call('HGET', name, 'at')), member)
    else
        redis.call('HSET', name, 'state', 'processed')
        redis.call('HDEL', name, 'reason')
        redis.call('ZREM', key('failed'), member)
    end
end

-- A delivery of these events of a receipt went from one state to another.
function handlers.moved(m)
    local lost = {dead = 1, cancelled = 1}
    local function line(state)
        return m.batch and state == 'delivered' and 'coalesced' or state
    end
    receipt.count(m.receipt, {
        pending = m.to == 'pending' and 1 or -1,
        lost = (lost[m.to] or 0) - (lost[m.from] or 0),
        finished = m.to ~= 'pending' and m.now or nil,
    })
    for _, event in ipairs(m.events) do
        tally.change(m.receipt, event, function(t)
            t[line(m.from)] = t[line(m.from)] - 1
            t[line(m.to)] = t[line(m.to)] + 1
        end)
    end
end
