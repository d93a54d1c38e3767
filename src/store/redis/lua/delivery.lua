-- Deliveries: their coming, their end, their return, and newer ones in place of older ones.
--
-- d:<delivery>   HASH: id, n (its number), place, receipt, event, from (the receipt's partition), rn and en
--                (numbers of receipt and event: how old it is), batch, at (the batch's partition), route,
--                to, lane, state, attempts, tries, created, due, finished, reason, class, status,
--                supersede, by
-- db:<delivery>  HASH of packed blobs: content, body
-- da:<delivery>  LIST: attempts as packed blobs, the last fifty
-- deliveries     ZSET: all by created
-- waiting, dead  ZSET: those that are, likewise
-- to:<destination>  ZSET: those of a destination, likewise
-- backlog        HASH: destination -> how many are pending
-- rivals:<…>     ZSET per destination, lane and route: what waits and may be superseded, by rn
-- newest         HASH: the same -> rn, en and id of the newest that got through
-- newest_by      ZSET: the fields of `newest` by rn

local delivery = {}

local ATTEMPTS = 50

function delivery.row(id)
    return hash(key('d', id))
end

local function rivalry(row)
    if not row.supersede or not row.lane or row.batch then return nil end
    return int(#row.to) .. ':' .. row.to .. ':' .. int(#row.lane) .. ':' .. row.lane .. ':' .. row.route
end

local function rival_member(row)
    return mark(num(row.en), row.id)
end

local function is_older(rn, en, row)
    if rn ~= num(row.rn) then return rn < num(row.rn) end
    return en < num(row.en)
end

local function is_newer(rn, en, row)
    if rn ~= num(row.rn) then return rn > num(row.rn) end
    return en > num(row.en)
end

local function wait(row)
    local member = mark(num(row.n), row.id)
    redis.call('ZADD', key('waiting'), num(row.created), member)
    redis.call('HINCRBY', key('backlog'), row.to, 1)
    local rivals = rivalry(row)
    if rivals then redis.call('ZADD', key('rivals', rivals), num(row.rn), rival_member(row)) end
    lane.join(row)
    ring('d:' .. row.to)
end

-- Ends a pending delivery and lets the next of its lane go. `ending`: { state, reason, by, now }.
function delivery.finish(row, ending)
    local name, member = key('d', row.id), mark(num(row.n), row.id)
    redis.call('ZREM', key('waiting'), member)
    redis.call('HSET', name, 'state', ending.state, 'finished', int(ending.now))
    if ending.reason then redis.call('HSET', name, 'reason', ending.reason) end
    if ending.by then redis.call('HSET', name, 'by', ending.by) end
    if ending.state == 'dead' then redis.call('ZADD', key('dead'), num(row.created), member) end
    redis.call('HINCRBY', key('backlog'), row.to, -1)
    local rivals = rivalry(row)
    if rivals then redis.call('ZREM', key('rivals', rivals), rival_member(row)) end
    lane.leave(row)
    ring('d:' .. row.to)
    delivery.tell(row, 'pending', ending.state, ending.now)
end

-- Makes a dead or cancelled one pending again, due now, where it stood in its lane.
function delivery.revive(row)
    local name, before = key('d', row.id), row.state
    redis.call('ZREM', key('dead'), mark(num(row.n), row.id))
    redis.call('HSET', name, 'state', 'pending', 'tries', 0, 'due', int(T))
    redis.call('HDEL', name, 'finished', 'reason')
    row.state, row.tries, row.due = 'pending', '0', int(T)
    wait(row)
    delivery.tell(row, before, 'pending', A.now)
end

-- Tells whoever counts it: the receipt of its event, or its batch, which knows all of them.
function delivery.tell(row, from, to, now)
    local moved = {from = from, to = to, now = now}
    if row.batch then
        moved.batch = row.batch
        return send(row.at, 'batch_moved', moved)
    end
    moved.receipt, moved.events = row.receipt, {row.event}
    send(row.from, 'moved', moved)
end

-- The id of a delivery of a newer event that waits or got through.
function delivery.newer(row)
    local rivals = rivalry(row)
    if not rivals then return nil end
    local last = redis.call('ZRANGE', key('rivals', rivals), -1, -1, 'WITHSCORES')
    if last[1] and is_newer(num(last[2]), num(string.sub(last[1], 1, 16)), row) then
        return unmark(last[1])
    end
    local packed = redis.call('HGET', key('newest'), rivals)
    if not packed then return nil end
    local rn, en, id = unpack(cmsgpack.unpack(packed))
    return is_newer(rn, en, row) and id or nil
end

local function end_for(row, by, now)
    delivery.finish(row, {state = 'superseded', reason = 'superseded by ' .. by, by = by, now = now})
end

-- Ends what is older and waits; what is under way goes on.
local function end_older(row, rivals, now)
    local members =
        redis.call('ZRANGEBYSCORE', key('rivals', rivals), '-inf', num(row.rn), 'WITHSCORES')
    for i = 1, #members, 2 do
        local id = unmark(members[i])
        if is_older(num(members[i + 1]), num(string.sub(members[i], 1, 16)), row) then
            local older = delivery.row(id)
            local kind, slot = kind_of(older.to), slot_of(older)
            local known = loan.of(kind, slot)
            local is_its = known and known.what == id
            if not (is_its and known.ends > T) then
                if is_its then loan.finish(kind, slot) end
                end_for(older, row.id, now)
            end
        end
    end
end

-- It is pending since just now: it ends what it is newer than, or is ended itself.
function delivery.arrived(row, now)
    local rivals = rivalry(row)
    if not rivals then return end
    local by = delivery.newer(row)
    if by then end_for(row, by, now) else end_older(row, rivals, now) end
end

-- It got through: nothing older may follow it.
local function got_through(row, now)
    local rivals = rivalry(row)
    if not rivals then return end
    local packed = redis.call('HGET', key('newest'), rivals)
    local known = packed and cmsgpack.unpack(packed)
    if not known or not is_newer(known[1], known[2], row) then
        redis.call('HSET', key('newest'), rivals, cmsgpack.pack({num(row.rn), num(row.en), row.id}))
        redis.call('ZADD', key('newest_by'), num(row.rn), rivals)
    end
    end_older(row, rivals, now)
end

-- A new one, which its receipt counts already: { row, content, body }.
function handlers.deliver(m)
    local row = m.row
    row.state, row.attempts, row.tries = 'pending', 0, 0
    put(key('d', row.id), row)
    redis.call('HSET', key('db', row.id), 'content', m.content, 'body', m.body)
    redis.call('ZADD', key('deliveries'), row.created, mark(row.n, row.id))
    redis.call('ZADD', key('to', row.to), row.created, mark(row.n, row.id))
    wait(row)
    delivery.arrived(row, row.created)
end

-- Retention took what it was of.
function handlers.forget(m)
    for _, id in ipairs(m.deliveries) do
        local row = delivery.row(id)
        if row then
            local member = mark(num(row.n), id)
            for _, name in ipairs({key('deliveries'), key('waiting'), key('dead'), key('to', row.to)}) do
                redis.call('ZREM', name, member)
            end
        end
        redis.call('DEL', key('d', id), key('db', id), key('da', id))
    end
end

-- The loan of a delivery if it is still the holder's, or nil.
local function held_loan(id, destination, slot)
    local known = loan.of(kind_of(destination), slot)
    if known and known.token == A.token and known.what == id then return known end
    return nil
end

local function record(row)
    local name = key('d', row.id)
    redis.call('RPUSH', key('da', row.id), blob(1))
    redis.call('LTRIM', key('da', row.id), -ATTEMPTS, -1)
    redis.call('HINCRBY', name, 'attempts', 1)
    row.tries = redis.call('HINCRBY', name, 'tries', 1)
    if A.status then
        redis.call('HSET', name, 'status', A.status)
    else
        redis.call('HDEL', name, 'status')
    end
    if A.class then redis.call('HSET', name, 'class', A.class) end
end

local function again(row)
    local by = delivery.newer(row)
    if by then return end_for(row, by, A.now) end
    row.due = int(due(A.again))
    redis.call('HSET', key('d', row.id), 'due', row.due)
    lane.refresh_slot(row)
    ring('d:' .. row.to)
end

-- Records an attempt (the blob) and what follows from it.
function ops.settle()
    local kind = kind_of(A.to)
    local row = held_loan(A.id, A.to, A.slot) and delivery.row(A.id)
    if not row or row.state ~= 'pending' then return refuse('lost', A.id) end
    -- The first write frees memory, so that a full server can still be emptied.
    loan.finish(kind, A.slot)
    record(row)
    if A.state == 'delivered' then
        condition.succeeded(row.to, A.now)
        delivery.finish(row, {state = 'delivered', reason = A.reason, now = A.now})
        got_through(row, A.now)
        return
    end
    condition.failed(row.to, A.now)
    if A.state == 'dead' then
        delivery.finish(row, {state = 'dead', reason = A.reason, now = A.now})
        notice.tell(A.now, {told = 'delivery_dead', delivery = row.id})
    else
        again(row)
    end
end

-- Gives a lease back without an attempt.
function ops.release()
    if not held_loan(A.id, A.to, A.slot) then return refuse('lost', A.id) end
    loan.finish(kind_of(A.to), A.slot)
    local row = delivery.row(A.id)
    if row and row.state == 'pending' then lane.refresh_slot(row) end
    call_all('d:' .. A.to)
end

local function ended(row)
    return refuse('conflict', row.id .. ' is ' .. row.state .. ' already')
end

function ops.retry()
    local row = delivery.row(A.id)
    if not row then return refuse('missing', 'delivery ' .. A.id) end
    if row.state == 'delivered' or row.state == 'superseded' then return ended(row) end
    local newer = delivery.newer(row)
    if newer then
        return refuse('conflict', row.id .. ' is out of date: the newer change ' .. newer
            .. ' of its object waits or went out')
    end
    if row.state ~= 'pending' then
        delivery.revive(row)
        delivery.arrived(row, A.now)
    else
        row.due, row.tries = int(T), '0'
        redis.call('HSET', key('d', row.id), 'due', row.due, 'tries', 0)
        lane.refresh_slot(row)
    end
    call_all('d:' .. row.to)
end

function ops.cancel()
    local row = delivery.row(A.id)
    if not row then return refuse('missing', 'delivery ' .. A.id) end
    if row.state ~= 'pending' then return ended(row) end
    local kind, slot = kind_of(row.to), slot_of(row)
    local known = loan.of(kind, slot)
    if known and known.what == row.id then
        if known.ends > T then
            return refuse('conflict', 'an attempt of ' .. row.id .. ' is under way: try again when it is over')
        end
        loan.finish(kind, slot)
    end
    delivery.finish(row, {state = 'cancelled', reason = 'cancelled by an operator', now = A.now})
end
