-- Events that wait for others: which open batch one joins, and when that is complete.
--
-- b:<batch>       HASH: id, n (its number), route, by, key, group, scope (a digest of these four), at (when
--                 it was opened), opened, joined (the same and when the last event came, in the time of
--                 leases, as is due), quiet, max_wait, due, bytes, full (1: nobody joins any more)
-- bm:<batch>      ZSET: its members `<receipt> <event>`, by number
-- bi:<batch>      HASH: member -> from (the receipt's partition), rn, en (numbers of receipt and event),
--                 join (as in rm:<receipt>), size, own (of the gateway's own source)
-- bc:<batch>      HASH: member -> packed blob of what it brings
-- waits           HASH: <receipt> <event> <route> -> the open batch
-- open            ZSET: all open ones, by number
-- group:<scope>   ZSET: those of one group
-- vacant:<scope>  ZSET: those of them that are not full
-- ripe            ZSET: the oldest one of each group, unless somebody is at work on it, by when it is due;
--                 marked ids
-- batched         STRING: the last number of a batch or a member

local batch = {}

local function member_of(m)
    return m.receipt .. ' ' .. m.event
end

function batch.wait(receipt_id, event, route)
    return receipt_id .. ' ' .. event .. ' ' .. route
end

local function place_of(m)
    return batch.wait(m.receipt, m.event, m.route)
end

local function next_batched()
    return int(take(key('batched'), 1))
end

-- An open batch, or nil.
function batch.row(id)
    return hash(key('b', id))
end

-- Whether it can be given to who seals: those of one group are sealed one after the other, as they came.
function batch.refresh(id)
    local row = batch.row(id)
    local member, is = mark(row.n, id), num(row.due)
    local oldest = redis.call('ZRANGE', key('group', row.scope), 0, 0)[1]
    if oldest ~= id or loan_runs('batches', id) then
        redis.call('ZREM', key('ripe'), member)
        return
    end
    local before, first = tonumber(redis.call('ZSCORE', key('ripe'), member)), first_score(key('ripe'))
    redis.call('ZADD', key('ripe'), is, member)
    if before and before <= is then
        -- Who waits for it to be due looks then, and learns that it is due later.
        ring('later:batches')
    elseif not first or is < first then
        call_all('e:batches')
    else
        ring('e:batches')
    end
end

-- Writes when it is due; nobody joins it any more if it is full.
local function write_due(row, is_full, at)
    row.due = int(at)
    if is_full then
        row.full = 1
        redis.call('ZREM', key('vacant', row.scope), row.id)
    end
    put(key('b', row.id), row)
    batch.refresh(row.id)
end

-- Takes an open batch away, with all it knows of its members, and lets the next of its group go.
function batch.close(row)
    local id, group = row.id, key('group', row.scope)
    end_loan('batches', id)
    redis.call('ZREM', key('open'), id)
    redis.call('ZREM', group, id)
    redis.call('ZREM', key('vacant', row.scope), id)
    redis.call('ZREM', key('ripe'), mark(row.n, id))
    redis.call('DEL', key('b', id), key('bm', id), key('bi', id), key('bc', id))
    local next_one = redis.call('ZRANGE', group, 0, 0)[1]
    if next_one then batch.refresh(next_one) end
    -- Nobody needs to look when it is due, or its lease ends.
    ring('later:batches')
end

-- The latest batch of the group, if its window is open. One that this event does not fit into is complete.
local function joinable(m)
    if m.alone then return nil end
    local id = redis.call('ZRANGE', key('vacant', m.scope), -1, -1)[1]
    local row = id and batch.row(id)
    -- Who seals a batch has seen its members, even if the lease ran out.
    if not row or m.at >= num(row.due) or loan_of('batches', id) then return nil end
    local is_full = redis.call('ZCARD', key('bm', id)) >= m.max_events
    if is_full or num(row.bytes) + m.size > m.max_bytes then
        write_due(row, true, m.at)
        return nil
    end
    return row
end

local function open(m)
    local row = {
        id = m.batch, n = next_batched(), route = m.route, by = m.by, key = m.key, group = m.group,
        scope = m.scope, at = int(m.now), opened = int(m.at), joined = int(m.at), bytes = 0,
    }
    for _, list in ipairs({key('open'), key('group', m.scope), key('vacant', m.scope)}) do
        redis.call('ZADD', list, row.n, row.id)
    end
    return row
end

-- What a member brings, and what is known of it.
local function bring(id, m)
    local member = member_of(m)
    local about = {from = m.from, rn = m.rn, en = m.en, join = m.batch, size = m.size, own = m.own}
    redis.call('HSET', key('bi', id), member, cmsgpack.pack(about))
    redis.call('HSET', key('bc', id), member, m.content)
end

-- An event of a receipt joins the batch of its group, or opens one (of the id m.batch).
function handlers.gather(m)
    local row = joinable(m) or open(m)
    redis.call('ZADD', key('bm', row.id), next_batched(), member_of(m))
    redis.call('HSET', key('waits'), place_of(m), row.id)
    bring(row.id, m)
    row.bytes = int(num(row.bytes) + m.size)
    row.joined = int(math.max(num(row.joined), m.at))
    row.quiet, row.max_wait = m.quiet, m.max_wait
    local silence = math.min(num(row.joined) + m.quiet, num(row.opened) + m.max_wait)
    local is_full = m.alone or num(row.bytes) >= m.max_bytes
        or redis.call('ZCARD', key('bm', row.id)) >= m.max_events
    write_due(row, is_full, is_full and math.min(silence, m.at) or silence)
end

-- Its batch was sealed before its receipt heard of it.
local function rejoined(m)
    send(m.from, 'rejoined', {receipt = m.receipt, event = m.event})
end

-- Replaces what a member brings. Who has the batch to seal it has the old text, and loses it.
function handlers.renew(m)
    local id = redis.call('HGET', key('waits'), place_of(m))
    if not id then
        rejoined(m)
        return handlers.gather(m)
    end
    local row, before = batch.row(id), redis.call('HGET', key('bi', id), member_of(m))
    end_loan('batches', id)
    bring(id, m)
    row.bytes = int(num(row.bytes) + m.size - cmsgpack.unpack(before).size)
    local is_full = num(row.bytes) >= m.max_bytes
    write_due(row, is_full, is_full and math.min(num(row.due), m.at) or num(row.due))
end

-- Takes a member out of its batch, and the batch away if that was all.
function handlers.leave(m)
    local id, member = redis.call('HGET', key('waits'), place_of(m)), member_of(m)
    if not id then return rejoined(m) end
    local row, before = batch.row(id), redis.call('HGET', key('bi', id), member)
    redis.call('HDEL', key('waits'), place_of(m))
    redis.call('ZREM', key('bm', id), member)
    redis.call('HDEL', key('bi', id), member)
    redis.call('HDEL', key('bc', id), member)
    if redis.call('EXISTS', key('bm', id)) == 0 then return batch.close(row) end
    end_loan('batches', id)
    redis.call('HSET', key('b', id), 'bytes', int(num(row.bytes) - cmsgpack.unpack(before).size))
    batch.refresh(id)
end

-- Lets the silence of those begin anew that may still be joined, a number of them at a time. How many
-- these are, and after which to go on; empty at the end.
function ops.listen_again()
    local ids = redis.call('ZRANGEBYSCORE', key('open'), '(' .. A.after, '+inf', 'LIMIT', 0, A.limit)
    local heard, last = 0, ''
    for _, id in ipairs(ids) do
        local row = batch.row(id)
        local latest = redis.call('ZRANGE', key('group', row.scope), -1, -1)[1]
        if not row.full and latest == id then
            row.joined = int(math.max(num(row.joined), T))
            write_due(row, false, math.min(T + num(row.quiet), num(row.opened) + num(row.max_wait)))
            heard = heard + 1
        end
        last = row.n
    end
    call_all('e:batches')
    return {heard, #ids == A.limit and last or ''}
end
